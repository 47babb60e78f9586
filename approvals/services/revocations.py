"""Revoking a signature: the approval falls, and what runs on it needs a decision within a day (RULES 4.6)."""

from collections.abc import Sequence
from datetime import datetime, timedelta

from approvals import policies
from approvals.duties import duty_records
from approvals.events import event_of, tell
from approvals.models import ChangeRequest, Decision, Signature, Stage
from approvals.revocation_content import DECIDE_WITHIN_HOURS, UNUSED, record_parts, statement_of
from approvals.services.changes import change_save, lock_change
from approvals.services.dropping import conditions_drop
from approvals.services.lapses import is_running, lapse_open
from approvals.services.reading import RecordChanged, RecordPreview, refuse_other_record
from approvals.services.signing import prove, sign
from approvals.services.stages import clock_stop, stage_open_next, stages_pause
from approvals.signed_content import SignedPart
from approvals.states import ChangeState, Meaning
from approvals.waiver_policies import authority_blockers
from mlops_portal.foundation.errors import invalid
from mlops_portal.foundation.history import save_as
from mlops_portal.foundation.locks import lock
from mlops_portal.foundation.operations import operation
from mlops_portal.foundation.people.models import User
from mlops_portal.foundation.people.rights import require
from mlops_portal.foundation.rules import Blocker, RuleViolation, refuse_if

DECIDE_WITHIN = timedelta(hours=DECIDE_WITHIN_HOURS)
MIN_REASON = 20
RIGHT = "approvals.view"


def revocation_preview(*, decision: Decision, by: User, now: datetime) -> RecordPreview:
    """Return what revoking would sign now, and what keeps ``by`` from it."""
    return RecordPreview(Meaning.CLOSE, record_parts(decision), tuple(_blockers(decision, by=by, now=now)))


def signature_revoke(
    *,
    decision: Decision,
    reason: str,
    read_digest: str,
    password: str,
    code: str,
    by: User,
    now: datetime,
) -> Decision:
    """Revoke an approval, signed with a reason over what is revoked and what follows from it, as the person read it.

    In review the stage is open again; an unused approval is revoked with it; a release that runs opens a lapse that
    is due within 24 hours: keep it under a waiver, roll back or suspend.

    Raises:
        RecordChanged: the approval, or where its version runs, differs from what was read; nothing was signed.
        RuleViolation: with every reason.
        Invalid: the password or the code is not right.
    """
    if len(reason.strip()) < MIN_REASON:
        raise invalid("reason", f"Give a reason of at least {MIN_REASON} characters.")
    try:
        _refuse(decision, record_parts(decision), read_digest, by=by, now=now)
        prove(by, password=password, code=code, subject=decision, now=now)
        return _revoke(decision=decision, reason=reason.strip(), read_digest=read_digest, by=by, now=now)
    except (RecordChanged, RuleViolation) as refusal:
        reasons = [row.code for row in getattr(refusal, "blockers", [])] or [refusal.code]
        refusal.evidence = event_of("decision_refused", decision, by=by, now=now, data={"reasons": reasons})
        raise


def _refuse(
    decision: Decision, recorded: Sequence[SignedPart], read_digest: str, *, by: User, now: datetime
) -> None:
    require(by, RIGHT, unit_id=decision.unit_id, model_id=decision.model_id)
    refuse_if(_blockers(decision, by=by, now=now))
    refuse_other_record(recorded, read_digest)


def _blockers(decision: Decision, *, by: User, now: datetime) -> list[Blocker]:
    records = duty_records(decision.change, now=now)
    head = authority_blockers(by, "head_of_model_risk", unit_id=decision.unit_id, model_id=decision.model_id)
    same = by.pk in records.holding(decision.stage.right)
    return policies.revocation_blockers(decision, by=by, same_stage=same, is_head=not head)


@operation
def _revoke(*, decision: Decision, reason: str, read_digest: str, by: User, now: datetime) -> Decision:
    change = lock_change(decision.change_id)
    decision = lock(Decision.objects.select_related("stage", "signature", "signer"), decision.pk)
    decision.change = change
    recorded = record_parts(
        decision
    )  # once: the version may start elsewhere meanwhile, and only what was read is signed
    _refuse(decision, recorded, read_digest, by=by, now=now)
    statement = statement_of(decision, recorded, reason, by=by)
    signature = lock(Signature.objects.all(), decision.signature_id)
    signature.revoked_at, signature.revoked_by, signature.revocation_reason = now, by, reason
    save_as(
        signature, by=by, now=now, reason=reason, fields=["revoked_at", "revoked_by", "revocation_reason"]
    )
    sign(decision, meaning=Meaning.CLOSE, statement=statement, by=by, role=decision.stage.role, now=now)
    decision.voided_at, decision.void_reason = now, f"Revoked: {reason}"
    save_as(decision, by=by, now=now, reason=reason, fields=["voided_at", "void_reason"])
    decision.signature = signature
    # An approval that was not used falls as a whole; where its version runs, the other decisions stand.
    fallen = None if change.state in UNUSED else [decision]
    conditions_drop(change, decisions=fallen, reason="The approval was revoked", by=by, now=now)
    _fall(change, decision, reason=reason, by=by, now=now)
    tell("signature_revoked", change, by=by, now=now, stage=decision.stage.key, digest=signature.digest)
    return decision


def _fall(change: ChangeRequest, decision: Decision, *, reason: str, by: User, now: datetime) -> None:
    if change.state == ChangeState.IN_REVIEW:
        stage = change.stages.get(pk=decision.stage_id)
        for later in change.stages.filter(state=Stage.State.CURRENT).exclude(pk=stage.pk):
            clock_stop(later, now=now)
            later.state = Stage.State.PENDING
            save_as(
                later,
                by=by,
                now=now,
                reason="An earlier stage is open again",
                fields=["state", "clock_started_at", "used_seconds", "due_at"],
            )
        stage.state, stage.decided_at = Stage.State.RENEW, None
        save_as(stage, by=by, now=now, reason=reason, fields=["state", "decided_at"])
        stage_open_next(change, by=by, now=now)
        return
    change.revoked_at, change.revoked_by = now, by
    if change.state in UNUSED:
        change.state, change.closed_at, change.headline = ChangeState.REVOKED, now, "The approval was revoked"
        stages_pause(change, by=by, now=now, close=True)
    change_save(change, by=by, now=now, reason=reason)
    if is_running(change):
        lapse_open(
            change=change,
            key=f"revocation:{decision.pk}",
            text="The approval was revoked while the version runs: keep under a waiver, roll back or suspend.",
            due_at=now + DECIDE_WITHIN,
            by=by,
            now=now,
        )
