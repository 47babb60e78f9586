"""What the page of one version shows."""

from typing import Any

from mlops_portal.foundation.errors import NotFound
from mlops_portal.foundation.people.models import User
from mlops_portal.foundation.web.words import figure
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
from registry.states import DeploymentState


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
        "words": f"{'maximum' if is_max else 'minimum'} {figure(release)}",
        "tone": "ok" if passes else "fail",
        "low": min(metric.value, release) - abs(release) * 0.25,
        "high": max(metric.value, release) + abs(release) * 0.25,
        "better": "low" if is_max else "high",
    }


def comparison(model: RegisteredModel, numbers: list[int]) -> dict[str, Any]:
    """Compare two versions; one is compared with what serves, any other number of them offers the choice."""
    rows = ModelVersion.objects.alive().filter(model=model)
    versions, against = list(rows.order_by("-number")[:100]), ""
    chosen = list(rows.filter(number__in=numbers[:2]).order_by("number"))
    if len(chosen) == 1 and len(numbers) == 1 and (other := _other(chosen[0])):
        against, version = other
        chosen = sorted([*chosen, version], key=lambda one: one.number)
    both = compare_versions(*chosen) if len(chosen) == 2 else None
    return {
        "choices": versions,
        "chosen": chosen,
        "against": against,
        "comparison": both,
        "too_many": len(numbers) > 2,
    }


def _other(version: ModelVersion) -> tuple[str, ModelVersion] | None:
    """Return what a version is compared with when nobody chose, in words and itself; None when it is alone."""
    others = ModelVersion.objects.alive().filter(model_id=version.model_id).exclude(pk=version.pk)
    serving = Deployment.objects.filter(
        version__in=others, state=DeploymentState.LIVE, environment__is_production=True
    )
    serves = serving.select_related("version").order_by("-started_at", "-pk").first()
    if serves is not None:
        return "the version in production", serves.version
    before = others.filter(number__lt=version.number).order_by("-number").first()
    if before is not None:
        return "the version before it", before
    after = others.order_by("number").first()
    return None if after is None else ("the version after it", after)
