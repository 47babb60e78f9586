"""Makes one minimal instance of any record, with the records it refers to."""

import uuid
from datetime import date, timedelta
from typing import Any

from django.db import models

from mlops_portal.foundation.history import AuditedModel, save_as
from mlops_portal.foundation.people.models import User

# Values that constraints ask for beyond what the type of the field says, and empty columns that must be filled.
SPECIAL: dict[str, dict[str, Any]] = {
    "foundation.BusinessUnit": {"depth": 0},
    "foundation.RoleGrant": {"role": "viewer", "decline_reason": ""},
    "approvals.Signature": {"meaning": "review"},
    "approvals.Waiver": {"gate": "MON-01", "authority": "risk_officer"},
    "kpis.KpiTarget": {"kpi": "lead_time", "unit": None},
    "registry.Environment": {"connector": "manual"},
}
FILLED = {"foundation.RoleGrant": {"user", "unit"}, "approvals.Condition": {"change", "decision"}}


def text_for(field: models.Field) -> str:
    """Return a text that nothing else has; 64 characters look like a digest."""
    return uuid.uuid4().hex * 2 if field.max_length == 64 else uuid.uuid4().hex[: field.max_length or 32]


FITTING: list[tuple[Any, Any]] = [
    (models.DateTimeField, lambda now: lambda field: now),
    (models.DateField, lambda now: lambda field: date(2026, 11, 17)),
    (models.BooleanField, lambda now: lambda field: False),
    ((models.IntegerField, models.FloatField), lambda now: lambda field: 1),
    (models.JSONField, lambda now: lambda field: {}),
    (models.UUIDField, lambda now: lambda field: uuid.uuid4()),
    (models.EmailField, lambda now: lambda field: f"{uuid.uuid4().hex[:10]}@aldermoor.example"),
    (models.Field, lambda now: text_for),
]


class Builder:
    """Makes one minimal instance of any record, with the records it refers to."""

    def __init__(self, now: Any) -> None:
        self.now = now
        self.made: dict[type[models.Model], models.Model] = {}
        self.people = 0

    def person(self) -> User:
        """Return another person each time: many rules ask for two."""
        self.people += 1
        name = f"Person {self.people}"
        person = User(email=f"person{self.people}@aldermoor.example", name=name, password="!")
        return self.keep(person)

    def keep(self, row: models.Model) -> Any:
        """Save a row as the portal would."""
        if isinstance(row, AuditedModel):
            return save_as(row, by=None, now=self.now, reason="made for the contract")
        row.save()
        return row

    def of(self, model: type[models.Model]) -> models.Model:
        """Return the one instance of a record that others refer to."""
        if model is User:
            return self.person()
        if model not in self.made:
            self.made[model] = self.keep(self.build(model))
        return self.made[model]

    def build(self, model: type[models.Model]) -> models.Model:
        """Return an unsaved instance with every field that must be filled."""
        values: dict[str, Any] = {}
        special = SPECIAL.get(model._meta.label, {})
        filled = FILLED.get(model._meta.label, set())
        for field in model._meta.concrete_fields:
            if field.primary_key and not isinstance(field, models.OneToOneField):
                continue
            if field.name in special:
                continue
            if (field.null or field.has_default()) and field.name not in filled:
                continue
            values[field.name] = self.value(field)
        return model(**values, **special)

    def value(self, field: models.Field) -> Any:
        """Return something that fits a field."""
        if isinstance(field, models.ForeignKey):
            if field.related_model is field.model:
                return self.keep(self.build(field.related_model))
            if field.model._meta.label == "registry.ModelDependency" and field.name == "upstream":
                return self.keep(self.build(field.related_model))
            return self.of(field.related_model)
        if field.choices:
            return field.choices[0][0]
        if field.name == "ends_at":
            return self.now + timedelta(days=1)
        return next(make(self.now) for kinds, make in FITTING if isinstance(field, kinds))(field)
