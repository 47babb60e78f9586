"""The records that facts are read from: loaded for any number of subjects in a fixed number of statements."""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, TypeVar

from django.db.models import Model, Prefetch, QuerySet

from approvals.facts import Subject
from approvals.models import ChangeRequest, Condition, Validation, ValidationFinding
from approvals.states import ChangeState
from mlops_portal.foundation.people.behind import Behind, behind
from mlops_portal.foundation.people.models import User
from registry.models import (
    Component,
    Consumer,
    Deployment,
    Document,
    DocumentSection,
    Environment,
    MetricValue,
    ModelDependency,
    ModelVersion,
    MonitoringPlan,
    RegisteredModel,
    RiskAssessment,
    ThresholdSet,
    UnitUse,
    VersionDataset,
)
from registry.queries.facts import RecordFacts, facts_of
from registry.states import DeploymentKind, DeploymentState, ReviewState, SectionStatus, UseState

M = TypeVar("M", bound=Model)
# What the facts of a model and of a version ask of the rows these refer to.
OF_MODEL = ("owner", "developer", "validator", "accountable_executive", "unit")
OF_VERSION = ("registered_by",)


@dataclass(slots=True)
class Records:
    """Rows by the id that facts look them up with."""

    now: datetime
    models: dict[int, RegisteredModel] = field(default_factory=dict)
    versions: dict[int, ModelVersion] = field(default_factory=dict)
    environments: dict[int, Environment] = field(default_factory=dict)
    changes: dict[int, ChangeRequest] = field(default_factory=dict)
    live: dict[tuple[int, int], Deployment] = field(default_factory=dict)  # by model and environment
    deployments: dict[int, list[Deployment]] = field(default_factory=dict)  # by model, newest first
    ran_in: set[tuple[int, int, int]] = field(default_factory=set)  # model, environment, version
    release_of: dict[int, ChangeRequest] = field(default_factory=dict)  # deployment → its change
    components: dict[int, list[Component]] = field(default_factory=dict)
    consumers: dict[int, list[Consumer]] = field(default_factory=dict)
    uses: dict[int, list[UnitUse]] = field(default_factory=dict)
    readers: dict[int, list[ModelDependency]] = field(default_factory=dict)
    upstream: dict[int, list[ModelDependency]] = field(default_factory=dict)
    ratings: dict[int, RiskAssessment] = field(default_factory=dict)
    plans: dict[int, MonitoringPlan] = field(default_factory=dict)
    limits: dict[int, list[ThresholdSet]] = field(default_factory=dict)  # locked ones, newest first
    documents: dict[int, list[Document]] = field(default_factory=dict)
    unarchived: set[int] = field(default_factory=set)  # models with a document that is not approved
    sections: dict[int, list[DocumentSection]] = field(default_factory=dict)  # by document
    metrics: dict[int, list[MetricValue]] = field(default_factory=dict)
    data: dict[int, list[VersionDataset]] = field(default_factory=dict)
    validations: dict[int, Validation] = field(default_factory=dict)  # latest concluded one by version
    critical: dict[int, list[ValidationFinding]] = field(default_factory=dict)  # open ones by version
    behind: Behind = field(default_factory=Behind)  # the people behind service accounts
    record_facts: dict[int, RecordFacts] = field(default_factory=dict)

    def other_ran(self, subject: Subject) -> bool:
        """Tell whether another version ran where the change would take effect: only then is there one to return to."""
        place = (subject.model_id, subject.environment_id)
        return any(row[:2] == place and row[2] != subject.version_id for row in self.ran_in)

    def champion(self, subject: Subject) -> ModelVersion | None:
        """Return the version that serves where the change would take effect, else the one in any production."""
        own = self.live.get((subject.model_id, subject.environment_id or 0))
        if own is not None:
            return self.versions.get(own.version_id)
        for deployment in self.deployments.get(subject.model_id, []):
            is_live = deployment.state == DeploymentState.LIVE and deployment.environment.is_production
            if is_live and deployment.version_id != subject.version_id:
                return self.versions.get(deployment.version_id)
        return None


