"""The worker: claims one task row at a time, runs it under a lease, recovers what dead workers left behind."""

import logging
import os
import socket
import threading
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.db import DatabaseError, close_old_connections, connection, transaction
from django.db.models import Q
from django.utils import timezone
from django_tasks import TaskResultStatus
from django_tasks.utils import normalize_json
from django_tasks_db.models import DBTaskResult, get_date_max

from mlops_portal.foundation.ids import uuid7
from mlops_portal.foundation.work import leases
from mlops_portal.foundation.work.models import Job, Lease
from mlops_portal.foundation.work.runs import WorkContext, current_work
from mlops_portal.foundation.work.tasks import RetryLater, WorkerLost, pause_before, policy_of

logger = logging.getLogger(__name__)

BEAT_EVERY_SECONDS = 10.0


def holder_name() -> str:
    """Return a name for this process that no other process has or had."""
    return f"{socket.gethostname()[:40]}:{os.getpid()}:{uuid7().hex[-8:]}"


@dataclass(frozen=True, slots=True)
class Claim:
    """A task row that is ours while its lease lasts."""

    row: DBTaskResult
    lease: Lease
    context: WorkContext


class Worker:
    """Runs tasks until told to stop. Times of leases are this machine's; tasks see ``clock``."""

    def __init__(self, *, holder: str, clock: Callable[[], datetime] = timezone.now) -> None:
        self.holder = holder
        self._clock = clock
        self._claim: Claim | None = None
        self._stopping = threading.Event()
        self._ended = threading.Event()

    def run_for_ever(self, *, poll_seconds: float = 0.5) -> None:
        """Work until ``shut_down`` is called; a heartbeat thread keeps the leases meanwhile."""
        heart = threading.Thread(target=self._beat_until_ended, daemon=True, name=f"heart-{self.holder}")
        heart.start()
        while not self._stopping.is_set():
            close_old_connections()
            try:
                worked = self.run_one()
            except DatabaseError:
                logger.exception("The database did not answer; trying again")
                worked = False
            if not worked:
                self._stopping.wait(poll_seconds)
        self._ended.set()
        heart.join(timeout=5)
        connection.close()

    def shut_down(self) -> None:
        """End after the present task; jobs that may be repeated end at their next sign of progress."""
        self._stopping.set()

    def run_one(self) -> bool:
        """Run one task if any is due."""
        claim = self._take_next()
        if claim is None:
            return False
        self._claim = claim
        try:
            self._execute(claim)
        finally:
            self._claim = None
        return True

    def _ready(self) -> Any:
        due = Q(run_after=get_date_max()) | Q(run_after__lte=self._clock())
        return DBTaskResult.objects.filter(due, status=TaskResultStatus.READY)

    def _take_next(self) -> Claim | None:
        # Asked first without a lock: an idle worker must not queue for the write lock twice a second.
        if not self._ready().exists():
            return None
        with transaction.atomic():
            row = self._ready().select_for_update(skip_locked=True).first()
            if row is None:
                return None
            row.claim(self.holder)
            lease = leases.take(f"task:{row.pk}", kind="task", holder=self.holder, now=timezone.now())
            if lease is None:
                raise DatabaseError(f"Task {row.pk} is ready although somebody holds its lease")
        context = WorkContext(holder=self.holder, clock=self._clock)
        context.interrupt.shutdown = self._stopping
        return Claim(row, lease, context)

    def _execute(self, claim: Claim) -> None:
        token = current_work.set(claim.context)
        try:
            arguments = claim.row.args_kwargs
            value = normalize_json(claim.row.task.call(*arguments["args"], **arguments["kwargs"]))
        except RetryLater as later:
            again_at = later.at
            _settle(claim, lambda row: _again(row, again_at))
        except Exception as error:  # noqa: BLE001  (whatever a task raises is recorded on its row)
            self._after_error(claim, error)
        else:
            _settle(claim, lambda row: row.set_successful(value))
        finally:
            current_work.reset(token)

    def _after_error(self, claim: Claim, error: Exception) -> None:
        logger.error("Task %s (%s) failed", claim.row.pk, claim.row.task_path, exc_info=error)
        policy, attempt = policy_of(claim.row.task_path), len(claim.row.worker_ids)
        if policy.idempotent and attempt < policy.attempts:
            _settle(claim, lambda row: _again(row, self._clock() + pause_before(attempt)))
        else:
            _settle(claim, lambda row: row.set_failed(error))

    def _beat_until_ended(self) -> None:
        try:
            self.beat()
            while not self._ended.wait(BEAT_EVERY_SECONDS):
                close_old_connections()
                self.beat()
            leases.sign_off(kind="worker", holder=self.holder)
        except DatabaseError:
            logger.warning("The last heartbeat of %s could not be withdrawn", self.holder)
        finally:
            connection.close()

    def beat(self) -> None:
        """Renew heartbeat and leases, and learn whether the running job was stopped or taken over."""
        try:
            now = timezone.now()
            leases.beat(kind="worker", holder=self.holder, now=now)
            claim = self._claim
            if claim is None:
                return
            interrupt, job = claim.context.interrupt, claim.context.job
            if not leases.renew(claim.lease, now=now):
                interrupt.lost.set()
            if job is not None:
                mine = Job.objects.filter(pk=job.pk, fence=job.fence)
                mine.update(lease_until=now + leases.TASK_TTL)
                if mine.filter(stop_requested=True).exists():
                    interrupt.stop.set()
        except DatabaseError:
            logger.warning("Heartbeat of %s failed; trying again", self.holder, exc_info=True)


