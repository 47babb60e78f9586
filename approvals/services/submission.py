"""Filing: facts evaluated again, dossier frozen, gates stored, stages fixed. And what happens when content changes."""

from collections.abc import Iterable
from datetime import datetime, timedelta
from typing import Any

from django.db.models import Max, Q

from approvals import policies
from approvals.asked import open_items
from approvals.dossier_format import Dossier as DossierContent
from approvals.dossier_format import compare, read_dossier
from approvals.duties import duty_records
from approvals.evaluation import Evaluation, evaluate, policy_for
from approvals.events import tell
from approvals.models import ChangeRequest, Decision, Dossier, Stage
from approvals.policy.gates import stages_of
from approvals.policy_in_force import PolicyInForce, policy_in_force
from approvals.queries.compared import serving_version
from approvals.services.changes import change_save, lock_change, require_filing
from approvals.services.dropping import conditions_drop
from approvals.services.gates import gates_store
from approvals.services.materiality import materiality_compute
from approvals.services.stages import clock_stop, stage_look_for_people, stage_open_next, stages_fix
from approvals.states import REFRESHABLE, ChangeState, Verdict
from approvals.traffic import AT_ONCE, takes_steps
from mlops_portal.foundation import canonical
from mlops_portal.foundation.history import save_as
from mlops_portal.foundation.operations import operation
from mlops_portal.foundation.people.models import User
from mlops_portal.foundation.rules import refuse_if
from registry.services.governance import governance_evaluate

# What a refiling must differ in: everything but its own words about the refiling, what others put in place meanwhile
# and the revision of the policy.
NOT_CONTENT = {
    "request": ("what_changed", "title", "answers"),
    "metrics": ("champion",),
    "policy": (),
    "gates": (),
    "waivers": (),
}


@operation
def change_submit(*, change: ChangeRequest, by: User, now: datetime) -> ChangeRequest:
    """File a draft, or file again what was sent back.

    Raises:
        RuleViolation: with everything that is missing; nothing is filed.
    """
    change = lock_change(change.pk)
    again = change.state == ChangeState.CHANGES_REQUESTED
    require_filing(by, kind=change.kind, unit_id=change.unit_id, model_id=change.model_id)
    refuse_if(policies.move_blockers(change, ChangeState.SUBMITTED) + policies.requester_blockers(change, by))
    change.model = governance_evaluate(model=change.model, by=None, now=now)
    policy = policy_in_force(now)
    change.predecessor = change.predecessor or _rejected_before(change)
    refuse_if(
        policies.filing_blockers(change, has_policy=policy is not None)
        + policies.answer_blockers(open_items(change) if again else [])
    )
    assert policy is not None  # noqa: S101  (filing_blockers refused otherwise)
    _complete(change, policy)
    change.policy_revision = policy.revision
    change.materiality, change.materiality_reasons = materiality_compute(change, policy)
    change.champion = serving_version(change)
    evaluation = evaluate(change, at=now, policy=policy)
    refuse_if(policies.alternatives_blockers(change, evaluation) + _refiling_blockers(change, evaluation))
    if again:
        change.resubmitted_at = [*change.resubmitted_at, now.isoformat()]
        _settle_what_was_asked(change, by=by, now=now)
        decisions_void(change, reason="The request was filed again.", by=by, now=now)
    change.submitted_at = change.submitted_at or now
    change.change_class, change.governance = evaluation.change_class, evaluation.governance
    change.decided_tier, change.state = evaluation.tier, ChangeState.SUBMITTED
    change_save(change, by=by, now=now, reason="Filed again" if again else "Filed")
    dossier_freeze(change, evaluation, by=by, now=now)
    gates_store(change, evaluation, by=by, now=now)
    change.state = ChangeState.IN_REVIEW
    change_save(change, by=by, now=now, reason="Dossier frozen, gates evaluated")
    stages_fix(change, evaluation, by=by, now=now)
    note_blocked_stage(change, by=by, now=now)
    tell(
        "change_resubmitted" if again else "change_submitted",
        change,
        by=by,
        now=now,
        dossier=change.dossier_digest,
        tier=evaluation.tier,
        policy=policy.name,
    )
    return change


def _settle_what_was_asked(change: ChangeRequest, *, by: User, now: datetime) -> None:
    """A request for changes ends by being answered; it is not void, and whoever asked decides anew."""
    asked = Decision.objects.filter(change=change, voided_at__isnull=True, verdict=Verdict.REQUEST_CHANGES)
    reason = f"Every item is answered; filed again as revision {change.dossier_number + 1}."
    for decision in asked.order_by("pk"):
        decision.voided_at, decision.void_reason = now, reason
        save_as(decision, by=by, now=now, reason=reason, fields=["voided_at", "void_reason"])


