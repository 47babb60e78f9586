"""Rows and windows that the formula tests share."""

from datetime import UTC, date, datetime
from zoneinfo import ZoneInfo

from kpis.formulas import Deployment
from kpis.windows import whole_days

BERLIN = ZoneInfo("Europe/Berlin")
QUARTER = whole_days(date(2026, 1, 5), date(2026, 4, 6), BERLIN)  # thirteen ISO weeks
AFTER = datetime(2026, 6, 30, tzinfo=UTC)


def at(text: str) -> datetime:
    """Return the UTC instant written as ``2026-01-07`` (noon) or ``2026-01-07T10:00``."""
    return datetime.fromisoformat(text if "T" in text else f"{text}T12:00").replace(tzinfo=UTC)


def deployed(name: str, day: str, **fields) -> Deployment:
    """Return a successful production deployment of the churn model."""
    return Deployment(**{"id": name, "target": "churn@prod", "finished_at": at(day)} | fields)
