"""How much of a stage's time is used, in words. The clock runs only while the approvers owe something (RULES 4.8)."""

from dataclasses import dataclass
from datetime import datetime

from approvals.models import Stage
from mlops_portal.foundation.web.words import duration

SOON = 75
MINUTE = 60


@dataclass(frozen=True, slots=True)
class Clock:
    """A ring with its words. `left` is what remains, also while the clock stands still."""

    tone: str
    percent: float
    label: str
    left: str
    runs: bool


def _said(seconds: float) -> str:
    """Write a span in whole minutes; a clock that is looked at once needs no seconds."""
    return duration(seconds // MINUTE * MINUTE) if seconds >= MINUTE else "under 1 min"


def clock_of(stage: Stage, now: datetime) -> Clock:
    """Tell the time a stage has left."""
    total = max(stage.sla_hours * 3600, 1.0)
    if stage.clock_started_at is None:
        left = max(total - stage.used_seconds, 0.0)
        return Clock(
            "mute",
            stage.used_seconds / total * 100,
            "Clock stopped",
            f"{_said(left)} left" if left else "No time left",
            runs=False,
        )
    used = stage.used_seconds + max((now - stage.clock_started_at).total_seconds(), 0.0)
    if used > total:
        return Clock("fail", 100, f"{_said(used - total)} over", "overdue", runs=True)
    percent, words = used / total * 100, f"{_said(total - used)} left"
    return Clock("warn" if percent >= SOON else "ok", percent, words, words, runs=True)
