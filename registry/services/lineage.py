"""Where a version comes from: data sets, pipelines, other models."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any, TypeVar

from django.db import IntegrityError, transaction
from django.db.models import QuerySet

from mlops_portal.foundation.errors import FieldError, Invalid, invalid
from mlops_portal.foundation.history import AuditedModel, delete_as, save_as
from mlops_portal.foundation.locks import lock
from mlops_portal.foundation.operations import operation
from mlops_portal.foundation.people.models import BusinessUnit, User
from mlops_portal.foundation.people.rights import require
from mlops_portal.foundation.rules import Blocker, refuse_if
from registry import policies
from registry.events import tell
from registry.models import (
    Dataset,
    FeaturePipeline,
    MetricValue,
    ModelDependency,
    ModelVersion,
    RegisteredModel,
    VersionDataset,
    VersionPipeline,
)
from registry.services import fields as plain_fields
from registry.services.governance import governance_evaluate
from registry.services.living import lock_living
from registry.services.versions import lock_version
from registry.states import DatasetRole, Grade

DATASET_FIELDS = frozenset(
    {"name", "label", "digest", "rows", "from_on", "to_on", "source", "purpose", "legal_basis", "preparation"}
)
PIPELINE_FIELDS = frozenset({"name", "url", "cadence", "owner"})
# What describes a data set without naming it; name, label and digest stay as they were registered.
DESCRIPTION_FIELDS = DATASET_FIELDS - {"name", "label", "digest"}
PERIOD = ("from_on", "to_on")
VOUCHED = (Grade.ATTESTED, Grade.REPRODUCED)
MAX_CHAIN = 10_000

R = TypeVar("R", bound=AuditedModel)


def build_dataset(
    unit: BusinessUnit, values: Mapping[str, Any], *, by: User | None, now: datetime
) -> Dataset:
    """Return the unsaved data set after checking every field.

    Raises:
        Invalid: all errors at once.
    """
    dataset = Dataset(unit=unit, created_at=now, created_by=by)
    plain_fields.assign(dataset, values, allowed=DATASET_FIELDS)
    if not dataset.name:
        raise invalid("name", "A name is required.")
    if dataset.digest and (problem := policies.digest_problem(dataset.digest)):
        raise invalid("digest", problem)
    _check_days(dataset)
    return dataset


def _check_days(dataset: Dataset) -> None:
    if dataset.from_on and dataset.to_on and dataset.to_on < dataset.from_on:
        raise invalid("to_on", "It ends before it begins.")


@operation
def dataset_register(*, unit: BusinessUnit, by: User | None, now: datetime, **fields: Any) -> Dataset:
    """Register a data set at one state (fields: name, label, digest, rows, from_on, to_on, source, purpose, …).

    The same name, label and digest again is the same data set; it takes over what it lacked so far.

    Raises:
        Invalid: a description that differs from the registered one.
        RuleViolation: the name and label stand for another content.
    """
    require(by, "registry.edit", unit_id=unit.pk)
    dataset = build_dataset(unit, fields, by=by, now=now)
    there = Dataset.objects.filter(unit=unit, name=dataset.name, label=dataset.label)
    known = there.first() or _unless_inserted(dataset, there, by=by, now=now, reason="Data set registered")
    if known is not None:
        if known.digest == dataset.digest:
            return _complete(known, dataset, by=by, now=now)
        refuse_if(
            [Blocker("dataset_exists", f"{known} is registered with another content; give it another label.")]
        )
    tell("dataset_registered", dataset, by=by, now=now, name=dataset.name, digest=dataset.digest)
    return dataset


def _unless_inserted(row: R, there: QuerySet[R], *, by: User | None, now: datetime, reason: str) -> R | None:
    """Insert a row and return None; where somebody inserted the same at this moment, return theirs."""
    try:
        with transaction.atomic():
            save_as(row, by=by, now=now, reason=reason)
    except IntegrityError:
        return there.get()
    return None


def _complete(known: Dataset, said: Dataset, *, by: User | None, now: datetime) -> Dataset:
    """Take over what ``said`` describes and ``known`` lacks; what both say must agree."""
    known = lock(Dataset.objects.select_related("unit"), known.pk)
    given = {name: getattr(said, name) for name in DESCRIPTION_FIELDS}
    given = {name: value for name, value in given.items() if value not in (None, "")}
    kept = {name: getattr(known, name) for name in given}
    if differing := sorted(name for name in given if kept[name] not in (None, "", given[name])):
        raise Invalid(
            [
                FieldError(
                    name,
                    f"{known} is registered with another value: {kept[name]}. "
                    "Leave this empty, or edit the data set.",
                )
                for name in differing
            ]
        )
    if given == kept:
        return known
    return _describe(known, given, by=by, now=now, reason="Named again with more of its description")


def _refuse_judged(dataset: Dataset, values: Mapping[str, Any]) -> None:
    """Keep what gates judge by: a period is given once and before anybody vouched, a source is not taken away."""
    errors = []
    given = [name for name in PERIOD if values.get(name) not in (None, "")]
    for name in PERIOD:
        if name in values and (known := getattr(dataset, name)) is not None and values[name] != known:
            errors.append(FieldError(name, "The period stays: another period is another data set."))
            given = []
    using = VersionDataset.objects.filter(dataset=dataset).values("version")
    if any(getattr(dataset, name) is None for name in given) and (
        MetricValue.objects.filter(version__in=using, grade__in=VOUCHED).exists()
    ):
        message = "A validator vouched for evidence on this data set; a period is no longer added."
        errors += [FieldError(name, message) for name in given]
    if "source" in values and dataset.source and not values["source"]:
        errors.append(FieldError("source", "A source is corrected, not taken away."))
    if errors:
        raise Invalid(errors)


def _describe(
    dataset: Dataset, values: Mapping[str, Any], *, by: User | None, now: datetime, reason: str
) -> Dataset:
    _refuse_judged(dataset, values)
    changed = plain_fields.assign(dataset, values, allowed=DESCRIPTION_FIELDS)
    _check_days(dataset)
    if changed:
        save_as(dataset, by=by, now=now, reason=reason, fields=changed)
        tell(
            "dataset_described",
            dataset,
            by=by,
            now=now,
            name=str(dataset),
            fields=sorted(changed),
            reason=reason,
        )
    return dataset


@operation
def dataset_describe(
    *, dataset: Dataset, reason: str, by: User | None, now: datetime, **fields: Any
) -> Dataset:
    """Change what describes a data set: rows, from_on, to_on, source, purpose, legal_basis, preparation.

    Raises:
        Invalid: no reason, or a field that does not fit; name, label and digest are not changed.
    """
    dataset = lock(Dataset.objects.select_related("unit"), dataset.pk)
    require(by, "registry.edit", unit_id=dataset.unit_id)
    if not reason.strip():
        raise invalid("reason", "Say why it changes.")
    return _describe(dataset, fields, by=by, now=now, reason=reason)


@operation
def dataset_link(
    *, version: ModelVersion, dataset: Dataset, role: str, by: User | None, now: datetime
) -> VersionDataset:
    """Say what a version used a data set for; saying it twice changes nothing."""
    version = lock_version(version)
    require(by, "registry.edit", unit_id=version.unit_id, model_id=version.model_id)
    require(by, "registry.view", unit_id=dataset.unit_id)
    if role not in DatasetRole.values:
        raise invalid("role", f"There is no role {role}; use one of {', '.join(DatasetRole.values)}.")
    link = VersionDataset.objects.filter(version=version, dataset=dataset, role=role).first()
    if link is None:
        link = VersionDataset(
            version=version, dataset=dataset, role=role, model_id=version.model_id, unit_id=version.unit_id
        )
        save_as(link, by=by, now=now, reason="Data set linked")
        tell("dataset_linked", link, by=by, now=now, dataset=str(dataset), role=role, version=version.number)
        _evaluate_first(link, now=now)
    return link


@operation
def pipeline_register(
    *, unit: BusinessUnit, by: User | None, now: datetime, **fields: Any
) -> FeaturePipeline:
    """Register a feature pipeline (fields: name, url, cadence, owner); a name that exists in the unit is that one."""
    require(by, "registry.edit", unit_id=unit.pk)
    pipeline = FeaturePipeline(unit=unit, created_at=now)
    plain_fields.assign(pipeline, fields, allowed=PIPELINE_FIELDS)
    if not pipeline.name:
        raise invalid("name", "A name is required.")
    there = FeaturePipeline.objects.filter(unit=unit, name=pipeline.name)
    known = there.first() or _unless_inserted(pipeline, there, by=by, now=now, reason="Pipeline registered")
    if known is not None:
        return known
    tell("pipeline_registered", pipeline, by=by, now=now, name=pipeline.name)
    return pipeline


@operation
def pipeline_link(
    *, version: ModelVersion, pipeline: FeaturePipeline, by: User | None, now: datetime
) -> VersionPipeline:
    """Say that a pipeline feeds a version; saying it twice changes nothing."""
    version = lock_version(version)
    require(by, "registry.edit", unit_id=version.unit_id, model_id=version.model_id)
    require(by, "registry.view", unit_id=pipeline.unit_id)
    link = VersionPipeline.objects.filter(version=version, pipeline=pipeline).first()
    if link is None:
        link = VersionPipeline(
            version=version, pipeline=pipeline, model_id=version.model_id, unit_id=version.unit_id
        )
        save_as(link, by=by, now=now, reason="Pipeline linked")
        tell("pipeline_linked", link, by=by, now=now, pipeline=pipeline.name, version=version.number)
        _evaluate_first(link, now=now)
    return link


def _evaluate_first(link: VersionDataset | VersionPipeline, *, now: datetime) -> None:
    """Evaluate governance where a model's record says for the first time what it is made of; more of it changes nothing."""
    if not type(link).objects.filter(model=link.model_id).exclude(pk=link.pk).exists():
        governance_evaluate(model=link.version.model, now=now)


