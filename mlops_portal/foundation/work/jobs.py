"""Start and stop jobs. Their progress is on the row; the person sees it on a page that asks again."""

from datetime import datetime
from typing import Any

from django.db import transaction

from mlops_portal.foundation.errors import NotAllowed, invalid
from mlops_portal.foundation.people.models import User
from mlops_portal.foundation.work import running
from mlops_portal.foundation.work.kinds import JobKind, kind_of, kinds, register
from mlops_portal.foundation.work.models import Job
from mlops_portal.foundation.work.runs import JobRun, JobStopped
from mlops_portal.foundation.work.states import FINAL_STATES, JobState
from mlops_portal.foundation.work.tasks import task

__all__ = [
    "Job",
    "JobKind",
    "JobRun",
    "JobState",
    "JobStopped",
    "kind_of",
    "kinds",
    "register",
    "start",
    "stop",
]


@task(on_lost=lambda arguments, now: running.lose(arguments["job_id"], now))
def run_job(job_id: int) -> None:
    """Run one job in a worker."""
    running.run(job_id)


def start(
    *,
    kind: str,
    by: User | None,
    params: dict[str, Any],
    now: datetime,
    unit_id: int | None = None,
    label: str = "",
    run_after: datetime | None = None,
) -> Job:
    """Queue a job in the caller's transaction: it runs if and only if that commits.

    Raises:
        Invalid: nobody handles this kind.
    """
    declared = kind_of(kind)
    if declared is None:
        raise invalid("kind", f"Nothing handles jobs of the kind {kind}.")
    with transaction.atomic():
        job = Job.objects.create(
            kind=kind,
            label=label[:200] or declared.label,
            owner=by,
            unit_id=unit_id,
            params=params,
            created_at=now,
        )
        run_job.using(run_after=run_after).enqueue(job_id=job.pk)
    return job


def stop(*, job: Job, by: User, now: datetime) -> Job:
    """Ask a job to end: at once when it waits, at its next sign of progress when it runs.

    Raises:
        NotAllowed: somebody else started it.
    """
    if job.owner_id != by.pk:
        raise NotAllowed("Only the person who started a job can stop it.")
    with transaction.atomic():
        job = Job.objects.select_for_update(of=("self",)).get(pk=job.pk)
        if job.state in FINAL_STATES:
            return job
        job.stop_requested = True
        if job.state == JobState.QUEUED:
            job.state, job.finished_at = JobState.STOPPED, now
            declared = kind_of(job.kind)
            job.expires_at = now + declared.keep if declared else now
        job.save()
    return job
