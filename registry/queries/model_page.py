"""What the page of one model shows, in a fixed number of statements whatever the number of versions."""

from datetime import datetime
from typing import Any

from django.db.models import Exists, F, OuterRef, Prefetch, Q, Subquery
from django.utils import timezone

from mlops_portal.foundation.errors import NotFound
from mlops_portal.foundation.history import as_of
from registry.models import (
    Alias,
    Component,
    Consumer,
    Deployment,
    Document,
    DocumentSection,
    MetricValue,
    ModelDependency,
    ModelVersion,
    MonitoringPlan,
    RecordTask,
    RegisteredModel,
    RiskAssessment,
    ThresholdSet,
    UnitUse,
    VersionDataset,
    VersionPipeline,
)
from registry.queries import custom
from registry.states import DeploymentState

SHOWN_VERSIONS = 6


def read(model: RegisteredModel, *, at: datetime | None) -> dict[str, Any]:
    """Return the template's variables; in the past the record itself is the history row of then.

    Raises:
        NotFound: the model did not exist at that moment.
    """
    record = model if at is None else as_of(model, at)
    if record is None:
        raise NotFound(f"{model.name} did not exist on {timezone.localtime(at):%-d %b %Y at %H:%M}.")
    versions = recent_versions(model, at)
    newest = versions[0] if versions else None
    live = list(deployments_at(model, at))
    return {
        "record": record,
        "custom": custom.shown(record.custom or {}, custom.declared_for(model.unit_id)),
        "versions": versions,
        "newest": newest,
        "live": live,
        "components": list(Component.objects.filter(model=model).order_by("name")),
        "consumers": list(Consumer.objects.filter(model=model).order_by("name")),
        "uses": list(
            UnitUse.objects.filter(model=model).select_related("using_unit", "decided_by").order_by("pk")
        ),
        "tasks": list(
            RecordTask.objects.filter(model=model, closed_at__isnull=True)
            .select_related("owner")
            .order_by("pk")
        ),
        "documents": documents_of(model, newest),
        "ratings": list(
            RiskAssessment.objects.filter(model=model)
            .select_related("proposed_by", "decided_by")
            .order_by("-proposed_at", "-pk")[:3]
        ),
        "limits": ThresholdSet.objects.filter(model=model)
        .select_related("proposed_by", "locked_by")
        .order_by("-number")
        .first(),
        "plan": MonitoringPlan.objects.filter(model=model, is_current=True).select_related("owner").first(),
        "upstream": list(
            ModelDependency.objects.filter(model=model).select_related("upstream").order_by("upstream__name")
        ),
        "downstream": list(
            ModelDependency.objects.filter(upstream=model).select_related("model").order_by("model__name")
        ),
        "datasets": list(
            VersionDataset.objects.filter(version=newest).select_related("dataset").order_by("role", "pk")
            if newest
            else []
        ),
        "pipelines": list(
            VersionPipeline.objects.filter(version=newest).select_related("pipeline").order_by("pk")
            if newest
            else []
        ),
        "today": timezone.localdate(at) if at else timezone.localdate(),
    }


def recent_versions(model: RegisteredModel, at: datetime | None) -> list[ModelVersion]:
    """Return the newest versions with alias names, where they run and the primary metric."""
    rows = ModelVersion.objects.alive().filter(model=model)
    if at is not None:
        rows = rows.filter(registered_at__lte=at)
    return list(with_facts(rows, model).order_by("-number")[:SHOWN_VERSIONS])


def with_facts(rows: Any, model: RegisteredModel) -> Any:
    """Annotate versions of one model with what lists show of them."""
    primary = MetricValue.objects.filter(
        version=OuterRef("pk"), name=model.primary_metric, segment=""
    ).order_by("-pk")
    live = Deployment.objects.filter(version=OuterRef("pk"), state=DeploymentState.LIVE)
    production = live.filter(environment__is_production=True)
    return (
        rows.annotate(
            primary_value=Subquery(primary.values("value")[:1]),
            is_in_production=Exists(production),
            live_in=Subquery(
                live.order_by("-environment__is_production", "pk").values("environment__name")[:1]
            ),
        )
        .select_related("registered_by")
        .prefetch_related(Prefetch("aliases", queryset=Alias.objects.order_by("name")))
    )


def deployments_at(model: RegisteredModel, at: datetime | None) -> Any:
    """Return what serves now, or what served at a moment (it had finished and had not ended)."""
    rows = Deployment.objects.filter(model=model).select_related("version", "environment")
    if at is None:
        rows = rows.filter(
            state__in=[DeploymentState.LIVE, DeploymentState.IN_PROGRESS, DeploymentState.SUSPENDED]
        )
    else:
        rows = (
            rows.filter(finished_at__lte=at).exclude(ended_at__lte=at).exclude(state=DeploymentState.FAILED)
        )
    return rows.order_by("-environment__is_production", "environment__name", "-pk")


def documents_of(model: RegisteredModel, version: ModelVersion | None = None) -> list[Document]:
    """Return the documents with their sections, by kind; with ``version`` only its own and those of every version."""
    sections = DocumentSection.objects.order_by("pk")
    rows = Document.objects.filter(model=model)
    if version is not None:
        rows = rows.filter(Q(version=version) | Q(version__isnull=True))
    return list(
        rows.select_related("approved_by", "version", "file")
        .prefetch_related(Prefetch("sections", queryset=sections))
        .annotate(version_number=F("version__number"))
        .order_by("kind", "-pk")
    )
