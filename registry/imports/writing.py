"""Decide for each planned row what it means for the registry, and write a chunk of such decisions at once.

A row is found again by its source and external key. A known record whose digest is the same is not touched, so a
second import of one file writes nothing.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Any, cast

from mlops_portal.foundation.errors import DomainError, Invalid
from mlops_portal.foundation.history import bulk_save_as
from mlops_portal.foundation.people.models import BusinessUnit, User
from mlops_portal.foundation.people.rights import require
from mlops_portal.foundation.people.services.units import unit_create
from registry import policies
from registry.imports import fields as kinds
from registry.imports.fields import FIELDS
from registry.imports.plan import PlannedRow
from registry.imports.rows import Problem
from registry.imports.transforms import fold
from registry.models import Component, CustomField, ModelCounter, RegisteredModel
from registry.queries.custom import declared_for
from registry.queries.deciders import Deciders, deciders_among
from registry.services import fields as plain_fields
from registry.services.custom_values import fitted
from registry.services.models import (
    EDITABLE,
    ModelFields,
    NewModel,
    build_components,
    build_model,
    note_regimes,
)
from registry.services.offices import hold_offices, refuse_deciders

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
    components: list[Component] = field(default_factory=list)
    changed: list[str] = field(default_factory=list)
    problems: list[Problem] = field(default_factory=list)
    notes: list[Problem] = field(default_factory=list)


class Units:
    """Finds the unit a row names, by code or name; adds missing ones below ``root`` where the import may."""

    def __init__(self, root: BusinessUnit, *, adds: bool, by: User | None, now: datetime) -> None:
        self._root, self._adds, self._by, self._now = root, adds, by, now
        self._known: dict[str, BusinessUnit] = {}
        for unit in BusinessUnit.objects.filter(closed_at__isnull=True).order_by("-pk"):
            self._known[fold(unit.name)] = self._known[fold(unit.code)] = unit

    def find(self, text: str, *, writes: bool) -> BusinessUnit:
        """Return the unit; raises `DomainError` when there is none and none may be added."""
        if not text:
            return self._root
        name = text if len(text) <= 120 else f"{text[:119]}…"
        if unit := self._known.get(fold(name)):
            return unit
        if not self._adds:
            raise DomainError(f"there is no unit “{name}”")
        if not writes:
            return self._root
        unit = unit_create(code=self._code(name), name=name, parent=self._root, by=self._by, now=self._now)
        self._known[fold(name)] = unit
        return unit

    def _code(self, name: str) -> str:
        base = re.sub(r"[^a-z0-9]+", "-", name.lower()).strip("-")[:36].strip("-") or "unit"
        taken = set(BusinessUnit.objects.filter(code__startswith=base).values_list("code", flat=True))
        return next(code for code in (base, *(f"{base}-{n}" for n in range(2, 1000))) if code not in taken)


class ChunkWriter:
    """Decides and writes chunks of one import."""

    def __init__(
        self, *, source: str, units: Units, custom_keys: frozenset[str], by: User | None, now: datetime
    ) -> None:
        self._source, self._units, self._by, self._now = source, units, by, now
        self._custom_keys = custom_keys
        self._declared: dict[int, dict[str, CustomField]] = {}
        self._deciders = Deciders()

    def decide(self, rows: Sequence[PlannedRow], *, writes: bool) -> list[Decision]:
        """Say for each row what would be written; with ``writes`` missing units are added on the way."""
        living = RegisteredModel.objects.alive()
        fit = [row for row in rows if row.is_fit]
        known = {
            model.external_id: model
            for model in living.filter(
                source_name=self._source, external_id__in=[row.external_id for row in fit]
            )
        }
        numbers = dict(
            ModelCounter.objects.filter(model__in=known.values()).values_list("model_id", "last_number")
        )
        wanted = [name for row in fit for name in row.names]
        taken = set(living.filter(name__in=wanted).values_list("name", flat=True))
        people = self._people(fit)
        self._deciders = (
            hold_offices(people.values(), now=self._now)
            if writes
            else deciders_among([person.pk for person in people.values()], now=self._now)
        )
        decisions = []
        for row in rows:
            if not row.is_fit:
                decisions.append(
                    Decision(row, Outcome.FAILED, problems=list(row.problems), notes=list(row.notes))
                )
                continue
            model = known.get(row.external_id)
            if model is not None and model.import_digest == row.digest:
                decisions.append(Decision(row, Outcome.UNCHANGED, model, notes=list(row.notes)))
                continue
            decision = Decision(
                row, Outcome.UPDATED if model else Outcome.CREATED, model, notes=list(row.notes)
            )
            try:
                if model is None:
                    self._create(decision, taken, people, writes=writes)
                else:
                    self._update(decision, model, taken, people, has_versions=numbers.get(model.pk, 0) > 0)
            except Invalid as refusal:
                decision.outcome = Outcome.FAILED
                decision.problems += [
                    Problem(row.number, error.where, error.message) for error in refusal.errors
                ]
            except DomainError as refusal:
                decision.outcome = Outcome.FAILED
                decision.problems.append(Problem(row.number, "", refusal.message))
            decisions.append(decision)
        return decisions

    def write(self, decisions: Sequence[Decision]) -> None:
        """Write what was decided: rows, history and ledger entries together."""
        by, now = self._by, self._now
        created = [decision for decision in decisions if decision.outcome == Outcome.CREATED]
        if created:
            models = bulk_save_as(_models(created), by=by, now=now, reason=IMPORTED)
            ModelCounter.objects.bulk_create(
                ModelCounter(model=model, unit_id=model.unit_id, last_activity_at=now) for model in models
            )
            for decision in created:
                for part in decision.components:
                    part.model = cast("RegisteredModel", decision.model)  # saved above
            parts = [part for decision in created for part in decision.components]
            if parts:
                bulk_save_as(parts, by=by, now=now, reason=IMPORTED)
        updated = [decision for decision in decisions if decision.outcome == Outcome.UPDATED]
        if updated:
            names = sorted({name for decision in updated for name in decision.changed})
            bulk_save_as(_models(updated), by=by, now=now, reason=IMPORTED, fields=names)

    def _create(
        self, decision: Decision, taken: set[str], people: Mapping[str, User], *, writes: bool
    ) -> None:
        row = decision.row
        unit = self._units.find(row.unit, writes=writes)
        require(self._by, "registry.import", unit_id=unit.pk)
        name = next((name for name in row.names if name not in taken), None)
        if name is None:
            raise DomainError(f"every possible name is taken, the last one is “{row.names[-1]}”")
        values = self._values(decision, people, unit.pk)
        new = NewModel(
            name=name,
            unit=unit,
            fields=cast(
                "ModelFields",
                {
                    **{name: value for name, value in values.items() if name not in STATE_FIELDS},
                    "source_name": self._source,
                    "external_id": row.external_id,
                    "import_digest": row.digest,
                },
            ),
        )
        model = build_model(new, deciders=self._deciders, by=self._by, now=self._now)
        self._set_state(model, values)
        decision.components = build_components(new, model)
        decision.model = model
        taken.add(name)

    def _update(
        self,
        decision: Decision,
        model: RegisteredModel,
        taken: set[str],
        people: Mapping[str, User],
        *,
        has_versions: bool,
    ) -> None:
        row = decision.row
        require(self._by, "registry.import", unit_id=model.unit_id, model_id=model.pk)
        values = self._values(decision, people, model.unit_id)
        values["custom"] = {
            **{key: value for key, value in model.custom.items() if key not in self._custom_keys},
            **values["custom"],
        }
        values["import_digest"] = row.digest
        changed = plain_fields.assign(
            model,
            {name: value for name, value in values.items() if name not in STATE_FIELDS},
            allowed=EDITABLE,
        )
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
                    "",
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

    def _values(self, decision: Decision, people: Mapping[str, User], unit_id: int | None) -> dict[str, Any]:
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
                    Problem(row.number, "", f"nobody here is “{value}”; the {name} stays a text")
                )
        return values | {"custom": self._fitted(decision, custom, unit_id)}

    def _fitted(self, decision: Decision, custom: dict[str, Any], unit_id: int | None) -> dict[str, Any]:
        """Store values as their fields declare; what does not fit stays the text of the file, with a note."""
        if unit_id is None:  # a unit that the import adds: it declares nothing yet
            return custom
        if unit_id not in self._declared:
            self._declared[unit_id] = declared_for(unit_id)
        stored, errors = fitted(custom, self._declared[unit_id], complete=False)
        decision.notes += [
            Problem(decision.row.number, "", f"{one.message} The text is kept.") for one in errors
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


def custom_fields_for(
    unit: BusinessUnit, keys: Mapping[str, str], *, by: User | None, now: datetime
) -> list[CustomField]:
    """Declare the custom fields of an import that its unit does not know yet, under the file's headings."""
    known = set(CustomField.objects.filter(unit=unit, key__in=keys.values()).values_list("key", flat=True))
    fresh = [
        CustomField(unit=unit, key=key, label=label[:160], created_at=now)
        for label, key in keys.items()
        if key not in known
    ]
    return bulk_save_as(fresh, by=by, now=now, reason=IMPORTED) if fresh else []