def _grouped(rows: Iterable[M], key: str) -> dict[Any, list[M]]:
    found: dict[Any, list[M]] = defaultdict(list)
    for row in rows:
        found[getattr(row, key)].append(row)
    return dict(found)


def _newest(rows: QuerySet[M], key: str) -> dict[Any, M]:
    """Return the first row of each key, in the order of ``rows``."""
    found: dict[Any, M] = {}
    for row in rows:
        found.setdefault(getattr(row, key), row)
    return found


def _is_whole(row: Model, related: Iterable[str]) -> bool:
    """Tell whether a row was read with what it refers to."""
    return all(name in row._state.fields_cache for name in related)


def _ids(values: Iterable[int | None]) -> set[int]:
    return {value for value in values if value}


def load(subjects: Sequence[Subject], now: datetime, *, known: Sequence[ChangeRequest] = ()) -> Records:
    """Read everything the facts of ``subjects`` rest on.

    ``known`` are changes that the caller has just read or locked, or has not saved yet: they are not read again.
    """
    records = Records(now=now)
    records.changes = {change.pk: change for change in known}
    records.environments = {
        change.environment.pk: change.environment for change in known if change.environment is not None
    }
    model_ids = _ids(subject.model_id for subject in subjects)
    records.models = {
        change.model_id: change.model
        for change in known
        if _is_whole(change, ("model",)) and _is_whole(change.model, OF_MODEL)
    }
    if others := model_ids - records.models.keys():
        records.models |= RegisteredModel.objects.select_related(*OF_MODEL).in_bulk(others)
    if places := _ids(subject.environment_id for subject in subjects) - records.environments.keys():
        records.environments |= Environment.objects.in_bulk(places)
    if unknown := _ids(subject.change_id for subject in subjects) - records.changes.keys():
        records.changes |= ChangeRequest.objects.select_related("requester").in_bulk(unknown)
    _load_deployments(records, model_ids)
    version_ids = _ids(
        [
            *(subject.version_id for subject in subjects),
            *(subject.rollback_version_id for subject in subjects),
            *(deployment.version_id for deployment in records.live.values()),
        ]
    )
    records.versions = {
        change.version.pk: change.version
        for change in known
        if _is_whole(change, ("version",)) and change.version and _is_whole(change.version, OF_VERSION)
    }
    if more := version_ids - records.versions.keys():
        records.versions |= ModelVersion.objects.select_related(*OF_VERSION).in_bulk(more)
    _load_model_rows(records, model_ids)
    _load_version_rows(records, version_ids)
    records.behind = behind(_machines(records))
    records.record_facts = facts_of(records.models.values(), now=now)
    return records


def _load_deployments(records: Records, model_ids: set[int]) -> None:
    # Only what serves, and rehearsals: a model may have thousands of deployments behind it.
    rows = Deployment.objects.filter(model_id__in=model_ids).select_related("environment")
    serving = rows.filter(state__in=[DeploymentState.LIVE, DeploymentState.SUSPENDED])
    rehearsed = rows.filter(is_test=True, kind=DeploymentKind.ROLLBACK, finished_at__isnull=False)
    found = list((serving | rehearsed).order_by("-started_at", "-pk"))
    records.deployments = _grouped(found, "model_id")
    records.live = {
        (row.model_id, row.environment_id): row for row in found if row.state == DeploymentState.LIVE
    }
    ran = rows.exclude(
        state__in=[DeploymentState.IN_PROGRESS, DeploymentState.FAILED, DeploymentState.ABORTED]
    )
    records.ran_in = set(
        ran.filter(is_test=False)
        .order_by()
        .values_list("model_id", "environment_id", "version_id")
        .distinct()
    )
    releases = ChangeRequest.objects.filter(
        pk__in=_ids(row.change_id for row in records.live.values()),
        state__in=[ChangeState.COMPLETED, ChangeState.VERIFYING],
    ).in_bulk()
    records.release_of = {
        row.pk: releases[row.change_id] for row in records.live.values() if row.change_id in releases
    }


