"""Registered models: from intake to tombstone."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from typing import Any, TypedDict, Unpack

from django.db import IntegrityError, transaction

from mlops_portal.foundation.days import portal_day
from mlops_portal.foundation.errors import DomainError, FieldError, Invalid, NotFound, invalid
from mlops_portal.foundation.history import bulk_save_as, delete_as, save_as
from mlops_portal.foundation.operations import operation
from mlops_portal.foundation.people.models import BusinessUnit, User
from mlops_portal.foundation.people.rights import require
from mlops_portal.foundation.rules import Blocker, refuse_if
from mlops_portal.foundation.web.words import day_text
from registry import gates, policies
from registry.events import tell
from registry.models import Alias, Component, ModelCounter, ModelTag, ModelVersion, RegisteredModel
from registry.models.columns import ScopedRecord
from registry.queries.custom import declared_for, required_in
from registry.queries.deciders import OFFICES, Deciders
from registry.queries.facts import RecordFacts
from registry.services import custom_values
from registry.services import fields as plain_fields
from registry.services.governance import apply_facts, first_tasks, governance_evaluate
from registry.services.living import lock_living, touch
from registry.services.offices import hold_offices, named_in, refuse_deciders
from registry.services.revisions import refuse_stale
from registry.services.unstated import COMPONENT, components_follow, note_stated
from registry.states import INVENTORY_KINDS, LifecycleState, ModelKind


class ModelFields(TypedDict, total=False):
    """What people and imports write into a model's record. Ratings, governance and states have services of their own."""

    title: str
    description: str | None
    kind: str
    use_case: str
    is_model_decision: bool | None
    is_model_rationale: str
    owner: User | None
    developer: User | None
    validator: User | None
    accountable_executive: User | None
    sponsor: User | None
    intake_submitted_at: datetime | None
    objective: str
    objective_metric: str
    objective_baseline: float | None
    objective_target: float | None
    benefit: str
    intended_use: str
    prohibited_uses: str
    approved_uses: str
    assumptions: str
    limitations: str
    origin: str
    vendor: str
    vendor_version: str
    contract_ref: str
    exit_plan: str
    is_production_critical: bool | None
    is_enterprise_scale: bool | None
    is_proof_of_concept: bool | None
    is_exploratory: bool | None
    decisions_per_day: int | None
    regimes: list[str]
    no_regime_in_scope: bool
    interacts_with_people: bool | None
    generates_content: bool | None
    eu_role: str
    annex_iii_point: str
    eu_db_registration_id: str
    next_review_on: date | None
    primary_metric: str
    primary_metric_higher_is_better: bool
    source_name: str
    external_id: str
    import_digest: str
    custom: dict[str, Any]


EDITABLE = frozenset(ModelFields.__annotations__)
COMPONENT_FIELDS = frozenset(
    field.name for field in Component._meta.concrete_fields if field.name not in ("id", "model", "unit")
)


class ModelExists(DomainError):
    """A living model has this name."""

    status, code, title = 409, "model_exists", "The name is taken"


class ExternalIdExists(DomainError):
    """A living model came from the same record of the same inventory."""

    status, code, title = 409, "external_id_exists", "Registered already"


@dataclass(frozen=True, slots=True, kw_only=True)
class NewModel:
    """A model to register. Without ``components`` it gets one of its own kind."""

    name: str
    unit: BusinessUnit
    fields: ModelFields = field(default_factory=ModelFields)
    components: Sequence[Mapping[str, Any]] = ()
    tags: Mapping[str, str] = field(default_factory=dict)
    is_draft: bool = False


def build_model(new: NewModel, *, deciders: Deciders, by: User | None, now: datetime) -> RegisteredModel:
    """Return the unsaved model after checking every field; ``deciders`` are those among whom it names (`hold_offices`).

    Raises:
        Invalid: all errors at once.
    """
    model = RegisteredModel(
        name=new.name,
        unit=new.unit,
        created_at=now,
        created_by=by,
        updated_at=now,
        lifecycle_state=LifecycleState.DRAFT if new.is_draft else LifecycleState.REGISTERED,
    )
    errors = []
    problem = policies.name_problem(new.name)
    if problem:
        errors.append(FieldError("name", problem))
    for key, value in new.tags.items():
        problem = policies.tag_key_problem(key) or plain_fields.text_problem(value)
        if problem:
            errors.append(FieldError(f"tags.{key}"[:80], problem))
    try:
        changed = plain_fields.assign(model, new.fields, allowed=EDITABLE)
        refuse_deciders(model, changed, deciders)
        note_regimes(model, changed, by=by, now=now)
    except Invalid as refusal:
        errors += refusal.errors
    if errors:
        raise Invalid(errors)
    return model


