"""What the registry does by itself."""

from datetime import datetime

from mlops_portal.foundation.work import schedules
from registry.services.governance import governance_evaluate_all


def nightly(now: datetime) -> None:
    """Evaluate facts, gaps and overdue reviews of every model again (RULES 2.3)."""
    governance_evaluate_all(now=now)


def register() -> None:
    """Declare the schedule; called once, when the app is ready."""
    schedules.register("registry: nightly evaluation", nightly, daily_at="02:00")