def _settle(claim: Claim, write: Callable[[DBTaskResult], None]) -> None:
    """Record the outcome, unless another worker was given the task meanwhile."""
    with transaction.atomic():
        if not leases.discard(claim.lease):
            logger.warning("Task %s was taken over; this outcome is not recorded", claim.row.pk)
            return
        write(claim.row)


def _again(row: DBTaskResult, at: datetime) -> None:
    """Put the row back into the queue; the backend writes "at once" as the last representable time."""
    row.status, row.run_after = TaskResultStatus.READY, at
    row.save(update_fields=["status", "run_after"])


def reap(now: datetime) -> int:
    """Take back the tasks of workers that stopped answering: run again, or mark as failed."""
    lost = Lease.objects.filter(kind="task", until__lt=now)
    return sum(
        _reap_one(lease_id, now) for lease_id in lost.values_list("pk", flat=True)
    ) + _reap_without_lease(now)


def _reap_one(lease_id: int, now: datetime) -> bool:
    with transaction.atomic():
        rows = Lease.objects.select_for_update(skip_locked=True)
        lease = rows.filter(pk=lease_id, until__lt=now).first()
        if lease is None:
            return False
        row = DBTaskResult.objects.select_for_update().filter(pk=lease.name.removeprefix("task:")).first()
        lease.delete()
        if row is not None and row.status == TaskResultStatus.RUNNING:
            _recover(row, now)
        return True


def _reap_without_lease(now: datetime) -> int:
    """Rows that some other program marked as running and abandoned."""
    orphans = DBTaskResult.objects.filter(
        status=TaskResultStatus.RUNNING, started_at__lt=now - leases.TASK_TTL
    )
    held = {
        name.removeprefix("task:")
        for name in Lease.objects.filter(kind="task").values_list("name", flat=True)
    }
    recovered = 0
    for pk in orphans.values_list("pk", flat=True):
        if str(pk) in held:
            continue
        with transaction.atomic():
            row = (
                DBTaskResult.objects.select_for_update()
                .filter(pk=pk, status=TaskResultStatus.RUNNING)
                .first()
            )
            if row is not None and not Lease.objects.filter(name=f"task:{pk}").exists():
                _recover(row, now)
                recovered += 1
    return recovered


def _recover(row: DBTaskResult, now: datetime) -> None:
    policy, attempt = policy_of(row.task_path), len(row.worker_ids)
    if policy.on_lost is not None:
        again = policy.on_lost(row.args_kwargs["kwargs"], now)
    else:
        again = policy.idempotent and attempt < policy.attempts
    logger.warning(
        "The worker of task %s (%s) is gone; %s", row.pk, row.task_path, "again" if again else "failed"
    )
    if again:
        _again(row, get_date_max())
    else:
        row.set_failed(
            WorkerLost(f"the worker {row.worker_ids[-1] if row.worker_ids else ''} stopped answering")
        )


def run_pending(*, clock: Callable[[], datetime] = timezone.now, limit: int = 1000) -> int:
    """Run what is due here and now, without a worker process; returns how many tasks ran.

    For tests and for building the demonstration, whose tasks see a past ``clock``.
    """
    worker, ran = Worker(holder=f"inline:{holder_name()}"[:100], clock=clock), 0
    while ran < limit and worker.run_one():
        ran += 1
    return ran
