"""What this app does by itself."""

from datetime import datetime

from kpis.services.snapshots import snapshot_take
from mlops_portal.foundation.work import schedules


def nightly(now: datetime) -> None:
    """Keep the numbers of the day that ended."""
    snapshot_take(now=now)


def register() -> None:
    """Declare the schedule; shortly after midnight, so that the first readers of the day find their numbers."""
    schedules.register("kpis: keep the numbers", nightly, daily_at="00:20")
