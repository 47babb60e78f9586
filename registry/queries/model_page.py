"""What the page of one model shows, in a fixed number of statements whatever the number of versions."""

from collections import defaultdict
from collections.abc import Iterable
from datetime import datetime
from typing import Any

from django.db.models import Exists, F, OuterRef, Prefetch, Q, Subquery
from django.utils import timezone

from mlops_portal.foundation.days import portal_day
from mlops_portal.foundation.errors import NotFound
from mlops_portal.foundation.history import as_of, rows_as_of
from mlops_portal.foundation.web.words import time_text
from registry.gates import duties_of
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
from registry.queries.lineage import around
from registry.queries.sources import tell_addresses
from registry.states import DeploymentState, ReviewState, TaskKind

SHOWN_VERSIONS = 6
SHOWN_RATINGS = 3


def read(model: RegisteredModel, *, at: datetime | None, user: Any) -> dict[str, Any]:
    """Return the template's variables; in the past the record itself is the history row of then.

    Other models are named only where ``user`` sees them, today: the past changes the data, never the rights.

    Raises:
        NotFound: the model did not exist at that moment.
    """
    record = record_of(model, at)
    versions = recent_versions(model, at)
    newest = versions[0] if versions else None
    registered = model.counter.last_number
    if at is not None:
        registered = ModelVersion.objects.filter(model=model, registered_at__lte=at).count()
    return {
        "record": record,
        "custom": custom.shown(record.custom or {}, custom.declared_for(model.unit_id)),
        "versions": versions,
        "registered_versions": registered,
        "newest": newest,
        "live": deployments_at(model, at),
        **(_around_now(model, user) if at is None else _around_then(model, at, user)),
        "documents": documents_of(model, newest, at),
        "datasets": tell_addresses(
            user,
            VersionDataset.objects.filter(version=newest).select_related("dataset").order_by("role", "pk")
            if newest
            else [],
        ),
        "pipelines": tell_addresses(
            user,
            VersionPipeline.objects.filter(version=newest).select_related("pipeline").order_by("pk")
            if newest
            else [],
        ),
        "today": portal_day(at or timezone.now()),
    }


def record_of(model: RegisteredModel, at: datetime | None) -> Any:
    """Return the model, or its history row of a moment.

    Raises:
        NotFound: the model did not exist at that moment.
    """
    if at is None:
        return model
    record = as_of(model, at)
    if record is None:
        raise NotFound(f"{model} did not exist on {time_text(at)}.")
    return record


def name_at(model: RegisteredModel, at: datetime | None) -> str:
    """Return what people read as the model's name, today or at a moment.

    Raises:
        NotFound: the model did not exist at that moment.
    """
    record = record_of(model, at)
    return record.title or record.name


def with_successors(ratings: Iterable[Any]) -> list[Any]:
    """Tell each approved rating, newest first, when the one that took its place was approved (`superseded_at`).

    A rating keeps who approved it and when; that it is superseded is the later rating's doing.
    """
    found, successor = list(ratings), None
    for one in found:
        if one.state in (ReviewState.APPROVED, ReviewState.SUPERSEDED):
            one.superseded_at = successor.decided_at if successor else None
            one.superseded_by = successor.decided_by if successor else None
            successor = one
    return found


def _around_now(model: RegisteredModel, user: Any) -> dict[str, Any]:
    """Return what stands around the model today."""
    upstream = ModelDependency.objects.filter(model=model).select_related("upstream")
    downstream = ModelDependency.objects.filter(upstream=model).select_related("model")
    tasks = RecordTask.objects.filter(model=model, closed_at__isnull=True).select_related("owner")
    ratings = RiskAssessment.objects.filter(model=model).select_related("proposed_by", "decided_by")
    limits = ThresholdSet.objects.filter(model=model).select_related("proposed_by", "locked_by")
    plans = MonitoringPlan.objects.filter(model=model, is_current=True).select_related("owner")
    uses = UnitUse.objects.filter(model=model).select_related("using_unit", "decided_by")
    return {
        "components": list(Component.objects.filter(model=model).order_by("name")),
        "consumers": list(Consumer.objects.filter(model=model).order_by("name")),
        "uses": list(uses.order_by("pk")),
        "tasks": list(tasks.order_by("pk")),
        "record_kinds": (TaskKind.COMPLETE_RECORD, TaskKind.BECAME_MANDATORY),
        "duties": duties_of(model, user, timezone.now()),
        "ratings": with_successors(ratings.order_by("-proposed_at", "-pk")[:SHOWN_RATINGS]),
        "limits": limits.order_by("-number").first(),
        "plan": plans.first(),
        "upstream": around(user, (link.upstream for link in upstream.order_by("upstream__name"))),
        "downstream": around(user, (link.model for link in downstream.order_by("model__name"))),
    }


