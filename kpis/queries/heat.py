"""Unit by tier. What can be counted is pooled over the units below each row; each cell leads to exactly its rows.

Shares are pooled by adding up what was counted and what was hit, never by averaging shares. A median cannot be pooled
from medians, so the other KPIs are shown for the models of each unit alone.
"""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any

from django.urls import reverse

from kpis import definitions
from kpis.asking import Ask
from kpis.computing import RATIOS
from kpis.definitions import Kpi
from kpis.figures import Figure, Part
from kpis.judging import Limits, Targets, Verdict, excess_of, judge, judge_part, limit_text, tone_of
from kpis.reading import closed_day
from kpis.windows import local_day
from kpis.words import value_text
from mlops_portal.foundation.people.models import BusinessUnit
from mlops_portal.foundation.web.words import number
from registry.states import Tier

TONES = {"ok": "1", "warn": "3", "fail": "5", "mute": "plain"}  # plain: no limit speaks of it
OFFERED = (definitions.CHANGE_FAILURE_RATE.name, definitions.DOCUMENTATION_COMPLETENESS.name)
SENSE = {
    definitions.CHANGE_FAILURE_RATE.name: "Deployments that needed intervention, of those counted",
    definitions.DOCUMENTATION_COMPLETENESS.name: "Deployments with complete documents, of those counted",
}
ELSEWHERE = "Single models elsewhere"
LEVELS: tuple[int | None, ...] = (*Tier.values, None)
NOTHING = Part(None, 0, None, None)


@dataclass(frozen=True, slots=True)
class HeatCell:
    """One cell: a number with what it is counted from, and how it stands."""

    heat: str = "0"
    value: str = ""
    note: str = ""
    url: str = ""
    part: Part = NOTHING
    verdict: str = "No data"
    tier: int | None = None


@dataclass(frozen=True, slots=True)
class HeatRow:
    """One unit with what is below it, or all of them."""

    name: str
    cells: Sequence[HeatCell]


@dataclass(frozen=True, slots=True)
class HeatHead:
    """One column and the limit that holds in it; a cell that has another says so itself."""

    label: str
    limits: Limits | None = None
    limit: str = ""


@dataclass(frozen=True, slots=True)
class HeatMap:
    """The table, and what is to be known about it."""

    kpi: Kpi
    rows: Sequence[HeatRow]
    heads: Sequence[HeatHead] = ()
    limit: str = ""
    quiet: int = 0
    untiered: int = 0

    @property
    def sense(self) -> str:
        """What the two numbers of a cell are."""
        return SENSE.get(self.kpi.name, "")

    @property
    def is_pooled(self) -> bool:
        """Whether a row speaks of everything below its unit."""
        return self.kpi.name in RATIOS


@dataclass(frozen=True, slots=True)
class _Place:
    """One row before its numbers: which units it gathers, and how the address names it."""

    name: str
    members: frozenset[int | None]
    unit: int | None = None
    is_own: bool = False


def heat(kpi: Kpi, figure: Figure, ask: Ask, targets: Targets) -> HeatMap:
    """Return the number by unit and tier; units without rows are left out and counted, the last row is all of them."""
    on = closed_day(ask.window)
    parts = {(one.unit_id, one.tier): one.part for one in figure.cells}
    places, quiet = _places(kpi, parts, ask, _Tree(ask.units))
    if not places:
        return HeatMap(kpi, [], quiet=quiet)
    heads, limit = _heads(kpi, [targets.limits(kpi, unit=ask.unit, tier=tier, on=on) for tier in LEVELS])
    rows = [_row(kpi, place, parts, ask, targets, on, heads) for place in places]
    tiered = sum(parts.get((None, tier), NOTHING).n for tier in Tier.values)
    whole = _total(kpi, figure, parts, ask, targets, on)
    return HeatMap(kpi, [*rows, whole], heads, limit, quiet, max(0, figure.judged.n - tiered))


def _heads(kpi: Kpi, limits: Sequence[Limits | None]) -> tuple[list[HeatHead], str]:
    """Return the columns with their limits, or one limit for all of them."""
    texts = [limit_text(kpi, one.on_target) if one else "" for one in limits]
    once = texts[0] if len(set(limits)) == 1 else ""
    return [
        HeatHead(f"Tier {tier}" if tier else "All", held, "" if once else text)
        for tier, held, text in zip(LEVELS, limits, texts, strict=True)
    ], once


