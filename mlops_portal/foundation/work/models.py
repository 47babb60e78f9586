"""Rows of background work. Operational data: pruned after a while, not audited (the acts that jobs cause are)."""

from datetime import datetime
from typing import TYPE_CHECKING, Self

from django.conf import settings
from django.db import models
from django.db.models import Q

from mlops_portal.foundation.people.rights import rights_of
from mlops_portal.foundation.work.states import FINAL_STATES, JobState

if TYPE_CHECKING:
    from mlops_portal.foundation.people.models import User

LEDGER_RIGHT = "audits.view_ledger"


class JobQuerySet(models.QuerySet["Job"]):
    """Filters of jobs."""

    def visible_to(self, user: "User") -> Self:
        """Jobs this person started; every job for those who may read the whole ledger."""
        if rights_of(user).everywhere(LEDGER_RIGHT):
            return self
        return self.filter(owner_id=user.pk)

    def unfinished(self) -> Self:
        """Jobs that are queued or running."""
        return self.exclude(state__in=FINAL_STATES)


class Job(models.Model):
    """A piece of work that somebody waits for: an export, an import, an execution."""

    kind = models.CharField(max_length=80)
    label = models.CharField(max_length=200)
    owner = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, on_delete=models.PROTECT, related_name="jobs"
    )
    unit = models.ForeignKey("foundation.BusinessUnit", null=True, on_delete=models.PROTECT, related_name="+")
    params = models.JSONField(default=dict)
    state = models.CharField(max_length=10, choices=JobState, default=JobState.QUEUED)
    phase = models.CharField(max_length=200, blank=True, default="")
    done = models.PositiveBigIntegerField(default=0)
    total = models.PositiveBigIntegerField(default=0)
    result = models.JSONField(default=dict)
    error = models.TextField(blank=True, default="")
    created_at = models.DateTimeField()
    started_at = models.DateTimeField(null=True)
    finished_at = models.DateTimeField(null=True)
    expires_at = models.DateTimeField(null=True)
    stop_requested = models.BooleanField(default=False)
    lease_owner = models.CharField(max_length=100, blank=True, default="")
    lease_until = models.DateTimeField(null=True)
    fence = models.PositiveBigIntegerField(default=0)
    attempt = models.PositiveIntegerField(default=0)

    objects = JobQuerySet.as_manager()

    class Meta:
        indexes = [
            models.Index(fields=["owner", "-id"], name="job_owner_newest"),
            models.Index(fields=["kind", "-id"], name="job_kind_newest"),
            models.Index(fields=["lease_until"], condition=Q(state="running"), name="job_running_leases"),
            models.Index(fields=["expires_at"], name="job_expiry"),
        ]

    def __str__(self) -> str:
        return f"{self.label} ({self.get_state_display()})"

    @property
    def is_final(self) -> bool:
        """Whether nothing will happen to this job any more."""
        return self.state in FINAL_STATES

    @property
    def percent(self) -> int | None:
        """How far it is, or None while the amount of work is unknown."""
        if self.state == JobState.SUCCEEDED:
            return 100
        return min(100, self.done * 100 // self.total) if self.total else None


class Schedule(models.Model):
    """When a piece of work is due next. Declared in code; the row only remembers the time."""

    name = models.CharField(max_length=100, unique=True)
    rule = models.CharField(max_length=60)
    next_at = models.DateTimeField()
    last_at = models.DateTimeField(null=True)
    is_active = models.BooleanField(default=True)

    def __str__(self) -> str:
        return self.name


class Occurrence(models.Model):
    """One due time of a schedule. Unique, so that several schedulers enqueue it once."""

    schedule = models.ForeignKey(Schedule, on_delete=models.CASCADE, related_name="occurrences")
    due_at = models.DateTimeField()
    enqueued_at = models.DateTimeField()
    finished_at = models.DateTimeField(null=True)
    error = models.TextField(blank=True, default="")

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["schedule", "due_at"], name="one_occurrence_per_schedule_and_time"
            ),
        ]
        indexes = [models.Index(fields=["enqueued_at"], name="occurrence_age")]

    def __str__(self) -> str:
        return f"{self.schedule_id} at {self.due_at:%Y-%m-%d %H:%M}"


class OutboxMessage(models.Model):
    """Something to tell the outside world, written with its cause and delivered afterwards, at least once."""

    topic = models.CharField(max_length=100)
    payload = models.JSONField(default=dict)
    created_at = models.DateTimeField()
    available_at = models.DateTimeField()
    attempts = models.PositiveIntegerField(default=0)
    delivered_at = models.DateTimeField(null=True)
    given_up_at = models.DateTimeField(null=True)
    last_error = models.TextField(blank=True, default="")

    class Meta:
        indexes = [
            models.Index(
                fields=["available_at", "id"],
                condition=Q(delivered_at__isnull=True, given_up_at__isnull=True),
                name="outbox_waiting",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.topic} #{self.pk}"


class Lease(models.Model):
    """A name that one process holds for a while: a task, a role such as the sequencer, or its own heartbeat.

    ``fence`` grows with every new holder. Whoever writes under a lease compares it, so a process that was believed
    dead and wakes up again cannot overwrite what its successor did.
    """

    name = models.CharField(max_length=120, unique=True)
    kind = models.CharField(max_length=20)
    holder = models.CharField(max_length=100)
    until = models.DateTimeField()
    beat_at = models.DateTimeField()
    fence = models.PositiveBigIntegerField(default=1)

    class Meta:
        indexes = [models.Index(fields=["kind", "until"], name="lease_kind_until")]

    def __str__(self) -> str:
        return f"{self.name} held by {self.holder}"

    def is_held(self, now: datetime) -> bool:
        """Whether the holder is still believed alive."""
        return self.until > now
