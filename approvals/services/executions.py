"""Executing approved changes: dossier and gates checked again, then intent, call and result, each committed apart.

A crash between intent and result is settled by the connector's `observe`; what it cannot see, an operator decides.
A worker that was taken over holds an old fencing number: its result is refused and recorded.
"""

from collections.abc import Callable
from datetime import datetime, timedelta

from django.db.models import Max

from approvals import policies
from approvals.connectors import Connector, ConnectorFailed, Outcome, Result, connector_named
from approvals.evaluation import Evaluation, evaluate, policy_for
from approvals.events import tell
from approvals.models import ChangeRequest, Execution, ExecutionStep
from approvals.services.changes import change_save, lock_change
from approvals.services.gates import gates_store
from approvals.services.reading import DossierChanged
from approvals.services.rollouts import (
    connector_name,
    is_manual,
    rollout_begin,
    rollout_fail,
    rollout_finish,
    step_arguments,
)
from approvals.services.submission import change_refresh, parts_changed
from approvals.states import POSITIVE_VERDICTS, ChangeClass, ChangeKind, ChangeState
from approvals.traffic import steps_of
from mlops_portal.foundation import canonical
from mlops_portal.foundation.errors import DomainError, invalid
from mlops_portal.foundation.history import save_as
from mlops_portal.foundation.locks import lock
from mlops_portal.foundation.operations import operation
from mlops_portal.foundation.people.models import User
from mlops_portal.foundation.people.rights import require
from mlops_portal.foundation.rules import Blocker, refuse_if
from mlops_portal.foundation.web.words import utc_text
from mlops_portal.foundation.work import jobs
from registry.models import Deployment
from registry.services.operations import deployment_traffic

EXECUTE_JOB = "approvals.execute"
STEP = "put in place"
OPEN = (Execution.State.WAITING, Execution.State.RUNNING)
Clock = Callable[[], datetime]


def _may_operate(by: User, change: ChangeRequest) -> None:
    right = "approvals.rollback" if change.change_class == ChangeClass.CONTAINMENT else "approvals.execute"
    require(by, right, unit_id=change.unit_id, model_id=change.model_id)


def signers_of(change: ChangeRequest) -> frozenset[int]:
    """Return who approved a change."""
    rows = change.decisions.filter(voided_at__isnull=True, verdict__in=sorted(POSITIVE_VERDICTS))
    return frozenset(rows.values_list("signer_id", flat=True))


def _connector(change: ChangeRequest) -> Connector:
    connector = connector_named(connector_name(change))
    if connector is None:
        raise invalid("connector", f"This installation has no connector {connector_name(change)}.")
    return connector


@operation
def change_schedule(*, change: ChangeRequest, start_at: datetime, by: User, now: datetime) -> ChangeRequest:
    """Plan the start of an approved change; the worker starts it then, inside its approved window."""
    change = lock_change(change.pk)
    _may_operate(by, change)
    connector = _connector(change)
    blockers = policies.start_blockers(
        change,
        by=by,
        signers=signers_of(change),
        is_manual=is_manual(change),
        now=max(start_at, now),
    )
    if not connector.is_automatic:
        blockers.append(Blocker("manual", "An operator starts this change by hand; nothing can be planned."))
    if start_at < now - timedelta(minutes=1):
        blockers.append(Blocker("past", "The start is in the past."))
    refuse_if(blockers)
    _schedule(change, start_at=start_at, by=by, now=now)
    return change


def _schedule(change: ChangeRequest, *, start_at: datetime, by: User, now: datetime) -> None:
    change.state, change.scheduled_at, change.headline = ChangeState.SCHEDULED, start_at, "Scheduled"
    change.started_by = by
    change_save(change, by=by, now=now, reason=f"Start planned for {utc_text(start_at)}")
    tell("change_scheduled", change, by=by, now=now, start_at=start_at.isoformat())
    jobs.start(
        kind=EXECUTE_JOB,
        by=None,
        params={"change_id": change.pk},
        now=now,
        unit_id=change.unit_id,
        label=f"Execute {change.code}",
        run_after=start_at if start_at > now else None,
    )