def _places(kpi: Kpi, parts: Mapping[Any, Part], ask: Ask, tree: "_Tree") -> tuple[list["_Place"], int]:
    units = {unit for unit, _ in parts if unit is not None}
    return _pooled(units, ask, tree) if kpi.name in RATIOS else (_each(units, tree), 0)


@dataclass(frozen=True, slots=True)
class Standout:
    """One unit, or one tier of it, that is off target with five rows or more."""

    kpi: Kpi
    name: str
    tier: int | None
    part: Part
    limits: Limits
    url: str


def worst(
    figures: Mapping[str, Figure], ask: Ask, targets: Targets, *, most: int
) -> tuple[list[Standout], int]:
    """Return the cells farthest beyond their limit, over all KPIs, and how many there are.

    They are the cells of the tables of units and tiers, so number, name and rows are the same there.
    """
    on, tree, found = closed_day(ask.window), _Tree(ask.units), []
    for name, figure in figures.items():
        kpi = definitions.get(name)
        if not kpi.has_target:
            continue
        parts = {(one.unit_id, one.tier): one.part for one in figure.cells}
        for place in _places(kpi, parts, ask, tree)[0]:
            if place.unit is None:
                continue
            whole = targets.limits(kpi, unit=place.unit, tier=None, on=on)
            for tier in (None,) if whole is not None else Tier.values:  # one limit for all tiers: named once
                part = _pool(parts, place.members, tier)
                if part.value is None or part.is_small:
                    continue
                limits = whole or targets.limits(kpi, unit=place.unit, tier=tier, on=on)
                if limits is not None and tone_of(part, limits) == "fail":
                    excess = excess_of(kpi, part.value, limits.goal)
                    found.append((excess, place, kpi, tier, part, limits))
    found.sort(key=lambda one: (-one[0], one[1].name, one[3] or 0))
    shown = [
        Standout(kpi, place.name, tier, part, limits, _addresses(kpi, ask, place).of(tier))
        for _, place, kpi, tier, part, limits in found[:most]
    ]
    return shown, len(found)


class _Tree:
    """The units that the reader sees, by the unit above."""

    def __init__(self, units: Mapping[int, BusinessUnit]) -> None:
        self.units = units
        self.below: dict[int | None, list[int]] = defaultdict(list)
        for pk, unit in units.items():
            self.below[unit.parent_id].append(pk)

    def up(self, unit: int) -> list[int]:
        """Return a unit and those above it, as far as they are seen."""
        path = []
        at = self.units.get(unit)
        while at is not None:
            path.append(at.pk)
            at = self.units.get(at.parent_id or 0)
        return path

    def heads(self, units: Iterable[int]) -> list[int]:
        """Return those of the units that lie under none of the others."""
        among = set(units)
        return [unit for unit in among if not among & set(self.up(unit)[1:])]


def _pooled(units: set[int], ask: Ask, tree: _Tree) -> tuple[list[_Place], int]:
    """Return a row for each unit directly below the one asked for, and one for its own models; and the quiet ones."""
    heads = tree.heads(ask.scope.units or ask.units)
    is_split = len(heads) == 1 and not ask.scope.is_own
    tops = [*tree.below[heads[0]], *heads] if is_split else heads
    members: dict[int | None, set[int | None]] = defaultdict(set)
    for unit in units:
        members[next((one for one in tree.up(unit) if one in tops), None)].add(unit)
    places = [
        _place(tree, top, members[top], is_own=ask.scope.is_own or (is_split and top in heads))
        for top in sorted(tops, key=lambda pk: (pk in heads, tree.units[pk].name, pk))
        if top in members
    ]
    elsewhere = [_Place(ELSEWHERE, frozenset(members[None]))] if None in members else []
    return [*places, *elsewhere], sum(top not in members and top not in heads for top in tops)


def _each(units: set[int], tree: _Tree) -> list[_Place]:
    """Return a row for the own models of each unit."""
    known = sorted((pk for pk in units if pk in tree.units), key=lambda pk: (tree.units[pk].name, pk))
    strange = sorted(units - set(known))
    return [
        *(_place(tree, pk, {pk}, is_own=True) for pk in known),
        *(_Place(ELSEWHERE, frozenset({pk})) for pk in strange),
    ]


def _place(tree: _Tree, unit: int, members: Iterable[int | None], *, is_own: bool) -> _Place:
    """Name a row; a unit without units below it is itself alone."""
    apart = is_own and bool(tree.below[unit])
    name = tree.units[unit].name
    return _Place(f"{name} itself" if apart else name, frozenset(members), unit, apart)


