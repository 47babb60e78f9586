"""Filters of the registry's lists."""

from typing import Any

import django_filters
from django.db.models import Exists, OuterRef, QuerySet
from django.utils import timezone

from mlops_portal.foundation.people.models import BusinessUnit, User
from mlops_portal.foundation.people.rights import rights_of
from mlops_portal.foundation.web.filters import ChoiceFacet, Filters, OneOfFacet, SearchFilter
from registry.models import Deployment, Environment, RegisteredModel
from registry.states import (
    INVENTORY_KINDS,
    AdoptionStage,
    DeploymentKind,
    DeploymentState,
    EuAiClass,
    Governance,
    LifecycleState,
    Provider,
    Tier,
    UseCase,
)


def units_of(request: Any) -> list[tuple[int, str]]:
    """Units on which the reader may see the registry."""
    visible = rights_of(request.user).units("registry.view") if request else ()
    return list(BusinessUnit.objects.filter(pk__in=visible).order_by("name").values_list("pk", "name"))


def owners_of(request: Any) -> list[tuple[int, str]]:
    """People who own a model the reader may see (at most 200)."""
    if request is None:
        return []
    owned = RegisteredModel.objects.inventory().visible_to(request.user).filter(owner=OuterRef("pk"))
    return list(User.objects.filter(Exists(owned)).order_by("name").values_list("pk", "name")[:200])


def sources_of(request: Any) -> list[tuple[str, str]]:
    """Inventories from which models that the reader may see were imported (at most 100)."""
    if request is None:
        return []
    imported = RegisteredModel.objects.inventory().visible_to(request.user).exclude(source_name="")
    found = imported.order_by("source_name").values_list("source_name", flat=True).distinct()
    return [(name, name) for name in found[:100]]


class ModelFilters(Filters):
    """Facets of the portfolio."""

    counts_facets = True
    q = SearchFilter(["name", "title", "external_id"], label="Name, title or source key")
    unit = ChoiceFacet("Unit", choices=units_of, field_name="unit_id")
    tier = ChoiceFacet(
        "Tier", choices=[*Tier.choices, ("0", "No tier")], method="by_tier", column="tier", none="0"
    )
    kind = ChoiceFacet("Kind", choices=[(kind.value, kind.label) for kind in INVENTORY_KINDS])
    state = ChoiceFacet("State", choices=LifecycleState.choices, field_name="lifecycle_state")
    owner = ChoiceFacet("Owner", choices=owners_of, field_name="owner_id")
    use_case = ChoiceFacet("Use case", choices=UseCase.choices)
    governance = ChoiceFacet("Governance", choices=Governance.choices)
    adoption = ChoiceFacet("Adoption", choices=AdoptionStage.choices, field_name="adoption_stage")
    eu_ai_class = ChoiceFacet("EU AI Act", choices=[c for c in EuAiClass.choices if c[0]])
    source = ChoiceFacet("Imported from", choices=sources_of, field_name="source_name")
    review = OneOfFacet("Review", choices=[("overdue", "Overdue"), ("none", "Not set")], method="by_review")

    class Meta:
        model = RegisteredModel
        fields: list[str] = []

    def by_tier(self, rows: QuerySet, name: str, values: list[str]) -> QuerySet:
        """Zero means: no tier yet."""
        chosen = [int(value) for value in values or []]
        if not chosen:
            return rows
        found = rows.filter(tier__in=[value for value in chosen if value])
        return found | rows.filter(tier__isnull=True) if 0 in chosen else found

    def by_review(self, rows: QuerySet, name: str, value: str) -> QuerySet:
        """Narrow by the date of the next review."""
        if value == "overdue":
            return rows.filter(next_review_on__lt=timezone.localdate())
        return rows.filter(next_review_on__isnull=True) if value == "none" else rows


class DeploymentFilters(Filters):
    """Facets of deployments."""

    counts_facets = True
    q = SearchFilter(
        ["model__name", "version__label", "environment__name"], label="Model, version or environment"
    )
    unit = ChoiceFacet("Unit", choices=units_of, field_name="unit_id")
    state = ChoiceFacet("State", choices=DeploymentState.choices)
    kind = ChoiceFacet("Reason", choices=DeploymentKind.choices)
    production = OneOfFacet(
        "Environment",
        choices=[("true", "Production"), ("false", "Not production")],
        method="by_production",
    )
    provider = ChoiceFacet("Runs on", choices=Provider.choices, field_name="environment__provider")
    model = django_filters.NumberFilter(field_name="model_id")

    class Meta:
        model = Deployment
        fields: list[str] = []

    def by_production(self, rows: QuerySet, name: str, value: str) -> QuerySet:
        """Narrow by where it runs."""
        return rows.filter(environment__is_production=value == "true") if value else rows


class EnvironmentFilters(Filters):
    """Facets of environments."""

    counts_facets = True
    q = SearchFilter(["name", "region"], label="Name or region")
    provider = ChoiceFacet("Runs on", choices=Provider.choices)

    class Meta:
        model = Environment
        fields: list[str] = []
