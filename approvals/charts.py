"""Charts of approvals: pure functions from numbers to one specification."""

from collections.abc import Sequence
from dataclasses import dataclass

from mlops_portal.foundation.web.charts import Axis, Limit, Series, Spec
from mlops_portal.foundation.web.words import figure


@dataclass(frozen=True, slots=True)
class GroupPoint:
    """One metric of one group: the version that serves, the requested one, and half its 95 % interval."""

    group: str
    was: float | None
    now: float | None
    half: float | None


def groups_figure(
    metric: str, points: Sequence[GroupPoint], *, was: str, now: str, limit: float | None, is_max: bool
) -> Spec:
    """Compare a metric by group: the requested version against the one that serves, with the release limit."""
    shown = [point for point in points if point.now is not None or point.was is not None]
    current = [point for point in shown if point.now is not None]
    before = [point for point in shown if point.was is not None]
    has_bars = bool(current) and all(point.half is not None for point in current)
    values = [value for point in shown for value in (point.was, point.now, limit) if value is not None]
    low, high = (min(values), max(values)) if values else (0.0, 1.0)
    pad = (high - low) * 0.25 or abs(high) * 0.1 or 0.1
    series = [
        Series(
            now,
            [point.now for point in current],
            [point.group for point in current],
            color=1,
            kind="points",
            error=[point.half or 0.0 for point in current] if has_bars else (),
        )
    ]
    if before:
        series.append(
            Series(
                was,
                [point.was for point in before],
                [point.group for point in before],
                color=2,
                kind="points",
                symbol="diamond-open",
            )
        )
    return Spec(
        title=f"{metric} by group",
        caption=f"Bars: 95 % interval of {now}." if has_bars else "Point values; no interval was reported.",
        finding=_finding(metric, current, now, limit, is_max),
        first="Group",
        series=series,
        x=Axis(range=(low - pad, high + pad)),
        y=Axis(reverse=True),
        limits=[Limit(f"{'Maximum' if is_max else 'Minimum'} {figure(limit)}", x=limit)]
        if limit is not None
        else (),
        left=110,
    )


def _finding(metric: str, points: Sequence[GroupPoint], now: str, limit: float | None, is_max: bool) -> str:
    if limit is None:
        return f"{metric} by group for {now}; no limit is locked."
    outside = [
        point
        for point in points
        if point.now is not None and (point.now > limit if is_max else point.now < limit)
    ]
    if not outside:
        return f"{metric} of {now} is within the limit of {figure(limit)} for all {len(points)} groups."
    told = ", ".join(f"{point.group} at {figure(point.now)}" for point in outside[:4])
    return f"{metric} of {now} misses the limit of {figure(limit)} for {told}."
