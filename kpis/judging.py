"""What a number is held against: dated targets first, the house's limits where nobody set one, and the verdict.

A number over several tiers is judged tier by tier, because limits differ; the worst tier with five rows or more
speaks for all. Fewer rows get no verdict.
"""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date

from kpis import definitions
from kpis.definitions import LOWER, Kpi
from kpis.figures import Figure, Part
from kpis.formulas.approval_time import APPROVAL_TIME
from kpis.models import KpiTarget
from kpis.results import SMALL_SAMPLE, Scale, green_amber
from kpis.words import value_text
from mlops_portal.foundation.people.models import UnitClosure
from mlops_portal.foundation.web.words import number

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
class Limits:
    """A scale and the value aimed at, which a target may set stricter than its scale."""

    scale: Scale
    goal: float
    is_target: bool

    @property
    def on_target(self) -> float:
        """The last value that is on target."""
        return goal_of(self.scale)

    @property
    def watch(self) -> float:
        """The last value that is to be watched; beyond it a number is off target."""
        return [limit for label, limit in self.scale.steps if TONES[label] == "warn"][-1]


@dataclass(frozen=True, slots=True)
class Verdict:
    """A band as a page shows it, and the limits that gave it in words. ``goal`` is what a trend line is drawn at.

    ``why`` says in a sentence how the value lies to its limits; ``tiers`` do so for each tier that has limits of its own.
    """

    tone: str
    word: str
    text: str
    goal: float | None = None
    band: str = ""
    why: str = ""
    tiers: tuple["TierVerdict", ...] = ()

    @property
    def judged_tiers(self) -> list["TierVerdict"]:
        """The tiers with enough rows; ``text`` counts the others."""
        return [one for one in self.tiers if one.verdict.band]


NO_TARGET = Verdict("mute", "No target", "No target: stability is no fault")


@dataclass(frozen=True, slots=True)
class TierVerdict:
    """One tier beside its limits."""

    tier: int
    kpi: Kpi
    part: Part
    limits: Limits
    verdict: Verdict

    @property
    def value(self) -> str:
        """The value with its unit."""
        return value_text(self.kpi, self.part.value)

    @property
    def limit(self) -> str:
        """The last value on target, in words."""
        return limit_text(self.kpi, self.limits.on_target)


class Targets:
    """The approved targets, newest first, with the units above each unit; read once per page."""

    def __init__(self, rows: Sequence[KpiTarget], above: Mapping[int, Sequence[int]]) -> None:
        self._rows: dict[str, list[KpiTarget]] = defaultdict(list)
        for row in rows:
            self._rows[row.kpi].append(row)
        self._above = above

    def limits(self, kpi: Kpi, *, unit: int | None, tier: int | None, on: date) -> Limits | None:
        """Return what held on a day: the target nearest to unit and tier, else the house's limits."""
        if not kpi.has_target:
            return None
        rows = self._rows.get(kpi.name)
        if not rows:
            return _of_the_house(kpi, tier)
        places = (*self._above.get(unit, ()), None) if unit else (None,)
        for place in places:
            for level in (tier, None) if tier else (None,):
                for row in rows:
                    if (row.unit_id, row.tier) == (place, level) and row.valid_from <= on:
                        return target_limits(kpi, row.value, row.green_limit, row.amber_limit)
        return _of_the_house(kpi, tier)


def _of_the_house(kpi: Kpi, tier: int | None) -> Limits | None:
    usual = kpi.scale(tier)
    return Limits(usual, goal_of(usual), is_target=False) if usual is not None else None


def target_limits(kpi: Kpi, value: float, green_limit: float, amber_limit: float) -> Limits:
    """Return the limits that a target sets."""
    scale = green_amber(green_limit, amber_limit, lower_is_better=kpi.direction == LOWER)
    return Limits(scale, value, is_target=True)


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
        return NO_TARGET
    asked = sorted(set(tiers))
    one_tier = asked[0] if len(asked) == 1 else None
    whole = targets.limits(kpi, unit=unit, tier=one_tier, on=on)
    if whole is not None:
        return judge_part(figure.judged, kpi, whole)
    return _by_tier(figure, kpi, targets, on=on, unit=unit)


