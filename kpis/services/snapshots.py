"""Numbers kept each night, so that pages need no rows and an auditor can compute them again.

A row is never changed. What late data changed gets a new row, looked for in the trailing 35 days; a frozen row is
what a report has shown and stays beside its correction.
"""

from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any

from kpis import definitions
from kpis.collectors import Facts, collect
from kpis.computing import compute
from kpis.figures import Figure, cell_rows, snapshot_of
from kpis.models import KpiSnapshot
from kpis.reading import NAMES, months, standing_windows, usual_windows
from kpis.scopes import Scope, key, key_digest
from kpis.windows import RECOMPUTE_DAYS, Window
from mlops_portal.foundation.events import DomainEvent, emit
from mlops_portal.foundation.operations import operation
from mlops_portal.foundation.people.models import UnitClosure, User
from registry.states import INVENTORY_KINDS, Tier

BATCH = 500
Mark = tuple[str, int, float | None, int | None, list[list[Any]]]
Known = Mapping[tuple[str, str, datetime, datetime], Mark]


@operation
def snapshot_take(*, now: datetime, by: User | None = None) -> int:
    """Keep the numbers of all scopes as of the last complete day; returns how many rows were new.

    Months that ended more than 35 days ago are computed once, unless pages offer them: what is said beside the
    measure (how many models run) is of today. A value that did not change gets no second row.
    """
    usual, standing, monthly = usual_windows(now), standing_windows(now), months(now)
    windows = [*standing, *(one for one in monthly if one not in standing)]
    facts = collect(
        Scope(), since=min(window.start for window in windows), until=now + timedelta.resolution, names=NAMES
    )
    fresh: list[KpiSnapshot] = []
    for scope, mine in _scopes(facts):
        scope_digest = key_digest(scope)
        known = _known(scope_digest, windows, usual)
        for window in windows:
            for name in NAMES:
                place = (name, definitions.get(name).version, window.start, window.end)
                is_settled = window.end < now - timedelta(days=RECOMPUTE_DAYS) and window not in usual
                if place in known and is_settled:
                    continue
                figure = compute(name, mine, window, as_of=now, with_cells=window in usual)
                if known.get(place) != _mark(figure):
                    fresh.append(snapshot_of(figure, scope=scope, scope_digest=scope_digest, now=now))
    KpiSnapshot.objects.bulk_create(fresh, batch_size=BATCH)
    _tell("snapshots_taken", by=by, now=now, rows=len(fresh))
    return len(fresh)


def _mark(figure: Figure) -> Mark:
    """Return by what a number is told from the one kept before; a unit or tier may change beneath the same rows."""
    return (
        figure.source,
        figure.open_count,
        figure.value,
        figure.notes.get("running"),
        cell_rows(figure),
    )


def _known(scope_digest: str, windows: Sequence[Window], usual: Sequence[Window]) -> Known:
    with_cells = {(window.start, window.end) for window in usual}
    rows = KpiSnapshot.objects.filter(
        scope_digest=scope_digest, window_end__in={window.end for window in windows}
    ).order_by("computed_at", "pk")
    return {
        (row.kpi, row.formula_version, row.window_start, row.window_end): (
            row.source_digest,
            row.detail.get("open", [0])[0],
            row.value,
            row.detail.get("notes", {}).get("running"),
            row.detail.get("cells", []) if (row.window_start, row.window_end) in with_cells else [],
        )
        for row in rows
    }


def _scopes(facts: Facts) -> Iterator[tuple[dict[str, Any], Facts]]:
    """Yield what is kept: everything, each tier, each kind, each unit with those under it."""
    yield key(), facts
    for tier in Tier.values:
        yield key(tier=tier), facts.of(tier=tier)
    for kind in INVENTORY_KINDS:
        yield key(kind=kind.value), facts.of(kind=kind.value)
    below: dict[int, set[int]] = {}
    for ancestor, descendant in UnitClosure.objects.order_by("ancestor_id").values_list(
        "ancestor_id", "descendant_id"
    ):
        below.setdefault(ancestor, set()).add(descendant)
    for unit, units in below.items():
        yield key(unit=unit), facts.under(frozenset(units))


@operation
def snapshots_freeze(*, snapshots: Sequence[int], by: User, now: datetime) -> int:
    """Mark values that a report has shown; a correction will be a new row beside them."""
    count = KpiSnapshot.objects.filter(pk__in=list(snapshots), frozen=False).update(frozen=True)
    _tell("snapshots_frozen", by=by, now=now, rows=count)
    return count


def _tell(verb: str, *, by: User | None, now: datetime, **data: Any) -> None:
    emit(
        DomainEvent(
            verb=f"kpis.{verb}",
            subject_label=KpiSnapshot._meta.label,
            subject_id="",
            actor_id=None if by is None else str(by.pk),
            occurred_at=now,
            data=data,
        )
    )