@operation
def change_execute_now(*, change: ChangeRequest, by: User, now: datetime) -> ChangeRequest:
    """Start an approved change: the worker carries it out, or an operator does and confirms it."""
    change = lock_change(change.pk)
    _may_operate(by, change)
    connector = _connector(change)
    refuse_if(
        policies.start_blockers(
            change, by=by, signers=signers_of(change), is_manual=is_manual(change), now=now
        )
    )
    _schedule_or_start(change, connector, by=by, now=now)
    return change


def _schedule_or_start(change: ChangeRequest, connector: Connector, *, by: User, now: datetime) -> None:
    if connector.is_automatic:
        _schedule(change, start_at=now, by=by, now=now)
        return
    change.state, change.scheduled_at, change.started_by = ChangeState.SCHEDULED, now, by
    change_save(change, by=by, now=now, reason="Started by hand")
    execution_start(change=change, by=by, now=now)


@operation
def execution_start(*, change: ChangeRequest, by: User | None, now: datetime) -> Execution:
    """Check dossier and gates once more and begin. ``by`` is None for the portal's executor.

    Raises:
        DossierChanged: the content is not what was approved.
        RuleViolation: a gate fails now, or the window is not open.
    """
    change = lock_change(change.pk)
    connector = _connector(change)
    policy = policy_for(change, now)
    refuse_if([] if policy else [Blocker("no_policy", "No policy is in force.", "a policy publisher")])
    assert policy is not None  # noqa: S101  (refused above)
    refuse_if(
        policies.start_blockers(
            change, by=by, signers=signers_of(change), is_manual=is_manual(change), now=now
        )
        + policies.kind_blockers(change)
    )
    evaluation = evaluate(change, at=now, policy=policy)
    if evaluation.dossier.digest != change.dossier_digest:
        parts = ", ".join(parts_changed(change, evaluation))
        raise DossierChanged(f"Changed since the approval: {parts}. Nothing was started.")
    refuse_if(policies.gate_blockers(evaluation))
    return _begin(change, connector, evaluation, by=by, now=now)


def _begin(
    change: ChangeRequest, connector: Connector, evaluation: Evaluation, *, by: User | None, now: datetime
) -> Execution:
    change.state = ChangeState.EXECUTING
    gates_store(change, evaluation, by=by, now=now)
    change.headline = "Executing"
    change_save(change, by=by, now=now, reason="Execution started")
    last = change.executions.aggregate(last=Max("number"))["last"] or 0
    execution = Execution(
        change=change,
        model_id=change.model_id,
        unit_id=change.unit_id,
        number=last + 1,
        connector=connector.name,
        state=Execution.State.RUNNING if connector.is_automatic else Execution.State.WAITING,
        deployment=rollout_begin(change, evaluation, by=by, now=now),
        started_by=by,
        started_at=now,
    )
    save_as(execution, by=by, now=now, reason="Started")
    tell("execution_started", change, by=by, now=now, number=execution.number, connector=connector.name)
    return execution


@operation
def execution_claim(*, execution: Execution, now: datetime) -> int:
    """Take an execution over with a new fencing number; whoever held an older one is too late from now on."""
    lock_change(execution.change_id)
    execution = lock(Execution.objects.all(), execution.pk)
    execution.fence += 1
    save_as(execution, by=None, now=now, reason="Taken over by a worker", fields=["fence"])
    return execution.fence


@operation
def step_intend(*, execution: Execution, fence: int, now: datetime) -> ExecutionStep:
    """Commit the intent of the next attempt; its key is the same whoever makes the attempt."""
    change = lock_change(execution.change_id)
    execution = lock(Execution.objects.all(), execution.pk)
    if execution.fence != fence or execution.state != Execution.State.RUNNING:
        refuse_if([Blocker("taken_over", "Another worker carries this execution out.")])
    last = execution.steps.aggregate(last=Max("attempt"))["last"] or 0
    identity = {"change": change.pk, "execution": execution.number, "step": STEP, "attempt": last + 1}
    step = ExecutionStep(
        execution=execution,
        model_id=change.model_id,
        unit_id=change.unit_id,
        step=STEP,
        attempt=last + 1,
        idempotency_key=canonical.digest(identity),
        arguments=step_arguments(change),
        intended_at=now,
    )
    return save_as(step, by=None, now=now, reason="Intended")


