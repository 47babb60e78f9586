"""Which limits hold now, where they come from, and how the numbers of the usual period lie to them."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime
from typing import Any

from kpis import definitions
from kpis.definitions import Kpi
from kpis.figures import Figure, Part
from kpis.judging import (
    Limits,
    Targets,
    Verdict,
    judge,
    judge_part,
    limit_text,
    limits_text,
    targets_in_force,
)
from kpis.reading import read, three_months
from kpis.scopes import scope_for
from kpis.windows import local_day
from kpis.words import period_text, value_text
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
        watch=limit_text(kpi, limits.watch),
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


@dataclass(frozen=True, slots=True)
class Effect:
    """What a target would change: the number of its place today, by the limits in force and by the target."""

    period: str
    value: str
    n: int
    limit: str
    now: Verdict
    then: Verdict


def effect_of(
    user: Any, kpi: Kpi, *, unit: int | None, tier: int | None, limits: Limits, now: datetime
) -> Effect:
    """Judge the last three complete months of what a person sees, by what holds today and by other limits."""
    window, tiers = three_months(now), [tier] if tier else []
    scope = scope_for(user, units=[unit] if unit else [], tiers=tiers)
    found = read(scope, [window], now=now, names=[kpi.name], cells_of=[window])
    figure = found.of(kpi.name, window)
    targets = targets_in_force([unit] if unit else [])
    held = judge(figure, targets, on=local_day(now, window.zone), unit=unit, tiers=tiers)
    return Effect(
        period=period_text(window),
        value=value_text(kpi, figure.judged.value),
        n=figure.judged.n,
        limit="; ".join(
            [held.text, *(f"tier {one.tier} {limits_text(kpi, one.limits)}" for one in held.tiers)]
        ),
        now=held,
        then=judge_part(figure.judged, kpi, limits),
    )
