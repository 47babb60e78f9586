"""What a page shows of one KPI over one scope and window, and how it is kept in a snapshot."""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from functools import cached_property
from itertools import pairwise
from typing import Any, overload

from kpis.formulas.approval_time import APPROVAL_TIME
from kpis.models import KpiSnapshot
from kpis.results import Note, Open, Result
from kpis.statistics import wilson
from kpis.windows import Window
from mlops_portal.foundation.canonical import digest

LISTED = 50
SMALL = 5
STEPS = (0, 4, 12, 24, 48, 72, 120, 240, 480, 720, 1440)  # hours; the last bin is open


@dataclass(frozen=True, slots=True)
class Part:
    """A companion number."""

    value: float | None
    n: int
    numerator: float | None
    denominator: float | None
    p90: float | None = None

    @property
    def is_small(self) -> bool:
        """Whether it is shown greyed and without a band."""
        return self.n < SMALL


@dataclass(frozen=True, slots=True)
class Cell:
    """The number of one unit, one tier, or one unit and tier."""

    unit_id: int | None
    tier: int | None
    part: Part


class KeptCells(Sequence[Cell]):
    """Cells as they were kept, made into objects once something asks for them: thousands on a large portfolio."""

    def __init__(self, rows: Sequence[Sequence[Any]]) -> None:
        self._rows = rows

    @cached_property
    def _cells(self) -> list[Cell]:
        return [Cell(unit_id, tier, Part(*values)) for unit_id, tier, *values in self._rows]

    def __len__(self) -> int:
        return len(self._rows)

    @overload
    def __getitem__(self, at: int) -> Cell: ...

    @overload
    def __getitem__(self, at: slice) -> Sequence[Cell]: ...

    def __getitem__(self, at: int | slice) -> Cell | Sequence[Cell]:
        return self._cells[at]

    def __iter__(self) -> Iterator[Cell]:
        return iter(self._cells)


@dataclass(frozen=True, slots=True, kw_only=True)
class Figure:
    """One number with what is needed to read and doubt it. Bands are not kept: targets are dated and may change."""

    kpi: str
    version: str
    window: Window
    value: float | None = None
    n: int = 0
    numerator: float | None = None
    denominator: float | None = None
    reason: str = ""
    p50: float | None = None
    p90: float | None = None
    mean: float | None = None
    parts: Mapping[str, Part] = field(default_factory=dict)
    cells: Sequence[Cell] = ()
    bins: Sequence[int] = ()
    errors: Sequence[tuple[str, str]] = ()
    error_count: int = 0
    excluded: Mapping[str, int] = field(default_factory=dict)
    waiting: Sequence[tuple[str, datetime]] = ()
    open_count: int = 0
    open_p50: float | None = None
    open_p90: float | None = None
    notes: Mapping[str, Any] = field(default_factory=dict)
    source: str = ""
    computed_at: datetime | None = None
    is_stored: bool = False

    @property
    def judged(self) -> Part:
        """The number that limits speak of: for approvals the hours of the whole request, else the number itself."""
        if self.kpi == APPROVAL_TIME:
            return self.parts.get("total", Part(None, 0, None, None))
        return Part(self.value, self.n, self.numerator, self.denominator, self.p90)

    @property
    def is_small(self) -> bool:
        """Whether the value is shown greyed and without a band."""
        return self.n < SMALL

    @property
    def interval(self) -> tuple[float, float] | None:
        """The 95 % interval of a ratio."""
        if self.numerator is None or self.denominator != self.n or not self.n or self.p50 is not None:
            return None
        return wilson(int(self.numerator), self.n)

    def cell(self, unit_id: int | None, tier: int | None) -> Part | None:
        """Return the number of a unit, a tier or both; None when nothing was counted there."""
        return next((one.part for one in self.cells if one.unit_id == unit_id and one.tier == tier), None)


def part_of(result: Result) -> Part:
    """Keep of a companion result what is shown."""
    return Part(result.value, result.n, result.numerator, result.denominator, result.p90)


