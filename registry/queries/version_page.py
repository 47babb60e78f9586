"""What the page of one version shows."""

from typing import Any

from mlops_portal.foundation.errors import NotFound
from mlops_portal.foundation.people.models import User
from registry.models import (
    Alias,
    Deployment,
    Document,
    MetricValue,
    ModelVersion,
    RegisteredModel,
    ThresholdSet,
    VersionDataset,
    VersionPipeline,
    VersionTag,
)
from registry.queries.comparison import compare_versions
from registry.queries.sources import tell_addresses


def model_of(user: User, pk: int) -> RegisteredModel:
    """Return a model the reader may see.

    Raises:
        NotFound: there is none.
    """
    models = (
        RegisteredModel.objects.alive()
        .visible_to(user)
        .select_related("unit", "counter", "owner", "validator")
    )
    model = models.filter(pk=pk).first()
    if model is None:
        raise NotFound(f"There is no model {pk} that you can see.")
    return model


def read(version: ModelVersion, user: User) -> dict[str, Any]:
    """Return the template's variables in a fixed number of statements."""
    limits = (
        ThresholdSet.objects.filter(model_id=version.model_id, locked_at__isnull=False)
        .order_by("-number")
        .first()
    )
    metrics = list(
        MetricValue.objects.filter(version=version)
        .select_related("dataset", "recorded_by")
        .order_by("suite", "name", "segment", "pk")
    )
    developers = User.objects.filter(pk__in=version.developer_ids).order_by("name")
    return {
        "overall": [(metric, _limit(limits, metric)) for metric in metrics if not metric.segment],
        "segments": [(metric, _limit(limits, metric)) for metric in metrics if metric.segment],
        "aliases": list(Alias.objects.filter(version=version).order_by("name")),
        "tags": list(VersionTag.objects.filter(version=version).order_by("key")[:100]),
        "datasets": tell_addresses(
            user,
            VersionDataset.objects.filter(version=version).select_related("dataset").order_by("role", "pk"),
        ),
        "pipelines": tell_addresses(
            user, VersionPipeline.objects.filter(version=version).select_related("pipeline").order_by("pk")
        ),
        "documents": list(
            Document.objects.filter(version=version).select_related("approved_by").order_by("kind", "-pk")
        ),
        "deployments": list(
            Deployment.objects.filter(version=version)
            .select_related("environment")
            .order_by("-started_at", "-pk")[:20]
        ),
        "developers": list(developers),
        "limits": limits,
        "parameters": sorted(version.parameters.items()),
    }


def _limit(limits: ThresholdSet | None, metric: MetricValue) -> dict[str, Any] | None:
    """Judge a metric against the release limit of the locked set, for a bullet."""
    row = limits.limit_of(metric.name, metric.segment) if limits else None
    if row is None or row.get("release") is None:
        return None
    release = float(row["release"])
    is_max = row.get("direction") == "max"
    passes = metric.value <= release if is_max else metric.value >= release
    return {
        "release": release,
        "words": f"{'maximum' if is_max else 'minimum'} {release:g}",
        "tone": "ok" if passes else "fail",
        "low": min(metric.value, release) - abs(release) * 0.25,
        "high": max(metric.value, release) + abs(release) * 0.25,
        "better": "low" if is_max else "high",
    }


def comparison(model: RegisteredModel, numbers: list[int]) -> dict[str, Any]:
    """Compare two versions; with any other number of them, offer the choice."""
    versions = list(ModelVersion.objects.alive().filter(model=model).order_by("-number")[:100])
    found = {
        version.number: version
        for version in ModelVersion.objects.alive().filter(model=model, number__in=numbers[:2])
    }
    chosen = [found[number] for number in numbers[:2] if number in found]
    both = compare_versions(*chosen) if len(chosen) == 2 else None
    return {"choices": versions, "chosen": chosen, "comparison": both, "too_many": len(numbers) > 2}