def _load_model_rows(records: Records, model_ids: set[int]) -> None:
    of_models = {"model_id__in": model_ids}
    records.components = _grouped(Component.objects.filter(**of_models).order_by("name", "pk"), "model_id")
    records.consumers = _grouped(Consumer.objects.filter(**of_models).order_by("name", "pk"), "model_id")
    uses = UnitUse.objects.filter(**of_models).exclude(state=UseState.ENDED).select_related("using_unit")
    records.uses = _grouped(uses.order_by("using_unit__name", "pk"), "model_id")
    links = ModelDependency.objects.prefetch_related("model", "upstream").order_by("pk")  # few have any
    rows = list(links.filter(upstream_id__in=model_ids) | links.filter(model_id__in=model_ids))
    records.readers = _grouped((row for row in rows if row.upstream_id in model_ids), "upstream_id")
    records.upstream = _grouped((row for row in rows if row.model_id in model_ids), "model_id")
    records.ratings = _newest(
        RiskAssessment.objects.filter(**of_models, state=ReviewState.APPROVED).order_by("-decided_at", "-pk"),
        "model_id",
    )
    records.plans = _newest(
        MonitoringPlan.objects.filter(**of_models, is_current=True).order_by("-number"), "model_id"
    )
    locked = ThresholdSet.objects.filter(**of_models, locked_at__isnull=False)
    records.limits = _grouped(locked.order_by("-locked_at", "-number"), "model_id")


def _load_version_rows(records: Records, version_ids: set[int]) -> None:
    of_versions = {"version_id__in": version_ids}
    documents = Document.objects.filter(model_id__in=records.models).filter(
        version_id__in=version_ids
    ) | Document.objects.filter(model_id__in=records.models, version__isnull=True)
    records.documents = _grouped(documents.select_related("file").order_by("kind", "title", "pk"), "model_id")
    unfinished = Document.objects.filter(model_id__in=records.models).exclude(status=SectionStatus.APPROVED)
    records.unarchived = set(unfinished.order_by().values_list("model_id", flat=True).distinct())
    ids = [row.pk for rows in records.documents.values() for row in rows]
    records.sections = _grouped(
        DocumentSection.objects.filter(document_id__in=ids).defer("text").order_by("key"), "document_id"
    )
    metrics = MetricValue.objects.filter(**of_versions).select_related("dataset")
    records.metrics = _grouped(metrics.order_by("name", "segment", "suite", "pk"), "version_id")
    links = VersionDataset.objects.filter(**of_versions).select_related("dataset")
    records.data = _grouped(links.order_by("role", "dataset__name", "pk"), "version_id")
    concluded = Validation.objects.filter(**of_versions, state=Validation.State.CONCLUDED)
    records.validations = _newest(
        concluded.select_related("signature", "validator")
        .prefetch_related(Prefetch("conditions", Condition.objects.order_by("pk")))
        .order_by("-concluded_at", "-pk"),
        "version_id",
    )
    findings = ValidationFinding.objects.filter(
        validation__version_id__in=version_ids,
        severity=ValidationFinding.Severity.CRITICAL,
        closed_at__isnull=True,
    ).select_related("validation")
    for finding in findings.order_by("pk"):
        records.critical.setdefault(finding.validation.version_id, []).append(finding)


def _machines(records: Records) -> set[int | None]:
    return {
        row.requester_id for row in records.changes.values() if row.requester.kind == User.Kind.SERVICE
    } | {
        row.registered_by_id
        for row in records.versions.values()
        if row.registered_by is not None and row.registered_by.kind == User.Kind.SERVICE
    }