@operation
def dependency_add(
    *, model: RegisteredModel, upstream: RegisteredModel, by: User | None, now: datetime, note: str = ""
) -> ModelDependency:
    """Say that ``model`` reads the output of ``upstream``.

    Raises:
        RuleViolation: the models would read each other in a circle.
    """
    model = lock_living(model.pk)
    require(by, "registry.edit", unit_id=model.unit_id, model_id=model.pk)
    require(by, "registry.view", unit_id=upstream.unit_id, model_id=upstream.pk)
    refuse_if(policies.alive_blockers(upstream))
    link = ModelDependency.objects.filter(model=model, upstream=upstream).first()
    if link is not None:
        return link
    if _reads(upstream.pk, model.pk):
        refuse_if([Blocker("circle", f"{upstream} reads {model} already, directly or through others.")])
    link = ModelDependency(model=model, upstream=upstream, unit_id=model.unit_id, note=note)
    save_as(link, by=by, now=now, reason=note or "Dependency added")
    tell("dependency_added", link, by=by, now=now, upstream_id=upstream.pk)
    governance_evaluate(model=model, now=now)
    return link


def _reads(reader: int, wanted: int) -> bool:
    """Tell whether ``reader`` reads ``wanted``, directly or through others."""
    seen, ring = {reader}, {reader}
    while ring and len(seen) < MAX_CHAIN:
        if wanted in ring:
            return True
        links = ModelDependency.objects.filter(model__in=ring).values_list("upstream_id", flat=True)
        ring = set(links) - seen
        seen |= ring
    return False


