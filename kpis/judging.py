"""What a number is held against: dated targets first, the house's limits where nobody set one, and the verdict.

A number over several tiers is judged tier by tier, because limits differ; the worst tier with five rows or more
speaks for all. Fewer rows get no verdict.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any

from kpis import definitions
from kpis.definitions import LOWER, Kpi
from kpis.figures import Figure, Part
from kpis.models import KpiTarget
from kpis.results import Scale, green_amber
from kpis.words import value_text
from mlops_portal.foundation.people.models import UnitClosure

TONES = {
    "green": "ok",
    "elite": "ok",
    "high": "ok",
    "amber": "warn",
    "medium": "warn",
    "red": "fail",
    "low": "fail",
}
WORDS = {"ok": "On target", "warn": "Watch", "fail": "Off target"}
EXCESS_OF_NOTHING = 1000.0  # a share that should be high and is zero is as far off as can be
TOO_FEW = "Too few"
RANK = ("ok", "warn", "fail")


@dataclass(frozen=True, slots=True)
class Verdict:
    """A band as a page shows it, and the limits that gave it in words. ``goal`` is what a trend line is drawn at."""

    tone: str
    word: str
    text: str
    goal: float | None = None
    band: str = ""


@dataclass(frozen=True, slots=True)
class Limits:
    """A scale and the value aimed at."""

    scale: Scale
    goal: float
    is_target: bool


class Targets:
    """The approved targets, newest first, with the units above each unit; read once per page."""

    def __init__(self, rows: Sequence[KpiTarget], above: Mapping[int, Sequence[int]]) -> None:
        self._rows = rows
        self._above = above

    def limits(self, kpi: Kpi, *, unit: int | None, tier: int | None, on: date) -> Limits | None:
        """Return what held on a day: the target nearest to unit and tier, else the house's limits."""
        if not kpi.has_target:
            return None
        places = (*self._above.get(unit, ()), None) if unit else (None,)
        for place in places:
            for level in (tier, None) if tier else (None,):
                for row in self._rows:
                    if (row.kpi, row.unit_id, row.tier) == (kpi.name, place, level) and row.valid_from <= on:
                        lower = kpi.direction == LOWER
                        scale = green_amber(row.green_limit, row.amber_limit, lower_is_better=lower)
                        return Limits(scale, row.value, is_target=True)
        usual = kpi.scale(tier)
        return Limits(usual, goal_of(usual), is_target=False) if usual is not None else None


def goal_of(scale: Scale) -> float:
    """Return the last limit that still counts as on target."""
    return [limit for label, limit in scale.steps if TONES[label] == "ok"][-1]


def targets_in_force(units: Iterable[int] = ()) -> Targets:
    """Read the approved targets and the way up from the given units, nearest first."""
    rows = list(KpiTarget.objects.filter(approved_at__isnull=False).order_by("-valid_from", "-pk"))
    above: dict[int, list[int]] = {}
    if any(row.unit_id for row in rows):
        pairs = UnitClosure.objects.filter(descendant_id__in=set(units)).order_by("-ancestor__depth")
        for ancestor, descendant in pairs.values_list("ancestor_id", "descendant_id"):
            above.setdefault(descendant, []).append(ancestor)
    return Targets(rows, above)


def judge(
    figure: Figure,
    targets: Targets,
    *,
    on: date,
    unit: int | None = None,
    tiers: Iterable[int] = (),
) -> Verdict:
    """Say whether a number is on target."""
    kpi = definitions.get(figure.kpi)
    if not kpi.has_target:
        return Verdict("mute", "No target", "No target: stability is no fault")
    asked = sorted(set(tiers))
    one_tier = asked[0] if len(asked) == 1 else None
    whole = targets.limits(kpi, unit=unit, tier=one_tier, on=on)
    if whole is not None:
        return judge_part(figure.judged, kpi, whole)
    return _by_tier(figure, kpi, targets, on=on, unit=unit)


def judge_part(part: Part, kpi: Kpi, limits: Limits | None) -> Verdict:
    """Judge one value against one scale."""
    if limits is None:
        return Verdict("mute", "No target", "Limits differ by tier")
    text = f"{'Target' if limits.is_target else 'Limit'}: {limit_text(kpi, limits.goal)}"
    if part.value is None:
        return Verdict("mute", "No data", text, limits.goal)
    band = limits.scale.band(part.value, part.n)
    if band is None:
        return Verdict("mute", TOO_FEW, text, limits.goal)
    tone = TONES[band]
    return Verdict(tone, WORDS[tone], text, limits.goal, band)


def _by_tier(figure: Figure, kpi: Kpi, targets: Targets, *, on: date, unit: int | None) -> Verdict:
    found = []
    for cell in figure.cells:
        if cell.unit_id is None and cell.tier is not None:
            limits = targets.limits(kpi, unit=unit, tier=cell.tier, on=on)
            verdict = judge_part(cell.part, kpi, limits)
            if verdict.band:
                found.append((cell.tier, verdict))
    if figure.judged.value is None:
        return Verdict("mute", "No data", "Limits by tier")
    if not found:
        return Verdict("mute", TOO_FEW, "Limits by tier, fewer than 5 in each")
    worst = max((verdict for _, verdict in found), key=lambda one: RANK.index(one.tone))
    met = sum(verdict.tone == "ok" for _, verdict in found)
    return Verdict(worst.tone, worst.word, f"Limits by tier: {met} of {len(found)} met", None, worst.band)


def limit_text(kpi: Kpi, limit: float) -> str:
    """Write a limit with its side: ``10 % at most``."""
    return f"{value_text(kpi, limit)} at {'most' if kpi.direction == LOWER else 'least'}"


def off_target(figures: Mapping[str, Figure], targets: Targets, *, on: date) -> list[dict[str, Any]]:
    """List units that are off target with five rows or more, the farthest beyond their limit first."""
    found = []
    for name, figure in figures.items():
        kpi = definitions.get(name)
        for cell in figure.cells:
            if cell.unit_id is None:
                continue
            if cell.tier and targets.limits(kpi, unit=cell.unit_id, tier=None, on=on) is not None:
                continue  # one limit for all tiers: the unit is named once
            limits = targets.limits(kpi, unit=cell.unit_id, tier=cell.tier, on=on)
            verdict = judge_part(cell.part, kpi, limits)
            if verdict.tone == "fail" and limits is not None and cell.part.value is not None:
                found.append(
                    {
                        "kpi": kpi,
                        "unit_id": cell.unit_id,
                        "tier": cell.tier,
                        "part": cell.part,
                        "limits": limits,
                        "excess": _excess(kpi, cell.part.value, limits.goal),
                    }
                )
    return sorted(found, key=lambda one: (-one["excess"], one["unit_id"], one["tier"] or 0))


def _excess(kpi: Kpi, value: float, goal: float) -> float:
    """Say how far beyond its limit a value lies, so that shares and hours compare."""
    if kpi.direction == LOWER:
        return value / goal if goal else value
    return goal / value if value else goal * EXCESS_OF_NOTHING
