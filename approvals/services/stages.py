"""Stages of a change: fixed at submission, opened one after the other, with a clock that runs only for approvers."""

from collections.abc import Sequence
from datetime import datetime, timedelta

from approvals.duties import DutyRecords, duty_records, eligible, note_eligible, repairer_of
from approvals.evaluation import Evaluation
from approvals.events import tell
from approvals.models import ChangeRequest, Decision, Stage
from approvals.policies import waits_for_gates
from approvals.policy.document import StageRule
from approvals.policy.gates import stages_of
from approvals.states import POSITIVE_VERDICTS, Verdict
from mlops_portal.foundation.history import bulk_save_as, save_as
from mlops_portal.foundation.people.models import User

State = Stage.State
FINISHED = (State.DONE, State.CLOSED)


def stages_fix(
    change: ChangeRequest, evaluation: Evaluation, *, by: User | None, now: datetime
) -> list[Stage]:
    """Fix quorum, exclusions and deadline of every stage (RULES 1.4), then open the first.

    A stage that an earlier filing of this request had keeps its row; one that no longer belongs is closed.
    """
    rules = stages_of(
        evaluation.policy.document,
        change_class=evaluation.change_class,
        kind=change.kind,
        tier=evaluation.tier,
    )
    known = {stage.key: stage for stage in change.stages.all()}
    rejection = _rejection_of(change.predecessor)
    kept, fixed = set(known), []
    for position, rule in enumerate(rules, start=1):
        stage = known.pop(rule.id, None) or Stage(
            change=change, model_id=change.model_id, unit_id=change.unit_id, key=rule.id
        )
        _apply(stage, rule, position, evaluation.tier)
        if rejection is not None and rejection.stage.key == rule.id:
            stage.returns_to = rejection.signer
        fixed.append(stage)
    reason = "Fixed at submission"
    bulk_save_as([stage for stage in fixed if stage.key not in kept], by=by, now=now, reason=reason)
    for stage in fixed:
        if stage.key in kept:
            save_as(stage, by=by, now=now, reason=reason)
    for stage in known.values():
        clock_stop(stage, now=now)
        stage.state = State.CLOSED
        save_as(stage, by=by, now=now, reason="Not part of this filing")
    stage_open_next(change, by=by, now=now)
    return fixed


def _apply(stage: Stage, rule: StageRule, position: int, tier: int) -> None:
    stage.position, stage.title, stage.role, stage.right = position, rule.title, rule.role, rule.right
    stage.meaning, stage.is_independent, stage.is_deciding = rule.meaning, rule.independent, rule.decides
    stage.exclusions, stage.quorum = sorted(rule.exclusions), rule.quorum
    stage.sla_hours = rule.sla_hours[tier]
    was_done = stage.state in (State.DONE, State.RENEW)
    stage.state = State.RENEW if was_done and stage.pk else State.PENDING
    stage.decided_at = None


def _rejection_of(predecessor: ChangeRequest | None) -> Decision | None:
    if predecessor is None:
        return None
    return (
        Decision.objects.filter(change=predecessor, verdict=Verdict.REJECT)
        .select_related("stage", "signer")
        .order_by("-decided_at", "-pk")
        .first()
    )


def stage_open_next(
    change: ChangeRequest, *, records: DutyRecords | None = None, by: User | None, now: datetime
) -> Stage | None:
    """Open the first stage that is not done, or say that nobody can fill it; None when every stage is done.

    ``records`` may bring what the caller has read of this change in the same transaction, brought up to date.
    """
    records = records or duty_records(change, now=now)
    unfinished = [stage for stage in records.stages.values() if stage.state not in FINISHED]
    if not unfinished:
        return None
    stage = min(unfinished, key=lambda row: (row.position, row.pk))
    if stage.state != State.CURRENT:
        stage.state, stage.opened_at = State.CURRENT, now
    stage_look_for_people(stage, records, by=by, now=now)
    save_as(stage, by=by, now=now, reason="Opened")
    return stage


def stage_look_for_people(stage: Stage, records: DutyRecords, *, by: User | None, now: datetime) -> bool:
    """Note whether enough people can fill a stage, and let its clock run or stand. Returns if anything changed.

    Who took the stage and may no longer fill it does not take it any more: everybody else would wait for them.

    The approvers' clock runs only while they owe something (RULES 4.8): not while nobody can decide, and not while a
    blocking gate fails at a stage that would let the change through, because a fix or a waiver is then owed by others.
    """
    given = sum(row.stage_id == stage.pk and row.verdict in POSITIVE_VERDICTS for row in records.decisions)
    people = eligible(stage, records, now=now)
    note_eligible(stage, people)
    missing = stage.quorum - given - len(people)
    reason = ""
    if missing > 0:
        who = "Nobody" if not people else f"Only {len(people)} of {stage.quorum - given}"
        reason = f"{who} can fill “{stage.title}”: {repairer_of(stage)}."
    changed, ran = reason != stage.blocked_reason, stage.clock_started_at
    given_up = stage.assigned_to_id is not None and all(one.pk != stage.assigned_to_id for one in people)
    if given_up:
        stage.assigned_to = None
        tell("stage_given_up", stage.change, by=by, now=now, stage=stage.key)
    stage.blocked_reason = reason
    if reason and changed:
        tell("change_blocked", stage.change, by=by, now=now, stage=stage.key, reason=reason)
    elif changed:
        tell("change_unblocked", stage.change, by=by, now=now, stage=stage.key)
    if reason or waits_for_gates(stage):
        clock_stop(stage, now=now)
    else:
        clock_start(stage, now=now)
    return changed or given_up or ran != stage.clock_started_at


def clock_start(stage: Stage, *, now: datetime) -> None:
    """Let the approvers' clock run (RULES 4.8)."""
    if stage.clock_started_at is None:
        stage.clock_started_at = now
        stage.due_at = now + timedelta(hours=stage.sla_hours) - timedelta(seconds=stage.used_seconds)


def clock_stop(stage: Stage, *, now: datetime) -> None:
    """Stop the approvers' clock: they owe nothing now."""
    if stage.clock_started_at is not None:
        stage.used_seconds += max((now - stage.clock_started_at).total_seconds(), 0.0)
    stage.clock_started_at, stage.due_at = None, None


def stages_pause(change: ChangeRequest, *, by: User | None, now: datetime, close: bool) -> None:
    """Stop every clock of a change that left review; ``close`` when its round has ended."""
    open_stages: Sequence[Stage] = list(change.stages.exclude(state__in=FINISHED))
    for stage in open_stages:
        clock_stop(stage, now=now)
        stage.state = State.CLOSED if close else State.PENDING
        save_as(
            stage,
            by=by,
            now=now,
            reason="Round ended" if close else "Back to the requester",
            fields=["state", "clock_started_at", "used_seconds", "due_at"],
        )
