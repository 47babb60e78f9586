"""What notices of approvals are about: how an event leads to the record, who stands how to it, and where it is read."""

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any

from django.urls import reverse

from approvals.duties import duty_records, eligible, eligible_noted, stages_noted
from approvals.models import (
    ChangeRequest,
    Comment,
    Condition,
    Decision,
    Delegation,
    Execution,
    Lapse,
    Stage,
    Validation,
    ValidationFinding,
    Waiver,
)
from approvals.states import act_word
from approvals.waiver_policies import AUTHORITY_RIGHTS, beneficiaries
from mlops_portal.foundation.days import portal_day
from mlops_portal.foundation.events import DomainEvent
from mlops_portal.foundation.operations import current_act
from mlops_portal.foundation.people.rights import holders, holders_everywhere
from mlops_portal.foundation.web.notices import Happening, Place, Receivers, Record, few, holders_told, ids
from mlops_portal.foundation.web.notifications import moment
from mlops_portal.foundation.web.words import day_text, plural, sentence, uncapped

VIEW = "approvals.view"
Ids = Iterable[int | None]
# Of the wide rows that a notice is about only what it says is read: an act should not become dearer by telling of it.
PEOPLE = ("model", "requester__service_account")
READ = [
    "title",
    "unit",
    "model",
    "model__owner",
    "model__developer",
    "requester__kind",
    "requester__service_account__owner",
]
OF_CHANGE = [f"change__{name}" for name in PEOPLE]
READ_OF_STAGE = (
    "title",
    "due_at",
    "opened_at",
    "assigned_to",
    "change__title",
    "change__unit",
    "change__model",
)
READ_OF_CHANGE = [f"change__{name}" for name in READ]


def _told(written: Any) -> str:
    """Write a moment that an event tells."""
    return moment(datetime.fromisoformat(written)) if written else ""


def page_of(row: Any) -> Place:
    """Lead to the page of the request a row belongs to."""
    change = row if isinstance(row, ChangeRequest) else row.change
    return Place(change.get_absolute_url(), VIEW, change.unit_id, change.model_id)


def _page(name: str, row: Any) -> Place:
    return Place(reverse(name, args=[row.pk]), VIEW, row.unit_id, row.model_id)


def requester_of(change: ChangeRequest) -> int:
    """Return the person who filed a request, or who answers for the account that did."""
    who = change.requester
    return who.pk if who.is_person else who.service_account.owner_id


def _change(row: Any) -> ChangeRequest:
    change: ChangeRequest = row.change
    return change


def _change_of(row: Any) -> int:
    return int(row.change_id)


# Change requests


def _changes(events: Sequence[DomainEvent]) -> Iterable[ChangeRequest]:
    return ChangeRequest.objects.filter(pk__in=ids(events)).select_related(*PEOPLE).only(*READ)


def _change_words(change: ChangeRequest, happening: Happening) -> Mapping[str, str]:
    data = happening.data
    voided = int(data.get("voided") or data.get("count") or 0)
    return {
        "stage": str(data.get("stage", "")).replace("_", " "),
        "reason": sentence(str(data.get("reason", ""))),
        "parts": ", ".join(part.lower() for part in data.get("parts", ())),
        "voided": f"{plural(voided, 'decision')} given before {'is' if voided == 1 else 'are'} void"
        if voided
        else "no decision was given yet",
        "gates": " No blocking gate fails any more." if data.get("cleared") else "",
        "expires": _told(data.get("expires_at")),
        "start": _told(data.get("start_at")),
        "verdict": uncapped(act_word(data["meaning"], data["verdict"])) if "meaning" in data else "",
        "policy": str(data.get("policy", "")),
        "by_change": str(data.get("by_change", "")),
    }


def _operators(change: ChangeRequest, happening: Happening) -> Ids:
    signed = Decision.objects.filter(change=change, voided_at__isnull=True).values_list(
        "signer_id", flat=True
    )
    return holders_told("approvals.execute", unit_id=change.unit_id, other_than=list(signed))


