"""Trends of the KPIs as chart specifications; months only, the present one to date is hatched and never compared."""

from collections.abc import Sequence
from itertools import pairwise

from kpis import definitions
from kpis.definitions import Kpi
from kpis.figures import STEPS, Figure
from kpis.judging import Targets
from kpis.windows import local_day
from kpis.words import HOURS_IN_DAY, month_label
from mlops_portal.foundation.web.charts import Axis, Series, Spec, place_label

DAYS, HOURS, PERCENT = 1 / HOURS_IN_DAY, 1.0, 100.0


def trend_of(
    kpi: Kpi, figures: Sequence[Figure], targets: Targets, *, tier: int | None, unit: int | None
) -> Spec:
    """Return the trend of one KPI: counts for shares (few cases a month), medians for times."""
    if kpi.name == definitions.LEAD_TIME.name:
        return _times(
            kpi,
            figures,
            (("Median", "p50"), ("90th percentile", "p90")),
            "Days from start to production, by month of first deployment. Complete months.",
            DAYS,
            _goals(kpi, figures, targets, tier, unit, DAYS),
        )
    if kpi.name == definitions.APPROVAL_CYCLE_TIME.name:
        return _approvals(kpi, figures, _goals(kpi, figures, targets, tier, unit, HOURS))
    if kpi.name == definitions.DOCUMENTATION_COMPLETENESS.name:
        return _shares(kpi, figures, "Complete when they started", "Below the threshold", bad_is_hits=False)
    if kpi.name == definitions.CHANGE_FAILURE_RATE.name:
        return _shares(kpi, figures, "No intervention needed", "Needed intervention", bad_is_hits=True)
    return _counts(kpi, figures)


def _open_month(figures: Sequence[Figure]) -> str:
    return next((month_label(one.window) for one in figures if one.window.is_to_date), "")


def _open_words(figures: Sequence[Figure]) -> str:
    month = _open_month(figures)
    return f" {place_label(month, 'month')} is hatched: month to date, not compared." if month else ""


def _complete(figures: Sequence[Figure]) -> list[Figure]:
    return [one for one in figures if not one.window.is_to_date]


def _counts(kpi: Kpi, figures: Sequence[Figure]) -> Spec:
    places = [month_label(one.window) for one in figures]
    amounts = [one.numerator or 0 for one in figures]
    done = _complete(figures)
    last = done[-1] if done else None
    return Spec(
        title="Deployments to production",
        caption=f"Successful ones, count per month.{_open_words(figures)}",
        finding=f"{last.numerator or 0:g} deployments in {place_label(month_label(last.window), 'month')}."
        if last
        else "No month is complete yet.",
        first="Month",
        series=[Series("Deployments", places, amounts, kind="bar")] if any(amounts) else [],
        y=Axis(places=0),
        dates="month",
        partial=_open_month(figures),
    )


def _shares(kpi: Kpi, figures: Sequence[Figure], good: str, bad: str, *, bad_is_hits: bool) -> Spec:
    places = [month_label(one.window) for one in figures]
    hits = [one.numerator or 0 for one in figures]
    rest = [(one.denominator or 0) - (one.numerator or 0) for one in figures]
    good_counts, bad_counts = (rest, hits) if bad_is_hits else (hits, rest)
    n, poor = (
        sum(one.n for one in _complete(figures)),
        sum(count for count, one in zip(bad_counts, figures, strict=True) if not one.window.is_to_date),
    )
    return Spec(
        title=kpi.label,
        caption=f"Production deployments, count per month.{_open_words(figures)}",
        finding=f"{poor:g} of {n} deployments in complete months: {bad.lower()}.",
        first="Month",
        series=[
            Series(good, places, good_counts, kind="bar"),
            Series(bad, places, bad_counts, color=5, kind="bar"),
        ]
        if any(hits) or any(rest)
        else [],
        y=Axis(places=0),
        dates="month",
        partial=_open_month(figures),
        stack=True,
    )


def _goals(
    kpi: Kpi, figures: Sequence[Figure], targets: Targets, tier: int | None, unit: int | None, factor: float
) -> list[float | None]:
    """Return what held at the end of each month: an older target keeps its line."""
    found = []
    for one in _complete(figures):
        limits = targets.limits(kpi, unit=unit, tier=tier, on=local_day(one.window.start, one.window.zone))
        found.append(limits.goal * factor if limits else None)
    return found


def _times(
    kpi: Kpi,
    figures: Sequence[Figure],
    lines: Sequence[tuple[str, str]],
    caption: str,
    factor: float,
    goals: Sequence[float | None],
) -> Spec:
    done = _complete(figures)
    places = [month_label(one.window) for one in done]
    series = []
    for at, (name, field) in enumerate(lines):
        values = [_scaled(getattr(one, field), factor) for one in done]
        series.append(Series(name, places, values, color=1 + at * 5, dash="dot" if at else ""))
    return _timed(kpi, series, places, goals, caption)


def _approvals(kpi: Kpi, figures: Sequence[Figure], goals: Sequence[float | None]) -> Spec:
    done = _complete(figures)
    places = [month_label(one.window) for one in done]
    whole = [_scaled(one.judged.value, HOURS) for one in done]
    stage = [_scaled(one.value, HOURS) for one in done]
    series = [Series("Whole request", places, whole), Series("Per stage", places, stage, color=6, dash="dot")]
    return _timed(
        kpi, series, places, goals, "Hours, median by month of the final decision. Complete months."
    )


def _timed(
    kpi: Kpi, series: list[Series], places: Sequence[str], goals: Sequence[float | None], caption: str
) -> Spec:
    if any(goal is not None for goal in goals):
        series.append(Series("Limit", places, list(goals), color=2, dash="dash"))
    known = [(place, value) for place, value in zip(places, series[0].y, strict=True) if value is not None]
    finding = (
        f"{series[0].name} from {known[0][1]:.1f} in {place_label(known[0][0], 'month')} "
        f"to {known[-1][1]:.1f} in {place_label(known[-1][0], 'month')}."
        if known
        else "No complete month has a value."
    )
    return Spec(
        title=kpi.label,
        caption=caption,
        finding=finding,
        first="Month",
        series=series if known else [],
        y=Axis(places=1, range=None),
        dates="month",
    )


def _scaled(value: float | None, factor: float) -> float | None:
    return None if value is None else value * factor


def distribution_of(kpi: Kpi, figure: Figure) -> Spec | None:
    """Return how durations are spread; None for KPIs that are none, or when nothing was counted."""
    if not figure.bins:
        return None
    names = [f"{_span(low)} to {_span(high)}" for low, high in pairwise(STEPS)]
    names.append(f"over {_span(STEPS[-1])}")
    top = max(range(len(names)), key=lambda at: figure.bins[at])
    return Spec(
        title="Distribution",
        caption="Count by duration; the steps are not of equal width.",
        finding=f"Most often {names[top]}: {figure.bins[top]} of {sum(figure.bins)}.",
        first="Duration",
        series=[Series("Count", names, list(figure.bins), kind="bar")],
        y=Axis(places=0),
    )


def _span(hours: int) -> str:
    return f"{hours // HOURS_IN_DAY} d" if hours >= 2 * HOURS_IN_DAY else f"{hours} h"
