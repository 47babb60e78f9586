"""Separation of duties of one person over many stages, in a fixed number of statements.

The inbox asks the very function that signing asks (`duties.duty_of`); only the loading differs: here the records of
all changes are read at once, and of grants only the person's own.
"""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime

from django.db.models import Q

from approvals.duties import DutyRecords, Holding, counts_since, duty_of
from approvals.model_facts.people import circle_of, makers_of, people_of
from approvals.models import ChangeRequest, Decision, Delegation, Execution, Stage, Validation
from mlops_portal.foundation.people.behind import behind
from mlops_portal.foundation.people.models import UnitClosure, User
from mlops_portal.foundation.people.rights import effective_grants
from mlops_portal.foundation.people.roles import ROLES
from mlops_portal.foundation.rules import Blocker
from registry.queries.offices import offices_since


def duties_of(person: User, stages: Sequence[Stage], *, now: datetime) -> dict[int, list[Blocker]]:
    """Say for each stage (with its change, model and version loaded) why ``person`` may not fill it."""
    changes = {stage.change_id: stage.change for stage in stages}
    if not changes:
        return {}
    return duties_among(person, stages, records_of(person, list(changes.values()), now), now=now)


def duties_among(
    person: User, stages: Sequence[Stage], records: Mapping[int, DutyRecords], *, now: datetime
) -> dict[int, list[Blocker]]:
    """Say the same from records that were read before."""
    _hold(person, stages, records)
    return {stage.pk: duty_of(person, stage, records[stage.change_id], now=now) for stage in stages}


def records_of(
    person: User | None, changes: Sequence[ChangeRequest], now: datetime
) -> dict[int, DutyRecords]:
    """Load the records of changes, of delegations only this person's, without who holds which right."""
    ids = [change.pk for change in changes]
    versions = {change.version_id for change in changes if change.version_id}
    validators = _grouped(
        Validation.objects.filter(version_id__in=versions).values_list("version_id", "validator_id")
    )
    started: dict[int, list[tuple[int | None, datetime]]] = defaultdict(list)
    executions = Execution.objects.filter(change__in=ids, started_by__isnull=False)
    for change_id, by_id, at in executions.values_list("change_id", "started_by_id", "started_at"):
        started[change_id].append((by_id, at))
    offices = offices_since({change.pk: (change.model_id, counts_since(change)) for change in changes})
    acted = {pk for acts in started.values() for pk, _ in acts}
    for change in changes:
        acted |= {change.requester_id, *makers_of(change.model, change.version, offices[change.pk])}
    known = behind(acted)
    decisions: dict[int, list[Decision]] = defaultdict(list)
    for decision in Decision.objects.filter(change__in=ids, voided_at__isnull=True).select_related(
        "signer", "stage"
    ):
        decisions[decision.change_id].append(decision)
    every: dict[int, dict[int, Stage]] = defaultdict(dict)
    for stage in Stage.objects.filter(change__in=ids):
        every[stage.change_id][stage.pk] = stage
    delegations = list(
        Delegation.objects.filter(
            stand_in=person, starts_at__lte=now, ends_at__gt=now, ended_at__isnull=True
        ).select_related("absentee")
    )
    return {
        change.pk: DutyRecords(
            change=change,
            people=people_of(
                change.model,
                change.version,
                requester_id=change.requester_id,
                asked_at=change.created_at,
                validator_ids=validators.get(change.version_id or 0, frozenset()),
                behind=known,
                offices=offices[change.pk],
            ),
            implementers=circle_of(started[change.pk], known),
            uploaders=frozenset(),
            decisions=decisions[change.pk],
            stages=every[change.pk],
            delegations=delegations,
        )
        for change in changes
    }


def _grouped(rows: Iterable[tuple[int, int]]) -> dict[int, frozenset[int]]:
    found: dict[int, set[int]] = defaultdict(set)
    for key, value in rows:
        found[key].add(value)
    return {key: frozenset(values) for key, values in found.items()}


def _hold(person: User, stages: Sequence[Stage], records: Mapping[int, DutyRecords]) -> None:
    """Fill in which rights the person holds where; who must decide again is asked about in full, so left out."""
    grants = list(
        effective_grants().filter(Q(user=person) | Q(group__user=person)).select_related("unit").distinct()
    )
    units = {records[stage.change_id].change.unit_id for stage in stages}
    above = _grouped(
        UnitClosure.objects.filter(descendant_id__in=units).values_list("descendant_id", "ancestor_id")
    )
    for stage in stages:
        if stage.returns_to_id and stage.returns_to_id != person.pk:
            continue
        record = records[stage.change_id]
        found = [
            Holding(
                max(grant.valid_from, grant.granted_at, grant.confirmed_at or grant.granted_at),
                grant.unit.depth if grant.unit else 99,
            )
            for grant in grants
            if stage.right in ROLES[grant.role].rights
            and (
                grant.unit_id in above.get(record.change.unit_id, ())
                or grant.model_id == record.change.model_id
            )
        ]
        held = {}
        if found:
            held[person.pk] = Holding(min(one.since for one in found), min(one.depth for one in found))
        record.holdings[stage.right] = held
