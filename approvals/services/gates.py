"""Storing what gates say. Rows that did not change stay, so that history shows only what moved."""

from datetime import datetime
from typing import Any

from approvals.evaluation import Evaluation
from approvals.events import tell
from approvals.models import ChangeRequest, GateResult
from approvals.policy.gates import GateReading
from approvals.states import ChangeState, Severity
from mlops_portal.foundation import canonical
from mlops_portal.foundation.history import bulk_save_as
from mlops_portal.foundation.people.models import User

DIRECTIONS = {"minimum": "min", "maximum": "max"}
COMPARED = (
    "title", "is_blocking", "outcome", "message", "observed", "limit", "observed_value", "limit_value", "direction",
    "grade", "evidence_digest", "waiver_id", "waiver_authority", "readings", "dossier_number",
)  # fmt: skip
COUNTERS = ("gates_passed", "gates_failed", "gates_waived", "gates_warned", "gates_at", "headline")


def gates_store(
    change: ChangeRequest, evaluation: Evaluation, *, by: User | None, now: datetime
) -> list[GateResult]:
    """Write the outcomes beside the dossier and count them on ``change``, which the caller saves.

    That no blocking gate fails any more is told while the request is in review: its stage goes on.
    """
    failed = change.gates_failed
    known = {row.gate: row for row in GateResult.objects.filter(change=change, is_current=True)}
    fresh = results_of(change, evaluation, now=now)
    moved = [row for row in fresh if not _is_same(row, known.get(row.gate))]
    replaced = [known[row.gate] for row in moved if row.gate in known]
    gone = [row for gate, row in known.items() if gate not in {row.gate for row in fresh}]
    for row in [*replaced, *gone]:
        row.is_current = False
    bulk_save_as([*replaced, *gone], by=by, now=now, reason="Evaluated again", fields=["is_current"])
    bulk_save_as(moved, by=by, now=now, reason="Evaluated")
    if failed and not change.gates_failed and change.state == ChangeState.IN_REVIEW:
        tell("gates_cleared", change, by=by, now=now)
    return fresh


def results_of(change: ChangeRequest, evaluation: Evaluation, *, now: datetime) -> list[GateResult]:
    """Return the outcomes unsaved, counted on ``change``; the page of a draft shows them and saves nothing."""
    _count(change, evaluation)
    return [
        _row(change, evaluation, reading, place, now) for place, reading in enumerate(evaluation.readings)
    ]


def _is_same(row: GateResult, known: GateResult | None) -> bool:
    return known is not None and all(getattr(row, name) == getattr(known, name) for name in COMPARED)


def _row(
    change: ChangeRequest, evaluation: Evaluation, reading: GateReading, place: int, now: datetime
) -> GateResult:
    waiver = evaluation.waiver_for(reading)
    gate = reading.gate
    return GateResult(
        change=change,
        model_id=change.model_id,
        unit_id=change.unit_id,
        dossier_number=change.dossier_number,
        position=place,
        gate=gate.id,
        title=gate.title,
        control=gate.control,
        is_blocking=gate.severity == Severity.BLOCK,
        outcome=evaluation.outcome_of(reading),
        message=reading.message,
        observed=reading.observed if len(reading.observed) <= 120 else f"{reading.observed[:119]}…",
        limit=reading.limit[:120],
        observed_value=reading.observed_number,
        limit_value=reading.limit_number,
        direction=DIRECTIONS.get(gate.direction, ""),
        grade=reading.grade,
        evidence_digest=canonical.digest(dict(reading.digests)) if reading.digests else "",
        waiver=waiver,
        waiver_authority=gate.waiver.authority if gate.waiver else "never",
        readings=_lines(reading),
        evaluated_at=now,
    )


def shortfalls_of(reading: GateReading) -> list[str]:
    """Say what misses which limit, in the words that the stored result would say it in."""
    return GateResult(message=reading.message, readings=_lines(reading)).shortfalls


def _lines(reading: GateReading) -> list[dict[str, Any]]:
    return [
        {
            "label": line.label,
            "observed": line.observed,
            "limit": line.limit,
            "ok": line.ok,
            "observed_number": line.observed_number,
            "limit_number": line.limit_number,
            "direction": line.direction,
            "segment": line.segment,
        }
        for line in reading.readings
    ]


def _count(change: ChangeRequest, evaluation: Evaluation) -> None:
    outcomes = [evaluation.outcome_of(row) for row in evaluation.readings]
    change.gates_passed = sum(outcome == GateResult.Outcome.PASS for outcome in outcomes)
    change.gates_failed = len(evaluation.blocking)
    change.gates_waived = len(evaluation.relied_on)
    change.gates_warned = len(evaluation.warnings)
    change.gates_at, change.headline = evaluation.at, evaluation.headline
