"""Query sets that begin with what the person may see."""

from typing import Any, Self

from django.db import models
from django.db.models import Q

from mlops_portal.foundation.history import AuditedQuerySet
from mlops_portal.foundation.people.rights import rights_of


class ScopedMixin:
    """Filters on columns of the row's own table: `unit_id`, and the model's id in `model_column` (None: no such)."""

    view_right = "registry.view"
    model_column: str | None = "model_id"

    def visible_to(self, user: Any, right: str | None = None) -> Self:
        """Rows on which ``user`` holds ``right`` (default: the view right), through a unit or the model itself."""
        right = right or self.view_right
        rights = rights_of(user)
        if rights.everywhere(right):
            return self
        where = Q(unit_id__in=rights.units(right))
        exceptions = rights.models(right)
        if exceptions and self.model_column:
            where |= Q(**{f"{self.model_column}__in": exceptions})
        return self.filter(where)  # type: ignore[attr-defined]  # mixed into query sets


class ScopedQuerySet(ScopedMixin, AuditedQuerySet):
    """Audited rows with a `unit_id` and a `model_id`."""


class ScopedPlainQuerySet(ScopedMixin, models.QuerySet):
    """Rows without history of their own, but with a `unit_id`."""
