"""From rows to numbers: each KPI's formula over the facts of a scope, as a whole and by unit and tier. Pure."""

from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from typing import NamedTuple

from kpis import definitions
from kpis.collectors import Fact, Facts, models_in_production
from kpis.figures import Cell, Figure, Part, figure_of, part_of
from kpis.formulas import (
    Lead,
    approval_cycle_time,
    change_failure_rate,
    deployment_frequency,
    documentation_gate,
    lead_time,
)
from kpis.formulas.deployments import ROLLBACK, SUCCEEDED
from kpis.results import HOUR, Note, Result, ratio
from kpis.windows import Window
from mlops_portal.foundation.days import portal_day
from mlops_portal.foundation.web.words import day_text, duration

Formula = Callable[[Facts, Window, datetime], Result]


def frequency(facts: Facts, window: Window, as_of: datetime) -> Result:
    """Deployments per week."""
    rows = [one.row for one in facts.deployments if facts.counts(one.tier)]
    return deployment_frequency(rows, window, live_since=facts.live_since(window))


def failure_rate(facts: Facts, window: Window, as_of: datetime) -> Result:
    """Share of deployments that needed intervention. Repairs of any tier speak of the deployments of the tiers asked."""
    whole = change_failure_rate(
        [one.row for one in facts.deployments], window, as_of=as_of, interventions=facts.interventions
    )
    if not facts.tiers:
        return whole
    asked = {one.logical_id for one in facts.deployments if facts.counts(one.tier)}
    matured = whole.parts["matured"]
    kept = {name: _only(result, asked) for name, result in (("whole", whole), ("matured", matured))}
    return replace(
        kept["whole"],
        excluded=tuple(note for note in whole.excluded if note.row in asked),
        parts={"matured": kept["matured"]},
        detail={**whole.detail, "immature": tuple(one for one in whole.detail["immature"] if one in asked)},
    )


def _only(result: Result, asked: set[str]) -> Result:
    return ratio(
        kpi=result.kpi,
        version=result.version,
        window=result.window,
        hits=[one for one in result.hits if one in asked],
        counted=[one for one in result.counted if one in asked],
    )


def leads_of(facts: Facts) -> list[Lead]:
    """Return what reached production for the first time, with its marks, and what is on its way."""
    found = []
    for one in facts.deployments:
        if one.is_first and facts.counts(one.tier):
            submitted_at, approved_at = facts.marks.get(one.change_id or 0, (None, None))
            found.append(
                Lead(
                    id=str(one.version_id),
                    started_at=one.lead_from,
                    deployed_at=(one.finished_at,),
                    validation_started_at=_validation(one, facts, submitted_at),
                    submitted_at=submitted_at,
                    approved_at=approved_at,
                    deployment_started_at=one.began_at,
                )
            )
    known = {lead.id for lead in found}
    waiting = [one.lead for one in facts.leads if facts.counts(one.tier) and one.lead.id not in known]
    return [*found, *waiting]


def _validation(one: Fact, facts: Facts, submitted_at: datetime | None) -> datetime | None:
    """Return when validation began; one that began after the request was filed separates nothing before it."""
    began = facts.validated.get(one.version_id)
    return began if began and began <= (submitted_at or one.began_at) else None


def lead(facts: Facts, window: Window, as_of: datetime) -> Result:
    """Time from start to production."""
    return lead_time(leads_of(facts), window, as_of=as_of)


def approvals(facts: Facts, window: Window, as_of: datetime) -> Result:
    """Time approvers owed a decision."""
    rows = [one.change for one in facts.changes if facts.counts(one.tier)]
    return approval_cycle_time(rows, window, as_of=as_of)


def documentation(facts: Facts, window: Window, as_of: datetime) -> Result:
    """Share of deployments with complete documents. One that failed was let in, too; a rollback releases nothing new."""
    mine = [one for one in facts.deployments if facts.counts(one.tier)]
    rollbacks = [Note(one.row.id, "rollback") for one in mine if one.row.kind == ROLLBACK]
    last = {one.logical_id: one for one in mine if one.row.kind != ROLLBACK}
    result = documentation_gate([one.documented for one in last.values()], window)
    in_window = {one.row.id for one in mine if one.finished_at in window}
    out = [note for note in rollbacks if note.row in in_window]
    return replace(result, excluded=(*result.excluded, *out))


