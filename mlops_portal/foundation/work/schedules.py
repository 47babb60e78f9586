"""Schedules are declared in code. Any number of schedulers may tick: each due time is enqueued exactly once."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, time, timedelta

from django.db import transaction

from mlops_portal.foundation.days import portal_zone
from mlops_portal.foundation.work.models import Occurrence, Schedule
from mlops_portal.foundation.work.runs import WorkContext, current_work
from mlops_portal.foundation.work.tasks import task

ScheduleHandler = Callable[[datetime], None]


@dataclass(frozen=True, slots=True)
class Plan:
    """A declared schedule: every so often, or daily at a local time."""

    name: str
    handler: ScheduleHandler
    every: timedelta | None
    daily_at: time | None

    @property
    def rule(self) -> str:
        """The rule in words."""
        return f"daily at {self.daily_at:%H:%M}" if self.daily_at else f"every {self.every}"

    def after(self, moment: datetime) -> datetime:
        """Return the first due time after ``moment``."""
        if self.daily_at is None:
            step = (self.every or timedelta(days=1)).total_seconds()
            return datetime.fromtimestamp((moment.timestamp() // step + 1) * step, UTC)
        zone = portal_zone()
        day = moment.astimezone(zone).date()
        while (due := datetime.combine(day, self.daily_at, zone).astimezone(UTC)) <= moment:
            day += timedelta(days=1)
        return due


_plans: dict[str, Plan] = {}


def register(
    name: str, handler: ScheduleHandler, *, every: timedelta | None = None, daily_at: str | None = None
) -> None:
    """Declare a schedule: ``handler(now)`` runs in a worker, is tried three times and must bear repetition.

    Raises:
        ValueError: the name is taken, or not exactly one of ``every`` and ``daily_at`` is given.
    """
    if (every is None) == (daily_at is None):
        raise ValueError(f"The schedule {name} needs either every or daily_at")
    plan = Plan(name, handler, every, time.fromisoformat(daily_at) if daily_at else None)
    if name in _plans and _plans[name] != plan:
        raise ValueError(f"The schedule {name} is registered twice")
    _plans[name] = plan


def plans() -> list[Plan]:
    """All declared schedules by name."""
    return [_plans[name] for name in sorted(_plans)]


@task(attempts=3, idempotent=True)
def run_occurrence(occurrence_id: int) -> None:
    """Run what was due."""
    context = current_work.get() or WorkContext()
    occurrence = Occurrence.objects.select_related("schedule").get(pk=occurrence_id)
    plan = _plans.get(occurrence.schedule.name)
    if plan is None or occurrence.finished_at is not None:
        return
    try:
        plan.handler(context.clock())
    except Exception as error:
        Occurrence.objects.filter(pk=occurrence_id).update(error=f"{type(error).__name__}: {error}"[:4000])
        raise
    Occurrence.objects.filter(pk=occurrence_id).update(finished_at=context.clock(), error="")


def sync(now: datetime) -> None:
    """Give every declared schedule its row; schedules that are gone from the code become inactive."""
    known = {row.name: row for row in Schedule.objects.all()}
    for plan in plans():
        row = known.get(plan.name)
        if row is None:
            Schedule.objects.get_or_create(
                name=plan.name, defaults={"rule": plan.rule, "next_at": plan.after(now)}
            )
        elif row.rule != plan.rule or not row.is_active:
            row.rule, row.next_at, row.is_active = plan.rule, plan.after(now), True
            row.save(update_fields=["rule", "next_at", "is_active"])
    Schedule.objects.filter(is_active=True).exclude(name__in=_plans).update(is_active=False)


def tick(now: datetime) -> int:
    """Enqueue what is due. A time that was missed runs once, late; several missed ones run once together."""
    due = Schedule.objects.filter(is_active=True, next_at__lte=now, name__in=_plans)
    return sum(_enqueue(pk, now) for pk in due.values_list("pk", flat=True))


def _enqueue(schedule_id: int, now: datetime) -> bool:
    with transaction.atomic():
        waiting = Schedule.objects.select_for_update(skip_locked=True)
        schedule = waiting.filter(pk=schedule_id, next_at__lte=now).first()
        if schedule is None:
            return False
        occurrence, created = Occurrence.objects.get_or_create(
            schedule=schedule, due_at=schedule.next_at, defaults={"enqueued_at": now}
        )
        if created:
            run_occurrence.enqueue(occurrence_id=occurrence.pk)
        schedule.last_at, schedule.next_at = schedule.next_at, _plans[schedule.name].after(now)
        schedule.save(update_fields=["last_at", "next_at"])
        return created
