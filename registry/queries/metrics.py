"""How a model names what it measures."""

from dataclasses import dataclass

from registry.models import MetricValue, RegisteredModel, ThresholdSet
from registry.states import ReviewState


@dataclass(frozen=True, slots=True)
class MetricsUsed:
    """Names, segments and suites of earlier values and of limits; ``judged`` are the names that limits are set for."""

    names: tuple[str, ...] = ()
    segments: tuple[str, ...] = ()
    suites: tuple[str, ...] = ()
    judged: tuple[str, ...] = ()


def metrics_used(model: RegisteredModel) -> MetricsUsed:
    """Read what a form offers, in two statements."""
    values = MetricValue.objects.filter(model=model).order_by().values_list("name", "segment", "suite")
    rows = set(values.distinct())
    newest = (
        ThresholdSet.objects.filter(model=model)
        .exclude(state=ReviewState.DECLINED)
        .order_by("-number")
        .values_list("limits", flat=True)
        .first()
    ) or []
    limits = {(row["metric"], row.get("segment", ""), row.get("suite", "")) for row in newest}
    names, segments, suites = ({row[place] for row in rows | limits} - {""} for place in range(3))
    return MetricsUsed(
        tuple(sorted(names)),
        tuple(sorted(segments)),
        tuple(sorted(suites)),
        tuple(sorted({name for name, _, _ in limits})),
    )
