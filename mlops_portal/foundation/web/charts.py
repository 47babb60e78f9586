"""Charts as data: one `Spec` draws the chart in the browser and writes the data table under it.

Column order is series order. Months whose outcomes are not complete are `Unknown`, never drawn; `partial` names
the open month (hatched bars, no line point). No pandas here: specs are built from what queries return.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from typing import Any, Literal

from django.core.exceptions import ImproperlyConfigured

from mlops_portal.foundation.web.words import MINUS, MONTHS, figure, side_by_side

Kind = Literal["line", "bar", "points", "band-low", "band-high"]
Place = str | float | date
MAX_SERIES = 4
FEW = 6  # up to here a whole-number axis has a tick at each number; above, no tick falls between two


def plain(value: Any) -> Any:
    """Turn dates into ISO text and decimals into numbers, as the browser needs them."""
    if isinstance(value, datetime | date):
        return value.isoformat()
    if value is None or isinstance(value, str | int | float):
        return value
    return float(value)


@dataclass(frozen=True, slots=True)
class Series:
    """One line, set of bars, set of points, or one edge of a band. `color` is 1 to 6 of the chart palette."""

    name: str
    x: Sequence[Any]
    y: Sequence[Any]
    color: int = 1
    kind: Kind = "line"
    dash: Literal["", "dash", "dot"] = ""
    symbol: str = "circle"
    error: Sequence[float] = ()
    horizontal: bool = False

    @property
    def is_band(self) -> bool:
        """Tell an interval's edge, which is drawn but has no column, from a series."""
        return self.kind.startswith("band")

    def trace(self) -> dict[str, Any]:
        """Return the compact form that charts.js reads."""
        out: dict[str, Any] = {
            "x": [plain(v) for v in self.x],
            "y": [plain(v) for v in self.y],
            "color": str(self.color),
        }
        if self.is_band:
            return out | {"role": self.kind}
        out["name"] = self.name
        if self.kind == "bar":
            out["type"] = "bar"
            if self.horizontal:
                out["h"] = True
        elif self.kind == "points":
            out |= {"mode": "markers", "symbol": self.symbol}
            if self.error:
                out["err"] = [plain(v) for v in self.error]
        elif self.dash:
            out["dash"] = self.dash
        return out


@dataclass(frozen=True, slots=True)
class Axis:
    """Range and number format of an axis; `reverse` puts categories in reading order."""

    title: str = ""
    places: int | None = None
    range: tuple[float, float] | None = None
    reverse: bool = False

    def compact(self) -> dict[str, Any]:
        """Return only what is set."""
        out: dict[str, Any] = {}
        if self.title:
            out["title"] = self.title
        if self.places is not None:
            out["format"] = f".{self.places}f"
        if self.range:
            out["range"] = [plain(end) for end in self.range]
        if self.reverse:
            out["reverse"] = True
        return out


@dataclass(frozen=True, slots=True)
class Limit:
    """A dashed line at a value, with its label; give `y` or `x`."""

    label: str
    y: float | None = None
    x: float | None = None


@dataclass(frozen=True, slots=True)
class Mark:
    """A thin vertical line, such as a release."""

    x: Place
    label: str


@dataclass(frozen=True, slots=True)
class Unknown:
    """A stretch whose outcomes are not known; `say` is its row in the table."""

    start: Place
    end: Place
    say: str
    label: str = "Outcome not known"


