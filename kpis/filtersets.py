"""Filters of the lists of numbers."""

from typing import Any

import django_filters
from django.db.models import QuerySet

from approvals.models import ChangeRequest
from kpis import definitions
from kpis.models import KpiTarget
from mlops_portal.foundation.web.filters import ChoiceFacet, Filters, OneOfFacet
from registry.models import Deployment


class RolloutFilters(Filters):
    """Rows are narrowed by the question itself."""

    class Meta:
        model = Deployment
        fields: list[str] = []


class ChangeFilters(Filters):
    """Rows are narrowed by the question itself."""

    class Meta:
        model = ChangeRequest
        fields: list[str] = []


class TargetFilters(Filters):
    """Facets of targets."""

    kpi = ChoiceFacet("KPI", choices=[(kpi.name, kpi.label) for kpi in definitions.every() if kpi.has_target])
    tier = ChoiceFacet("Tier", choices=[(tier, f"Tier {tier}") for tier in range(1, 5)])
    state = OneOfFacet(
        "State",
        choices=[("approved", "Approved"), ("proposed", "Proposed"), ("declined", "Declined")],
        method="by_state",
    )
    unit = django_filters.NumberFilter(field_name="unit_id")

    class Meta:
        model = KpiTarget
        fields: list[str] = []

    def by_state(self, rows: QuerySet, name: str, value: Any) -> QuerySet:
        """Narrow by how far a target is."""
        if value == "proposed":
            return rows.filter(approved_at__isnull=True, declined_at__isnull=True)
        return rows.filter(**{f"{value}_at__isnull": False})
