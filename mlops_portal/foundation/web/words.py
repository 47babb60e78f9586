"""How numbers, times, durations and names are written on pages. Files use ISO 8601 instead."""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any

from django.utils import timezone
from django.utils.html import format_html
from django.utils.safestring import SafeString

THIN = "\u202f"
MINUS = "\u2212"
WRITTEN_DIGITS = 9  # more digits come from a computation
EXACT_BELOW = 100_000  # larger amounts are never rounded
LONGEST = 24  # places before or after the point; beyond, the power of ten is written
HUNDRED, SHARE_STEP = Decimal(100), Decimal("0.01")
MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")


def number(value: float | Decimal | None, places: int | None = None) -> str:
    """Write a number in thin groups of three; nothing known is "none", never an empty cell."""
    if value is None or value == "":
        return "none"
    text = f"{value:,.{places}f}" if places is not None else f"{value:,}"
    return text.replace(",", THIN).replace("-", MINUS)


def percent(value: float | Decimal | None, places: int = 0) -> str:
    """Write a number of hundredths with a thin space before the sign; nothing known is "none"."""
    return "none" if value is None else f"{number(round(value, places), places)}{THIN}%"


def share(value: float | Decimal | None, places: int = 0) -> str:
    """Write a part of one, such as 0.25, in percent."""
    return percent(None if value is None else 100 * value, places)


def figure(value: float | None) -> str:
    """Write what was measured or set as a limit, alike on every page: as a person wrote it, or six significant digits.

    Exports hold every digit.
    """
    if value is None or not math.isfinite(value):
        return "none" if value is None else str(value)
    return _plain(_told(value))


def share_figure(value: float | None) -> str:
    """Write a part of one that was measured or set as a limit: at most two digits, and whole only where it is."""
    if value is None or not math.isfinite(value):
        return figure(value)
    exact = 100 * Decimal(repr(float(value)))
    if exact.adjusted() >= LONGEST:
        return f"{_plain(exact)}{THIN}%"
    shown = exact.quantize(SHARE_STEP)
    return f"{_plain(shown - SHARE_STEP if exact < HUNDRED <= shown else shown)}{THIN}%"


def _told(value: float) -> Decimal:
    """Keep what a person wrote, and amounts; of what a machine computed six significant digits."""
    exact = Decimal(repr(float(value)))
    is_written = len(exact.normalize().as_tuple().digits) <= WRITTEN_DIGITS
    return exact if is_written or abs(exact) >= EXACT_BELOW else Decimal(f"{exact:.6g}")


def _plain(value: Decimal) -> str:
    if value and not -LONGEST <= value.adjusted() < LONGEST:
        return f"{value.normalize():.6g}".replace("-", MINUS)
    text = f"{value + 0:,f}"
    text = text.rstrip("0").rstrip(".") if "." in text else text
    return text.replace(",", THIN).replace("-", MINUS)


@dataclass(frozen=True, slots=True)
class SideBySide:
    """Two figures and their difference, written so that the subtraction holds on the page."""

    was: str
    now: str
    difference: str  # signed; empty unless there are two
    size: str  # the same without its sign


def side_by_side(was: float | None, now: float | None) -> SideBySide:
    """Write two figures as they stand everywhere, and the difference of what is written: 0.9386 to 0.9404 is +0.0018.

    Figures that differ only in digits beyond those are written in full.
    """
    if was is None or now is None or not (math.isfinite(was) and math.isfinite(now)):
        return SideBySide(figure(was), figure(now), "", "")
    before, after = _told(was), _told(now)
    true = Decimal(repr(float(now))) - Decimal(repr(float(was)))
    if abs(after - before - true) * 10 > abs(true):
        before, after = Decimal(repr(float(was))), Decimal(repr(float(now)))
    difference = after - before
    sign = "+" if difference > 0 else ""
    return SideBySide(_plain(before), _plain(after), f"{sign}{_plain(difference)}", _plain(abs(difference)))


def plural(count: int, noun: str) -> str:
    """Count a noun: `plural(1, "model")`, `plural(2, "entry,entries")`."""
    one, _, many = noun.partition(",")
    return f"{number(count)} {one if count == 1 else many or one + 's'}"


def sentence(text: str) -> str:
    """End a text with a full stop where it has no end of its own."""
    text = text.strip()
    return text if not text or text[-1] in ".!?…" else f"{text}."