@operation
def step_record(
    *, step: ExecutionStep, fence: int, result: Result | None, failure: str = "", now: datetime
) -> bool:
    """Commit what became of a step, and with it of the execution. False when the worker was too late.

    ``result`` None means that the target refused: nothing took effect.
    """
    change = lock_change(step.execution.change_id)
    execution = lock(Execution.objects.select_related("deployment"), step.execution_id)
    step = lock(ExecutionStep.objects.all(), step.pk)
    if execution.fence != fence or execution.state != Execution.State.RUNNING:
        outcome = result.outcome.value if result else "failed"
        tell("execution_result_refused", change, by=None, now=now, fence=fence, result=outcome)
        return False
    if result is not None and result.outcome == Outcome.DONE:
        _save_step(step, ExecutionStep.State.SUCCEEDED, result.detail, now)
        _succeed(change, execution, by=None, note="", now=now)
    elif result is not None and result.outcome == Outcome.UNKNOWN:
        _save_step(step, ExecutionStep.State.UNKNOWN, result.detail, now)
        execution.state, execution.note = (
            Execution.State.UNKNOWN,
            failure or "Nobody knows whether it took effect.",
        )
        save_as(execution, by=None, now=now, reason=execution.note)
        change.headline = "Unknown whether it took effect: an operator must look"
        change_save(change, by=None, now=now, reason=change.headline)
        tell("execution_unknown", change, by=None, now=now, number=execution.number)
    else:
        _save_step(step, ExecutionStep.State.FAILED, {"failure": failure}, now)
        _fail(change, execution, reason=failure, by=None, now=now)
    return True


def _save_step(step: ExecutionStep, state: str, detail: dict[str, object], now: datetime) -> None:
    step.state, step.result, step.finished_at = state, detail, now
    save_as(step, by=None, now=now, reason=ExecutionStep.State(state).label)


def _succeed(
    change: ChangeRequest, execution: Execution, *, by: User | None, note: str, now: datetime
) -> None:
    replaced = execution.deployment.replaces if execution.deployment else None
    deployment = rollout_finish(change, execution.deployment, by=by, now=now)
    execution.state, execution.finished_at, execution.note = Execution.State.SUCCEEDED, now, note
    execution.deployment = deployment
    save_as(execution, by=by, now=now, reason=note or "Took effect")
    change.refresh_from_db(fields=["state"])
    change.state, change.bake_ends_at = ChangeState.VERIFYING, now + timedelta(hours=change.bake_hours)
    change.headline = "Being watched" if change.bake_hours else "Verified"
    change_save(change, by=by, now=now, reason="Took effect")
    tell("execution_finished", change, by=by, now=now, number=execution.number, result="succeeded")
    if change.kind == ChangeKind.ROLLBACK:
        _note_rollback(change, replaced, by=by, now=now)
    if not change.bake_hours:
        _complete(change, by=by, now=now)


def _note_rollback(
    change: ChangeRequest, replaced: Deployment | None, *, by: User | None, now: datetime
) -> None:
    """The rollback is also a fact of the original request (RULES 5.3)."""
    original = ChangeRequest.objects.filter(pk=replaced.change_id or 0).first() if replaced else None
    tell("rolled_back", original or change, by=by, now=now, by_change=change.code)
    if original is not None and original.state in (ChangeState.VERIFYING, ChangeState.EXECUTING):
        original = lock(ChangeRequest.objects.all(), original.pk)
        original.state, original.closed_at, original.headline = (
            ChangeState.ROLLED_BACK,
            now,
            f"Rolled back by {change.code}",
        )
        change_save(original, by=by, now=now, reason=f"Rolled back by {change.code}")


