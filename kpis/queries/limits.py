"""Which limits hold now, where they come from, and how the numbers of the usual period lie to them."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import date

from kpis import definitions
from kpis.definitions import Kpi
from kpis.figures import Figure, Part
from kpis.judging import Limits, Targets, Verdict, judge, judge_part, limit_text
from kpis.words import value_text
from registry.states import Tier

HOUSE = "the house"
EVERY_TIER = "every tier"


@dataclass(frozen=True, slots=True)
class LimitRow:
    """One KPI and one tier, or all of them: the limits in force, and the value beside them where there is one."""

    kpi: Kpi
    place: str
    on_target: str
    watch: str
    source: str
    value: str = "no data"
    n: int = 0
    tone: str = "mute"
    word: str = "No data"
    is_small: bool = True


@dataclass(frozen=True, slots=True)
class Against:
    """A number beside its limits, tier by tier where these differ."""

    rows: Sequence[LimitRow]
    note: str = ""


def limits_in_force(targets: Targets, *, on: date, kpis: Iterable[Kpi] | None = None) -> list[LimitRow]:
    """Return the limits that hold on a day for all units; where every tier has the same they stand in one row."""
    found = []
    for kpi in kpis or definitions.every():
        by_tier = [(tier, targets.limits(kpi, unit=None, tier=tier, on=on)) for tier in Tier.values]
        known = [(tier, limits) for tier, limits in by_tier if limits is not None]
        if known and all(limits == known[0][1] for _, limits in known):
            found.append(_row(kpi, EVERY_TIER, known[0][1]))
        else:
            found += [_row(kpi, f"tier {tier}", limits) for tier, limits in known]
    return found


def against(
    figure: Figure, targets: Targets, *, on: date, unit: int | None = None, tiers: Iterable[int] = ()
) -> Against:
    """Set a number beside the limits it is judged by."""
    kpi = definitions.get(figure.kpi)
    asked = sorted(set(tiers))
    one_tier = asked[0] if len(asked) == 1 else None
    note = "Hours of the whole request" if kpi is definitions.APPROVAL_CYCLE_TIME else ""
    whole = targets.limits(kpi, unit=unit, tier=one_tier, on=on)
    if whole is not None:
        verdict = judge(figure, targets, on=on, unit=unit, tiers=asked)
        place = f"tier {one_tier}" if one_tier else EVERY_TIER
        return Against([_row(kpi, place, whole, figure.judged, verdict)], note)
    rows = []
    for tier in asked or Tier.values:
        limits = targets.limits(kpi, unit=unit, tier=tier, on=on)
        if limits is not None:
            part = figure.cell(None, tier) or Part(None, 0, None, None)
            rows.append(_row(kpi, f"tier {tier}", limits, part, judge_part(part, kpi, limits)))
    return Against(rows, note)


def _row(
    kpi: Kpi, place: str, limits: Limits, part: Part | None = None, verdict: Verdict | None = None
) -> LimitRow:
    row = LimitRow(
        kpi=kpi,
        place=place.capitalize(),
        on_target=limit_text(kpi, limits.on_target),
        watch=value_text(kpi, limits.watch),
        source=f"target of {value_text(kpi, limits.goal)}" if limits.is_target else HOUSE,
    )
    if part is None or verdict is None:
        return row
    return replace(
        row,
        value=value_text(kpi, part.value),
        n=part.n,
        tone=verdict.tone,
        word=verdict.word,
        is_small=part.is_small,
    )