def note_regimes(
    model: RegisteredModel, changed: Sequence[str], *, by: User | None, now: datetime
) -> list[str]:
    """Note who states when that no regime is in scope; return the fields that this sets.

    Raises:
        Invalid: the record names regimes and says that there is none.
    """
    if model.no_regime_in_scope and model.regimes:
        raise invalid("no_regime_in_scope", "The record names regimes in scope; it cannot say that none is.")
    if "no_regime_in_scope" not in changed:
        return []
    stated = model.no_regime_in_scope
    model.no_regime_stated_at, model.no_regime_stated_by = (now, by) if stated else (None, None)
    return ["no_regime_stated_at", "no_regime_stated_by"]


def build_components(new: NewModel, model: RegisteredModel) -> list[Component]:
    """Return the unsaved components of a model; prompts have none.

    Raises:
        Invalid: naming the component and the field.
    """
    if model.kind == ModelKind.PROMPT:
        return []
    rows = list(new.components) or [{"name": COMPONENT, "kind": model.kind}]
    built = []
    for place, values in enumerate(rows, start=1):
        component = Component(model=model, unit=model.unit)
        try:
            plain_fields.assign(component, {"kind": model.kind, **values}, allowed=COMPONENT_FIELDS)
        except Invalid as refusal:
            raise Invalid(
                [
                    FieldError(f"components, row {place}, {error.where}", error.message)
                    for error in refusal.errors
                ]
            ) from None
        if not component.name:
            raise invalid(f"components, row {place}, name", "A name is required.")
        built.append(component)
    names = [component.name for component in built]
    if len(set(names)) < len(names):
        raise invalid("components", "Two components have one name.")
    return built


def refuse_taken(names: Iterable[str], origins: Iterable[tuple[str, str]] = ()) -> None:
    """Refuse names and foreign keys that living models have.

    Raises:
        ModelExists: naming the first.
        ExternalIdExists: naming the first.
    """
    living = RegisteredModel.objects.alive()
    taken = living.filter(name__in=list(names)).order_by("name").first()
    if taken is not None:
        raise ModelExists(f"A model named “{taken.name}” exists.")
    for source, external in origins:
        if external and (found := living.filter(source_name=source, external_id=external).first()):
            raise ExternalIdExists(f"Record {external} of {source} is the model “{found.name}” already.")


def _insert(model: RegisteredModel, *, by: User | None, now: datetime, reason: str) -> None:
    try:
        with transaction.atomic():
            save_as(model, by=by, now=now, reason=reason)
    except IntegrityError:
        refuse_taken([model.name], [(model.source_name, model.external_id)])
        raise


@operation
def model_register(
    *,
    name: str,
    unit: BusinessUnit,
    by: User | None,
    now: datetime,
    components: Sequence[Mapping[str, Any]] = (),
    tags: Mapping[str, str] | None = None,
    is_draft: bool = False,
    reason: str = "",
    **fields: Unpack[ModelFields],
) -> RegisteredModel:
    """Register a model in ``unit``, with its first components; a record with gaps gets a task.

    Whoever fills in the record gives ``custom``, and with it every field that the unit requires. A machine that knows
    hardly more than the name leaves it out.

    Raises:
        Invalid: a name or a field that is not possible; all errors.
        ModelExists: the name is taken by a living model.
    """
    require(by, "registry.register", unit_id=unit.pk)
    refuse_if(_unit_blockers(unit))
    if "custom" in fields:
        fields["custom"] = custom_values.checked(fields["custom"], declared_for(unit.pk))
    new = NewModel(
        name=name, unit=unit, fields=fields, components=components, tags=tags or {}, is_draft=is_draft
    )
    model = build_model(new, deciders=hold_offices(named_in(fields), now=now), by=by, now=now)
    parts = build_components(new, model)
    facts = RecordFacts(components=parts, required_fields=required_in([unit.pk]).get(unit.pk, {}))
    apply_facts(model, facts, now=now)
    refuse_taken([name], [(model.source_name, model.external_id)])
    _insert(model, by=by, now=now, reason=reason or "Registered")
    ModelCounter.objects.create(model=model, unit=unit, last_activity_at=now)
    if parts:
        bulk_save_as(parts, by=by, now=now, reason="Registered with the model")
    if new.tags:
        rows = [ModelTag(model=model, unit=unit, key=key, value=value) for key, value in new.tags.items()]
        bulk_save_as(rows, by=by, now=now, reason="Registered with the model")
    if tasks := first_tasks(model, facts, now=now):
        bulk_save_as(tasks, by=by, now=now, reason="Task opened")
    tell("model_registered", model, by=by, now=now, name=model.name, kind=model.kind)
    return model


def _unit_blockers(unit: BusinessUnit) -> list[Blocker]:
    if unit.closed_at is None:
        return []
    return [Blocker("unit_closed", f"{unit} is closed.", "an administrator")]


