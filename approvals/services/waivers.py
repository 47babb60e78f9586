"""Waivers: an accepted exception from one gate for one version, by the authority the gate names, with an end."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.db.models import QuerySet

from approvals import policies
from approvals.dossier_format import read_dossier, waiver_statement
from approvals.duties import duty_records
from approvals.evaluation import Evaluation, evaluate, live_waivers, policy_for, tier_of
from approvals.events import event_of, tell
from approvals.models import ChangeRequest, Dossier, Waiver
from approvals.policy.document import AUTHORITIES, PolicyDocument
from approvals.services.changes import lock_change
from approvals.services.gates import shortfalls_of
from approvals.services.lapses import is_running, lapse_open
from approvals.services.reading import (
    DossierChanged,
    PreviewPart,
    dossier_read,
    preview_parts,
    refuse_other_content,
    refuse_other_revision,
)
from approvals.services.signing import prove, sign
from approvals.services.submission import change_refresh
from approvals.states import ChangeState, Meaning, Verdict, meaning_of
from approvals.waiver_policies import (
    ended_blockers,
    too_many_blockers,
    waiver_decision_blockers,
    waiver_request_blockers,
)
from mlops_portal.foundation.errors import invalid
from mlops_portal.foundation.events import DomainEvent
from mlops_portal.foundation.history import save_as
from mlops_portal.foundation.locks import lock
from mlops_portal.foundation.operations import operation
from mlops_portal.foundation.people.models import User
from mlops_portal.foundation.people.rights import require
from mlops_portal.foundation.rules import Blocker, RuleViolation, refuse_if

MIN_REASON = 40


@operation
def waiver_request(
    *,
    change: ChangeRequest,
    gate: str,
    reason: str,
    compensating_control: str,
    valid_until: datetime,
    by: User,
    now: datetime,
) -> Waiver:
    """Ask the authority that a gate names to accept its failure for this version.

    A renewal goes to a higher authority each time, and beyond the policy's number to the head of model risk.
    """
    change = lock_change(change.pk)
    require(by, "approvals.request", unit_id=change.unit_id, model_id=change.model_id)
    policy = policy_for(change, now)
    refuse_if([] if policy else [Blocker("no_policy", "No policy is in force.", "a policy publisher")])
    assert policy is not None  # noqa: S101  (refused above)
    rule = next((row for row in policy.document.gates if row.id == gate), None)
    if rule is None:
        raise invalid("gate", f"{policy.name} knows no gate called {gate}.")
    if valid_until <= now:
        raise invalid("valid_until", "The end is in the past.")
    blockers = waiver_request_blockers(
        change,
        rule,
        tier=tier_of(change),
        days=(valid_until - now).total_seconds() / 86_400,
        live=_live_others(change, gate, now),
        document=policy.document,
    )
    if len(reason.strip()) < MIN_REASON or not compensating_control.strip():
        blockers.append(
            Blocker(
                "reason", f"Give a reason of at least {MIN_REASON} characters and a compensating control."
            )
        )
    if change.waivers.filter(gate=gate, state=Waiver.State.REQUESTED).exists():
        blockers.append(Blocker("requested", f"A waiver of {gate} is asked for already."))
    refuse_if(blockers)
    assert rule.waiver is not None  # noqa: S101  (refused above)
    renewals = _renewals(change, gate)
    waiver = Waiver(
        change=change,
        model_id=change.model_id,
        version_id=change.version_id,
        unit_id=change.unit_id,
        gate=gate,
        authority=_authority_of(rule.waiver.authority, renewals, policy.document),
        reason=reason.strip(),
        compensating_control=compensating_control.strip(),
        requested_by=by,
        requested_at=now,
        valid_until=valid_until,
        renewals=renewals,
    )
    save_as(waiver, by=by, now=now, reason=reason.strip())
    tell(
        "waiver_requested",
        waiver,
        by=by,
        now=now,
        gate=gate,
        change=change.code,
        authority=waiver.authority,
        is_draft=change.state == ChangeState.DRAFT,
    )
    return waiver


def authority_for(named: str, *, renewals: int, most: int, beyond: str) -> str:
    """Return who decides: each renewal goes one authority higher, and beyond the allowed number to the last one."""
    if renewals > most:
        return beyond
    return AUTHORITIES[min(AUTHORITIES.index(named) + renewals, len(AUTHORITIES) - 1)]


def _authority_of(named: str, renewals: int, document: PolicyDocument) -> str:
    return authority_for(
        named, renewals=renewals, most=document.max_waiver_renewals, beyond=document.waiver_beyond
    )


def _of_subject(change: ChangeRequest) -> "QuerySet[Waiver]":
    if change.version_id is None:
        return Waiver.objects.filter(change=change)
    return Waiver.objects.filter(version_id=change.version_id)


def _live_others(change: ChangeRequest, gate: str, now: datetime) -> int:
    """Count the live waivers of other gates of what a waiver is for."""
    live = _of_subject(change).filter(state=Waiver.State.GRANTED, valid_until__gt=now)
    return live.exclude(gate=gate).count()


def _renewals(change: ChangeRequest, gate: str) -> int:
    """Count how often a gate was waived already for what a waiver is for."""
    given = [Waiver.State.GRANTED, Waiver.State.ENDED]
    return _of_subject(change).filter(gate=gate, state__in=given).count()


def _raise_authority(granted: Waiver, *, by: User, now: datetime) -> None:
    """Give what is still asked of the same gate, by other requests for the version, to the authority of a renewal."""
    asked = _of_subject(granted.change).filter(gate=granted.gate, state=Waiver.State.REQUESTED)
    for waiver in asked.select_related("change__policy_revision__policy").order_by("pk"):
        policy = policy_for(waiver.change, now)
        gates = policy.document.gates if policy else ()
        rule = next((row for row in gates if row.id == waiver.gate), None)
        if policy is None or rule is None or rule.waiver is None:
            continue
        waiver.renewals = _renewals(waiver.change, waiver.gate)
        waiver.authority = _authority_of(rule.waiver.authority, waiver.renewals, policy.document)
        reason = f"{granted.gate} was waived by {granted.change.code} meanwhile"
        save_as(waiver, by=by, now=now, reason=reason, fields=["renewals", "authority"])


@dataclass(frozen=True, slots=True)
class GateWords:
    """What the gate of a waiver says, reading by reading: now, or where it is not asked now as last evaluated."""

    lines: tuple[str, ...] = ()
    evaluated_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class WaiverPreview:
    """What a signature under a waiver would say, before it is given."""

    meaning: Meaning
    said: GateWords
    dossier_digest: str
    is_current: bool
    parts: tuple[PreviewPart, ...]
    has_read_before: bool
    rationale_min_length: int
    blockers: tuple[Blocker, ...]


def waiver_preview(*, waiver: Waiver, grant: bool, by: User, now: datetime) -> WaiverPreview:
    """Say what ``by`` would sign: the gate as it stands, the frozen dossier, the meaning, what stands against it."""
    change = waiver.change
    require(by, "approvals.view", unit_id=change.unit_id, model_id=change.model_id)
    filed = Dossier.objects.filter(change=change, number=change.dossier_number).first()
    parts, has_read = preview_parts(change, read_dossier(filed.content), by) if filed else ((), False)
    evaluation = _evaluated(change, now)
    return WaiverPreview(
        meaning=meaning_for(grant=grant),
        said=says_of(waiver, evaluation),
        dossier_digest=change.dossier_digest,
        is_current=evaluation is None or evaluation.dossier.digest == change.dossier_digest,
        parts=parts,
        has_read_before=has_read,
        rationale_min_length=_rationale_min_length(change, now),
        blockers=tuple(_blockers(waiver, grant=grant, by=by, now=now)),
    )


def statement_of(waiver: Waiver, *, said: GateWords, grant: bool, rationale: str, by: User) -> dict[str, Any]:
    """Return what a signature under this waiver says, about the gate as it stands."""
    return waiver_statement(
        dossier_digest=waiver.change.dossier_digest,
        waiver=str(waiver.pk),
        gate=waiver.gate,
        says=said.lines,
        evaluated_at=said.evaluated_at,
        reason=waiver.reason,
        compensating_control=waiver.compensating_control,
        valid_until=waiver.valid_until,
        verdict="grant" if grant else "decline",
        meaning=meaning_for(grant=grant),
        rationale=rationale.strip(),
        signer=str(by.pk),
    )


def says_of(waiver: Waiver, evaluation: Evaluation | None = None) -> GateWords:
    """Return what the gate of a waiver says in ``evaluation``; without one what is stored, with its moment."""
    if evaluation is not None:
        readings = (row for row in evaluation.readings if row.gate.id == waiver.gate)
        reading = next(readings, None)
        return GateWords(tuple(shortfalls_of(reading)) if reading else ())
    gate = waiver.change.gate_results.filter(is_current=True, gate=waiver.gate).first()
    return GateWords(tuple(gate.shortfalls), gate.evaluated_at) if gate else GateWords()


def meaning_for(*, grant: bool) -> Meaning:
    """Return what the signature means: who grants accepts the risk, who declines has reviewed it."""
    return meaning_of(Meaning.ACCEPT_RISK, Verdict.APPROVE if grant else Verdict.REJECT)


def _evaluated(change: ChangeRequest, now: datetime) -> Evaluation | None:
    """Evaluate a change in review; later the frozen dossier is what runs, whatever the records say by now."""
    policy = policy_for(change, now)
    if policy is None or change.state != ChangeState.IN_REVIEW:
        return None
    return evaluate(change, at=now, policy=policy)


def _rationale_min_length(change: ChangeRequest, now: datetime) -> int:
    policy = policy_for(change, now)
    refuse_if([] if policy else [Blocker("no_policy", "No policy is in force.", "a policy publisher")])
    assert policy is not None  # noqa: S101  (refused above)
    return policy.document.rationale_min_length[change.decided_tier or tier_of(change)]


def _blockers(waiver: Waiver, *, grant: bool, by: User, now: datetime) -> list[Blocker]:
    change = waiver.change
    records = duty_records(change, now=now)
    blockers = waiver_decision_blockers(waiver, by=by, records=records, authority=waiver.authority)
    if grant:
        blockers += ended_blockers(change)
    if grant and (policy := policy_for(change, now)) is not None:
        blockers += too_many_blockers(_live_others(change, waiver.gate, now), policy.document)
    return blockers


def waiver_decide(
    *,
    waiver: Waiver,
    grant: bool,
    rationale: str,
    read_digest: str,
    password: str,
    code: str,
    by: User,
    now: datetime,
) -> Waiver:
    """Grant or decline a waiver, signed over the dossier whose digest the person read.

    Granting one is a change of content: earlier decisions become void.

    Raises:
        DossierChanged: the content differs from what was read.
        RuleViolation: with every reason.
        Invalid: the password or the code is not right.
    """
    try:
        _refuse(waiver, grant=grant, rationale=rationale, by=by, now=now)
        prove(by, password=password, code=code, subject=waiver, now=now)
        decided = _decide(
            waiver=waiver, grant=grant, rationale=rationale, read_digest=read_digest, by=by, now=now
        )
    except DossierChanged as conflict:
        change_refresh(change=waiver.change, by=None, now=now)
        conflict.evidence = _refused(waiver, [conflict.code], by=by, now=now)
        raise
    except RuleViolation as refusal:
        refusal.evidence = _refused(waiver, [row.code for row in refusal.blockers], by=by, now=now)
        raise
    if grant:
        change_refresh(change=decided.change, by=None, now=now)
    return decided


def _refused(waiver: Waiver, reasons: list[str], *, by: User, now: datetime) -> DomainEvent:
    return event_of("decision_refused", waiver, by=by, now=now, data={"reasons": reasons})


def _refuse(waiver: Waiver, *, grant: bool, rationale: str, by: User, now: datetime) -> None:
    minimum = _rationale_min_length(waiver.change, now)
    short = policies.rationale_blockers(rationale, minimum=minimum)
    refuse_if(_blockers(waiver, grant=grant, by=by, now=now) + short)


@operation
def _decide(
    *, waiver: Waiver, grant: bool, rationale: str, read_digest: str, by: User, now: datetime
) -> Waiver:
    change = lock_change(waiver.change_id)
    waiver = lock(Waiver.objects.select_related("requested_by"), waiver.pk)
    waiver.change = change
    _refuse(waiver, grant=grant, rationale=rationale, by=by, now=now)
    evaluation = _evaluated(change, now)
    if evaluation is not None:
        refuse_other_content(change, evaluation)
    refuse_other_revision(change, read_digest)
    if grant and waiver.valid_until <= now:
        raise invalid("valid_until", "Its end has passed while nobody decided.")
    meaning = meaning_for(grant=grant)
    waiver.decided_by, waiver.decided_at, waiver.note = by, now, rationale.strip()
    waiver.signature = sign(
        waiver,
        meaning=meaning,
        statement=statement_of(
            waiver, said=says_of(waiver, evaluation), grant=grant, rationale=rationale, by=by
        ),
        by=by,
        role=waiver.authority,
        now=now,
    )
    dossier_read(change=change, by=by, now=now)
    waiver.state = Waiver.State.GRANTED if grant else Waiver.State.DECLINED
    save_as(waiver, by=by, now=now, reason=rationale.strip())
    if grant:
        _raise_authority(waiver, by=by, now=now)
    verb = "waiver_granted" if grant else "waiver_declined"
    tell(
        verb,
        waiver,
        by=by,
        now=now,
        gate=waiver.gate,
        change=change.code,
        meaning=meaning.value,
        digest=waiver.signature.digest,
        dossier=change.dossier_digest,
    )
    return waiver


@operation
def waiver_end(*, waiver: Waiver, now: datetime) -> bool:
    """End a waiver whose time has passed: its gate stands again, and where the version runs a lapse opens.

    Where another waiver of the gate is live, as one that was renewed in time, nothing lapsed.
    """
    change = lock_change(waiver.change_id)
    waiver = lock(Waiver.objects.all(), waiver.pk)
    if waiver.state != Waiver.State.GRANTED or waiver.valid_until > now:
        return False
    waiver.state = Waiver.State.ENDED
    save_as(waiver, by=None, now=now, reason="Its time has passed", fields=["state"])
    tell("waiver_ended", waiver, by=None, now=now, gate=waiver.gate, change=change.code)
    if is_running(change) and waiver.gate not in live_waivers(change, now):
        lapse_open(
            change=change,
            key=f"waiver:{waiver.pk}",
            text=f"The waiver of {waiver.gate} ended while the version runs.",
            waiver=waiver,
            now=now,
        )
    change_refresh(change=change, by=None, now=now)
    return True
