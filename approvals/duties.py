"""Separation of duties from all records (RULES 1). Shown before the click; the service refuses with the same function."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from django.db.models import Q, QuerySet, Value

from approvals.model_facts.people import BY_TOKEN, Circle, People, circle_of, makers_of, people_of
from approvals.models import ChangeRequest, Decision, Delegation, Execution, Stage, Validation
from approvals.states import POSITIVE_VERDICTS, ChangeClass, Verdict
from mlops_portal.foundation.operations import Act, current_act
from mlops_portal.foundation.people.behind import behind
from mlops_portal.foundation.people.models import RoleGrant, UnitClosure, User
from mlops_portal.foundation.people.rights import effective_grants
from mlops_portal.foundation.people.roles import ROLES
from mlops_portal.foundation.rules import Blocker
from registry.models import Document
from registry.queries.offices import offices_of

ELIGIBLE = "approvals.eligible"  # of an act: who may fill which stage, as last found
MANAGERS_ABOVE = 6  # how far a line of managers is followed


@dataclass(frozen=True, slots=True)
class Holding:
    """Since when a person holds a right here, and how high in the tree (0 is the group)."""

    since: datetime
    depth: int


@dataclass(slots=True)
class DutyRecords:
    """Everything separation of duties looks at, loaded once for a change."""

    change: ChangeRequest
    people: People
    implementers: Circle
    uploaders: frozenset[int]
    decisions: list[Decision]
    stages: dict[int, Stage]
    delegations: list[Delegation]
    holdings: dict[str, dict[int, Holding]] = field(default_factory=dict)
    persons: dict[int, User] = field(default_factory=dict)

    def holding(self, right: str) -> dict[int, Holding]:
        """Return who holds ``right`` on the change's unit or model, by grants."""
        if right not in self.holdings:
            self.hold(right, with_persons(self._grants(right)))
        return self.holdings[right]

    def _grants(self, right: str) -> list[RoleGrant]:
        roles = [role for role, spec in ROLES.items() if right in spec.rights]
        above = UnitClosure.objects.filter(descendant_id=self.change.unit_id).values("ancestor_id")
        here = Q(unit_id__in=above) | Q(model_id=self.change.model_id)
        return list(effective_grants().filter(here, role__in=roles).select_related("user", "unit"))

    def hold(self, right: str, grants: Iterable[tuple[RoleGrant, User]]) -> None:
        """Note who holds ``right`` by these grants, which are effective on the change's unit or model."""
        found: dict[int, Holding] = {}
        for grant, person in grants:
            if not person.is_active or not person.is_person:
                continue
            since = max(grant.valid_from, grant.granted_at, grant.confirmed_at or grant.granted_at)
            depth = grant.unit.depth if grant.unit else 99
            known = found.get(person.pk)
            found[person.pk] = Holding(
                min(since, known.since) if known else since, min(depth, known.depth) if known else depth
            )
            self.persons[person.pk] = person
        self.holdings[right] = found


def with_persons(grants: Sequence[RoleGrant]) -> Iterator[tuple[RoleGrant, User]]:
    """Pair each grant with its person, or with every member of its group."""
    groups = {grant.group_id for grant in grants if grant.group_id}
    members: dict[int, list[User]] = {}
    if groups:
        for person in User.objects.filter(groups__in=groups).prefetch_related("groups").distinct():
            for group in person.groups.all():
                members.setdefault(group.pk, []).append(person)
    for grant in grants:
        if grant.user is not None:
            yield grant, grant.user
        for person in members.get(grant.group_id or 0, []):
            yield grant, person


def counts_since(change: ChangeRequest) -> datetime:
    """Return since when owners and developers of the model count: since what is to be decided exists."""
    return change.version.registered_at if change.version else change.created_at