@operation
def model_update(
    *,
    model: RegisteredModel,
    by: User | None,
    now: datetime,
    revision: int | None = None,
    reason: str = "",
    **fields: Unpack[ModelFields],
) -> RegisteredModel:
    """Change fields of the record; fields that are not named stay. Nothing changes, nothing is written.

    Whoever names a field that is held by default states it, with the same value, too.

    Raises:
        Conflict: the record moved on since ``revision``, in words.
        Invalid: all errors at once.
    """
    deciders = hold_offices(named_in(fields), now=now)
    model = lock_living(model.pk)
    require(by, "registry.edit", unit_id=model.unit_id, model_id=model.pk)
    refuse_stale(model, revision)
    if "custom" in fields:
        fields["custom"] = custom_values.checked(fields["custom"], declared_for(model.unit_id))
    kind, opens_kind, former_owner = model.kind, "kind" in model.unstated, model.owner_id
    changed = plain_fields.assign(model, fields, allowed=EDITABLE)
    changed += note_stated(model, fields)
    if model.kind in INVENTORY_KINDS and "kind" in changed and not model.components.exists():
        raise invalid("kind", "A prompt becomes no model; register the model.")
    refuse_deciders(model, changed, deciders)
    changed += note_regimes(model, changed, by=by, now=now)
    if not changed:
        return model
    _bump(model, changed, by=by, now=now, reason=reason or "Record changed")
    if opens_kind:
        components_follow({model.pk: kind}, [model], by=by, now=now)
    more = {"former_owner": former_owner} if "owner" in changed and former_owner else {}
    tell("model_updated", model, by=by, now=now, fields=sorted(changed), reason=reason, **more)
    return governance_evaluate(model=model, now=now)


def _bump(
    model: RegisteredModel, changed: Sequence[str], *, by: User | None, now: datetime, reason: str
) -> None:
    model.revision += 1
    model.updated_at = now
    try:
        with transaction.atomic():
            save_as(model, by=by, now=now, reason=reason, fields=[*changed, "revision", "updated_at"])
    except IntegrityError:
        others = RegisteredModel.objects.alive().exclude(pk=model.pk)
        if others.filter(name=model.name).exists():
            raise ModelExists(f"A model named “{model.name}” exists.") from None
        raise ExternalIdExists(
            f"Record {model.external_id} of {model.source_name} is another model."
        ) from None
    touch(model.pk, now)


@operation
def model_rename(
    *,
    model: RegisteredModel,
    name: str,
    by: User | None,
    now: datetime,
    revision: int | None = None,
    reason: str = "",
) -> RegisteredModel:
    """Give a model another name; versions, tags and aliases stay with it.

    Raises:
        ModelExists: the name is taken.
        RuleViolation: it ran in production.
    """
    model = lock_living(model.pk)
    require(by, "registry.edit", unit_id=model.unit_id, model_id=model.pk)
    refuse_stale(model, revision)
    if problem := policies.name_problem(name):
        raise invalid("name", problem)
    if name == model.name:
        return model
    refuse_if(policies.model_rename_blockers(model))
    refuse_taken([name])
    before, model.name = model.name, name
    _bump(model, ["name"], by=by, now=now, reason=reason or "Renamed")
    tell("model_renamed", model, by=by, now=now, before=before, after=name, reason=reason)
    return model


@operation
def model_delete(*, model: RegisteredModel, reason: str, by: User | None, now: datetime) -> RegisteredModel:
    """Make a model and its versions tombstones. The name is free again; numbers of its versions are never used again.

    Raises:
        RuleViolation: it is deployed, was in production, is used, or an app above objects.
    """
    model = lock_living(model.pk)
    require(by, "registry.delete", unit_id=model.unit_id, model_id=model.pk)
    refuse_if(policies.model_deletion_blockers(model, by=by, now=now))
    ModelCounter.objects.filter(model=model).delete()
    for alias in Alias.objects.filter(model=model).order_by("pk"):
        delete_as(alias, by=by, now=now, reason=reason)
    versions = list(ModelVersion.objects.alive().filter(model=model).order_by("pk"))
    for version in versions:
        version.deleted_at = version.updated_at = now
    if versions:
        bulk_save_as(versions, by=by, now=now, reason=reason, fields=["deleted_at", "updated_at"])
    model.deleted_at = model.updated_at = now
    save_as(model, by=by, now=now, reason=reason, fields=["deleted_at", "updated_at"])
    tell("model_deleted", model, by=by, now=now, name=model.name, versions=len(versions), reason=reason)
    return model