FORMULAS: Mapping[str, Formula] = {
    definitions.DEPLOYMENT_FREQUENCY.name: frequency,
    definitions.LEAD_TIME.name: lead,
    definitions.CHANGE_FAILURE_RATE.name: failure_rate,
    definitions.APPROVAL_CYCLE_TIME.name: approvals,
    definitions.DOCUMENTATION_COMPLETENESS.name: documentation,
}
RATIOS = frozenset({definitions.CHANGE_FAILURE_RATE.name, definitions.DOCUMENTATION_COMPLETENESS.name})


def result_of(name: str, facts: Facts, window: Window, *, as_of: datetime) -> Result:
    """Apply one KPI's formula."""
    return FORMULAS[name](facts.during(window), window, as_of)


def compute(name: str, facts: Facts, window: Window, *, as_of: datetime, with_cells: bool = True) -> Figure:
    """Return the number of a scope, and on wish that of each unit and tier in it."""
    mine = facts.during(window)
    result = FORMULAS[name](mine, window, as_of)
    cells: Sequence[Cell] = ()
    if with_cells:
        cells = (
            _cells_of_ratio(result, mine) if name in RATIOS else _cells_by_formula(name, mine, window, as_of)
        )
    return figure_of(
        result,
        computed_at=as_of,
        cells=cells,
        hours=_hours(name, result, mine),
        notes=_notes(name, result) | (_running(name, mine) if with_cells else {}),
    )


def _cells_of_ratio(result: Result, facts: Facts) -> list[Cell]:
    groups = {one.logical_id: one for one in facts.deployments}
    counted, hits = (_by_group(rows, groups) for rows in (result.counted, result.hits))
    return [
        Cell(unit, tier, Part(hits[unit, tier] / n, n, hits[unit, tier], n))
        for (unit, tier), n in sorted(counted.items(), key=str)
    ]


def _by_group(rows: Iterable[str], groups: Mapping[str, Fact]) -> Counter[tuple[int | None, int | None]]:
    found: Counter[tuple[int | None, int | None]] = Counter()
    for row in rows:
        one = groups[row]
        found.update({(one.unit_id, one.tier), (one.unit_id, None), (None, one.tier)} - {(None, None)})
    return found


def _cells_by_formula(name: str, facts: Facts, window: Window, as_of: datetime) -> list[Cell]:
    cells = []
    for (unit, tier), mine in sorted(split(facts).items(), key=lambda pair: str(pair[0])):
        result = FORMULAS[name](mine, window, as_of)
        shown = result.parts.get("total", result)
        if shown.n:
            cells.append(Cell(unit, tier, part_of(shown)))
    return cells


def split(facts: Facts) -> dict[tuple[int | None, int | None], Facts]:
    """Part the facts by unit, by tier and by both, in one walk over the rows."""
    boxes: dict[tuple[int | None, int | None], dict[str, list]] = defaultdict(lambda: defaultdict(list))
    for kind in ("deployments", "leads", "changes", "lived"):
        for one in getattr(facts, kind):
            if not facts.counts(one.tier):
                continue
            for box in {(one.unit_id, one.tier), (one.unit_id, None), (None, one.tier)} - {(None, None)}:
                boxes[box][kind].append(one)
    return {
        box: replace(
            facts,
            deployments=rows["deployments"],
            leads=rows["leads"],
            changes=rows["changes"],
            lived=rows["lived"],
        )
        for box, rows in boxes.items()
    }


def _hours(name: str, result: Result, facts: Facts) -> list[float]:
    if name == definitions.LEAD_TIME.name:
        return result.detail["hours"]
    if name == definitions.APPROVAL_CYCLE_TIME.name:
        decided = set(result.detail["decided"])
        return [
            (one.change.decided_at - one.change.submitted_at) / HOUR
            for one in facts.changes
            if one.change.id in decided and one.change.decided_at
        ]
    return []