@operation
def dependency_remove(
    *, dependency: ModelDependency, by: User | None, now: datetime, reason: str = ""
) -> None:
    """Say that a model no longer reads another one."""
    model = lock_living(dependency.model_id)
    require(by, "registry.edit", unit_id=model.unit_id, model_id=model.pk)
    tell("dependency_removed", dependency, by=by, now=now, upstream_id=dependency.upstream_id, reason=reason)
    delete_as(dependency, by=by, now=now, reason=reason or "Dependency removed")
    governance_evaluate(model=model, now=now)


@operation
def pipeline_use(*, version: ModelVersion, by: User | None, now: datetime, **fields: Any) -> VersionPipeline:
    """Register a pipeline in the version's unit, unless it is known, and say that it feeds the version."""
    pipeline = pipeline_register(unit=version.unit, by=by, now=now, **fields)
    return pipeline_link(version=version, pipeline=pipeline, by=by, now=now)


@operation
def dataset_use(
    *, version: ModelVersion, role: str, by: User | None, now: datetime, **fields: Any
) -> VersionDataset:
    """Register a data set in the version's unit, unless it is known, and say what the version used it for."""
    dataset = dataset_register(unit=version.unit, by=by, now=now, **fields)
    return dataset_link(version=version, dataset=dataset, role=role, by=by, now=now)
