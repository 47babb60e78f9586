"""What a job's handler sees while it runs: its progress, its fence, and whether it must end."""

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from django.db import connection, transaction
from django.db.models import QuerySet
from django.utils import timezone

from mlops_portal.foundation.people.models import User
from mlops_portal.foundation.work import leases
from mlops_portal.foundation.work.models import Job
from mlops_portal.foundation.work.states import JobState

WRITE_EVERY_SECONDS = 0.5
# `JobRun.transaction`, for services that know nothing of jobs.
Fence = Callable[[], AbstractContextManager[None]]


class JobStopped(Exception):
    """The run must end: somebody stopped the job, another worker has taken it over, or this worker shuts down."""


@dataclass
class Interrupt:
    """Why a run should end early. Set by the heartbeat and by signals, read by the handler's thread."""

    lost: threading.Event = field(default_factory=threading.Event)
    stop: threading.Event = field(default_factory=threading.Event)
    shutdown: threading.Event = field(default_factory=threading.Event)


@dataclass
class WorkContext:
    """What the worker tells the task it runs: the clock, its own name, and why to stop."""

    holder: str = "inline"
    clock: Callable[[], datetime] = timezone.now
    interrupt: Interrupt = field(default_factory=Interrupt)
    job: Job | None = None


current_work: ContextVar[WorkContext | None] = ContextVar("work", default=None)


class JobRun:
    """Handed to a job's handler."""

    def __init__(self, job: Job, context: WorkContext, *, keep: timedelta, is_repeatable: bool) -> None:
        self.job = job
        self.params: dict[str, Any] = job.params
        self.by: User | None = job.owner
        self.fence = job.fence
        self.keep = keep
        self._is_repeatable = is_repeatable
        self._context = context
        self._written = 0.0
        self._depth = len(connection.atomic_blocks)

    def now(self) -> datetime:
        """The time, for services that the handler calls."""
        return self._context.clock()

    def progress(self, done: int, total: int = 0, phase: str = "") -> None:
        """Say how far the work is, at most twice a second; also the place where a run notices that it must end.

        Inside a transaction of the handler nothing is written: the row would be locked, and nobody could see it.

        Raises:
            JobStopped: end now; what the open transaction did is rolled back.
        """
        self._check_interrupt()
        phase_changed = bool(phase) and phase != self.job.phase
        due = time.monotonic() - self._written >= WRITE_EVERY_SECONDS
        if len(connection.atomic_blocks) > self._depth or not (phase_changed or due or done == total):
            return
        self._written = time.monotonic()
        if phase:
            self.job.phase = phase
        self.job.done, self.job.total = done, total or self.job.total
        now = timezone.now()
        written = self.mine().update(
            done=done, total=self.job.total, phase=self.job.phase[:200], lease_until=now + leases.TASK_TTL
        )
        if not written:
            self._context.interrupt.lost.set()
        elif self.mine().filter(stop_requested=True).exists():
            self._context.interrupt.stop.set()
        self._check_interrupt()

    @contextmanager
    def transaction(self) -> Iterator[None]:
        """Write under the fence: the block commits only if no other worker has taken the job over.

        Raises:
            JobStopped: it was taken over; nothing of the block is kept.
        """
        with transaction.atomic():
            if self.mine().select_for_update().first() is None:
                self._context.interrupt.lost.set()
                raise JobStopped("taken over")
            yield

    def mine(self) -> QuerySet[Job]:
        """The job's row, as long as no other worker has taken it over."""
        return Job.objects.filter(pk=self.job.pk, fence=self.fence, state=JobState.RUNNING)

    def _check_interrupt(self) -> None:
        interrupt = self._context.interrupt
        if interrupt.lost.is_set():
            raise JobStopped("taken over")
        if interrupt.stop.is_set():
            raise JobStopped("stopped")
        if interrupt.shutdown.is_set() and self._is_repeatable:
            raise JobStopped("shutdown")