def _notes(name: str, result: Result) -> dict[str, object]:
    """Keep what a page says beside the number."""
    detail = result.detail
    if name == definitions.DEPLOYMENT_FREQUENCY.name and result.value is not None:
        return {"pace": detail["pace"], "rollbacks": len(detail["rollbacks"])}
    if name == definitions.CHANGE_FAILURE_RATE.name:
        return {"immature": len(detail["immature"])}
    if name == definitions.LEAD_TIME.name:
        stages = [[one.name, one.n, one.median, one.hours] for one in detail["stages"]]
        return {"stages": stages, "untold_hours": detail["untold_hours"]}
    if name == definitions.APPROVAL_CYCLE_TIME.name:
        return {"approvals_per_change": detail["approvals_per_change"]}
    return {}


def _running(name: str, facts: Facts) -> dict[str, object]:
    """Keep with a period that a page heads how many models ran when it was computed."""
    if name != definitions.DEPLOYMENT_FREQUENCY.name:
        return {}
    return {"running": models_in_production(facts.served, facts.tiers)}


class Source(NamedTuple):
    """What showed that a deployment failed, and which record that is."""

    words: str
    deployment: int | None = None
    change: int | None = None


class Reason(NamedTuple):
    """What a row did to a number: a state (counted, hit, failed, out, open, error) and words."""

    state: str
    words: str
    sources: tuple[Source, ...] = ()


def reasons(name: str, result: Result, facts: Facts) -> dict[int, Reason]:
    """Say of each row what it did to the number. Keys are rows' ids."""
    if name == definitions.APPROVAL_CYCLE_TIME.name:
        return _change_reasons(result)
    by_lead = name == definitions.LEAD_TIME.name
    said = {note.row: Reason("out", note.reason) for note in result.excluded}
    counted, hits = set(result.counted), set(result.hits)
    said |= dict.fromkeys(counted, Reason("counted", "counted"))
    if name == definitions.DOCUMENTATION_COMPLETENESS.name:
        complete, below = Reason("hit", "complete"), Reason("failed", "below the threshold")
        said |= {row: complete if row in hits else below for row in counted}
    elif name == definitions.CHANGE_FAILURE_RATE.name:
        causes = result.detail.get("causes", {})
        known = {one.logical_id: one for one in facts.deployments}
        said |= {row: _failed([_source(cause, known) for cause in causes.get(row, ())]) for row in hits}
    said |= {note.row: Reason("error", note.reason) for note in result.data_errors}
    found = {}
    for one in facts.deployments:
        row = str(one.version_id) if by_lead else one.logical_id
        if by_lead and not one.is_first:
            words = "rolled out before" if one.row.result == SUCCEEDED else one.row.result
            found[one.pk] = Reason("out", words)
        else:
            found[one.pk] = said.get(row, said.get(one.row.id, NOWHERE))
    return found


def _failed(sources: Sequence[Source]) -> Reason:
    return Reason("failed", "; ".join(one.words for one in sources) or "failed", tuple(sources))


def _source(cause: str, known: Mapping[str, Fact]) -> Source:
    """Name what showed a failure as people do."""
    kind, _, row = cause.partition(" ")
    if kind != "intervention":
        return Source(cause)
    if row.startswith("CR-"):
        return Source(f"suspended by {row}", change=int(row.removeprefix("CR-")))
    repair = known.get(row)
    if repair is None or repair.row.finished_at is None:
        return Source("repaired by a later deployment", deployment=repair.pk if repair else None)
    what = "rollback" if repair.row.kind == "rollback" else "deployment"
    return Source(
        f"repaired by the {what} of {day_text(portal_day(repair.row.finished_at))}", deployment=repair.pk
    )


def _change_reasons(result: Result) -> dict[int, Reason]:
    said = {note.row: Reason("out", note.reason) for note in result.excluded}
    said |= {one.row: Reason("open", f"open for {duration(one.age)}") for one in result.open}
    said |= dict.fromkeys(result.detail["decided"], Reason("counted", "counted"))
    said |= dict.fromkeys(result.parts["automatic"].counted, Reason("out", "decided by rule, kept apart"))
    for note in result.data_errors:
        said[note.row.partition("/")[0]] = Reason("error", note.reason)
    return {int(row): words for row, words in said.items()}


NOWHERE = Reason("out", "not in this period")
