"""Windows and calendar buckets in the reporting time zone.

Instants are UTC; days, ISO weeks and months are those of one reporting zone, whose own midnights bound them, so a
day around a clock change lasts 23 or 25 hours. Every window is half open: ``start`` belongs to it, ``end`` does not.
"""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from typing import Self
from zoneinfo import ZoneInfo

DEFAULT_DAYS = 90
RECOMPUTE_DAYS = 35
DAYS_IN_WEEK = 7
MONTHS_IN_YEAR = 12
QUARTER = 3


def local_day(at: datetime, zone: ZoneInfo) -> date:
    """Return the calendar day of the instant ``at`` in ``zone``."""
    return aware(at).astimezone(zone).date()


def day_start(day: date, zone: ZoneInfo) -> datetime:
    """Return the first instant of ``day`` in ``zone``, in UTC.

    A midnight skipped by a clock change resolves to the first instant that exists, a repeated one to the earlier.
    """
    return datetime.combine(day, time.min, tzinfo=zone).astimezone(UTC)


def aware(at: datetime) -> datetime:
    """Refuse a naive time: which instant it means cannot be known."""
    if at.tzinfo is None:
        raise ValueError(f"{at!r} has no time zone")
    return at


@dataclass(frozen=True, slots=True)
class Window:
    """Half-open span ``[start, end)`` counted in one reporting zone."""

    start: datetime
    end: datetime
    zone: ZoneInfo
    is_to_date: bool = False

    def __post_init__(self) -> None:
        if aware(self.end) < aware(self.start):
            raise ValueError("a window cannot end before it starts")

    def __contains__(self, at: object) -> bool:
        return isinstance(at, datetime) and self.start <= at < self.end

    @property
    def days(self) -> float:
        """Length in local days: 7 for a week with a clock change in it, although it lasts 167 or 169 hours."""
        first, last = self.start.astimezone(self.zone), self.end.astimezone(self.zone)
        return (last.replace(tzinfo=None) - first.replace(tzinfo=None)) / timedelta(days=1)

    @property
    def weeks(self) -> float:
        """Length in weeks of seven local days."""
        return self.days / DAYS_IN_WEEK

    @property
    def is_whole_days(self) -> bool:
        """Whether both ends are first instants of local days."""
        return all(day_start(local_day(at, self.zone), self.zone) == at for at in (self.start, self.end))

    def from_instant(self, at: datetime) -> Self:
        """Return the part of the window at or after ``at``."""
        return type(self)(min(max(self.start, at), self.end), self.end, self.zone, self.is_to_date)

    def opened(self, first: date) -> Self:
        """Return the window begun at the start of ``first`` instead."""
        return type(self)(day_start(first, self.zone), self.end, self.zone, self.is_to_date)


def whole_days(first: date, after_last: date, zone: ZoneInfo, *, is_to_date: bool = False) -> Window:
    """Return the window from the start of ``first`` to the start of ``after_last``."""
    return Window(day_start(first, zone), day_start(after_last, zone), zone, is_to_date)


def trailing(now: datetime, zone: ZoneInfo, days: int = DEFAULT_DAYS) -> Window:
    """Return the last ``days`` complete local days before ``now``."""
    today = local_day(now, zone)
    return whole_days(today - timedelta(days=days), today, zone)


def previous(window: Window) -> Window | None:
    """Return the window of equal length just before; None for an open period, which is not compared.

    Whole quarters and years are compared with as many whole months, whose days may differ by a few.
    """
    if window.is_to_date:
        return None
    if (count := _months_in(window)) >= QUARTER:
        first = local_day(window.start, window.zone)
        return whole_days(_months_before(first, count), first, window.zone)
    if window.is_whole_days:
        first, after_last = local_day(window.start, window.zone), local_day(window.end, window.zone)
        return whole_days(first - (after_last - first), first, window.zone)
    return Window(window.start - (window.end - window.start), window.start, window.zone)