def change_resubmit(*, change: ChangeRequest, by: User, now: datetime) -> ChangeRequest:
    """File again what an approver sent back; every decision of the earlier filing is void."""
    return change_submit(change=change, by=by, now=now)


def _rejected_before(change: ChangeRequest) -> ChangeRequest | None:
    """Find the rejected request that this one repeats, so that nobody forgets to name it."""
    rejected = ChangeRequest.objects.filter(
        Q(environment_id=change.environment_id),
        model_id=change.model_id,
        kind=change.kind,
        version_id=change.version_id,
        state=ChangeState.REJECTED,
    )
    return rejected.order_by("-closed_at", "-pk").first()


def _complete(change: ChangeRequest, policy: PolicyInForce) -> None:
    """Fill in what the policy gives where the requester said nothing."""
    is_production = change.environment is not None and change.environment.is_production
    tier = change.model.tier or 1
    if change.kind not in policies.RELEASE_KINDS or not is_production:
        return
    if not change.traffic_plan:
        planned = [
            {"percent": step.percent, "hold_hours": step.hold_minutes / 60}
            for step in policy.document.traffic_plan[tier]
        ]
        change.traffic_plan = planned if takes_steps(change.environment) else [dict(AT_ONCE)]
    change.bake_hours = change.bake_hours or float(policy.document.bake_hours[tier])
    change.rollback_triggers = change.rollback_triggers or "\n".join(
        trigger.title for trigger in policy.document.rollback_triggers
    )


def _refiling_blockers(change: ChangeRequest, evaluation: Evaluation) -> list[policies.Blocker]:
    if change.predecessor is None or change.predecessor.state != ChangeState.REJECTED:
        return []
    earlier = Dossier.objects.filter(change=change.predecessor).order_by("-number").first()
    return policies.refiling_blockers(
        change,
        change.predecessor,
        content_key=_content_key(evaluation.dossier),
        earlier_key=_content_key(read_dossier(earlier.content)) if earlier else "",
    )


def _content_key(dossier: DossierContent) -> str:
    content: dict[str, Any] = {}
    for part in dossier.parts:
        ignored = NOT_CONTENT.get(part.name)
        if ignored is None:
            content[part.name] = part.content
        elif ignored:
            content[part.name] = {key: value for key, value in part.content.items() if key not in ignored}
    return canonical.digest(content)


def dossier_freeze(
    change: ChangeRequest, evaluation: Evaluation, *, by: User | None, now: datetime
) -> Dossier:
    """Keep the evaluated dossier as the next revision of the request; the caller saves ``change``."""
    last = Dossier.objects.filter(change=change).aggregate(last=Max("number"))["last"] or 0
    dossier = Dossier(
        change=change,
        model_id=change.model_id,
        unit_id=change.unit_id,
        number=last + 1,
        content=evaluation.dossier.text(),
        parts={part.name: part.digest for part in evaluation.dossier.parts},
        digest=evaluation.dossier.digest,
        created_at=now,
    )
    save_as(dossier, by=by, now=now, reason="Frozen")
    change.dossier_number, change.dossier_digest = dossier.number, dossier.digest
    return dossier


def decisions_void(change: ChangeRequest, *, reason: str, by: User | None, now: datetime) -> int:
    """Void every decision that counts, and drop its conditions; they stay visible. A recusal is about the person and
    stands.
    """
    counted = Decision.objects.filter(change=change, voided_at__isnull=True).exclude(verdict=Verdict.RECUSE)
    decisions = list(counted.order_by("pk"))
    for decision in decisions:
        decision.voided_at, decision.void_reason = now, reason
        save_as(decision, by=by, now=now, reason=reason, fields=["voided_at", "void_reason"])
    conditions_drop(change, decisions=decisions, reason=reason, by=by, now=now)
    return len(decisions)


def note_blocked_stage(change: ChangeRequest, *, by: User | None, now: datetime) -> None:
    """Let the headline say that nobody can decide, where that is so."""
    blocked = change.stages.filter(state=Stage.State.CURRENT).exclude(blocked_reason="").first()
    if blocked is not None and change.headline != blocked.blocked_reason[:255]:
        change.headline = blocked.blocked_reason[:255]
        save_as(change, by=by, now=now, reason="A stage is blocked", fields=["headline"])