@dataclass(frozen=True, slots=True, kw_only=True)
class Spec:
    """A chart with its caption, its finding in words and its table."""

    title: str
    caption: str
    finding: str
    first: str
    series: Sequence[Series]
    x: Axis = field(default_factory=Axis)
    y: Axis = field(default_factory=Axis)
    dates: Literal["", "month", "day"] = ""
    limits: Sequence[Limit] = ()
    marks: Sequence[Mark] = ()
    unknown: Sequence[Unknown] = ()
    partial: str = ""
    stack: bool = False
    left: int = 0
    difference: bool = False

    def __post_init__(self) -> None:
        """Refuse what the design forbids: too many series, or series without a name."""
        drawn = [one for one in self.series if not one.is_band]
        if len(drawn) > MAX_SERIES:
            raise ImproperlyConfigured(
                f"{self.title}: at most {MAX_SERIES} series, otherwise small multiples"
            )
        if any(not one.name for one in drawn):
            raise ImproperlyConfigured(
                f"{self.title}: every series needs a name, it is a column of the table"
            )

    @property
    def is_empty(self) -> bool:
        """Tell whether there is nothing to draw."""
        return not any(one.x for one in self.series if not one.is_band)

    def _highest(self) -> float:
        """Return how high the drawing reaches; bars that are stacked add up."""
        heights: dict[Any, float] = {}
        for one in self.series:
            for place, value in zip(one.x, one.y, strict=True):
                before, height = heights.get(place, 0.0), float(value or 0)
                heights[place] = before + height if self.stack else max(before, height)
        return max(heights.values(), default=0.0)

    def as_json(self) -> dict[str, Any]:
        """Return what charts.js draws."""
        out: dict[str, Any] = {"data": [one.trace() for one in self.series]}
        for name, axis in (("x", self.x), ("y", self.y)):
            if compact := axis.compact():
                out[name] = compact
        if self.y.places == 0 and self._highest() <= FEW:
            out["y"]["step"] = 1
        if self.limits:
            out["limits"] = [
                {"label": one.label, "y": plain(one.y)}
                if one.y is not None
                else {"label": one.label, "x": plain(one.x)}
                for one in self.limits
            ]
        if self.marks:
            out["marks"] = [{"x": plain(one.x), "label": one.label} for one in self.marks]
        if self.unknown:
            out["unknown"] = [
                {"x0": plain(one.start), "x1": plain(one.end), "label": one.label, "say": one.say}
                for one in self.unknown
            ]
        for name in ("dates", "partial", "stack", "left"):
            if value := getattr(self, name):
                out[name] = value
        return out


@dataclass(frozen=True, slots=True)
class DataTable:
    """Head and rows of the table under a chart; the first cell of a row is its name."""

    head: list[str]
    rows: list[list[str]]


def place_label(value: str, dates: str) -> str:
    """Write a place on a date axis: `2026-10` becomes `Oct 2026`, `2026-10-04` becomes `4 Oct 2026`."""
    if not dates:
        return value
    parts = value[:10].split("-")
    if len(parts) == 2 or dates == "month":
        return f"{MONTHS[int(parts[1]) - 1]} {parts[0]}"
    return f"{int(parts[2])} {MONTHS[int(parts[1]) - 1]} {parts[0]}"


def table_of(spec: Spec) -> DataTable:
    """Write the data table from the very object that draws the chart."""
    drawn = [one for one in spec.as_json()["data"] if not one.get("role")]
    flipped = spec.y.reverse or any(one.get("h") for one in drawn)
    key, val = ("y", "x") if flipped else ("x", "y")
    places = (spec.x if flipped else spec.y).places

    def text(value: Any) -> str:
        if value is None:
            return "not known"
        return f"{value:.{places}f}" if places is not None else figure(value)

    def difference(a: float, b: float) -> str:
        if places is None:
            return side_by_side(b, a).difference
        return f"{a - b:+.{places}f}".replace("-", MINUS)

    lookup = [dict(zip(one[key], one[val], strict=True)) for one in drawn]
    keys = list(dict.fromkeys(place for one in drawn for place in one[key]))
    if spec.dates:
        keys.sort()
    rows = []
    for place in keys:
        name = place_label(str(place), spec.dates)
        if spec.partial and place == spec.partial:
            name += " (month to date)"
        row = [name] + [text(values.get(place)) for values in lookup]
        if spec.difference:
            a, b = lookup[0].get(place), lookup[1].get(place)
            row.append("not known" if a is None or b is None else difference(a, b))
        rows.append(row)
    head = [spec.first, *(one["name"] for one in drawn), *(["Difference"] if spec.difference else [])]
    rows += [[one.say] + ["not known"] * (len(head) - 1) for one in spec.unknown]
    return DataTable(head, rows)
