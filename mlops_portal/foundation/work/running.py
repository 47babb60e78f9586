"""One run of a job from claim to outcome, which is written under the job's fencing number."""

import logging
from datetime import datetime
from typing import Any

from django.db import close_old_connections, connection, transaction
from django.db.models import F
from django.utils import timezone
from django_tasks.utils import normalize_json

from mlops_portal.foundation.errors import DomainError
from mlops_portal.foundation.work import leases
from mlops_portal.foundation.work.kinds import JobKind, kind_of
from mlops_portal.foundation.work.models import Job
from mlops_portal.foundation.work.runs import JobRun, JobStopped, WorkContext, current_work
from mlops_portal.foundation.work.states import JobState
from mlops_portal.foundation.work.tasks import RetryLater, pause_before

logger = logging.getLogger(__name__)

LOST = "The process that ran this stopped answering. Start it again."


def run(job_id: int) -> None:
    """Run a job to its end: claim it, call its handler, record the outcome.

    Raises:
        RetryLater: it should be run again.
    """
    context = current_work.get() or WorkContext()
    claimed = _claim(job_id, context)
    if claimed is None:
        return
    job, kind = claimed
    context.job = job
    this = JobRun(job, context, keep=kind.keep, is_repeatable=kind.idempotent)
    try:
        result = normalize_json(kind.handler(this))
    except JobStopped:
        _after_stop(this, context)
    except DomainError as refusal:
        _finish(this, JobState.FAILED, error=refusal.message)
    except Exception as error:  # noqa: BLE001  (whatever a handler raises is recorded on its job)
        _after_error(this, kind, error)
    else:
        _finish(this, JobState.SUCCEEDED, result=result)


def lose(job_id: int, now: datetime) -> bool:
    """Deal with a job whose worker died; return whether its task should be run again."""
    with transaction.atomic():
        job = Job.objects.select_for_update().filter(pk=job_id).first()
        if job is None or job.is_final:
            return False
        kind = kind_of(job.kind)
        again = job.state == JobState.QUEUED or (
            kind is not None and kind.idempotent and job.attempt < kind.attempts
        )
        if again and not job.stop_requested:
            Job.objects.filter(pk=job.pk).update(state=JobState.QUEUED, fence=F("fence") + 1, lease_owner="")
            return True
        Job.objects.filter(pk=job.pk).update(
            state=JobState.STOPPED if job.stop_requested else JobState.FAILED,
            fence=F("fence") + 1,
            error="" if job.stop_requested else LOST,
            finished_at=now,
            expires_at=now + (kind.keep if kind else leases.TASK_TTL),
        )
        return False


def _claim(job_id: int, context: WorkContext) -> tuple[Job, JobKind] | None:
    """Make the job ours, with a new fencing number; None when there is nothing to run."""
    now = context.clock()
    with transaction.atomic():
        job = Job.objects.select_for_update(of=("self",)).select_related("owner").filter(pk=job_id).first()
        if job is None or job.state != JobState.QUEUED:
            return None
        kind = kind_of(job.kind)
        problem = ""
        if kind is None:
            problem = f"Nothing in this installation handles jobs of the kind {job.kind}."
        elif job.owner is not None and not job.owner.is_active:
            problem = "The person who started this is no longer active."
        job.fence += 1
        job.attempt += 1
        job.lease_owner, job.lease_until = context.holder, timezone.now() + leases.TASK_TTL
        job.started_at = job.started_at or now
        job.state, job.error = JobState.RUNNING, problem
        if problem:
            job.state, job.finished_at = JobState.FAILED, now
        job.save()
        return None if problem or kind is None else (job, kind)


def _finish(this: JobRun, state: JobState, *, result: dict[str, Any] | None = None, error: str = "") -> None:
    now = this.now()
    changes: dict[str, Any] = {
        "state": state,
        "error": error,
        "finished_at": now,
        "lease_owner": "",
        "lease_until": None,
    }
    changes["expires_at"] = now + this.keep
    if result is not None:
        changes |= {"result": result, "done": F("total")}
    if not this.mine().update(**changes):
        logger.warning(
            "Job %s was taken over by another worker; this run's outcome is not recorded", this.job.pk
        )


def _after_stop(this: JobRun, context: WorkContext) -> None:
    if context.interrupt.lost.is_set():
        logger.warning("Job %s was taken over by another worker", this.job.pk)
    elif context.interrupt.stop.is_set():
        _finish(this, JobState.STOPPED)
    else:
        _requeue(this, attempt=this.job.attempt - 1, error="")
        raise RetryLater(timezone.now())


def _after_error(this: JobRun, kind: JobKind, error: Exception) -> None:
    logger.error("Job %s (%s) failed", this.job.pk, kind.name, exc_info=error)
    if not connection.in_atomic_block:
        close_old_connections()
    text = f"{type(error).__name__}: {error}"[:4000]
    if not kind.idempotent or this.job.attempt >= kind.attempts:
        _finish(this, JobState.FAILED, error=text)
        return
    _requeue(this, attempt=this.job.attempt, error=text)
    raise RetryLater(this.now() + pause_before(this.job.attempt)) from error


def _requeue(this: JobRun, *, attempt: int, error: str) -> None:
    this.mine().update(state=JobState.QUEUED, attempt=attempt, error=error, lease_owner="", lease_until=None)
