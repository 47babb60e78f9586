"""What a formula answers: a value with everything needed to read, doubt and repeat it."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from kpis.statistics import mean, median, percentile, wilson
from kpis.windows import Window

SMALL_SAMPLE = 5
NO_DATA = "no_data"
HOUR = timedelta(hours=1)


@dataclass(frozen=True, slots=True)
class Note:
    """One row that was left out or doubted, and why."""

    row: str
    reason: str


@dataclass(frozen=True, slots=True)
class Open:
    """One row that has begun and not ended, so its duration is only known to be at least ``age``."""

    row: str
    since: datetime
    age: timedelta


@dataclass(frozen=True, slots=True)
class Scale:
    """Ordered limits that turn a value into a band: steps from best to worst, then ``otherwise``."""

    steps: tuple[tuple[str, float], ...]
    otherwise: str
    lower_is_better: bool = True
    inclusive: bool = True

    def band(self, value: float | None, n: int) -> str | None:
        """Return the band, or None when there is no value or too few rows to deserve one."""
        if value is None or n < SMALL_SAMPLE:
            return None
        for label, limit in self.steps:
            if self._meets(value, limit):
                return label
        return self.otherwise

    def _meets(self, value: float, limit: float) -> bool:
        if self.inclusive and value == limit:
            return True
        return value < limit if self.lower_is_better else value > limit


def green_amber(green: float, amber: float, *, lower_is_better: bool = True) -> Scale:
    """Return the three-colour scale of the house."""
    return Scale((("green", green), ("amber", amber)), "red", lower_is_better)


@dataclass(frozen=True, slots=True, kw_only=True)
class Result:
    """One value of one KPI over one window.

    ``value`` is None with ``reason`` when nothing can be said; zero always means that something was counted.
    ``counted`` and ``hits`` name the rows of denominator and numerator, so a page can drill down to them.
    """

    kpi: str
    version: str
    unit: str
    window: Window | None = None
    value: float | None = None
    n: int = 0
    numerator: float | None = None
    denominator: float | None = None
    interval: tuple[float, float] | None = None
    band: str | None = None
    reason: str | None = None
    p50: float | None = None
    p90: float | None = None
    mean: float | None = None
    counted: tuple[str, ...] = ()
    hits: tuple[str, ...] = ()
    data_errors: tuple[Note, ...] = ()
    excluded: tuple[Note, ...] = ()
    open: tuple[Open, ...] = ()
    open_p50: float | None = None
    open_p90: float | None = None
    parts: Mapping[str, "Result"] = field(default_factory=dict)
    detail: Mapping[str, Any] = field(default_factory=dict)

    @property
    def is_small(self) -> bool:
        """Whether the value is shown greyed and without a band."""
        return self.n < SMALL_SAMPLE


def ratio(
    *,
    kpi: str,
    version: str,
    hits: Sequence[str],
    counted: Sequence[str],
    scale: Scale | None = None,
    **rest: Any,
) -> Result:
    """Return a share of counted rows, with its Wilson interval; no rows, no share."""
    n = len(counted)
    value = len(hits) / n if n else None
    return Result(
        kpi=kpi,
        version=version,
        unit="ratio",
        value=value,
        n=n,
        numerator=len(hits),
        denominator=n,
        interval=wilson(len(hits), n),
        band=scale.band(value, n) if scale else None,
        reason=None if n else NO_DATA,
        counted=tuple(counted),
        hits=tuple(hits),
        **rest,
    )


def durations(
    *,
    kpi: str,
    version: str,
    spans: Mapping[str, timedelta],
    scale: Scale | None = None,
    ageing: Sequence[Open] = (),
    **rest: Any,
) -> Result:
    """Return the median of durations in hours, p90 and mean beside it, and the age of what is still open."""
    hours = [span / HOUR for span in spans.values()]
    ages = [item.age / HOUR for item in ageing]
    value = median(hours)
    return Result(
        kpi=kpi,
        version=version,
        unit="hours",
        value=value,
        n=len(hours),
        numerator=math.fsum(hours) if hours else None,
        denominator=len(hours),
        band=scale.band(value, len(hours)) if scale else None,
        reason=None if hours else NO_DATA,
        p50=value,
        p90=percentile(hours, 0.9),
        mean=mean(hours),
        counted=tuple(spans),
        open=tuple(sorted(ageing, key=lambda item: (item.since, item.row))),
        open_p50=median(ages),
        open_p90=percentile(ages, 0.9),
        **rest,
    )