def _started_by(change: ChangeRequest, happening: Happening) -> Ids:
    rows = Execution.objects.filter(change=change, number=happening.data.get("number") or 0)
    return rows.values_list("started_by_id", flat=True)


CHANGE = Record(find=_changes, place=page_of, words=_change_words)
REQUESTER = Receivers("the requester", lambda change, happening: [requester_of(change)])
OWNER = Receivers("the model's owner", lambda row, happening: [row.model.owner_id])
OPERATORS = Receivers("the operators who decided nothing of it", _operators)
STARTED_BY = Receivers("who started it", _started_by)
SIGNERS = Receivers(
    "who decided it",
    lambda change, happening: Decision.objects.filter(change=change).values_list("signer_id", flat=True),
)
REPAIRERS = Receivers(
    "those who grant roles on the unit",
    lambda change, happening: holders_told("people.grant", unit_id=change.unit_id),
)


def people_page(change: ChangeRequest) -> Place:
    """Lead to where roles are granted."""
    return Place(reverse("administration:people"), "people.grant", change.unit_id)


# Stages


def _opened(events: Sequence[DomainEvent]) -> Iterable[Stage]:
    """Find the stage that this act opened: to open one, it looked for people who can fill it."""
    noted = stages_noted(current_act())
    if not noted:
        return ()
    rows = Stage.objects.filter(pk__in=noted, change__in=ids(events), state=Stage.State.CURRENT)
    return (
        rows.filter(opened_at__in={event.occurred_at for event in events})
        .select_related("change")
        .only(*READ_OF_STAGE)
    )


def _deciding(events: Sequence[DomainEvent]) -> Iterable[Stage]:
    """Find the stage that decides now."""
    rows = Stage.objects.filter(change__in=ids(events), state=Stage.State.CURRENT)
    return rows.select_related("change__model")


def _stage_words(stage: Stage, happening: Happening) -> Mapping[str, str]:
    stands = "Blocking gates fail: until they pass or are waived it can only be sent back or rejected."
    return {
        "stage": stage.title,
        "what": f"Read it and decide by {moment(stage.due_at)}." if stage.due_at else stands,
    }


def _deciders(stage: Stage, happening: Happening) -> Ids:
    if stage.assigned_to_id is not None:
        return few((), assigned=stage.assigned_to_id)
    people = eligible_noted(happening.act, stage.pk)
    if people is None:
        now = happening.event.occurred_at
        people = [person.pk for person in eligible(stage, duty_records(stage.change, now=now), now=now)]
    return few(people)


OPENED = Record(find=_opened, about=_change, place=page_of, words=_stage_words, of=_change_of)
STAGE = Record(find=_deciding, about=_change, place=page_of, words=_stage_words, of=_change_of)
DECIDERS = Receivers("those who may decide the stage", _deciders)


# Waivers


def _waivers(events: Sequence[DomainEvent]) -> Iterable[Waiver]:
    return Waiver.objects.filter(pk__in=ids(events)).select_related(*OF_CHANGE, "model")


def _authority(waiver: Waiver, happening: Happening) -> Ids:
    """Return who holds the authority that the gate names and does not benefit."""
    right, whole_group = AUTHORITY_RIGHTS[waiver.authority]
    benefit = beneficiaries(waiver, duty_records(waiver.change, now=happening.event.occurred_at))
    able = (
        holders_everywhere(right)
        if whole_group
        else holders(right, unit_id=waiver.unit_id, model_id=waiver.model_id)
    )
    return few([person.pk for person in able if person.pk not in benefit])


def _asked_of(events: Sequence[DomainEvent]) -> Iterable[Waiver]:
    """Find the waivers that were asked for while their request was a draft."""
    rows = Waiver.objects.filter(change__in=ids(events), state=Waiver.State.REQUESTED)
    return rows.select_related(*OF_CHANGE, "model")