def figure_of(
    result: Result,
    *,
    computed_at: datetime,
    cells: Sequence[Cell] = (),
    hours: Sequence[float] = (),
    notes: Mapping[str, Any] | None = None,
) -> Figure:
    """Reduce a result to what pages show and snapshots keep."""
    if result.window is None:
        raise ValueError(f"{result.kpi} has no window")
    return Figure(
        kpi=result.kpi,
        version=result.version,
        window=result.window,
        value=result.value,
        n=result.n,
        numerator=result.numerator,
        denominator=result.denominator,
        reason=result.reason or "",
        p50=result.p50,
        p90=result.p90,
        mean=result.mean,
        parts={name: part_of(part) for name, part in result.parts.items()},
        cells=cells,
        bins=binned(hours),
        errors=_listed(result.data_errors),
        error_count=len(result.data_errors),
        excluded=dict(Counter(note.reason for note in result.excluded)),
        waiting=_waiting(result.open),
        open_count=len(result.open),
        open_p50=result.open_p50,
        open_p90=result.open_p90,
        notes=notes or {},
        source=digest([sorted(result.counted), sorted(result.hits)]).removeprefix("sha256 "),
        computed_at=computed_at,
    )


def _listed(notes: Sequence[Note]) -> list[tuple[str, str]]:
    return [(note.row, note.reason) for note in notes[:LISTED]]


def _waiting(rows: Sequence[Open]) -> list[tuple[str, datetime]]:
    return [(row.row, row.since) for row in rows[:LISTED]]


def binned(hours: Sequence[float]) -> list[int]:
    """Count durations by steps of hours; nothing for KPIs that are no durations."""
    if not hours:
        return []
    edges = [*STEPS, float("inf")]
    return [sum(low <= one < high for one in hours) for low, high in pairwise(edges)]


def snapshot_of(figure: Figure, *, scope: Mapping[str, Any], scope_digest: str, now: datetime) -> KpiSnapshot:
    """Return the row that keeps a figure."""
    return KpiSnapshot(
        kpi=figure.kpi,
        formula_version=figure.version,
        unit_id=scope["unit"],
        scope=dict(scope),
        scope_digest=scope_digest,
        window_start=figure.window.start,
        window_end=figure.window.end,
        numerator=figure.numerator,
        denominator=figure.denominator,
        n=figure.n,
        value=figure.value,
        reason=figure.reason,
        source_digest=figure.source,
        detail=_detail(figure),
        computed_at=now,
    )


def _part_row(part: Part) -> list[float | None]:
    return [part.value, part.n, part.numerator, part.denominator, part.p90]


def cell_rows(figure: Figure) -> list[list[Any]]:
    """Return the numbers of units and tiers as a snapshot keeps them."""
    return [[cell.unit_id, cell.tier, *_part_row(cell.part)] for cell in figure.cells]


def _detail(figure: Figure) -> dict[str, Any]:
    return {
        "p50": figure.p50,
        "p90": figure.p90,
        "mean": figure.mean,
        "parts": {name: _part_row(part) for name, part in figure.parts.items()},
        "cells": cell_rows(figure),
        "bins": list(figure.bins),
        "errors": [list(one) for one in figure.errors],
        "error_count": figure.error_count,
        "excluded": dict(figure.excluded),
        "waiting": [[row, since.isoformat()] for row, since in figure.waiting],
        "open": [figure.open_count, figure.open_p50, figure.open_p90],
        "notes": dict(figure.notes),
    }


def figure_from(row: KpiSnapshot, window: Window) -> Figure:
    """Read a figure back from its row."""
    detail = row.detail
    count, p50, p90 = detail.get("open", (0, None, None))
    return Figure(
        kpi=row.kpi,
        version=row.formula_version,
        window=window,
        value=row.value,
        n=row.n,
        numerator=row.numerator,
        denominator=row.denominator,
        reason=row.reason,
        p50=detail.get("p50"),
        p90=detail.get("p90"),
        mean=detail.get("mean"),
        parts={name: Part(*values) for name, values in detail.get("parts", {}).items()},
        cells=KeptCells(detail.get("cells", ())),
        bins=detail.get("bins", ()),
        errors=[(name, reason) for name, reason in detail.get("errors", ())],
        error_count=detail.get("error_count", 0),
        excluded=detail.get("excluded", {}),
        waiting=[(name, datetime.fromisoformat(since)) for name, since in detail.get("waiting", ())],
        open_count=count,
        open_p50=p50,
        open_p90=p90,
        notes=detail.get("notes", {}),
        source=row.source_digest,
        computed_at=row.computed_at,
        is_stored=True,
    )