@operation
def change_refresh(*, change: ChangeRequest, by: User | None = None, now: datetime) -> bool:
    """Compare a filed request with the present records. Returns whether its content changed.

    Changed content makes every decision void, visibly, and takes an approved change back into review. Where only
    live facts moved, gates and headline are brought up to date.
    """
    change = lock_change(change.pk)
    policy = policy_for(change, now)
    if change.state not in REFRESHABLE or policy is None:
        return False
    evaluation = evaluate(change, at=now, policy=policy)
    if evaluation.dossier.digest == change.dossier_digest:
        before = (change.headline, change.gates_failed, change.gates_waived, change.gates_warned)
        gates_store(change, evaluation, by=by, now=now)
        if change.state != ChangeState.IN_REVIEW and not evaluation.blocking:
            # Approved or scheduled: that the evidence is complete is no news, nor is a failure that has passed.
            change.headline = before[0] if before[1] == 0 else change.get_state_display()
        _look_again(change, by=by, now=now)
        if before != (change.headline, change.gates_failed, change.gates_waived, change.gates_warned):
            change_save(change, by=by, now=now, reason="Gates evaluated again")
        return False
    changed, failed = parts_changed(change, evaluation), change.gates_failed
    voided = decisions_void(change, reason=f"The content changed: {', '.join(changed)}.", by=by, now=now)
    if change.champion_id:  # else the content that was evaluated holds none
        change.champion = serving_version(change)
    dossier_freeze(change, evaluation, by=by, now=now)
    change.state, change.decided_at, change.expires_at = ChangeState.IN_REVIEW, None, None
    change.change_class, change.governance = evaluation.change_class, evaluation.governance
    change.decided_tier = evaluation.tier
    gates_store(change, evaluation, by=by, now=now)
    change_save(change, by=by, now=now, reason="Content changed")
    _renew_stages(change, evaluation, by=by, now=now)
    note_blocked_stage(change, by=by, now=now)
    tell(
        "change_content_changed",
        change,
        by=by,
        now=now,
        parts=changed,
        voided=voided,
        cleared=bool(failed and not change.gates_failed),
        dossier=change.dossier_digest,
    )
    if voided:
        tell("decisions_voided", change, by=by, now=now, count=voided)
    return True


def _look_again(change: ChangeRequest, *, by: User | None, now: datetime) -> None:
    """People come and go: look again whether the current stage can be filled."""
    stage = change.stages.filter(state=Stage.State.CURRENT).select_related("returns_to", "unit").first()
    if stage is None or change.state != ChangeState.IN_REVIEW:
        return
    if stage_look_for_people(stage, duty_records(change, now=now), by=by, now=now):
        save_as(stage, by=by, now=now, reason="Who owes the next step changed")
    if stage.blocked_reason:
        change.headline = stage.blocked_reason[:255]


def _renew_stages(change: ChangeRequest, evaluation: Evaluation, *, by: User | None, now: datetime) -> None:
    stages = list(change.stages.exclude(state=Stage.State.CLOSED).order_by("position"))
    for stage in stages:
        clock_stop(stage, now=now)
        done = stage.state in (Stage.State.DONE, Stage.State.RENEW)
        stage.state = Stage.State.RENEW if done else Stage.State.PENDING
        stage.used_seconds, stage.decided_at = 0, None
        save_as(stage, by=by, now=now, reason="To be decided on the new content")
    if not _same_stages(stages, change, evaluation):
        stages_fix(change, evaluation, by=by, now=now)
        return
    stage_open_next(change, by=by, now=now)


def _same_stages(stages: Iterable[Stage], change: ChangeRequest, evaluation: Evaluation) -> bool:
    """Stages stay as fixed unless the tier or the way through the policy moved under them."""
    rules = stages_of(
        evaluation.policy.document,
        change_class=evaluation.change_class,
        kind=change.kind,
        tier=evaluation.tier,
    )
    return [stage.key for stage in stages] == [rule.id for rule in rules]


def parts_changed(change: ChangeRequest, evaluation: Evaluation) -> list[str]:
    """Name the parts of the dossier that differ from the frozen one."""
    frozen = Dossier.objects.filter(change=change, number=change.dossier_number).first()
    if frozen is None:
        return ["everything"]
    return [row.title for row in compare(read_dossier(frozen.content), evaluation.dossier) if row.is_changed]


@operation
def change_expire(*, change: ChangeRequest, now: datetime) -> bool:
    """End an approval whose validity has passed before it was used."""
    change = lock_change(change.pk)
    usable = change.state in (ChangeState.APPROVED, ChangeState.SCHEDULED)
    if not usable or change.expires_at is None or change.expires_at > now:
        return False
    change.state, change.closed_at, change.headline = ChangeState.EXPIRED, now, "The approval expired"
    conditions_drop(change, reason="The approval ended unused", by=None, now=now)
    change_save(change, by=None, now=now, reason="The approval expired")
    tell("change_expired", change, by=None, now=now, expired_at=change.expires_at.isoformat())
    return True


def approval_ends(change: ChangeRequest, policy: PolicyInForce, *, now: datetime) -> datetime:
    """Return until when an approval given now may be used."""
    return now + timedelta(days=policy.document.approval_validity_days[change.decided_tier or 1])