def _complete(change: ChangeRequest, *, by: User | None, now: datetime) -> None:
    change.state, change.closed_at, change.headline = ChangeState.COMPLETED, now, "Completed"
    change_save(change, by=by, now=now, reason="The bake time passed")
    tell("change_completed", change, by=by, now=now)


def _fail(
    change: ChangeRequest, execution: Execution, *, reason: str, by: User | None, now: datetime
) -> None:
    rollout_fail(execution.deployment, aborted=False, reason=reason, by=by, now=now)
    execution.state, execution.finished_at, execution.note = Execution.State.FAILED, now, reason
    save_as(execution, by=by, now=now, reason=reason)
    change.state, change.closed_at, change.headline = ChangeState.FAILED, now, f"Failed: {reason}"[:255]
    change_save(change, by=by, now=now, reason=reason)
    tell(
        "execution_finished", change, by=by, now=now, number=execution.number, result="failed", reason=reason
    )


def execution_run(*, change_id: int, clock: Clock) -> str:
    """Carry a scheduled change out as the portal's executor, or go on where a dead worker stopped.

    Returns the state of the execution, or why it did not start. Called by a worker; may be repeated at any point.
    """
    change = ChangeRequest.objects.select_related("environment", "unit").get(pk=change_id)
    execution = Execution.objects.filter(change=change, state__in=OPEN).order_by("-number").first()
    if execution is None:
        if change.state != ChangeState.SCHEDULED:
            return change.state
        try:
            execution = execution_start(change=change, by=None, now=clock())
        except DomainError as refusal:
            return execution_refuse(change=change, refusal=refusal, now=clock())
    if execution.state == Execution.State.WAITING:
        return execution.state
    return _carry_out(execution, _connector(change), clock)


def _carry_out(execution: Execution, connector: Connector, clock: Clock) -> str:
    fence = execution_claim(execution=execution, now=clock())
    step = execution.steps.order_by("-attempt").first()
    if step is not None and step.state == ExecutionStep.State.INTENDED:
        seen = connector.observe(step)
        if seen.outcome != Outcome.NOT_DONE or not connector.is_idempotent:
            unknown = seen if seen.outcome != Outcome.NOT_DONE else Result(Outcome.UNKNOWN, seen.detail)
            step_record(step=step, fence=fence, result=unknown, now=clock())
            return Execution.objects.get(pk=execution.pk).state
        _forget_attempt(step=step, fence=fence, now=clock())
    step = step_intend(execution=execution, fence=fence, now=clock())
    try:
        result = connector.call(step, now=clock())
    except ConnectorFailed as failure:
        step_record(step=step, fence=fence, result=None, failure=str(failure), now=clock())
    else:
        step_record(step=step, fence=fence, result=result, now=clock())
    return Execution.objects.get(pk=execution.pk).state


@operation
def _forget_attempt(*, step: ExecutionStep, fence: int, now: datetime) -> None:
    """Settle an intent that took no effect before the worker died."""
    lock_change(step.execution.change_id)
    execution = lock(Execution.objects.all(), step.execution_id)
    if execution.fence == fence:
        _save_step(
            step, ExecutionStep.State.FAILED, {"failure": "The worker died before it took effect."}, now
        )


@operation
def execution_refuse(*, change: ChangeRequest, refusal: DomainError, now: datetime) -> str:
    """Say why the portal did not start a scheduled change. Changed content takes it back into review."""
    if isinstance(refusal, DossierChanged):
        change_refresh(change=change, by=None, now=now)
    change = lock_change(change.pk)
    if change.state == ChangeState.SCHEDULED:
        change.headline = f"Not started: {refusal.message}"[:255]
        change_save(change, by=None, now=now, reason=change.headline)
    tell("execution_refused", change, by=None, now=now, code=refusal.code, reason=refusal.message)
    return f"refused: {refusal.message}"


