"""Numbers for pages and the API: kept values where there are some, else computed from the rows.

The nightly run keeps the whole enterprise, each tier and kind, and each unit with what is under it. Whoever asks for
something else (several units, unit and tier at once, a period of their own) is answered from the rows of that scope.
"""

from collections.abc import Iterable, Mapping, Sequence
from datetime import date, datetime, timedelta
from zoneinfo import ZoneInfo

from kpis import definitions
from kpis.collectors import collect
from kpis.computing import compute
from kpis.figures import Figure, figure_from
from kpis.models import KpiSnapshot
from kpis.scopes import Scope, key_digest, stored_key
from kpis.windows import (
    Window,
    complete_months,
    last_quarter,
    local_day,
    month_to_date,
    months_back,
    previous,
    trailing,
    whole_days,
)
from mlops_portal.foundation.days import portal_zone

MONTHS_SHOWN = 13
Wanted = tuple[str, datetime, datetime]
NAMES = tuple(kpi.name for kpi in definitions.every())


def zone() -> ZoneInfo:
    """The reporting time zone."""
    return portal_zone()


def months(now: datetime) -> list[Window]:
    """Twelve complete months and the present one to date; none of that on the first day of a month."""
    return [one for one in months_back(now, zone(), MONTHS_SHOWN) if one.start < one.end]


def year(now: datetime) -> Window:
    """Return the last twelve complete months."""
    complete = [one for one in months_back(now, zone(), MONTHS_SHOWN) if not one.is_to_date]
    return Window(complete[0].start, complete[-1].end, zone())


def three_months(now: datetime) -> Window:
    """Return the last three complete months: the period of every page that names none."""
    return complete_months(now, zone())


def usual_windows(now: datetime) -> list[Window]:
    """Return the periods that pages offer and the nightly run keeps by unit and tier: all but the day that runs."""
    offered = (
        three_months(now),
        last_quarter(now, zone()),
        trailing(now, zone()),
        year(now),
        month_to_date(now, zone()),
    )
    return [one for one in offered if one.start < one.end]


def standing_windows(now: datetime) -> list[Window]:
    """Return the periods that the nightly run keeps: those that pages offer and what these are compared with."""
    found = {
        (one.start, one.end): one for last in usual_windows(now) for one in (last, previous(last)) if one
    }
    return list(found.values())


def closed_day(window: Window) -> date:
    """Return the last day of a window, as people name it."""
    return local_day(window.end - timedelta.resolution, window.zone)


def period(first: date, last: date, now: datetime) -> Window:
    """Return the days from first to last; one that reaches today is not complete."""
    to_date = last >= local_day(now, zone())
    return whole_days(first, last + timedelta(days=1), zone(), is_to_date=to_date)


def _wanted(name: str, window: Window) -> Wanted:
    return (name, window.start, window.end)


class Numbers:
    """Figures by KPI and window, read together."""

    def __init__(self, found: Mapping[Wanted, Figure]) -> None:
        self._found = found

    def of(self, name: str, window: Window) -> Figure:
        """Return the figure of one KPI over one window that was asked for."""
        return self._found[_wanted(name, window)]


def read(
    scope: Scope,
    windows: Sequence[Window],
    *,
    now: datetime,
    names: Iterable[str] = NAMES,
    cells_of: Sequence[Window] = (),
) -> Numbers:
    """Return the figures of all windows. Values kept are taken as they were computed; the rest comes from the rows."""
    asked = tuple(names)
    found = _kept(scope, windows, asked)
    missing = [
        (name, window)
        for window in windows
        for name in asked
        if not _is_enough(found.get(_wanted(name, window)), with_cells=window in cells_of)
    ]
    if missing:
        facts = collect(
            scope,
            since=min(window.start for _, window in missing),
            until=now + timedelta.resolution,
            names={name for name, _ in missing},
        )
        for name, window in missing:
            found[_wanted(name, window)] = compute(
                name, facts, window, as_of=now, with_cells=window in cells_of
            )
    return Numbers(found)


def _is_enough(kept: Figure | None, *, with_cells: bool) -> bool:
    """Tell whether a kept value answers; most periods are kept without the numbers of their units and tiers."""
    return kept is not None and (not with_cells or not kept.n or bool(kept.cells))


def _kept(scope: Scope, windows: Sequence[Window], names: Sequence[str]) -> dict[Wanted, Figure]:
    key = stored_key(scope)
    if key is None:
        return {}
    by_place = {(window.start, window.end): window for window in windows}
    rows = (
        KpiSnapshot.objects.filter(
            scope_digest=key_digest(key),
            kpi__in=names,
            window_start__in={window.start for window in windows},
            window_end__in={window.end for window in windows},
            formula_version__in=[definitions.get(name).version for name in names],
        )
        .defer("scope")
        .order_by("computed_at", "pk")
    )
    found = {}
    for row in rows:
        window = by_place.get((row.window_start, row.window_end))
        if window is not None:
            found[_wanted(row.kpi, window)] = (row, window)
    return {place: figure_from(row, window) for place, (row, window) in found.items()}
