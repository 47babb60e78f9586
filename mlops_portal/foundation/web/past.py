"""The moment that a page shows, read from its address."""

from datetime import datetime

from django.http import HttpRequest
from django.utils import timezone
from django.utils.dateparse import parse_date, parse_datetime

from mlops_portal.foundation.errors import invalid
from mlops_portal.foundation.years import FIRST_YEAR

NO_MOMENT = "is no date. Write it as 2026-11-17 or 2026-11-17 10:40."


def parse_as_of(request: HttpRequest) -> datetime | None:
    """Read `?as_of=`: a date means its end, a date with time that moment, in the reader's zone.

    Raises:
        Invalid: it is no date, or lies in the future.
    """
    text = request.GET.get("as_of", "").strip()
    if not text:
        return None
    try:
        moment = parse_datetime(text)
        if moment is None or len(text) <= 10:
            day = parse_date(text)
            moment = datetime(day.year, day.month, day.day, 23, 59, 59) if day else None  # noqa: DTZ001
    except ValueError:
        moment = None
    if moment is None or moment.year < FIRST_YEAR:
        raise invalid("as_of", f"{text} {NO_MOMENT}")
    if timezone.is_naive(moment):
        moment = timezone.make_aware(moment)
    if moment > timezone.now() and moment.date() > timezone.localdate():
        raise invalid("as_of", f"{text} is in the future.")
    return moment