def waiver_page(waiver: Waiver) -> Place:
    """Lead to where a waiver is decided."""
    return _page("approvals:waiver", waiver)


def _waiver_words(waiver: Waiver, happening: Happening) -> Mapping[str, str]:
    return {"gate": waiver.gate, "until": moment(waiver.valid_until)}


WAIVER = Record(find=_waivers, about=_change, place=waiver_page, words=_waiver_words)
WAIVERS_ASKED = Record(find=_asked_of, about=_change, place=waiver_page, words=_waiver_words, of=_change_of)
AUTHORITY = Receivers("those who may waive the gate and do not benefit", _authority)
ASKED_FOR_IT = Receivers("who asked for it", lambda waiver, happening: [waiver.requested_by_id])
OF_ITS_CHANGE = Receivers("the requester", lambda row, happening: [requester_of(row.change)])


# Conditions and lapses


def _set_with_decision(events: Sequence[DomainEvent]) -> Iterable[Condition]:
    digests = {event.data["digest"] for event in events if event.data.get("digest")}
    rows = Condition.objects.filter(change__in=ids(events), decision__decision_digest__in=digests)
    return rows.select_related("change", "model")


def _set_with_conclusion(events: Sequence[DomainEvent]) -> Iterable[Condition]:
    rows = Condition.objects.filter(validation__in=ids(events))
    return rows.select_related("validation__version__model", "model")


def _conditions(events: Sequence[DomainEvent]) -> Iterable[Condition]:
    rows = Condition.objects.filter(pk__in=ids(events))
    return rows.select_related(*OF_CHANGE, "validation__version__model")


def _origin_of(condition: Condition) -> ChangeRequest | Validation:
    origin = condition.change or condition.validation
    assert origin is not None  # noqa: S101  (a constraint: one of them set it)
    return origin


def _page_of_origin(condition: Condition) -> Place:
    return Place(condition.get_origin_url(), VIEW, condition.unit_id, condition.model_id)


def _set_it(condition: Condition, happening: Happening) -> Ids:
    """Return who waits for a condition: of a request who filed it, of a validation who concluded it."""
    if condition.change is not None:
        return [requester_of(condition.change)]
    return [condition.validation.validator_id] if condition.validation else []


def _condition_words(condition: Condition, happening: Happening) -> Mapping[str, str]:
    is_past = condition.due_on < portal_day(happening.event.occurred_at)
    return {
        "text": sentence(condition.text),
        "due": day_text(condition.due_on),
        "is or was": "was" if is_past else "is",
        "seen": sentence(condition.verification),
        "declared": sentence(condition.declaration),
    }


CONDITIONS = Record(
    find=_set_with_decision, about=_change, place=page_of, words=_condition_words, of=_change_of
)
VALIDATION_CONDITIONS = Record(
    find=_set_with_conclusion,
    about=_origin_of,
    place=_page_of_origin,
    words=_condition_words,
    of=lambda condition: condition.validation_id,
)
CONDITION = Record(find=_conditions, about=_origin_of, place=_page_of_origin, words=_condition_words)
SET_IT = Receivers("the requester, or the validator who set it", _set_it)
CONDITION_OWNER = Receivers("the owner of the condition", lambda row, happening: [row.owner_id])
VERIFIER = Receivers("its verifier", lambda row, happening: [row.verifier_id])


def verify_page(condition: Condition) -> Place:
    """Lead to where a condition is confirmed."""
    return _page("approvals:condition", condition)


def declare_page(condition: Condition) -> Place:
    """Lead to where a condition is declared met."""
    return _page("approvals:condition-declare", condition)


def _lapses(events: Sequence[DomainEvent]) -> Iterable[Lapse]:
    return Lapse.objects.filter(pk__in=ids(events)).select_related(*OF_CHANGE, "model", "owner")


def _ended_validation(lapse: Lapse) -> int | None:
    """Return the key of the validation whose end opened the lapse, if it was one."""
    matter, _, key = lapse.key.partition(":")
    return int(key) if matter == "validation" and key.isdecimal() else None