def duty_records(change: ChangeRequest, *, now: datetime) -> DutyRecords:
    """Load the records of one change in a fixed number of statements."""
    version, model = change.version, change.model
    offices = offices_of(model, since=counts_since(change))
    did = _who_did(change)
    started = did["carried_out"]
    acted = {change.requester_id, *makers_of(model, version, offices), *(pk for pk, _ in started)}
    known = behind(acted)
    return DutyRecords(
        change=change,
        people=people_of(
            model,
            version,
            requester_id=change.requester_id,
            asked_at=change.created_at,
            validator_ids=frozenset(pk for pk, _ in did["validated"]),
            behind=known,
            offices=offices,
        ),
        implementers=circle_of(started, known),
        uploaders=frozenset(pk for pk, _ in did["uploaded"]),
        decisions=list(
            Decision.objects.filter(change=change, voided_at__isnull=True).select_related("signer", "stage")
        ),
        stages={stage.pk: stage for stage in change.stages.select_related("returns_to")},
        delegations=list(
            Delegation.objects.filter(
                starts_at__lte=now, ends_at__gt=now, ended_at__isnull=True
            ).select_related("absentee")
        ),
    )


def _who_did(change: ChangeRequest) -> dict[str, set[tuple[int, datetime]]]:
    """Return who validated the version, carried the change out and uploaded its documents, and when; one statement."""

    def named(what: str, rows: QuerySet[Any], person: str, at: str) -> QuerySet[Any]:
        return rows.order_by().annotate(what=Value(what)).values_list("what", person, at)

    documents = Document.objects.filter(
        Q(version_id=change.version_id) | Q(version__isnull=True), model_id=change.model_id
    )
    acts = [
        named("uploaded", documents, "uploaded_by_id", "updated_at"),
        named("carried_out", Execution.objects.filter(change=change), "started_by_id", "started_at"),
    ]
    if change.version_id is not None:
        validations = Validation.objects.filter(version_id=change.version_id)
        acts.append(named("validated", validations, "validator_id", "opened_at"))
    found: dict[str, set[tuple[int, datetime]]] = {
        "uploaded": set(),
        "carried_out": set(),
        "validated": set(),
    }
    for what, person_id, at in acts[0].union(*acts[1:]):
        if person_id is not None:
            found[what].add((person_id, at))
    return found


# Exclusion of a stage → who is meant, and the sentence.
_SENTENCES = {
    "requester": "You filed this request, or own the service account that did.",
    "owner": "You own this model, or did since the version was registered.",
    "developer": "You developed or registered what is to be decided, or own the pipeline that did.",
    "validator": "You validated this version.",
    "implementer": "You carried out this change.",
    "earlier_stage": "You decided an earlier stage of this request.",
}


def duty_of(
    person: User, stage: Stage, records: DutyRecords, *, on_behalf_of: User | None = None, now: datetime
) -> list[Blocker]:
    """Why ``person`` may not fill ``stage``; empty when they may. A stand-in is bound by both people's duties."""
    blockers = _own_duties(person, stage, records)
    if on_behalf_of is not None:
        blockers += _stand_in_duties(person, stage, records, on_behalf_of)
    blockers += _right(person, stage, records)
    blockers += _already(person, stage, records)
    blockers += _return(person, stage, records, on_behalf_of)
    return blockers


def duty_warnings(person: User, records: DutyRecords) -> list[Blocker]:
    """What an approver should know about themselves although it does not stop them."""
    if person.pk in records.uploaders:
        return [Blocker("is_uploader", "You uploaded a document that this request rests on.")]
    return []


def eligible(stage: Stage, records: DutyRecords, *, now: datetime) -> list[User]:
    """Return the people who may fill ``stage`` now, by name. Empty means blocked, never approved."""
    records.holding(stage.right)
    found = [
        person
        for pk, person in records.persons.items()
        if pk in records.holdings[stage.right] and not duty_of(person, stage, records, now=now)
    ]
    return sorted(found, key=lambda person: (person.name, person.pk))


def note_eligible(stage: Stage, people: Iterable[User]) -> None:
    """Keep who may fill a stage until the act ends: whoever is to be told is not looked for twice."""
    act = current_act()
    if act is not None:
        act.buffer(ELIGIBLE).append((stage.pk, [person.pk for person in people]))


def stages_noted(act: Act | None) -> set[int]:
    """Return the keys of the stages for which this act looked for people."""
    return {pk for pk, _ in act.buffer(ELIGIBLE)} if act is not None else set()


def eligible_noted(act: Act, stage_id: int) -> list[int] | None:
    """Return the keys of those whom this act last found able to fill a stage; None when it did not look."""
    return next((keys for pk, keys in reversed(act.buffer(ELIGIBLE)) if pk == stage_id), None)


