"""Numbers by unit and tier as rows of a file."""

from collections.abc import Sequence
from typing import Any

from kpis import definitions
from kpis.asking import Ask
from kpis.figures import Figure, Part
from kpis.judging import Targets, Verdict, judge, judge_part
from kpis.reading import closed_day
from kpis.windows import local_day
from mlops_portal.foundation.web.words import exact

EVERY_UNIT = "all units asked for"


def place_rows(figures: Sequence[Figure], ask: Ask, targets: Targets) -> list[dict[str, Any]]:
    """Return each number as a whole, then by unit and tier."""
    on = closed_day(ask.window)
    rows = []
    for figure in figures:
        kpi = definitions.get(figure.kpi)
        whole = Part(figure.value, figure.n, figure.numerator, figure.denominator, figure.p90)
        verdict = judge(figure, targets, on=on, unit=ask.unit, tiers=ask.scope.tiers)
        rows.append(_row(figure, whole, verdict, EVERY_UNIT, "all"))
        for cell in figure.cells:
            limits = targets.limits(kpi, unit=cell.unit_id, tier=cell.tier, on=on)
            unit = ask.units.get(cell.unit_id or 0)
            rows.append(
                _row(
                    figure,
                    cell.part,
                    judge_part(cell.part, kpi, limits),
                    unit.name if unit else EVERY_UNIT,
                    cell.tier or "all",
                )
            )
    return rows


def _row(figure: Figure, part: Part, verdict: Verdict, unit: str, tier: int | str) -> dict[str, Any]:
    window, kpi = figure.window, definitions.get(figure.kpi)
    return {
        "kpi": figure.kpi,
        "name": kpi.label,
        "unit": unit,
        "tier": tier,
        "value": part.value,
        "measured_in": "share of 1" if kpi.unit == "ratio" else kpi.unit,
        "n": part.n,
        "numerator": part.numerator,
        "denominator": part.denominator,
        "band": verdict.word,
        "limit": verdict.text,
        "first": local_day(window.start, window.zone),
        "last": closed_day(window),
        "version": figure.version,
        "computed": exact(figure.computed_at) if figure.computed_at else "",
    }