def uncapped(text: str) -> str:
    """Let a sentence go on inside another one; an abbreviation keeps its capitals."""
    return text[:1].lower() + text[1:] if text[1:2].islower() or text[1:2] == " " else text


def day_text(value: date) -> str:
    """Write a date as `17 Nov 2026`; of a moment, the day it has in the reader's zone."""
    return _day(
        timezone.localtime(value) if isinstance(value, datetime) and timezone.is_aware(value) else value
    )


def _day(value: date) -> str:
    return f"{value.day} {MONTHS[value.month - 1]} {value.year}"


def time_text(value: datetime) -> str:
    """Write a moment as `17 Nov 2026 10:40`, in the reader's zone."""
    local = timezone.localtime(value) if timezone.is_aware(value) else value
    return f"{_day(local)} {local:%H:%M}"


def zoned_text(value: datetime) -> str:
    """Write a moment in the reader's zone and name it, for what is read on pages, by machines and in messages of jobs."""
    return f"{time_text(value)} {timezone.localtime(value):%Z}"


def utc_text(value: datetime) -> str:
    """Write a moment as `17 Nov 2026 09:40 UTC`, for texts that are kept."""
    return f"{_day(value.astimezone(UTC))} {value.astimezone(UTC):%H:%M} UTC"


def exact(value: datetime) -> str:
    """Write a moment for files: ISO 8601 in UTC, to the second."""
    return value.astimezone(UTC).isoformat(timespec="seconds").replace("+00:00", "Z")


def zone_name() -> str:
    """Name the zone in which times are written for this reader."""
    return str(timezone.get_current_timezone())


def when(value: datetime | date | None, absent: str = "none") -> SafeString:
    """Write a moment or a date as a `<time>` element that carries the exact value."""
    if not value:
        return format_html('<span class="muted">{}</span>', absent)
    text = time_text(value) if isinstance(value, datetime) else day_text(value)
    return format_html('<time class="nowrap" datetime="{}">{}</time>', value.isoformat(), text)


def duration(value: timedelta | float | None) -> str:
    """Write a span of time in its two largest units: `2 h 10 min`, `3 d`, `41 s`."""
    if value is None:
        return "none"
    seconds = int(abs(value.total_seconds() if isinstance(value, timedelta) else value))
    parts = []
    for size, unit in ((86_400, "d"), (3_600, "h"), (60, "min"), (1, "s")):
        count, seconds = divmod(seconds, size)
        if count:
            parts.append(f"{count} {unit}")
        elif parts:
            break
    return " ".join(parts[:2]) or "0 s"


def size(value: int | None) -> str:
    """Write a file size in decimal units: `2.1 MB`."""
    if value is None:
        return "none"
    amount = float(value)
    for unit in ("B", "kB", "MB", "GB"):
        if amount < 1000 or unit == "GB":
            break
        amount /= 1000
    return f"{amount:.0f} {unit}" if unit == "B" or amount >= 100 else f"{amount:.1f} {unit}"


def spaced(name: Any) -> str:
    """Write a name of the code as words: `risk_officer` becomes `risk officer`."""
    return str(name).replace("_", " ")


def content(value: Any) -> str:
    """Write a value that may hold lists and named values, without the marks of code: ``depth 4, algorithm gbm``."""
    if value is None or value in ("", [], {}):
        return "none"
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, datetime):
        return time_text(value)
    if isinstance(value, date):
        return day_text(value)
    if isinstance(value, float):
        return figure(value)
    if isinstance(value, int):
        return number(value)
    if isinstance(value, Mapping):
        return ", ".join(f"{spaced(key)} {content(one)}" for key, one in value.items())
    if isinstance(value, list | tuple):
        told = [content(one) for one in value]
        return (" " if all(one.endswith(".") for one in told) else "; ").join(told)
    return str(value)


def name_of(person: Any) -> str:
    """Name a person or account; nobody is the portal itself."""
    if person is None:
        return "The portal"
    if isinstance(person, str):
        return person
    for attribute in ("full_name", "name", "get_full_name"):
        found = getattr(person, attribute, "")
        found = found() if callable(found) else found
        if found:
            return str(found)
    return str(person)


def initials_of(person: Any) -> str:
    """Two letters for an avatar, from the first and the last name."""
    words = [
        word for word in name_of(person).replace("@", " ").replace(".", " ").split() if word[:1].isalnum()
    ]
    letters = words[0][:1] + words[-1][:1] if len(words) > 1 else (words[0][:2] if words else "?")
    return letters.upper()
