"""The dashboard: five tiles, what to ask about first, trends. Unit by tier is `queries.heat`."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

from django.urls import reverse
from django.utils.safestring import SafeString

from kpis import definitions
from kpis.asking import Ask
from kpis.collectors import NO_INCIDENT_INTAKE, finished_rows, running_models
from kpis.definitions import Kpi
from kpis.figures import Figure
from kpis.judging import Targets, Verdict, judge, limit_text
from kpis.queries.heat import Standout, worst
from kpis.reading import NAMES, Numbers, months, read
from kpis.windows import day_start, local_day, month_to_date
from kpis.words import change_of, interval_text, measure, period_month, value_text
from mlops_portal.foundation.web import marks, svg, words
from registry.states import DeploymentKind

SUMMED = (
    ("ok", "on target"),
    ("warn", "to watch"),
    ("fail", "off target"),
    ("mute", "without enough data"),
)
BAD = ("warn", "fail")
NAMED = 3
FREQUENCY, FAILURES = definitions.DEPLOYMENT_FREQUENCY.name, definitions.CHANGE_FAILURE_RATE.name
ORDER = (
    FREQUENCY,
    FAILURES,
    definitions.LEAD_TIME.name,
    definitions.APPROVAL_CYCLE_TIME.name,
    definitions.DOCUMENTATION_COMPLETENESS.name,
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Tile:
    """One measure as the dashboard shows it."""

    kpi: Kpi
    figure: Figure
    verdict: Verdict
    value: str
    unit: str
    points: Sequence[float | None]
    goal: float | None
    delta: SafeString | str
    basis: str
    target: str
    url: str

    @property
    def spark(self) -> SafeString | str:
        """The months as a line."""
        return (
            svg.sparkline(self.points, self.verdict.tone, self.goal)
            if any(p is not None for p in self.points)
            else ""
        )


def figures_for(ask: Ask, now: datetime) -> Numbers:
    """Read everything a dashboard shows: the period, the one before, and thirteen months."""
    windows = [ask.window, *([ask.before] if ask.before else []), *months(now)]
    return read(ask.scope, windows, now=now, names=NAMES, cells_of=[ask.window])


def tile(kpi: Kpi, ask: Ask, numbers: Numbers, targets: Targets, now: datetime, *, on: date) -> Tile:
    """Build one tile."""
    figure = numbers.of(kpi.name, ask.window)
    verdict = judge(figure, targets, on=on, unit=ask.unit, tiers=ask.scope.tiers)
    amount, unit = measure(kpi, figure.value)
    before = numbers.of(kpi.name, ask.before).value if ask.before else None
    change = None if ask.window.is_to_date else change_of(kpi, figure.value, before)
    goal = verdict.goal if kpi.name != definitions.APPROVAL_CYCLE_TIME.name else None
    return Tile(
        kpi=kpi,
        figure=figure,
        verdict=verdict,
        value=amount,
        unit=f"{unit} a stage" if kpi.name == definitions.APPROVAL_CYCLE_TIME.name and unit else unit,
        points=[numbers.of(kpi.name, one).value for one in months(now) if not one.is_to_date],
        goal=goal,
        delta=marks.delta(change[0], change[1], change[2]) if change else "",
        basis=basis_of(kpi, figure),
        target="Read with failure rate" if kpi.name == FREQUENCY else verdict.text,
        url=reverse("kpis:kpi-detail", args=[kpi.name]) + ask.address(),
    )


def basis_of(kpi: Kpi, figure: Figure) -> str:
    """Say from how many rows a number comes, and what is beside it."""
    if figure.value is None:
        return "nothing to count in this period"
    if kpi.name == FREQUENCY:
        pace = figure.notes.get("pace")
        return (
            f"{words.plural(figure.n, 'deployment')} in {words.plural(round(figure.window.days), 'day')}"
            + (f", pace {pace}" if pace else "")
        )
    if kpi.name == definitions.APPROVAL_CYCLE_TIME.name:
        whole = figure.judged
        return f"{words.plural(figure.n, 'stage')}; whole request {value_text(kpi, whole.value)} (n {words.number(whole.n)})"
    if kpi.name == definitions.LEAD_TIME.name:
        return f"n {words.number(figure.n)}, p90 {value_text(kpi, figure.p90)}"
    text = f"{words.number(round(figure.numerator or 0))} of {words.number(figure.n)}"
    return f"{text}, {interval_text(figure.interval)}" if figure.interval else text


def ask_first(ask: Ask, figures: Mapping[str, Figure], targets: Targets) -> dict[str, Any]:
    """Name what is farthest off target among units with five rows or more; else say that nothing stands out."""
    found, count = worst(figures, ask, targets, most=NAMED)
    if found:
        return {"tone": "fail", "items": [_named(one) for one in found], "more": count - len(found)}
    errors = sum(figure.error_count for figure in figures.values())
    if errors:
        text = f"{words.plural(errors, 'row')} cannot be counted because something was not recorded."
        name = max(figures.values(), key=lambda one: one.error_count).kpi
        url = reverse("kpis:kpi-detail", args=[name]) + ask.address(show="error")
        return {"tone": "warn", "items": [{"text": text, "url": url, "note": ""}], "more": 0}
    return {"tone": "mute", "items": [], "more": 0}


def _named(one: Standout) -> dict[str, Any]:
    where = one.name + (f", tier {one.tier}" if one.tier else "")
    limit = limit_text(one.kpi, one.limits.goal)
    return {
        "text": f"{where}: {one.kpi.label.lower()} {value_text(one.kpi, one.part.value)}",
        "note": f"n {words.number(one.part.n)}, {'target' if one.limits.is_target else 'limit'} {limit}",
        "url": one.url,
    }


def summary(tiles: Sequence[Tile]) -> str:
    """Say how many measures are where they should be, and name those that are not."""
    judged = [one for one in tiles if one.kpi.has_target]
    parts = [
        _counted([one.kpi.label for one in judged if one.verdict.tone == tone], said, is_named=tone in BAD)
        for tone, said in SUMMED
    ]
    return f"Of {len(judged)} measures with limits: {', '.join(parts)}."


def _counted(labels: Sequence[str], said: str, *, is_named: bool) -> str:
    named = f" ({', '.join(label.lower() for label in labels)})" if labels and is_named else ""
    return f"{len(labels)} {said}{named}"


def facts_line(ask: Ask, numbers: Numbers, now: datetime) -> dict[str, Any]:
    """Read how many models run, and what is not in the numbers of the period yet."""
    kept = numbers.of(FREQUENCY, ask.window).notes.get("running")
    return {
        "running": running_models(ask.scope) if kept is None else kept,
        "not_yet": not_yet_counted(ask, numbers, now),
        "shorter": [
            (label, ask.address(period=period))
            for label, period in (("the month to date", "mtd"), ("today", "today"))
        ],
        "incidents": NO_INCIDENT_INTAKE,
    }


def not_yet_counted(ask: Ask, numbers: Numbers, now: datetime) -> list[str]:
    """Say what finished after the period: the open month as the charts show it, and today as it is counted now."""
    zone = ask.window.zone
    month, today = month_to_date(now, zone), day_start(local_day(now, zone), zone)
    said = []
    if ask.window.end == month.start < month.end:
        count = words.plural(numbers.of(FAILURES, month).n, "deployment")
        said.append(
            f"{period_month(month)} to date: {count} to yesterday, in the charts and in none of the measures above;"
            " a month counts when it has ended."
        )
    if month.start <= ask.window.end <= today:
        rows = finished_rows(ask.scope, today, now)
        back = sum(kind == DeploymentKind.ROLLBACK for kind in rows)
        parts = [(len(rows) - back, "deployment"), (back, "rollback")]
        counts = " and ".join(words.plural(count, noun) for count, noun in parts if count)
        if counts:
            said.append(f"Since midnight, counted now: {counts}; a day counts when it has ended.")
    return said
