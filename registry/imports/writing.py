"""Decide for each planned row what it means for the registry, and write a chunk of such decisions at once.

A row is found again by its source and external key. A known record whose digest is the same is not touched, so a
second import of one file writes nothing.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from functools import partial
from typing import Any, cast

from mlops_portal.foundation.errors import DomainError, Invalid, NotAllowed
from mlops_portal.foundation.history import bulk_save_as
from mlops_portal.foundation.locks import lock_all
from mlops_portal.foundation.people.models import BusinessUnit, User
from mlops_portal.foundation.people.rights import require
from mlops_portal.foundation.people.services.units import units_create
from registry import policies
from registry.imports import fields as kinds
from registry.imports.fields import FIELDS
from registry.imports.mapping import ColumnMapping
from registry.imports.plan import PlannedRow
from registry.imports.rows import Problem
from registry.imports.transforms import fold
from registry.imports.units import UnitRefused, Units, UnitUnknown, is_planned
from registry.models import CustomField, ModelCounter, RegisteredModel
from registry.queries.custom import declared_for
from registry.queries.deciders import Deciders, deciders_among
from registry.queries.facts import RecordFacts
from registry.services import fields as plain_fields
from registry.services.custom_values import fitted
from registry.services.governance import apply_facts, first_tasks
from registry.services.models import (
    EDITABLE,
    ModelFields,
    NewModel,
    build_components,
    build_model,
    note_regimes,
)
from registry.services.offices import hold_offices, refuse_deciders
from registry.services.unstated import components_follow, note_stated

IMPORTED = "Imported from an inventory"
STATE_FIELDS = ("lifecycle_state", "retired_at", "retirement_reason")
PERSON_FIELDS = tuple(name for name, spec in FIELDS.items() if spec.type == kinds.PERSON)


class Outcome(StrEnum):
    """What a row means for the registry."""

    CREATED = "created"
    UPDATED = "updated"
    UNCHANGED = "unchanged"
    FAILED = "failed"


@dataclass(slots=True)
class Decision:
    """One row, what becomes of it, and what is to be told about it."""

    row: PlannedRow
    outcome: Outcome
    model: RegisteredModel | None = None
    unit: BusinessUnit | None = None
    unknown_unit: str = ""
    kind_before: str = ""  # of a model whose kind this row changes
    facts: RecordFacts = field(default_factory=RecordFacts)
    changed: list[str] = field(default_factory=list)
    problems: list[Problem] = field(default_factory=list)
    notes: list[Problem] = field(default_factory=list)


class ChunkWriter:
    """Decides and writes chunks of one import."""

    def __init__(
        self,
        *,
        mapping: ColumnMapping,
        units: Units,
        custom_keys: Mapping[str, str],
        by: User | None,
        now: datetime,
    ) -> None:
        self._mapping, self._units, self._by, self._now = mapping, units, by, now
        self._columns_of_custom = {key: column for column, key in custom_keys.items()}
        self._declared: dict[int, dict[str, CustomField]] = {}
        self._deciders = Deciders()

    def decide(self, rows: Sequence[PlannedRow], *, holds: bool = False) -> list[Decision]:
        """Say for each row what would be written. A preview and a run ask alike; nothing is written here.

        A run also holds, within its transaction, the people whom rows name, so that none is given a role meanwhile,
        and then the models that rows find again, so that nobody edits them before they are written.
        """
        living = RegisteredModel.objects.alive()
        fit = [row for row in rows if row.is_fit]
        people = self._people(fit)
        self._deciders = (
            hold_offices(people.values(), now=self._now)
            if holds
            else deciders_among([person.pk for person in people.values()], now=self._now)
        )
        found = living.filter(
            source_name=self._mapping.source, external_id__in=[row.external_id for row in fit]
        ).select_related("unit")
        known = {
            model.external_id: model for model in (lock_all(found, found.values("pk")) if holds else found)
        }
        numbers = dict(
            ModelCounter.objects.filter(model__in=known.values()).values_list("model_id", "last_number")
        )
        wanted = [name for row in fit for name in row.names]
        taken = set(living.filter(name__in=wanted).values_list("name", flat=True))
        decisions = []
        for row in rows:
            model = known.get(row.external_id) if row.is_fit else None
            decision = Decision(row, Outcome.CREATED, model, notes=list(row.notes))
            if not row.is_fit:
                decision.outcome, decision.problems = Outcome.FAILED, list(row.problems)
            elif model is None:
                self._try(decision, partial(self._create, taken, people))
            elif model.import_digest == row.digest:
                decision.outcome = Outcome.UNCHANGED
            else:
                decision.outcome = Outcome.UPDATED
                has_versions = numbers.get(model.pk, 0) > 0
                self._try(decision, partial(self._update, model, taken, people, has_versions=has_versions))
            decisions.append(decision)
        return decisions

    def write(self, decisions: Sequence[Decision]) -> None:
        """Write what was decided: units that are missing, rows, history and ledger entries together."""
        by, now = self._by, self._now
        created = [decision for decision in decisions if decision.outcome == Outcome.CREATED]
        if created:
            self._settle_in_units(created)
            models = bulk_save_as(_models(created), by=by, now=now, reason=IMPORTED)
            ModelCounter.objects.bulk_create(
                ModelCounter(model=model, unit_id=model.unit_id, last_activity_at=now) for model in models
            )
            self._write_belongings(created)
        updated = [decision for decision in decisions if decision.outcome == Outcome.UPDATED]
        if updated:
            names = sorted({name for decision in updated for name in decision.changed})
            bulk_save_as(_models(updated), by=by, now=now, reason=IMPORTED, fields=names)
            kinds = {one.model.pk: one.kind_before for one in updated if one.model and one.kind_before}
            if kinds:
                components_follow(kinds, _models(updated), by=by, now=now, reason=IMPORTED)

    def _settle_in_units(self, created: Sequence[Decision]) -> None:
        """Add the units that these rows need and put their models there."""
        planned = {one.unit.code: one.unit.name for one in created if one.unit and is_planned(one.unit)}
        if not planned:
            return
        made = units_create(named=planned, parent=self._units.root, by=self._by, now=self._now)
        for decision in created:
            if decision.model and decision.unit and decision.unit.code in made:
                decision.model.unit = made[decision.unit.code]

    def _write_belongings(self, created: Sequence[Decision]) -> None:
        """Write components and first tasks, as a registration by hand does."""
        parts, tasks = [], []
        for decision in created:
            model = cast("RegisteredModel", decision.model)
            for part in decision.facts.components:
                part.model, part.unit = model, model.unit
                parts.append(part)
            tasks += first_tasks(model, decision.facts, now=self._now)
        if parts:
            bulk_save_as(parts, by=self._by, now=self._now, reason=IMPORTED)
        if tasks:
            bulk_save_as(tasks, by=self._by, now=self._now, reason="Task opened")

    def _try(self, decision: Decision, decide: Callable[[Decision], None]) -> None:
        """Let a refusal fail its row, named with the column where it lies."""
        number = decision.row.number
        try:
            decide(decision)
        except Invalid as refusal:
            decision.outcome = Outcome.FAILED
            decision.problems += [
                Problem(number, self._column(error.where), error.message) for error in refusal.errors
            ]
        except (UnitRefused, NotAllowed) as refusal:
            decision.outcome = Outcome.FAILED
            decision.unknown_unit = refusal.name if isinstance(refusal, UnitUnknown) else ""
            decision.problems.append(Problem(number, self._mapping.unit_column, refusal.message))
        except DomainError as refusal:
            decision.outcome = Outcome.FAILED
            decision.problems.append(Problem(number, self._column("name"), refusal.message))

    def _column(self, name: str) -> str:
        rule = self._mapping.fields.get(name)
        if rule is None:
            return self._columns_of_custom.get(name.removeprefix("custom."), "")
        return " + ".join(rule.columns)

    def _require(self, unit: BusinessUnit, model: RegisteredModel | None = None) -> None:
        try:
            require(self._by, "registry.import", unit_id=unit.pk, model_id=model.pk if model else None)
        except NotAllowed:
            raise NotAllowed(f"you have no right to import into {unit}") from None

    def _create(self, taken: set[str], people: Mapping[str, User], decision: Decision) -> None:
        row = decision.row
        unit = self._units.find(row.unit)
        home = self._units.home_of(unit)
        self._require(home)
        name = next((name for name in row.names if name not in taken), None)
        if name is None:
            raise DomainError(f"every possible name is taken, the last one is “{row.names[-1]}”")
        values = self._values(decision, people, home.pk)
        new = NewModel(
            name=name,
            unit=home,
            fields=cast(
                "ModelFields",
                {
                    **{name: value for name, value in values.items() if name not in STATE_FIELDS},
                    "source_name": self._mapping.source,
                    "external_id": row.external_id,
                    "import_digest": row.digest,
                },
            ),
        )
        model = build_model(new, deciders=self._deciders, by=self._by, now=self._now)
        model.unstated = dict(row.unstated)
        self._set_state(model, values)
        decision.facts = RecordFacts(components=build_components(new, model))
        apply_facts(model, decision.facts, now=self._now)
        decision.model, decision.unit = model, unit
        taken.add(name)

    def _update(
        self,
        model: RegisteredModel,
        taken: set[str],
        people: Mapping[str, User],
        decision: Decision,
        *,
        has_versions: bool,
    ) -> None:
        row = decision.row
        self._require(model.unit, model)
        values = {
            name: value
            for name, value in self._values(decision, people, model.unit_id).items()
            if name not in row.unstated  # what a file leaves open changes nothing
        }
        if values.get("kind", model.kind) != model.kind:
            decision.kind_before = model.kind
        values["custom"] = {
            **{key: value for key, value in model.custom.items() if key not in self._columns_of_custom},
            **values["custom"],
        }
        values["import_digest"] = row.digest
        changed = plain_fields.assign(
            model,
            {name: value for name, value in values.items() if name not in STATE_FIELDS},
            allowed=EDITABLE,
        )
        changed += note_stated(model, values.keys() - (STATE_FIELDS if has_versions else ()))
        refuse_deciders(model, changed, self._deciders)
        if model.regimes and model.no_regime_in_scope:
            model.no_regime_in_scope = False  # what the inventory names refutes what somebody stated
            stated = ["no_regime_in_scope"]
            changed += [*stated, *note_regimes(model, stated, by=None, now=self._now)]
        if not has_versions:
            before = {name: getattr(model, name) for name in STATE_FIELDS}
            self._set_state(model, values)
            changed += [name for name in STATE_FIELDS if getattr(model, name) != before[name]]
        elif values.get("lifecycle_state", model.lifecycle_state) != model.lifecycle_state:
            decision.notes.append(
                Problem(
                    row.number,
                    self._column("lifecycle_state"),
                    "the state is not taken over: the model has versions and a state of its own",
                )
            )
        if model.name not in row.names and (name := next((n for n in row.names if n not in taken), None)):
            if problem := policies.name_problem(name):
                raise DomainError(problem)
            taken.add(name)
            model.name = name
            changed.append("name")
        model.revision += 1
        model.updated_at = self._now
        decision.changed = [*changed, "revision", "updated_at"]

    def _set_state(self, model: RegisteredModel, values: Mapping[str, Any]) -> None:
        """Take over the state that the inventory declares; what is not retired has no day of retirement."""
        model.lifecycle_state = values.get("lifecycle_state", model.lifecycle_state)
        if model.lifecycle_state == "retired":
            model.retired_at = values.get("retired_at", model.retired_at)
            model.retirement_reason = values.get("retirement_reason", model.retirement_reason)

    def _values(self, decision: Decision, people: Mapping[str, User], unit_id: int) -> dict[str, Any]:
        row = decision.row
        custom = dict(row.custom)
        values: dict[str, Any] = {}
        for name, value in row.values.items():
            if name not in PERSON_FIELDS:
                values[name] = value
            elif person := people.get(fold(value)):
                values[name] = person
            else:
                custom[name] = value
                decision.notes.append(
                    Problem(
                        row.number,
                        self._column(name),
                        f"nobody here has the e-mail address “{value}”; the {name} stays a text",
                    )
                )
        return values | {"custom": self._fitted(decision, custom, unit_id)}

    def _fitted(self, decision: Decision, custom: dict[str, Any], unit_id: int) -> dict[str, Any]:
        """Store values as their fields declare; what does not fit stays the text of the file, with a note."""
        if unit_id not in self._declared:
            self._declared[unit_id] = declared_for(unit_id)
        stored, errors = fitted(custom, self._declared[unit_id], complete=False)
        decision.notes += [
            Problem(decision.row.number, self._column(one.where), f"{one.message} The text is kept.")
            for one in errors
        ]
        return custom | stored

    def _people(self, rows: Sequence[PlannedRow]) -> dict[str, User]:
        texts = {fold(row.values[name]) for row in rows for name in PERSON_FIELDS if name in row.values}
        if not texts:
            return {}
        active = User.objects.filter(is_active=True, kind=User.Kind.PERSON)
        return {fold(person.email): person for person in active.filter(email__in=texts)}


def _models(decisions: Sequence[Decision]) -> list[RegisteredModel]:
    return [decision.model for decision in decisions if decision.model is not None]


def new_custom_fields(unit: BusinessUnit, keys: Mapping[str, str]) -> tuple[str, ...]:
    """Return the headings whose fields the unit does not know yet."""
    known = set(CustomField.objects.filter(unit=unit, key__in=keys.values()).values_list("key", flat=True))
    return tuple(label for label, key in keys.items() if key not in known)


def custom_fields_for(
    unit: BusinessUnit, keys: Mapping[str, str], *, by: User | None, now: datetime
) -> list[CustomField]:
    """Declare the custom fields of an import that its unit does not know yet, under the file's headings."""
    fresh = [
        CustomField(unit=unit, key=keys[label], label=label[:160], is_imported=True, created_at=now)
        for label in new_custom_fields(unit, keys)
    ]
    return bulk_save_as(fresh, by=by, now=now, reason=IMPORTED) if fresh else []
