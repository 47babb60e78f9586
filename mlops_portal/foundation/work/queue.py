"""The queue in figures, and the removal of what is old."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from django.db.models import Count, Min, Model, Q, QuerySet
from django_tasks import TaskResultStatus
from django_tasks_db.models import DBTaskResult, get_date_max

from mlops_portal.foundation.files import services as files
from mlops_portal.foundation.work.models import Job, Lease, Occurrence, OutboxMessage
from mlops_portal.foundation.work.states import FINAL_STATES

KEEP_SUCCESSFUL = timedelta(days=14)
KEEP_FAILED = timedelta(days=60)
KEEP_OCCURRENCES = timedelta(days=60)
KEEP_DELIVERED = timedelta(days=30)
CHUNK = 2000


@dataclass(frozen=True, slots=True)
class QueueFigures:
    """How much waits, for how long, and how much is under way."""

    ready: int
    oldest_seconds: float
    running: int
    outbox: int


def figures(now: datetime) -> QueueFigures:
    """Count what waits. Tasks whose time has not come do not count."""
    open_rows = DBTaskResult.objects.filter(status__in=[TaskResultStatus.READY, TaskResultStatus.RUNNING])
    due = Q(status=TaskResultStatus.READY) & (Q(run_after=get_date_max()) | Q(run_after__lte=now))
    row = open_rows.aggregate(
        ready=Count("pk", filter=due),
        oldest=Min("enqueued_at", filter=due),
        running=Count("pk", filter=Q(status=TaskResultStatus.RUNNING)),
    )
    waiting = OutboxMessage.objects.filter(
        delivered_at__isnull=True, given_up_at__isnull=True, available_at__lte=now
    )
    age = max(0.0, (now - row["oldest"]).total_seconds()) if row["oldest"] else 0.0
    return QueueFigures(row["ready"], age, row["running"], waiting.count())


def prune(now: datetime) -> None:
    """Remove finished work that nobody looks at any more."""
    finished = DBTaskResult.objects.filter(finished_at__isnull=False)
    _delete(finished.filter(status=TaskResultStatus.SUCCESSFUL, finished_at__lt=now - KEEP_SUCCESSFUL))
    _delete(finished.filter(finished_at__lt=now - KEEP_FAILED))
    _delete(Occurrence.objects.filter(enqueued_at__lt=now - KEEP_OCCURRENCES))
    _delete(OutboxMessage.objects.filter(delivered_at__lt=now - KEEP_DELIVERED))
    _delete(Lease.objects.exclude(kind="role").filter(until__lt=now - timedelta(days=1)))
    _expire_jobs(now)


def _expire_jobs(now: datetime) -> None:
    expired = Job.objects.filter(state__in=FINAL_STATES, expires_at__lt=now).order_by("pk")
    while jobs := list(expired[:CHUNK]):
        Job.objects.filter(pk__in=[job.pk for job in jobs]).delete()
        _discard_files(job.result.get("file_id") for job in jobs)


def _discard_files(ids: Iterable[Any]) -> None:
    for file_id in {found for found in ids if found}:
        if not Job.objects.filter(result__file_id=file_id).exists():
            files.discard_if_unused(file_id)


def _delete(rows: "QuerySet[Model]") -> None:
    while ids := list(rows.order_by("pk").values_list("pk", flat=True)[:CHUNK]):
        rows.model._default_manager.filter(pk__in=ids).delete()
