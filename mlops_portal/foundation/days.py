"""The portal's own days: a date by which something is due ends at midnight where the portal is at home.

Neither the reader's zone nor the worker's, which has none, decides whether a date has passed.
"""

from datetime import date, datetime, time
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from django.conf import settings


def portal_zone() -> ZoneInfo:
    """Return the zone in which the portal's days begin."""
    return ZoneInfo(settings.PORTAL_TIME_ZONE)


def zone_named(name: str) -> ZoneInfo:
    """Return the zone a person chose; the portal's where none was chosen, or none of that name exists any more."""
    try:
        return ZoneInfo(name) if name else portal_zone()
    except (ZoneInfoNotFoundError, ValueError):
        return portal_zone()


def portal_day(at: datetime) -> date:
    """Return the day on which a moment falls there."""
    if at.tzinfo is None:
        raise ValueError(f"{at!r} has no time zone")
    return at.astimezone(portal_zone()).date()


def day_end(day: date) -> datetime:
    """Return the last moment of a day there: what is valid until a day is valid on it."""
    return datetime.combine(day, time.max, tzinfo=portal_zone())