def complete_months(now: datetime, zone: ZoneInfo, count: int = QUARTER) -> Window:
    """Return the last ``count`` complete calendar months before ``now``."""
    first = local_day(now, zone).replace(day=1)
    return whole_days(_months_before(first, count), first, zone)


def calendar_quarter(year: int, number: int, zone: ZoneInfo, *, now: datetime) -> Window:
    """Return a quarter of the calendar, ``number`` 1 to 4; its complete days so far while ``now`` lies inside it."""
    first = date(year, QUARTER * number - QUARTER + 1, 1)
    after_last, today = _months_before(first, -QUARTER), local_day(now, zone)
    is_open = first <= today < after_last
    return whole_days(first, today if is_open else after_last, zone, is_to_date=is_open)


def last_quarter(now: datetime, zone: ZoneInfo) -> Window:
    """Return the last complete quarter of the calendar."""
    today = local_day(now, zone)
    first = _months_before(today.replace(day=1), (today.month - 1) % QUARTER + QUARTER)
    return whole_days(first, _months_before(first, -QUARTER), zone)


def _months_before(first: date, count: int) -> date:
    months = first.year * MONTHS_IN_YEAR + first.month - 1 - count
    return date(months // MONTHS_IN_YEAR, months % MONTHS_IN_YEAR + 1, 1)


def _months_in(window: Window) -> int:
    """Count the whole months a window is made of; zero when it is not made of whole months."""
    first, after = local_day(window.start, window.zone), local_day(window.end, window.zone)
    if not window.is_whole_days or first.day != 1 or after.day != 1:
        return 0
    return (after.year - first.year) * MONTHS_IN_YEAR + after.month - first.month


def month_of(day: date, zone: ZoneInfo, *, now: datetime | None = None) -> Window:
    """Return the calendar month that holds ``day``, marked "to date" while ``now`` lies inside it."""
    first = day.replace(day=1)
    after_last = _next_month(first)
    is_open = now is not None and local_day(now, zone) < after_last
    return whole_days(first, after_last, zone, is_to_date=is_open)


def month_to_date(now: datetime, zone: ZoneInfo) -> Window:
    """Return the complete local days of the current month; empty on its first day."""
    today = local_day(now, zone)
    return whole_days(today.replace(day=1), today, zone, is_to_date=True)


def months_back(now: datetime, zone: ZoneInfo, count: int) -> list[Window]:
    """Return ``count`` months, oldest first; the last one is the current month to date."""
    first = local_day(now, zone).replace(day=1)
    buckets = [month_to_date(now, zone)]
    while len(buckets) < count:
        first = (first - timedelta(days=1)).replace(day=1)
        buckets.append(whole_days(first, _next_month(first), zone))
    return buckets[::-1]


def iso_weeks(window: Window) -> list[Window]:
    """Return the ISO weeks (Monday to Monday) that lie wholly in ``window``.

    A week cut by an edge would look like a slow week, so it is left out; a window too short to hold one whole week
    gives the cut weeks instead.
    """
    return _buckets(window, lambda day: day - timedelta(days=day.weekday()), _next_week)


def calendar_months(window: Window) -> list[Window]:
    """Return the calendar months that lie wholly in ``window``, or the cut ones when there is none."""
    return _buckets(window, lambda day: day.replace(day=1), _next_month)


def _next_week(first: date) -> date:
    return first + timedelta(days=DAYS_IN_WEEK)


def _next_month(first: date) -> date:
    return (first + timedelta(days=31)).replace(day=1)


def _buckets(window: Window, floor: Callable[[date], date], step: Callable[[date], date]) -> list[Window]:
    if window.start == window.end:
        return []
    first = floor(local_day(window.start, window.zone))
    whole, cut = [], []
    while (start := day_start(first, window.zone)) < window.end:
        end = day_start(step(first), window.zone)
        if window.start <= start and end <= window.end:
            whole.append(Window(start, end, window.zone))
        else:
            cut.append(Window(max(start, window.start), min(end, window.end), window.zone))
        first = step(first)
    return whole or cut
