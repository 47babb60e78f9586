"""Columns and constraints that several records share."""

from typing import Any

from django.conf import settings
from django.db import models
from django.db.models import Q

from mlops_portal.foundation.history import AuditedModel
from mlops_portal.foundation.people.scoped import ScopedQuerySet

ScopedManager = models.Manager.from_queryset(ScopedQuerySet)


def person_key(*, null: bool = False, related: str = "+") -> models.ForeignKey:
    """A reference to a person; people are never deleted."""
    return models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.PROTECT, null=null, blank=null, related_name=related
    )


def unit_key(related: str = "+") -> models.ForeignKey:
    """The business unit that rights are checked on."""
    return models.ForeignKey("foundation.BusinessUnit", on_delete=models.PROTECT, related_name=related)


def together(*names: str, name: str) -> models.CheckConstraint:
    """Columns that are all set or all empty."""
    empty = Q(**{f"{column}__isnull": True for column in names})
    filled = Q(**{f"{column}__isnull": False for column in names})
    return models.CheckConstraint(condition=empty | filled, name=name)


class ScopedRecord(AuditedModel):
    """An audited row with the `unit` its rights are checked on (and, where it has one, `model`)."""

    unit_id: int
    objects = ScopedManager()

    class Meta:
        abstract = True

    def audit_scope(self) -> dict[str, Any]:
        """Return unit and model id for ledger entries about this row."""
        return {"unit_id": self.unit_id, "model_id": getattr(self, "model_id", None)}