def _around_then(model: RegisteredModel, at: datetime, user: Any) -> dict[str, Any]:
    """Return what stood around the model at a moment, from the history of each kind of record."""

    def rows(kind: type, *people: str, **where: Any) -> Any:
        return rows_as_of(kind, at, among={"model_id": model.pk}, **where).select_related(*people)

    upstream = rows(ModelDependency, "upstream").order_by("upstream__name")
    readers = rows_as_of(ModelDependency, at, among={"upstream_id": model.pk}).select_related("model")
    return {
        "components": list(rows(Component).order_by("name")),
        "consumers": list(rows(Consumer).order_by("name")),
        "uses": list(rows(UnitUse, "using_unit", "decided_by")),
        "tasks": list(rows(RecordTask, "owner", closed_at__isnull=True)),
        "ratings": with_successors(
            rows(RiskAssessment, "proposed_by", "decided_by").order_by("-proposed_at", "-id")[:SHOWN_RATINGS]
        ),
        "limits": rows(ThresholdSet, "proposed_by", "locked_by").order_by("-number").first(),
        "plan": rows(MonitoringPlan, "owner", is_current=True).first(),
        "upstream": around(user, (link.upstream for link in upstream)),
        "downstream": around(user, (link.model for link in readers.order_by("model__name"))),
    }


def recent_versions(model: RegisteredModel, at: datetime | None) -> list[ModelVersion]:
    """Return the newest versions with alias names, where they run and the primary metric."""
    rows = ModelVersion.objects.alive().filter(model=model)
    if at is not None:
        rows = rows.filter(registered_at__lte=at)
    found = list(with_facts(rows, model, at).order_by("-number")[:SHOWN_VERSIONS])
    named = _aliases_then(model, at) if at is not None else None
    for version in found:
        names = [one.name for one in version.aliases.all()] if named is None else named[version.pk]
        version.alias_names = names
    return found


def _aliases_then(model: RegisteredModel, at: datetime) -> dict[int, list[str]]:
    """Return the names of aliases by version as they pointed at a moment."""
    found: dict[int, list[str]] = defaultdict(list)
    for row in rows_as_of(Alias, at, among={"model_id": model.pk}).order_by("name"):
        found[row.version_id].append(row.name)
    return found


def with_facts(rows: Any, model: RegisteredModel, at: datetime | None = None) -> Any:
    """Annotate versions of one model with what lists show of them."""
    primary = MetricValue.objects.filter(
        version=OuterRef("pk"), name=model.primary_metric, segment=""
    ).order_by("-pk")
    live = Deployment.objects.filter(version=OuterRef("pk"))
    live = live.filter(state=DeploymentState.LIVE) if at is None else _served(live, at)
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


def deployments_at(model: RegisteredModel, at: datetime | None) -> list[Deployment]:
    """Return what serves now, or what served at a moment (it had finished and had not ended), with its traffic then."""
    rows = Deployment.objects.filter(model=model).select_related("version", "environment")
    rows = rows.order_by("-environment__is_production", "environment__name", "-pk")
    if at is None:
        serving = [DeploymentState.LIVE, DeploymentState.IN_PROGRESS, DeploymentState.SUSPENDED]
        return list(rows.filter(state__in=serving))
    then = rows_as_of(Deployment, at, among={"model_id": model.pk})
    traffic = dict(then.values_list("id", "traffic_percent"))
    served = list(_served(rows, at))
    for one in served:
        one.traffic_percent = traffic.get(one.pk, one.traffic_percent)
    return served


def _served(rows: Any, at: datetime) -> Any:
    """Narrow deployments to what had finished and had not ended."""
    return rows.filter(finished_at__lte=at).exclude(ended_at__lte=at).exclude(state=DeploymentState.FAILED)


def documents_of(
    model: RegisteredModel, version: ModelVersion | None = None, at: datetime | None = None
) -> list[Any]:
    """Return the documents with their sections, by kind; with ``version`` only its own and those of every version."""
    if at is not None:
        past = rows_as_of(Document, at, among={"model_id": model.pk}).select_related("version")
        if version is not None:
            past = past.filter(Q(version=version) | Q(version__isnull=True))
        return list(past.order_by("kind", "-id"))
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
