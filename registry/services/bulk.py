"""Many records at once, for big builds: the rules of the single services, one history row each, one summary event."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any

from mlops_portal.foundation.errors import FieldError, Invalid, NotAllowed
from mlops_portal.foundation.history import bulk_save_as
from mlops_portal.foundation.locks import lock_all
from mlops_portal.foundation.operations import operation
from mlops_portal.foundation.people.models import User
from mlops_portal.foundation.people.rights import require
from mlops_portal.foundation.rules import refuse_if
from registry import policies
from registry.events import tell_all
from registry.models import (
    Component,
    Deployment,
    Environment,
    MetricValue,
    ModelCounter,
    ModelTag,
    ModelVersion,
    RecordTask,
    RegisteredModel,
    VersionTag,
)
from registry.queries.custom import declared_for, required_in
from registry.queries.facts import RecordFacts
from registry.services import custom_values
from registry.services.governance import apply_facts, first_tasks
from registry.services.metrics import build_metrics
from registry.services.models import NewModel, build_components, build_model, refuse_taken
from registry.services.offices import hold_offices, named_in
from registry.services.versions import NewVersion, build_version, take_numbers
from registry.states import DeploymentKind, DeploymentState, LifecycleState

LOOKED_UP_AT_ONCE = 500


@dataclass(frozen=True, slots=True, kw_only=True)
class PastDeployment:
    """A deployment that took place: what ran where from when to when, and how it ended."""

    version: ModelVersion
    environment: Environment
    started_at: datetime
    finished_at: datetime | None = None
    ended_at: datetime | None = None
    state: str = DeploymentState.LIVE
    kind: str = DeploymentKind.NORMAL
    change_id: int | None = None
    triggered_by: User | None = None
    more: Mapping[str, Any] = field(default_factory=dict)


MORE = frozenset(
    {"batch", "caused_by_incident", "document_score", "document_threshold", "is_test", "note", "tier"}
)


def _require_each(by: User | None, right: str, scopes: Iterable[tuple[int, int | None]]) -> None:
    for unit_id, model_id in sorted(set(scopes), key=str):
        require(by, right, unit_id=unit_id, model_id=model_id)


def _at_place(place: int, refusal: Invalid) -> list[FieldError]:
    return [FieldError(f"row {place}, {error.where}", error.message) for error in refusal.errors]


@operation
def models_register_many(
    *, models: Sequence[NewModel], by: User | None, now: datetime, reason: str = ""
) -> list[RegisteredModel]:
    """Register models with components, counters, tags and tasks; all or none.

    Raises:
        Invalid: naming row and field, all of them.
        ModelExists: a name is taken by a living model.
    """
    _require_each(by, "registry.register", ((new.unit.pk, None) for new in models))
    errors: list[FieldError] = []
    rows: list[RegisteredModel] = []
    parts: list[Component] = []
    tasks: list[RecordTask] = []
    names: set[str] = set()
    declared = {
        unit: declared_for(unit) for unit in {new.unit.pk for new in models if new.fields.get("custom")}
    }
    required = required_in({new.unit.pk for new in models})
    deciders = hold_offices((person for new in models for person in named_in(new.fields)), now=now)
    for place, new in enumerate(models, start=1):
        try:
            if new.fields.get("custom"):
                fitting = custom_values.checked(new.fields["custom"], declared[new.unit.pk])
                new = replace(new, fields={**new.fields, "custom": fitting})
            model = build_model(new, deciders=deciders, by=by, now=now)
            own = build_components(new, model)
        except Invalid as refusal:
            errors += _at_place(place, refusal)
            continue
        if new.name in names:
            errors.append(FieldError(f"row {place}, name", f"{new.name} occurs twice."))
        names.add(new.name)
        facts = RecordFacts(components=own, required_fields=required.get(new.unit.pk, {}))
        apply_facts(model, facts, now=now)
        rows.append(model)
        parts += own
        tasks += first_tasks(model, facts, now=now)
    if errors:
        raise Invalid(errors)
    ordered = sorted(names)
    for start in range(0, len(ordered), LOOKED_UP_AT_ONCE):
        refuse_taken(ordered[start : start + LOOKED_UP_AT_ONCE])
    refuse_taken([], [(row.source_name, row.external_id) for row in rows if row.external_id])
    reason = reason or "Registered together"
    bulk_save_as(rows, by=by, now=now, reason=reason)
    ModelCounter.objects.bulk_create(
        [ModelCounter(model=row, unit_id=row.unit_id, last_activity_at=now) for row in rows], batch_size=1000
    )
    tags = [
        ModelTag(model=row, unit_id=row.unit_id, key=key, value=value)
        for row, new in zip(rows, models, strict=True)
        for key, value in new.tags.items()
    ]
    for children in (parts, tags, tasks):
        _save_children(children, by=by, now=now, reason=reason)
    tell_all("models_registered", "registry.RegisteredModel", by=by, now=now, count=len(rows))
    return rows


def _save_children(rows: Sequence[Any], *, by: User | None, now: datetime, reason: str) -> None:
    """Save rows whose parents have got their keys since they were built."""
    for row in rows:
        for name in ("model", "version"):
            if hasattr(row, f"{name}_id") and name in row._state.fields_cache:
                setattr(row, name, getattr(row, name))
    if rows:
        bulk_save_as(rows, by=by, now=now, reason=reason)


@operation
def versions_register_many(
    *,
    versions: Sequence[tuple[RegisteredModel, NewVersion]],
    by: User | None,
    now: datetime,
    reason: str = "",
) -> list[ModelVersion]:
    """Register versions, in the order given for each model; all or none. One counter statement a model.

    Raises:
        Invalid: naming row and field, all of them.
        NotFound: a model was deleted.
    """
    _require_each(by, "registry.register", ((model.unit_id, model.pk) for model, _ in versions))
    errors: list[FieldError] = []
    rows: list[ModelVersion] = []
    wanted: dict[int, list[ModelVersion]] = {}
    for place, (model, new) in enumerate(versions, start=1):
        refuse_if(policies.version_registration_blockers(model))
        try:
            version = build_version(new, model, by=by, now=now)
        except Invalid as refusal:
            errors += _at_place(place, refusal)
            continue
        rows.append(version)
        wanted.setdefault(model.pk, []).append(version)
    if errors:
        raise Invalid(errors)
    for pk in sorted(wanted):
        mine = wanted[pk]
        last, unit_id = take_numbers(mine[0].model, len(mine), now=now)
        require(by, "registry.register", unit_id=unit_id, model_id=pk)
        for number, version in enumerate(mine, start=last - len(mine) + 1):
            version.number, version.unit_id = number, unit_id
    reason = reason or "Registered together"
    bulk_save_as(rows, by=by, now=now, reason=reason)
    tags = [
        VersionTag(version=row, model_id=row.model_id, unit_id=row.unit_id, key=key, value=value)
        for row, (_, new) in zip(rows, versions, strict=True)
        for key, value in new.tags.items()
    ]
    _save_children(tags, by=by, now=now, reason=reason)
    tell_all("versions_registered", "registry.ModelVersion", by=by, now=now, count=len(rows))
    return rows


@operation
def metrics_record_many(
    *,
    metrics: Sequence[tuple[ModelVersion, Sequence[Mapping[str, Any]]]],
    by: User | None,
    now: datetime,
    grade: str | None = None,
) -> list[MetricValue]:
    """Record first values of many versions; a value that stands already is refused by the database.

    Raises:
        Invalid: naming version, row and field.
        RuleViolation: ``by`` may not claim the grade.
    """
    _require_each(by, "registry.edit", ((version.unit_id, version.model_id) for version, _ in metrics))
    rows: list[MetricValue] = []
    for version, values in metrics:
        claimed = grade or policies.usual_grade(by, version=version)
        refuse_if(policies.grade_blockers(claimed, by=by, version=version))
        rows += build_metrics(version, values, grade=claimed, by=by, now=now)
    if rows:
        bulk_save_as(rows, by=by, now=now, reason="Metrics recorded together")
    tell_all("metrics_recorded", "registry.MetricValue", by=by, now=now, count=len(rows))
    return rows


@operation
def deployments_record_many(
    *, deployments: Sequence[PastDeployment], by: User | None, now: datetime, reason: str = ""
) -> list[Deployment]:
    """Record deployments that took place. Only the portal itself may: nothing is started, so no gate is asked.

    Raises:
        NotAllowed: a person calls this.
        Invalid: naming the row: times out of order, an unknown state.
    """
    if by is not None:
        raise NotAllowed("Only the portal records deployments of the past.")
    errors: list[FieldError] = []
    rows: list[Deployment] = []
    for place, past in enumerate(deployments, start=1):
        errors += [FieldError(f"row {place}, {name}", message) for name, message in _past_errors(past)]
        rows.append(
            Deployment(
                model_id=past.version.model_id,
                version=past.version,
                environment=past.environment,
                unit_id=past.version.unit_id,
                state=past.state,
                kind=past.kind,
                traffic_percent=100 if past.state == DeploymentState.LIVE else 0,
                started_at=past.started_at,
                finished_at=past.finished_at,
                ended_at=past.ended_at,
                change_id=past.change_id,
                triggered_by=past.triggered_by,
                **{name: value for name, value in past.more.items() if name in MORE},
            )
        )
    if errors:
        raise Invalid(errors)
    if rows:
        bulk_save_as(rows, by=by, now=now, reason=reason or "Recorded together")
        _settle_models(rows, by=by, now=now)
    tell_all("deployments_recorded", "registry.Deployment", by=by, now=now, count=len(rows))
    return rows


def _settle_models(rows: Sequence[Deployment], *, by: User | None, now: datetime) -> None:
    """Say of models which of them run in production now, as a single deployment does."""
    to = LifecycleState.IN_PRODUCTION
    serving = {
        row.model_id for row in rows if row.state == DeploymentState.LIVE and row.environment.is_production
    }
    models = lock_all(RegisteredModel.objects.alive().exclude(lifecycle_state=to), serving, keeps_key=True)
    moved = [model for model in models if not policies.lifecycle_blockers(model, to=to)]
    for model in moved:
        model.lifecycle_state, model.updated_at = to, now
    if moved:
        fields = ["lifecycle_state", "updated_at"]
        bulk_save_as(moved, by=by, now=now, reason="Follows what runs in production", fields=fields)


def _past_errors(past: PastDeployment) -> list[tuple[str, str]]:
    errors = [(str(name), "There is no such field.") for name in sorted(past.more.keys() - MORE)]
    if past.state not in DeploymentState.values:
        errors.append(("state", f"There is no state {past.state}."))
    if past.kind not in DeploymentKind.values:
        errors.append(("kind", f"There is no kind {past.kind}."))
    times = [time for time in (past.started_at, past.finished_at, past.ended_at) if time is not None]
    if times != sorted(times):
        errors.append(("finished_at", "It starts, finishes and ends in this order."))
    if past.state == DeploymentState.LIVE and past.finished_at is None:
        errors.append(("finished_at", "What is live has finished."))
    return errors
