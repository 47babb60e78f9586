"""Approval cycle time: what approvers owe, what the whole request takes, and how often it comes back."""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from kpis.results import Note, Open, Result, Scale, durations, ratio
from kpis.statistics import mean
from kpis.windows import Window

APPROVAL_TIME = "approval_cycle_time"
APPROVAL_TIME_VERSION = "approval_cycle_time/1"

APPROVED = "approved"
REJECTED = "rejected"
WITHDRAWN = "withdrawn"

Span = tuple[datetime, datetime | None]


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """One approver's turn: asked at, answered at, in which role. Whose turn it was is never kept here.

    ``owed`` is what the stage's own clock counted, which stands while others owe something; without it the time
    between asking and answering counts, less what the request lay with its requester.
    """

    role: str
    requested_at: datetime
    decided_at: datetime | None = None
    owed: timedelta | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Change:
    """One change request as this KPI needs it; a resubmitted one keeps its first submission.

    ``returned`` are the spans in which the requester had it back; one that is still there has no end.
    """

    id: str
    submitted_at: datetime
    decided_at: datetime | None = None
    decision: str = ""
    returned: tuple[Span, ...] = ()
    steps: tuple[Step, ...] = ()
    is_automatic: bool = False
    is_emergency: bool = False
    is_test: bool = False


def approval_cycle_time(
    changes: Iterable[Change], window: Window, *, as_of: datetime, scale: Scale | None = None
) -> Result:
    """Return the median time approvers owed a decision, per stage, over requests finally decided in the window.

    ``parts`` hold the whole request (``total``, and apart ``approved``, ``rejected``), the same less the time with
    the requester (``touch``), the queue by role (``queue:<role>``), standard changes decided by rule (``automatic``)
    and the share approved without a return (``first_pass``). The scale of hours to decision judges ``total``.
    """
    chosen = _sort_out(changes, window, as_of)
    decided = chosen.decided
    common: dict[str, Any] = {"kpi": APPROVAL_TIME, "version": APPROVAL_TIME_VERSION, "window": window}

    def spans_of(rows: Sequence[Change]) -> dict[str, timedelta]:
        return {row.id: row.decided_at - row.submitted_at for row in rows if row.decided_at}

    by_role, step_errors = _queue(decided)
    pooled = {key: span for spans in by_role.values() for key, span in spans.items()}
    approved = [row for row in decided if row.decision == APPROVED]
    rejected = [row for row in decided if row.decision == REJECTED]
    parts = {
        "total": durations(**common, spans=spans_of(decided), scale=scale, ageing=chosen.ageing),
        "approved": durations(**common, spans=spans_of(approved)),
        "rejected": durations(**common, spans=spans_of(rejected)),
        "touch": durations(
            **common,
            spans={
                row.id: _less_returned(row, row.submitted_at, row.decided_at)
                for row in decided
                if row.decided_at
            },
        ),
        "automatic": durations(**common, spans=spans_of(chosen.automatic)),
        "first_pass": ratio(
            **common,
            hits=[row.id for row in approved if not row.returned],
            counted=[row.id for row in decided],
        ),
        "emergency": ratio(
            **common,
            hits=[row.id for row in decided if row.is_emergency],
            counted=[row.id for row in decided],
        ),
        "withdrawn": ratio(
            **common,
            hits=[row.id for row in chosen.withdrawn],
            counted=[row.id for row in (*decided, *chosen.withdrawn)],
        ),
    }
    parts |= {f"queue:{role}": durations(**common, spans=spans) for role, spans in sorted(by_role.items())}
    return durations(
        **common,
        spans=pooled,
        ageing=chosen.ageing,
        data_errors=(*chosen.errors, *step_errors),
        excluded=tuple(chosen.excluded),
        parts=parts,
        detail={
            "approvals_per_change": mean(
                [sum(s.decided_at is not None for s in row.steps) for row in decided]
            ),
            "decided": tuple(row.id for row in decided),
        },
    )


@dataclass(slots=True)
class _Sorted:
    decided: list[Change]
    automatic: list[Change]
    withdrawn: list[Change]
    ageing: list[Open]
    errors: list[Note]
    excluded: list[Note]


def _sort_out(changes: Iterable[Change], window: Window, as_of: datetime) -> _Sorted:
    chosen = _Sorted([], [], [], [], [], [])
    for row in changes:
        if row.is_test:
            chosen.excluded.append(Note(row.id, "test"))
        elif row.decided_at is None or row.decided_at > as_of:
            if row.submitted_at <= as_of and not row.is_automatic:
                chosen.ageing.append(Open(row.id, row.submitted_at, as_of - row.submitted_at))
        elif row.decided_at not in window:
            continue
        elif row.decided_at < row.submitted_at:
            chosen.errors.append(Note(row.id, "decided before it was submitted"))
        elif row.decision == WITHDRAWN:
            chosen.withdrawn.append(row)
            chosen.excluded.append(Note(row.id, "withdrawn"))
        elif row.is_automatic:
            chosen.automatic.append(row)
        else:
            chosen.decided.append(row)
    return chosen


def _queue(decided: Iterable[Change]) -> tuple[Mapping[str, dict[str, timedelta]], list[Note]]:
    """Collect owed time by role; a step nobody answered because the round ended owes nothing."""
    by_role: dict[str, dict[str, timedelta]] = defaultdict(dict)
    errors = []
    for row in decided:
        for number, step in enumerate(row.steps, start=1):
            if step.decided_at is None:
                continue
            key = f"{row.id}/{number}"
            if step.decided_at < step.requested_at:
                errors.append(Note(key, "decided before it was requested"))
            else:
                between = _less_returned(row, step.requested_at, step.decided_at)
                by_role[step.role][key] = between if step.owed is None else min(step.owed, between)
    return by_role, errors


def _less_returned(row: Change, start: datetime, end: datetime) -> timedelta:
    """Return ``end - start`` without the time the request lay with its requester."""
    away = timedelta(0)
    reached = start
    for back, again in sorted(row.returned, key=lambda span: span[0]):
        first, last = max(back, reached), min(again or end, end)
        if last > first:
            away += last - first
            reached = last
    return end - start - away