@operation
def model_attest(
    *,
    model: RegisteredModel,
    by: User | None,
    now: datetime,
    next_review_on: date | None = None,
    note: str = "",
) -> RegisteredModel:
    """Confirm as its owner (or the accountable executive) that the record is right as it stands, defaults included.

    Raises:
        RuleViolation: ``by`` is neither.
    """
    model = lock_living(model.pk)
    require(by, "registry.edit", unit_id=model.unit_id, model_id=model.pk)
    if by is None or by.pk not in (model.owner_id, model.accountable_executive_id):
        owner = str(model.owner or "the owner, once there is one")
        refuse_if([Blocker("not_the_owner", "The owner attests the record.", owner)])
    if next_review_on is not None and next_review_on < portal_day(now):
        raise invalid("next_review_on", f"{day_text(next_review_on)} is in the past.")
    model.last_attested_at = now
    changed = ["last_attested_at", *note_stated(model, list(model.unstated))]
    if next_review_on is not None:
        model.next_review_on = next_review_on
        changed.append("next_review_on")
    save_as(model, by=by, now=now, reason=note or "Attested", fields=changed)
    tell("model_attested", model, by=by, now=now, next_review_on=next_review_on, note=note)
    return governance_evaluate(model=model, now=now)


@operation
def model_note_validation(
    *,
    model: RegisteredModel,
    validated_at: datetime,
    next_validation_on: date | None,
    by: User | None,
    now: datetime,
) -> RegisteredModel:
    """Keep when the model was last validated. Called by the app that signed the validation, which checked the right."""
    model = lock_living(model.pk)
    model.last_validated_at, model.next_validation_on = validated_at, next_validation_on
    changed = ["last_validated_at", "next_validation_on"]
    save_as(model, by=by, now=now, reason="Validated", fields=changed)
    tell("model_validated", model, by=by, now=now, next_validation_on=next_validation_on)
    return model


@operation
def model_set_lifecycle(
    *, model: RegisteredModel, to: str, by: User | None, now: datetime, reason: str = ""
) -> RegisteredModel:
    """Move a model through its life. Called by services that checked the right of the act behind it.

    Raises:
        RuleViolation: the state cannot follow, or retirement has open duties (RULES 5.6).
    """
    model = lock_living(model.pk)
    if to not in LifecycleState.values:
        raise invalid("lifecycle_state", f"There is no state {to}.")
    if to == model.lifecycle_state:
        return model
    if to == LifecycleState.RETIRED:
        refuse_if(policies.retirement_blockers(model, by=by, now=now))
        model.retired_at, model.retirement_reason = now, reason
    else:
        refuse_if(policies.lifecycle_blockers(model, to=to))
    before, model.lifecycle_state, model.updated_at = model.lifecycle_state, to, now
    changed = ["lifecycle_state", "updated_at", "retired_at", "retirement_reason"]
    save_as(model, by=by, now=now, reason=reason, fields=changed)
    tell("lifecycle_changed", model, by=by, now=now, before=before, after=to, reason=reason)
    return model


def children_of(model: RegisteredModel) -> list[tuple[type[ScopedRecord], list[ScopedRecord]]]:
    """Return every row of the registry that belongs to the model and repeats its unit, by class."""
    found = []
    for relation in RegisteredModel._meta.related_objects:
        child = relation.related_model
        if (
            relation.field.name == "model"
            and issubclass(child, ScopedRecord)
            and child._meta.app_label == "registry"
        ):
            found.append((child, list(child._base_manager.filter(model=model).order_by("pk"))))
    return found


@operation
def model_transfer_unit(
    *,
    model: RegisteredModel,
    unit: BusinessUnit,
    reason: str,
    by: User | None,
    now: datetime,
    revision: int | None = None,
) -> RegisteredModel:
    """Move a model with everything that belongs to it to another unit, whose people then hold the rights.

    Raises:
        NotAllowed: the actor must be allowed to edit in the old unit and to register in the new one.
        RuleViolation: the new unit is closed, or whoever answers for the model decides on risk there.
    """
    deciders = hold_offices([getattr(model, office) for office in OFFICES], now=now)
    model = lock_living(model.pk)
    require(by, "registry.edit", unit_id=model.unit_id, model_id=model.pk)
    require(by, "registry.register", unit_id=unit.pk)
    refuse_stale(model, revision)
    refuse_if(_unit_blockers(unit))
    if unit.pk == model.unit_id:
        return model
    if not reason.strip():
        raise invalid("reason", "A reason is required.")
    if not ModelCounter.objects.filter(model=model).update(unit=unit, last_activity_at=now):
        raise NotFound("The model does not exist.")
    before, model.unit = model.unit, unit
    refuse_if(policies.office_blockers(model, deciders))
    _bump(model, ["unit"], by=by, now=now, reason=reason)
    for _, rows in children_of(model):
        for row in rows:
            row.unit_id = unit.pk
        if rows:
            bulk_save_as(rows, by=by, now=now, reason=reason, fields=["unit"])
    for move in gates.unit_transfers:
        move(model, unit, by, now)
    tell("model_transferred", model, by=by, now=now, before=before.code, after=unit.code, reason=reason)
    return model