def _validator(lapse: Lapse) -> Ids:
    key = _ended_validation(lapse)
    return Validation.objects.filter(pk=key).values_list("validator_id", flat=True) if key else ()


LAPSE = Record(
    find=_lapses,
    about=_change,
    place=page_of,
    words=lambda lapse, happening: {
        "text": sentence(lapse.text),
        "due": moment(lapse.due_at),
        "owner": lapse.owner.name,
    },
)
ENDED_VALIDATOR = Receivers(
    "the validator whose validation ended", lambda lapse, happening: _validator(lapse)
)
LAPSE_OWNER = Receivers("the owner of the lapse", lambda lapse, happening: [lapse.owner_id])


def settle_page(lapse: Lapse) -> Place:
    """Lead to where a lapse is settled."""
    return _page("approvals:lapse", lapse)


# Validations


def _validations(events: Sequence[DomainEvent]) -> Iterable[Validation]:
    rows = Validation.objects.filter(pk__in=ids(events))
    return rows.select_related("model", "version__model")


def _findings(events: Sequence[DomainEvent]) -> Iterable[ValidationFinding]:
    rows = ValidationFinding.objects.filter(pk__in=ids(events))
    return rows.select_related("validation__version__model")


def _validation_words(validation: Validation, happening: Happening) -> Mapping[str, str]:
    outcome = validation.get_outcome_display() if validation.outcome else ""
    return {
        "outcome": uncapped(outcome),
        "number": str(happening.data.get("number", "")),
        "until": moment(validation.valid_until) if validation.valid_until else "",
    }


VALIDATION = Record(
    find=_validations,
    place=lambda validation: _page("approvals:validation", validation),
    words=_validation_words,
)
FINDING = Record(
    find=_findings,
    about=lambda finding: finding.validation,
    place=lambda finding: Place(
        reverse("approvals:validation", args=[finding.validation_id]), VIEW, finding.unit_id, finding.model_id
    ),
    words=lambda finding, happening: {
        "finding": str(finding),
        "severity": finding.get_severity_display().lower(),
        "due": day_text(finding.due_on),
    },
)
DEVELOPERS = Receivers(
    "the developers of the version",
    lambda row, happening: {row.model.developer_id, *row.version.developer_ids},
)
VALIDATOR = Receivers("the validator", lambda row, happening: [row.validator_id])
FINDING_OWNER = Receivers("the owner of the finding", lambda row, happening: [row.owner_id])


# Remarks and stand-ins


def _remarks(events: Sequence[DomainEvent]) -> Iterable[Comment]:
    rows = Comment.objects.filter(
        change__in=ids(events), written_at__in={event.occurred_at for event in events}
    )
    return rows.select_related(*OF_CHANGE, "model")


REMARK = Record(
    find=_remarks,
    about=_change,
    place=page_of,
    words=lambda comment, happening: {"text": sentence(comment.text)},
    of=_change_of,
)
ASKED = Receivers("who is asked", lambda comment, happening: [comment.asks_id])


def _delegations(events: Sequence[DomainEvent]) -> Iterable[Delegation]:
    return Delegation.objects.filter(pk__in=ids(events)).select_related("absentee", "stand_in")


DELEGATION = Record(
    find=_delegations,
    subject=lambda delegation: f"Standing in for {delegation.absentee}",
    place=lambda delegation: Place(reverse("approvals:inbox")),
    words=lambda delegation, happening: {
        "absentee": str(delegation.absentee),
        "stand_in": str(delegation.stand_in),
        "begins": moment(delegation.starts_at),
        "ends": moment(delegation.ends_at),
    },
)
STAND_IN = Receivers("the stand-in", lambda delegation, happening: [delegation.stand_in_id])
ABSENTEE = Receivers("the person stood in for", lambda delegation, happening: [delegation.absentee_id])
