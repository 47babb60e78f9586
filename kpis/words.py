"""How the numbers are written: values with their unit, changes against the period before, periods."""

from datetime import timedelta

from kpis.definitions import DAYS, LOWER, NEITHER, Kpi
from kpis.windows import QUARTER, Window, local_day
from mlops_portal.foundation.web.words import MINUS, MONTHS, day_text, number

HOURS_IN_DAY = 24


def measure(kpi: Kpi, value: float | None) -> tuple[str, str]:
    """Return a value and its unit apart: ``("9.7", "days")``."""
    if value is None:
        return "–", ""
    if kpi.unit == "ratio":
        return _short(100 * value), "%"
    if _in_days(kpi, value):
        amount = _short(value / HOURS_IN_DAY)
        return amount, "day" if amount == "1" else "days"
    return _short(value), "h" if kpi.unit == "hours" else "a week"


def _short(value: float) -> str:
    return number(value, 1).removesuffix(".0")


def _in_days(kpi: Kpi, value: float) -> bool:
    """Whether a duration is written in days; less than one day is always written in hours."""
    return kpi.shown_in == DAYS and abs(value) >= HOURS_IN_DAY


def value_text(kpi: Kpi, value: float | None) -> str:
    """Return a value with its unit; nothing measured is said."""
    return "no data" if value is None else " ".join(measure(kpi, value))


def entry_unit(kpi: Kpi) -> str:
    """Return in what a limit of this KPI is typed: what its numbers are read in."""
    return "%" if kpi.unit == "ratio" else kpi.shown_in or kpi.unit


def entered(kpi: Kpi, typed: float) -> float:
    """Turn a limit as it was typed into what is kept: percent into shares, days into hours."""
    unit = entry_unit(kpi)
    return typed / 100 if unit == "%" else typed * HOURS_IN_DAY if unit == DAYS else typed


def share_text(share: float) -> str:
    """Write a share of a whole as the measures are written: ``42 %``, ``97.5 %``."""
    return f"{_short(100 * share)} %"


def change_of(kpi: Kpi, value: float | None, before: float | None) -> tuple[str, str, str] | None:
    """Return direction, words and tone of a change against the period before; None when either is not known."""
    if value is None or before is None:
        return None
    step = value - before
    if kpi.unit == "ratio":
        text = f"{number(abs(100 * step), 1)} pt"
        step = round(100 * step, 1)
    elif _in_days(kpi, value):
        text = f"{number(abs(step) / HOURS_IN_DAY, 1)} d"
        step = round(step / HOURS_IN_DAY, 1)
    else:
        text = number(abs(step), 1) + (" h" if kpi.unit == "hours" else "")
        step = round(step, 1)
    if not step:
        return "flat", text, "mute"
    if kpi.direction == NEITHER:
        return ("up" if step > 0 else "down"), text, "mute"
    better = (step < 0) == (kpi.direction == LOWER)
    return ("up" if step > 0 else "down"), text, "ok" if better else "fail"


def period_text(window: Window) -> str:
    """Name a period: a month by its name, anything else by its first and last day."""
    first = local_day(window.start, window.zone)
    if window.end <= window.start:
        return "no complete day yet"
    last = local_day(window.end - timedelta.resolution, window.zone)
    after = local_day(window.end, window.zone)
    if first.day == 1 and after.day == 1:
        begin, end = f"{MONTHS[first.month - 1]} {first.year}", f"{MONTHS[last.month - 1]} {last.year}"
        if begin == end:
            return begin
        return f"{begin if first.year != last.year else MONTHS[first.month - 1]} to {end}"
    return day_text(first) if first == last else f"{day_text(first)} to {day_text(last)}"


def quarter_name(window: Window) -> str:
    """Return the calendar quarter in which a window begins, as an address holds it: ``2026-q3``."""
    first = local_day(window.start, window.zone)
    return f"{first.year}-q{(first.month + 2) // QUARTER}"


def quarter_label(name: str) -> str:
    """Write a quarter for people: ``Q3 2026``."""
    year, number = name.split("-q")
    return f"Q{number} {year}"


def period_month(window: Window) -> str:
    """Name the month in which a window begins."""
    first = local_day(window.start, window.zone)
    return f"{MONTHS[first.month - 1]} {first.year}"


def month_label(window: Window) -> str:
    """Return the place of a month on an axis: ``2026-10``."""
    first = local_day(window.start, window.zone)
    return f"{first:%Y-%m}"


def interval_text(interval: tuple[float, float] | None) -> str:
    """Write a 95 % interval of a share."""
    if interval is None:
        return ""
    low, high = interval
    return f"95 %: {number(100 * low, 1)} to {number(100 * high, 1)} %".replace("-", MINUS)