def judge_part(part: Part, kpi: Kpi, limits: Limits | None) -> Verdict:
    """Judge one value against one scale."""
    if not kpi.has_target:
        return NO_TARGET
    if limits is None:
        return Verdict("mute", "Not judged", "Limits differ by tier")
    text = f"{'Target' if limits.is_target else 'Limit'}: {limit_text(kpi, limits.goal)}"
    if part.value is None:
        return Verdict("mute", "No data", text, limits.goal)
    band = limits.scale.band(part.value, part.n)
    if band is None:
        return Verdict(
            "mute",
            TOO_FEW,
            text,
            limits.goal,
            why=f"Not judged: n {number(part.n)}, fewer than {SMALL_SAMPLE}.",
        )
    tone = TONES[band]
    return Verdict(tone, WORDS[tone], text, limits.goal, band, _why(tone, kpi, part.value, limits))


def tone_of(part: Part, limits: Limits) -> str:
    """Return how a value stands, without the words; empty when it is not judged."""
    band = limits.scale.band(part.value, part.n)
    return TONES[band] if band else ""


def _why(tone: str, kpi: Kpi, value: float, limits: Limits) -> str:
    """Say between which limits a value lies."""
    lower = kpi.direction == LOWER
    shown, beyond = value_text(kpi, value), "above" if lower else "below"
    kind = "target" if limits.is_target and limits.goal == limits.on_target else "limit"
    on_target, watch = value_text(kpi, limits.on_target), value_text(kpi, limits.watch)
    if tone == "ok":
        reaches = "keeps to" if lower else "reaches"
        return f"{shown} {reaches} the {kind} of at {'most' if lower else 'least'} {on_target}."
    if tone == "warn":
        return f"{shown} is {beyond} {on_target}, where on target ends, and not {beyond} {watch}, where off target begins."
    return f"{shown} is {beyond} {watch}, where off target begins."


def _by_tier(figure: Figure, kpi: Kpi, targets: Targets, *, on: date, unit: int | None) -> Verdict:
    """Judge each tier by its own limits; the worst that has enough rows speaks for all."""
    tiers = []
    for cell in figure.cells:
        limits = targets.limits(kpi, unit=unit, tier=cell.tier, on=on) if cell.tier else None
        if cell.unit_id is None and cell.tier is not None and limits is not None:
            tiers.append(TierVerdict(cell.tier, kpi, cell.part, limits, judge_part(cell.part, kpi, limits)))
    tiers.sort(key=lambda one: one.tier)
    found = [one for one in tiers if one.verdict.band]
    said = "Limits by tier, whole request" if figure.kpi == APPROVAL_TIME else "Limits by tier"
    if figure.judged.value is None:
        return Verdict("mute", "No data", said)
    if not found:
        why = f"Not judged: fewer than {SMALL_SAMPLE} in each tier."
        return Verdict("mute", TOO_FEW, said, why=why, tiers=tuple(tiers))
    worst = max(found, key=lambda one: RANK.index(one.verdict.tone))
    met, few = sum(one.verdict.tone == "ok" for one in found), len(tiers) - len(found)
    rest = f", {few} with too few to judge" if few else ""
    return Verdict(
        worst.verdict.tone,
        worst.verdict.word,
        f"{said}: {met} of {len(found)} on target{rest}",
        None,
        worst.verdict.band,
        f"Tier {worst.tier}: {worst.verdict.why}",
        tuple(tiers),
    )


def limit_text(kpi: Kpi, limit: float) -> str:
    """Write a limit with its side: ``10 % at most``."""
    return f"{value_text(kpi, limit)} at {'most' if kpi.direction == LOWER else 'least'}"


def limits_text(kpi: Kpi, limits: Limits) -> str:
    """Write both limits: ``30 days at most, watch up to 60 days``."""
    side = "up" if kpi.direction == LOWER else "down"
    return f"{limit_text(kpi, limits.on_target)}, watch {side} to {value_text(kpi, limits.watch)}"


def excess_of(kpi: Kpi, value: float, goal: float) -> float:
    """Say how far beyond its limit a value lies, so that shares and hours compare."""
    if kpi.direction == LOWER:
        return value / goal if goal else value
    return goal / value if value else goal * EXCESS_OF_NOTHING