def _pool(
    parts: Mapping[tuple[int | None, int | None], Part], members: frozenset[int | None], tier: int | None
) -> Part:
    """Add up what was counted; the number of a single unit stays as it is, also when it is no share."""
    found = [parts[unit, tier] for unit in members if (unit, tier) in parts]
    if len(found) < 2:
        return found[0] if found else NOTHING
    n, hits = sum(one.n for one in found), sum(one.numerator or 0 for one in found)
    return Part(hits / n if n else None, n, hits, n)


class _Addresses:
    """Where the counted rows of each cell of a row are: one address for all tiers, one to narrow by a tier."""

    def __init__(self, kpi: Kpi, ask: Ask, **more: Any) -> None:
        page = reverse("kpis:kpi-detail", args=[kpi.name])
        self._all = page + ask.address(show="counted", **more)
        self._narrowed = page + ask.address(show="counted", **more, tier=None)

    def of(self, tier: int | None) -> str:
        """Return the address of a cell."""
        return f"{self._narrowed}&tier={tier}#rows" if tier else f"{self._all}#rows"


def _addresses(kpi: Kpi, ask: Ask, place: _Place) -> _Addresses:
    return _Addresses(kpi, ask, unit=place.unit, own=1 if place.is_own else None)


def _row(
    kpi: Kpi,
    place: _Place,
    parts: Mapping[Any, Part],
    ask: Ask,
    targets: Targets,
    on: date,
    heads: Sequence[HeatHead],
) -> HeatRow:
    addresses = _addresses(kpi, ask, place)
    cells = []
    for tier, head in zip(LEVELS, heads, strict=True):
        part = _pool(parts, place.members, tier)
        limits = targets.limits(kpi, unit=place.unit, tier=tier, on=on)
        url = addresses.of(tier) if place.unit else ""
        own_limit = limit_text(kpi, limits.on_target) if limits and limits != head.limits else ""
        cells.append(_filled(kpi, part, judge_part(part, kpi, limits), url, tier, own_limit))
    return HeatRow(place.name, cells)


def _total(
    kpi: Kpi, figure: Figure, parts: Mapping[Any, Part], ask: Ask, targets: Targets, on: date
) -> HeatRow:
    addresses, cells = _Addresses(kpi, ask), []
    for tier in Tier.values:
        part = parts.get((None, tier), NOTHING)
        verdict = judge_part(part, kpi, targets.limits(kpi, unit=ask.unit, tier=tier, on=on))
        cells.append(_filled(kpi, part, verdict, addresses.of(tier), tier))
    verdict = judge(figure, targets, on=on, unit=ask.unit, tiers=ask.scope.tiers)
    cells.append(_filled(kpi, figure.judged, verdict, addresses.of(None), None))
    unit = ask.units.get(ask.unit or 0)
    return HeatRow(f"All of {unit.name}" if unit else "All units", cells)


def _filled(
    kpi: Kpi, part: Part, verdict: Verdict, url: str, tier: int | None, own_limit: str = ""
) -> HeatCell:
    if part.value is None:
        return HeatCell(tier=tier)
    shares = kpi.name in RATIOS
    count = "" if shares else f"n {number(part.n)}"
    word = verdict.word.lower() if verdict.band else ""
    return HeatCell(
        heat="n" if part.is_small else TONES[verdict.tone],
        value=f"{number(round(part.numerator or 0))} of {number(part.n)}"
        if shares
        else value_text(kpi, part.value),
        note=", ".join(filter(None, (count, word, own_limit))),
        url=url,
        part=part,
        verdict=verdict.word,
        tier=tier,
    )


def heat_rows(table: HeatMap, ask: Ask) -> list[dict[str, Any]]:
    """Return the cells as rows of a file; what has no rows is written as nothing counted."""
    first, last = local_day(ask.window.start, ask.window.zone), closed_day(ask.window)
    return [
        {
            "kpi": table.kpi.name,
            "unit": row.name,
            "tier": cell.tier or "all",
            "numerator": cell.part.numerator if table.is_pooled else None,
            "n": cell.part.n,
            "value": cell.part.value,
            "measured_in": table.kpi.unit,
            "band": cell.verdict,
            "first": first,
            "last": last,
        }
        for row in table.rows
        for cell in row.cells
    ]
