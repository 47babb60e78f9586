"""One KPI: its number with everything to doubt it by, and the rows behind it."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.db.models import QuerySet
from django.urls import reverse

from approvals.models import ChangeRequest
from kpis import definitions
from kpis.asking import Ask
from kpis.collectors import TIER, Facts, change_rows, collect, open_change_rows, rollout_rows, version_names
from kpis.computing import NOWHERE, Reason, leads_of, reasons, result_of
from kpis.definitions import Kpi
from kpis.figures import LISTED, Figure
from kpis.reading import closed_day
from kpis.results import HOUR, SMALL_SAMPLE
from kpis.scopes import Scope
from kpis.windows import local_day
from kpis.words import share_text, value_text
from mlops_portal.foundation.errors import invalid
from mlops_portal.foundation.web.words import number

SHOWN = 10
CHUNK = 2000
SHOWS = {
    "counted": ("counted", "hit", "failed"),
    "hit": ("hit", "failed"),
    "complete": ("hit",),
    "below": ("failed",),
    "error": ("error",),
    "open": ("open",),
    "out": ("out",),
}
BY_CHANGE = definitions.APPROVAL_CYCLE_TIME.name


def _tiered(rows: QuerySet, scope: Scope) -> QuerySet:
    return rows.filter(decided__in=scope.tiers) if scope.tiers else rows


def rows_of(kpi: Kpi, ask: Ask) -> QuerySet:
    """Return the rows from which the number comes, also those it leaves out."""
    scope, window = ask.scope, ask.window
    if kpi.name == BY_CHANGE:
        rows = (change_rows(scope, window.start, window.end) | open_change_rows(scope)).select_related(
            "model", "unit"
        )
        if scope.tiers:
            rows = rows.filter(decided_tier__in=scope.tiers)
        return rows
    rows = rollout_rows(scope, window.start, window.end).annotate(decided=TIER)
    return _tiered(rows, scope).select_related("model", "unit", "version", "environment")


class Marking:
    """Says of rows what each did to the number; computed over the models of these rows only."""

    def __init__(self, kpi: Kpi, ask: Ask, now: datetime) -> None:
        self.kpi, self.ask, self.now = kpi, ask, now

    def _facts(self, models: Iterable[int] | None) -> Facts:
        scope = self.ask.scope
        narrowed = Scope(
            user=scope.user,
            units=scope.units,
            below=scope.below,
            tiers=scope.tiers,
            kinds=scope.kinds,
            models=None if models is None else frozenset(models),
        )
        return collect(
            narrowed, since=self.ask.window.start, until=_until(self.ask, self.now), names=[self.kpi.name]
        )

    def whole(self) -> dict[int, Reason]:
        """Return the reasons of all rows of the question."""
        facts = self._facts(None)
        result = result_of(self.kpi.name, facts, self.ask.window, as_of=self.now)
        return reasons(self.kpi.name, result, facts)

    def rows(self, rows: Sequence[Any]) -> Sequence[Any]:
        """Note on each row its reason, and the times the tables show."""
        if not rows:
            return rows
        facts = self._facts({row.model_id for row in rows})
        result = result_of(self.kpi.name, facts, self.ask.window, as_of=self.now)
        said = reasons(self.kpi.name, result, facts)
        if self.kpi.name == BY_CHANGE:
            return self._changes(rows, said)
        starts = {lead.id: lead.started_at for lead in leads_of(facts)}
        for row in rows:
            row.decided_tier = row.decided
            row.kpi_reason = said.get(row.pk, NOWHERE)
            if self.kpi.name == definitions.LEAD_TIME.name:
                row.lead_from = starts.get(str(row.version_id)) if row.kpi_reason[0] != "out" else None
                row.lead_hours = (row.finished_at - row.lead_from) / HOUR if row.lead_from else None
        return rows

    def _changes(self, rows: Sequence[Any], said: dict[int, Reason]) -> Sequence[Any]:
        for row in rows:
            ended = row.decided_at or row.closed_at
            row.kpi_reason = said.get(row.pk, NOWHERE)
            row.whole_hours = (ended - row.submitted_at) / HOUR if ended and row.submitted_at else None
            row.returns = len(row.returned_at)
        return rows


def _until(ask: Ask, now: datetime) -> datetime:
    """Failures are seen after the period, so everything up to now is read."""
    return max(now, ask.window.end)


def narrowed(rows: QuerySet, show: str, marking: Marking) -> QuerySet:
    """Keep the rows with one kind of reason.

    Raises:
        Invalid: there is no such kind.
    """
    if not show:
        return rows
    if show not in SHOWS:
        raise invalid("show", f"There is no choice {show[:40]}. Use {', '.join(SHOWS)}.")
    states = SHOWS[show]
    return rows.filter(pk__in=[pk for pk, one in marking.whole().items() if one.state in states])


class Listed:
    """Rows for a file: each chunk is marked before it is written."""

    def __init__(self, rows: Any, mark: Callable[[Sequence[Any]], Sequence[Any]] | None = None) -> None:
        self.rows, self.mark = rows, mark

    def iterator(self, chunk_size: int = CHUNK) -> Iterator[Any]:
        """Yield rows chunk by chunk."""
        if self.mark is None:
            yield from self.rows
            return
        chunk: list[Any] = []
        for row in self.rows.iterator(chunk_size=chunk_size):
            chunk.append(row)
            if len(chunk) == chunk_size:
                yield from self.mark(chunk)
                chunk = []
        yield from self.mark(chunk)


@dataclass(frozen=True, slots=True)
class Waiting:
    """Something that has begun and not ended."""

    label: str
    url: str
    since: datetime
    age: Any


def waiting(kpi: Kpi, figure: Figure, ask: Ask, now: datetime, *, most: int = LISTED) -> list[Waiting]:
    """Name what waits longest: versions on their way, or requests without a decision."""
    found = sorted(figure.waiting, key=lambda one: one[1])[:most]
    ids = [int(row) for row, _ in found]
    if not ids:
        return []
    if kpi.name == BY_CHANGE:
        rows: dict[str, Any] = {
            str(row.pk): row for row in ask.scope.narrow(ChangeRequest.objects).filter(pk__in=ids)
        }
    else:
        rows = dict(version_names(ids))
    return [
        Waiting(str(rows[row]), rows[row].get_absolute_url(), since, now - since)
        for row, since in found
        if row in rows
    ]


def open_url(kpi: Kpi, ask: Ask) -> str:
    """Return where everything is listed that has begun and not ended."""
    page = reverse("kpis:kpi-detail", args=[kpi.name])
    return (
        f"{page}{ask.address(show='open')}#rows" if kpi.name == BY_CHANGE else f"{page}{ask.address()}#open"
    )


@dataclass(frozen=True, slots=True)
class Fault:
    """A row that could not be counted."""

    label: str
    url: str
    reason: str


def faults(kpi: Kpi, figure: Figure, ask: Ask) -> list[Fault]:
    """Name the first rows with errors in their data."""
    shown = figure.errors[:SHOWN]
    if not shown:
        return []
    if kpi.name == definitions.LEAD_TIME.name:
        versions = version_names(int(row) for row, _ in shown)
        return [
            Fault(str(versions[row]), versions[row].get_absolute_url(), reason)
            for row, reason in shown
            if row in versions
        ]
    if kpi.name == BY_CHANGE:
        return [Fault(f"CR-{row.partition('/')[0]}", "", reason) for row, reason in shown]
    return [Fault(f"Deployment {row}", "", reason) for row, reason in shown]


STAGE_WORDS = {
    "build": "Build and train",
    "validate": "Validate",
    "approve": "Approve",
    "wait": "Wait for the deployment",
    "deploy": "Deploy",
}


@dataclass(frozen=True, slots=True)
class StageRow:
    """One stage on the way to production, as the page writes it."""

    label: str
    median: str
    count: str
    share: str
    is_small: bool = False


def way_to_production(kpi: Kpi, figure: Figure) -> list[StageRow]:
    """Return where the time went; shares add up to the whole, what no mark separates stands in the last row."""
    stages, whole = figure.notes.get("stages", ()), figure.numerator
    if kpi.name != definitions.LEAD_TIME.name or not stages or not whole:
        return []
    untold = figure.notes["untold_hours"]
    rows = [
        StageRow(
            STAGE_WORDS[name],
            value_text(kpi, median) if n else "not recorded",
            f"{number(n)} of {number(figure.n)}",
            share_text(hours / whole) if n else "",
            is_small=n < SMALL_SAMPLE,
        )
        for name, n, median, hours in stages
    ]
    if untold:
        rows.append(StageRow("Not told apart, a mark is missing", "", "", share_text(untold / whole)))
    return rows


def provenance(kpi: Kpi, figure: Figure, ask: Ask) -> list[tuple[str, Any]]:
    """Say what an auditor needs to compute the number again."""
    window = figure.window
    return [
        ("Formula", kpi.formula),
        ("Formula version", figure.version),
        ("Period", f"{local_day(window.start, window.zone)} to {closed_day(window)}, {window.zone.key}"),
        ("Counted rows, digest", figure.source),
        ("Source", kpi.source),
    ]
