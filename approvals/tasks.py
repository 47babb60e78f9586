"""Background work of approvals: executions, refreshes after changes of content, and the clock's work."""

from datetime import datetime, timedelta
from typing import Any

from approvals.models import ChangeRequest
from approvals.services import executions, submission, upkeep
from approvals.services.revisions import REFRESH_JOB
from mlops_portal.foundation.work import jobs, schedules

EVERY_MINUTE = timedelta(minutes=1)


@jobs.register(executions.EXECUTE_JOB, label="Execute a change", idempotent=True, attempts=20)
def execute(run: jobs.JobRun) -> dict[str, Any]:
    """Carry one change out, or go on where a dead worker stopped."""
    return {"state": executions.execution_run(change_id=run.params["change_id"], clock=run.now)}


@jobs.register(REFRESH_JOB, label="Compare a change request with the records", idempotent=True)
def refresh(run: jobs.JobRun) -> dict[str, Any]:
    """Compare one request with the present records."""
    change = ChangeRequest.objects.get(pk=run.params["change_id"])
    return {"changed": submission.change_refresh(change=change, now=run.now())}


def every_minute(now: datetime) -> None:
    """Do what is due within minutes."""
    upkeep.approvals_expire(now=now)
    upkeep.waivers_end(now=now)
    upkeep.bakes_complete(now=now)
    upkeep.lapses_follow_service(now=now)
    upkeep.stages_escalate(now=now, since=now - EVERY_MINUTE)
    upkeep.starts_catch_up(now=now)


def nightly(now: datetime) -> None:
    """Compare every open request with the records, and look for what ended while versions run."""
    upkeep.conditions_lapse(now=now)
    upkeep.lapses_of_validity(now=now)
    upkeep.validations_tell_end(now=now)
    upkeep.changes_refresh(now=now)


def declare() -> None:
    """Register the schedules."""
    schedules.register("approvals: what is due", every_minute, every=EVERY_MINUTE)
    schedules.register("approvals: nightly comparison", nightly, daily_at="02:30")