def _own_duties(person: User, stage: Stage, records: DutyRecords) -> list[Blocker]:
    earlier = {
        row.signer_id
        for row in records.decisions
        if row.stage_id != stage.pk
        and records.stages[row.stage_id].position < stage.position
        and row.verdict in POSITIVE_VERDICTS
    }
    groups = {
        "requester": records.people.requesters,
        "owner": records.people.owners,
        "developer": records.people.developers,
        "validator": records.people.validators,
        "implementer": records.implementers.people,
        "earlier_stage": frozenset(earlier),
    }
    by_token = {**records.people.by_token, "implementer": records.implementers.by_token}
    exclusions = set(stage.exclusions)
    if stage.is_deciding and records.change.change_class != ChangeClass.CONTAINMENT:
        exclusions.add("requester")
    if stage.is_independent:
        exclusions |= {"owner", "developer", "implementer"}
    return [
        Blocker(
            f"is_{name}" if name != "earlier_stage" else name,
            BY_TOKEN[name] if person.pk in by_token.get(name, ()) else sentence,
        )
        for name, sentence in _SENTENCES.items()
        if name in exclusions and person.pk in groups[name]
    ]


def _stand_in_duties(person: User, stage: Stage, records: DutyRecords, absentee: User) -> list[Blocker]:
    named = any(
        row.absentee_id == absentee.pk and row.stand_in_id == person.pk for row in records.delegations
    )
    if not named:
        return [Blocker("no_delegation", f"Nobody named you to stand in for {absentee.name} now.")]
    return [
        Blocker(
            f"absentee_{blocker.code}", f"{absentee.name} could not decide this either: {blocker.message}"
        )
        for blocker in _own_duties(absentee, stage, records)
    ]


def _right(person: User, stage: Stage, records: DutyRecords) -> list[Blocker]:
    if not person.is_person:
        return [Blocker("not_a_person", "A service account signs nothing.")]
    if not person.is_active:
        return [Blocker("inactive", "This person is no longer active.")]
    holding = records.holding(stage.right).get(person.pk)
    if holding is None:
        role = stage.role.replace("_", " ")
        return [
            Blocker("no_right", f"You do not hold the role of {role} here.", "an administrator of the unit")
        ]
    submitted = records.change.submitted_at
    if stage.is_deciding and submitted is not None and holding.since > submitted:
        return [Blocker("grant_too_young", "Your role was granted after this request was filed.")]
    return []


def _already(person: User, stage: Stage, records: DutyRecords) -> list[Blocker]:
    for row in records.decisions:
        if row.signer_id == person.pk and row.verdict == Verdict.RECUSE:
            return [Blocker("recused", "You recused yourself from this request.")]
        if row.stage_id == stage.pk and row.signer_id == person.pk:
            return [Blocker("decided", "You decided this stage already.")]
    return []


def _return(person: User, stage: Stage, records: DutyRecords, on_behalf_of: User | None) -> list[Blocker]:
    """A request filed again goes to who rejected it, or to somebody above them (RULES 4.4)."""
    first = stage.returns_to
    if first is None or first.pk in (person.pk, on_behalf_of.pk if on_behalf_of else None):
        return []
    if _is_above(person, first, stage, records):
        return []
    return [
        Blocker(
            "returns_to",
            f"{first.name} rejected the earlier filing: they decide again, or somebody above them.",
            first.name,
        )
    ]


def _is_above(person: User, first: User, stage: Stage, records: DutyRecords) -> bool:
    holdings = records.holding(stage.right)
    mine, theirs = holdings.get(person.pk), holdings.get(first.pk)
    if mine is not None and theirs is not None and mine.depth < theirs.depth:
        return True
    manager, steps = first.line_manager, 0
    while manager is not None and steps < MANAGERS_ABOVE:
        if manager.pk == person.pk:
            return True
        manager, steps = manager.line_manager, steps + 1
    return False


def repairer_of(stage: Stage) -> str:
    """Name who can make a blocked stage possible again."""
    return f"an administrator of {stage.unit} can grant the role of {stage.role.replace('_', ' ')} to somebody else"
