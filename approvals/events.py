"""Acts of approvals that are more than a row change, and how they are told."""

from datetime import datetime
from typing import Any

from django.db.models import Model

from mlops_portal.foundation.events import DomainEvent, Verb, emit, register_verbs
from mlops_portal.foundation.people.models import User

register_verbs(
    [
        Verb("approvals.policy_drafted", "drafted a policy revision"),
        Verb("approvals.policy_published", "published a policy revision"),
        Verb("approvals.change_drafted", "drafted a change request"),
        Verb("approvals.change_submitted", "filed a change request"),
        Verb("approvals.change_resubmitted", "filed a change request again"),
        Verb("approvals.change_withdrawn", "withdrew a change request"),
        Verb("approvals.change_content_changed", "content changed, decisions are void"),
        Verb("approvals.change_approved", "every stage has its quorum"),
        Verb("approvals.change_rejected", "rejected a change request"),
        Verb("approvals.change_returned", "asked for changes"),
        Verb("approvals.change_expired", "approval expired"),
        Verb("approvals.change_scheduled", "scheduled a change"),
        Verb("approvals.change_completed", "completed a change"),
        Verb("approvals.change_blocked", "found nobody eligible for a stage"),
        Verb("approvals.change_unblocked", "found people for a stage again"),
        Verb("approvals.gates_cleared", "no blocking gate fails any more"),
        Verb("approvals.change_reopened", "reopened under an urgent policy revision"),
        Verb("approvals.materiality_confirmed", "confirmed materiality"),
        Verb("approvals.decision_signed", "signed a decision"),
        Verb("approvals.decision_refused", "was refused a decision"),
        Verb("approvals.decisions_voided", "decisions became void"),
        Verb("approvals.signing_failed", "failed to prove identity at signing"),
        Verb("approvals.signature_revoked", "revoked a signature"),
        Verb("approvals.waiver_requested", "asked for a waiver"),
        Verb("approvals.waiver_granted", "granted a waiver"),
        Verb("approvals.waiver_declined", "declined a waiver"),
        Verb("approvals.waiver_ended", "a waiver ended"),
        Verb("approvals.condition_declared", "declared a condition met"),
        Verb("approvals.condition_verified", "verified a condition"),
        Verb("approvals.condition_not_met", "found a condition not met"),
        Verb("approvals.lapse_opened", "opened a lapse"),
        Verb("approvals.lapse_closed", "closed a lapse"),
        Verb("approvals.stage_overdue", "a stage is overdue"),
        Verb("approvals.validation_opened", "opened a validation"),
        Verb("approvals.validation_report_attached", "attached the report of a validation"),
        Verb("approvals.validation_concluded", "concluded a validation"),
        Verb("approvals.validation_ending", "a validation is about to end"),
        Verb("approvals.finding_raised", "raised a validation finding"),
        Verb("approvals.finding_closed", "closed a validation finding"),
        Verb("approvals.challenge_asked", "asked a challenge"),
        Verb("approvals.challenge_answered", "answered a challenge"),
        Verb("approvals.challenge_accepted", "accepted an answer"),
        Verb("approvals.delegation_made", "named a stand-in"),
        Verb("approvals.delegation_ended", "ended a delegation"),
        Verb("approvals.comment_written", "commented"),
        Verb("approvals.evidence_asked", "asked for evidence"),
        Verb("approvals.stage_assigned", "assigned a stage"),
        Verb("approvals.stage_given_up", "gave a stage back to everybody who can decide it"),
        Verb("approvals.execution_started", "started an execution"),
        Verb("approvals.execution_refused", "refused to execute"),
        Verb("approvals.execution_step_taken", "took a step of a traffic plan"),
        Verb("approvals.execution_finished", "finished an execution"),
        Verb("approvals.execution_aborted", "aborted an execution"),
        Verb("approvals.execution_unknown", "does not know what an execution did"),
        Verb("approvals.execution_result_refused", "refused a late result of an execution"),
        Verb("approvals.rolled_back", "rolled back"),
    ]
)


def event_of(
    verb: str, subject: Model, *, by: User | None, now: datetime, data: dict[str, Any] | None = None
) -> DomainEvent:
    """Build the event of an act on ``subject``, a row with unit and, where it has one, model."""
    return DomainEvent(
        verb=f"approvals.{verb}",
        subject_label=subject._meta.label,
        subject_id=str(subject.pk),
        actor_id=str(by.pk) if by else None,
        occurred_at=now,
        unit_id=getattr(subject, "unit_id", None),
        model_id=getattr(subject, "model_id", None),
        data=data or {},
    )


def tell(verb: str, subject: Model, *, by: User | None, now: datetime, **data: Any) -> None:
    """Emit the event of an act on ``subject``."""
    emit(event_of(verb, subject, by=by, now=now, data=data))