@operation
def execution_confirm(
    *, execution: Execution, succeeded: bool, note: str, by: User, now: datetime
) -> Execution:
    """Say, as an operator, what became of a step that the portal cannot see.

    By hand the steps of the approved traffic plan are taken one after the other, each confirmed and held as long as it
    says; the last one makes the deployment live.
    """
    change = lock_change(execution.change_id)
    execution = lock(Execution.objects.select_related("deployment"), execution.pk)
    _may_operate(by, change)
    by_hand = execution.state == Execution.State.WAITING
    done = list(execution.steps.order_by("intended_at", "pk")) if by_hand else []
    blockers = policies.settle_blockers(change, execution, by=by, signers=signers_of(change), now=now)
    if len(note.strip()) < 10:
        blockers.append(Blocker("note", "Say in at least 10 characters what you saw."))
    if succeeded and by_hand:
        last_at = done[-1].finished_at if done else None
        blockers += policies.step_blockers(change, taken=len(done), last_at=last_at, now=now)
    refuse_if(blockers)
    if succeeded and by_hand:
        _step_by_hand(change, execution, place=len(done), note=note.strip(), by=by, now=now)
    if succeeded and len(done) + 1 < len(steps_of(change)) and by_hand:
        _hold(change, execution, place=len(done), by=by, now=now)
    elif succeeded:
        _succeed(change, execution, by=by, note=note.strip(), now=now)
    else:
        _fail(change, execution, reason=note.strip(), by=by, now=now)
    return execution


def _step_by_hand(
    change: ChangeRequest, execution: Execution, *, place: int, note: str, by: User, now: datetime
) -> None:
    """Record one step of the traffic plan as an operator took it."""
    step = steps_of(change)[place]
    identity = {"change": change.pk, "execution": execution.number, "traffic": place + 1}
    row = ExecutionStep(
        execution=execution,
        model_id=change.model_id,
        unit_id=change.unit_id,
        step=f"{step['percent']} % of the traffic",
        attempt=1,
        idempotency_key=canonical.digest(identity),
        arguments=step_arguments(change) | {"percent": step["percent"]},
        state=ExecutionStep.State.SUCCEEDED,
        intended_at=now,
        finished_at=now,
        result={"note": note},
    )
    save_as(row, by=by, now=now, reason=note)


def _hold(change: ChangeRequest, execution: Execution, *, place: int, by: User, now: datetime) -> None:
    """Keep the execution waiting for the next step of the plan."""
    step = steps_of(change)[place]
    if execution.deployment is not None:
        deployment_traffic(deployment=execution.deployment, percent=step["percent"], by=by, now=now)
    change.headline = f"{step['percent']} % of the traffic"
    change_save(change, by=by, now=now, reason=f"Step {place + 1} of {len(steps_of(change))} taken")
    tell("execution_step_taken", change, by=by, now=now, number=execution.number, percent=step["percent"])


@operation
def execution_abort(*, execution: Execution, reason: str, by: User, now: datetime) -> Execution:
    """Stop an execution at or before the first step of its plan: neither a rollback nor a failure (RULES 5.5)."""
    change = lock_change(execution.change_id)
    execution = lock(Execution.objects.select_related("deployment"), execution.pk)
    _may_operate(by, change)
    refuse_if(
        policies.abort_blockers(
            change,
            is_open=execution.state in OPEN,
            is_manual=execution.state == Execution.State.WAITING,
            taken=execution.steps.count(),
        )
    )
    rollout_fail(execution.deployment, aborted=True, reason=reason, by=by, now=now)
    execution.state, execution.finished_at, execution.note = Execution.State.ABORTED, now, reason
    save_as(execution, by=by, now=now, reason=reason or "Aborted")
    change.state, change.headline = ChangeState.APPROVED, "Approved; the last start was aborted"
    change_save(change, by=by, now=now, reason=reason or "Aborted")
    tell("execution_aborted", change, by=by, now=now, number=execution.number, reason=reason)
    return execution


@operation
def change_complete(*, change: ChangeRequest, now: datetime) -> bool:
    """Complete a change whose bake time has passed."""
    change = lock_change(change.pk)
    if change.state != ChangeState.VERIFYING or change.bake_ends_at is None or change.bake_ends_at > now:
        return False
    _complete(change, by=None, now=now)
    return True
