"""What a request is compared with: the version that its dossier froze beside it, never one that came later.

A draft is compared with what serves now. A filed request keeps its own story: champion, values and limits are those of
its present revision, also when another version serves today or a metric was measured again.
"""

from collections.abc import Iterable, Mapping
from copy import copy
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from django.db.models import Q

from approvals.dossier_format import read_dossier
from approvals.models import ChangeRequest, Dossier
from registry.models import Deployment, MetricValue, ModelVersion, ThresholdSet
from registry.queries.comparison import Comparison, MetricPair, compare_versions
from registry.states import DeploymentState

NEVER_SERVED = (DeploymentState.IN_PROGRESS, DeploymentState.FAILED, DeploymentState.ABORTED)
Frozen = Mapping[str, Mapping[str, Any]]


@dataclass(frozen=True, slots=True)
class Compared:
    """The champion of a request, what differs from it, and the metrics of both with the limits they stand against."""

    champion: ModelVersion | None = None
    comparison: Comparison | None = None
    pairs: list[MetricPair] = field(default_factory=list)
    limits: ThresholdSet | None = None


def serving_version(change: ChangeRequest, *, at: datetime | None = None) -> ModelVersion | None:
    """Return the other version that serves where the change is to take effect, now or at an earlier time."""
    if change.environment_id is None:
        return None
    rows = Deployment.objects.filter(model_id=change.model_id, environment_id=change.environment_id)
    if at is None:
        rows = rows.filter(state=DeploymentState.LIVE)
    else:
        rows = rows.filter(Q(ended_at__isnull=True) | Q(ended_at__gt=at), finished_at__lte=at)
        rows = rows.exclude(state__in=NEVER_SERVED)
    row = rows.select_related("version").order_by("-finished_at", "-pk").first()
    return row.version if row is not None and row.version_id != change.version_id else None


def compared(change: ChangeRequest) -> Compared:
    """Compare a request with its champion: of the frozen dossier once it is filed, of today before."""
    dossier = Dossier.objects.filter(change=change, number=change.dossier_number or -1).first()
    champion = champion_of(change, dossier)
    comparison = compare_versions(champion, change.version) if champion and change.version else None
    pairs = comparison.metrics if comparison else _alone(change.version)
    locked = ThresholdSet.objects.filter(model_id=change.model_id, locked_at__isnull=False)
    if dossier is not None:
        frozen = read_dossier(dossier.content).part("metrics").content
        pairs = _as_frozen(pairs, frozen)
        locked = locked.filter(locked_at__lte=dossier.created_at)
    return Compared(champion, comparison, pairs, locked.order_by("-number").first())


def champion_of(change: ChangeRequest, dossier: Dossier | None) -> ModelVersion | None:
    """Return what the change is compared with: what served there, else what it goes back to."""
    if change.champion_id:
        found = change.champion
    else:
        found = serving_version(change, at=dossier.created_at if dossier else None)
    found = found or change.rollback_target
    return found if found is not None and found.pk != change.version_id else None


def _alone(version: ModelVersion | None) -> list[MetricPair]:
    if version is None:
        return []
    found = version.metrics.order_by("suite", "name", "segment", "pk")
    rows = [MetricPair(row.name, row.segment, row.suite, None, row) for row in found]
    return sorted(rows, key=lambda row: row.segment != "")


def _as_frozen(pairs: Iterable[MetricPair], content: Mapping[str, Any]) -> list[MetricPair]:
    """Give the metrics the values that the dossier froze; one that was measured only later is left out."""
    now = _by_id(content)
    was = _by_id(content["champion"]) if "champion" in content else None
    found = [
        MetricPair(
            pair.name,
            pair.segment,
            pair.suite,
            pair.was if was is None else _frozen(pair.was, was),
            _frozen(pair.now, now),
        )
        for pair in pairs
    ]
    return [pair for pair in found if pair.was is not None or pair.now is not None]


def _by_id(content: Mapping[str, Any]) -> Frozen:
    return {row["id"]: row for row in content.get("metrics", ())}


def _frozen(row: MetricValue | None, kept: Frozen) -> MetricValue | None:
    known = kept.get(f"{row.suite}/{row.name}/{row.segment}") if row else None
    if row is None or known is None:
        return None
    if row.value == known["value"]:
        return row
    # The interval belongs to the later measurement.
    earlier = copy(row)
    earlier.value, earlier.n, earlier.grade = known["value"], known["n"], known["grade"]
    earlier.lower = earlier.upper = None
    return earlier
