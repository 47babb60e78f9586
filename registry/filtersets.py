"""Filters of the registry's lists."""

from typing import Any

import django_filters
from django.db.models import Exists, OuterRef, Q, QuerySet
from django.utils import timezone

from mlops_portal.foundation.days import portal_day
from mlops_portal.foundation.people.models import BusinessUnit, User
from mlops_portal.foundation.people.rights import rights_of
from mlops_portal.foundation.web.filters import ChoiceFacet, Filters, ListFacet, OneOfFacet, SearchFilter
from registry.models import (
    CustomField,
    Dataset,
    Deployment,
    Environment,
    FeaturePipeline,
    RegisteredModel,
    VersionDataset,
    VersionPipeline,
)
from registry.queries import board, sources
from registry.states import (
    INVENTORY_KINDS,
    AdoptionStage,
    DatasetRole,
    DeploymentKind,
    DeploymentState,
    EuAiClass,
    Governance,
    LifecycleState,
    Provider,
    Tier,
    UseCase,
)

ENVIRONMENTS_OFFERED = 200


def units_of(request: Any) -> list[tuple[int, str]]:
    """Units on which the reader may see the registry."""
    visible = rights_of(request.user).units("registry.view") if request else ()
    return list(BusinessUnit.objects.filter(pk__in=visible).order_by("name").values_list("pk", "name"))


def _environments(request: Any, *, closed: bool) -> list[tuple[int, str]]:
    """Environments the reader may see, production first: at most 200, those that the address names among them."""
    if request is None:
        return []
    named = [value for value in request.GET.getlist("environment") if value.isdecimal() and len(value) < 18]
    rows = Environment.objects.visible_to(request.user).annotate(
        is_named=Q(pk__in=named), is_closed=Q(closed_at__isnull=False)
    )
    if not closed:
        rows = rows.filter(is_closed=False)
    rows = rows.order_by("-is_named", "is_closed", "-is_production", "name", "pk")[:ENVIRONMENTS_OFFERED]
    found = sorted(rows, key=lambda row: (row.is_closed, not row.is_production, row.name))
    return [(row.pk, f"{row.name} (closed)" if row.is_closed else row.name) for row in found]


def environments_of(request: Any) -> list[tuple[int, str]]:
    """Environments to filter a list by, closed ones last."""
    return _environments(request, closed=True)


def open_environments_of(request: Any) -> list[tuple[int, str]]:
    """Environments that can have a column of the board."""
    return _environments(request, closed=False)


def owners_of(request: Any) -> list[tuple[int, str]]:
    """People who own a model the reader may see (at most 200)."""
    if request is None:
        return []
    owned = RegisteredModel.objects.inventory().visible_to(request.user).filter(owner=OuterRef("pk"))
    return list(User.objects.filter(Exists(owned)).order_by("name").values_list("pk", "name")[:200])


NO_REGIME = "0"


def regimes_of(request: Any) -> list[tuple[str, str]]:
    """Regimes that models the reader may see are in scope of (at most 200), and whether none is named."""
    if request is None:
        return []
    lists = RegisteredModel.objects.inventory().visible_to(request.user).order_by()
    named = {str(one) for found in lists.values_list("regimes", flat=True).distinct() for one in found}
    return [*((one, one) for one in sorted(named, key=str.casefold)[:200]), (NO_REGIME, "None named")]


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
    regime = ListFacet("Regime", choices=regimes_of, method="by_regime", column="regimes", none=NO_REGIME)
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

    def by_regime(self, rows: QuerySet, name: str, values: list[str]) -> QuerySet:
        """Models in scope of one of the regimes; zero means: none is named."""
        if not values:
            return rows
        found = Q(regimes__has_any_of=[value for value in values if value != NO_REGIME])
        return rows.filter(found | Q(regimes=[]) if NO_REGIME in values else found)

    def by_review(self, rows: QuerySet, name: str, value: str) -> QuerySet:
        """Narrow by the date of the next review."""
        if value == "overdue":
            return rows.filter(next_review_on__lt=portal_day(timezone.now()))
        return rows.filter(next_review_on__isnull=True) if value == "none" else rows


class DeploymentFilters(Filters):
    """Facets of deployments."""

    counts_facets = True
    q = SearchFilter(
        ["model__name", "model__title", "version__label", "environment__name"],
        label="Model, version or environment",
    )
    unit = ChoiceFacet("Unit", choices=units_of, field_name="unit_id")
    state = ChoiceFacet("State", choices=DeploymentState.choices)
    environment = ChoiceFacet("Environment", choices=environments_of, field_name="environment_id")
    production = OneOfFacet(
        "Production", choices=[("true", "Production"), ("false", "Not production")], method="by_production"
    )
    provider = ChoiceFacet("Runs on", choices=Provider.choices, field_name="environment__provider")
    kind = ChoiceFacet("Reason", choices=DeploymentKind.choices)
    model = django_filters.NumberFilter(field_name="model_id", min_value=1, max_value=2**62)

    class Meta:
        model = Deployment
        fields: list[str] = []

    def by_production(self, rows: QuerySet, name: str, value: str) -> QuerySet:
        """Narrow by where it runs."""
        return rows.filter(environment__is_production=value == "true") if value else rows


class BoardFilters(DeploymentFilters):
    """The same facets on the board, without the state: it shows what stands now. They choose its columns, too."""

    counts_facets = False
    state = None  # type: ignore[assignment]  # how django-filter leaves an inherited filter out
    environment = ChoiceFacet("Environment", choices=open_environments_of, field_name="environment_id")

    def environments(self, rows: QuerySet) -> QuerySet:
        """Narrow environments, ordered as they are, to those the filters speak of."""
        self.form.is_valid()  # a wrong value is ignored, the others count
        given = getattr(self.form, "cleaned_data", {})
        if chosen := given.get("environment"):
            rows = rows.filter(pk__in=chosen)
        if chosen := given.get("provider"):
            rows = rows.filter(provider__in=chosen)
        if value := given.get("production"):
            rows = rows.filter(is_production=value == "true")
        if chosen := given.get("unit"):
            rows = board.serving(rows, chosen)
        return rows


USES = [("production", "In production"), ("any", "By any version"), ("none", "By none")]


class SourceFilters(Filters):
    """Facets of what versions are made from; uses count as far as the reader may see them."""

    counts_facets = True
    unit = ChoiceFacet("Unit", choices=units_of, field_name="unit_id")
    use = OneOfFacet("Used", choices=USES, method="by_use")

    class Meta:
        fields: list[str] = []

    def links(self, rows: QuerySet) -> tuple[QuerySet, str]:
        """Return the links that the reader may see, each to its row."""
        column = sources.LINKS[rows.model][1]
        links = sources.uses(rows.model, self.request.user)
        return links.filter(**{column: OuterRef("pk")}), column

    def by_use(self, rows: QuerySet, name: str, value: str) -> QuerySet:
        """Narrow by whether versions use it."""
        links, _column = self.links(rows)
        if value == "production":
            return rows.filter(Exists(sources.in_production(links)))
        return rows.filter(Exists(links)) if value == "any" else rows.filter(~Exists(links))


class DatasetFilters(SourceFilters):
    """Facets of data sets."""

    q = SearchFilter(["name", "label", "digest", "source"], label="Name, label, digest or source")
    role = ChoiceFacet("Used for", choices=DatasetRole.choices, method="by_role")

    class Meta(SourceFilters.Meta):
        model = Dataset

    def by_role(self, rows: QuerySet, name: str, values: list[str]) -> QuerySet:
        """Narrow by what versions used it for."""
        return rows.filter(Exists(self.links(rows)[0].filter(role__in=values))) if values else rows


class PipelineFilters(SourceFilters):
    """Facets of pipelines."""

    q = SearchFilter(["name", "url", "owner__name"], label="Name, address or owner")

    class Meta(SourceFilters.Meta):
        model = FeaturePipeline


class PipelineUseFilters(Filters):
    """Facets of the versions that use one pipeline."""

    q = SearchFilter(["model__name", "model__title", "version__label"], label="Model or version")
    unit = ChoiceFacet("Unit", choices=units_of, field_name="unit_id")
    production = OneOfFacet(
        "Production",
        choices=[("true", "Serves in production"), ("false", "Does not")],
        method="by_production",
    )

    class Meta:
        model = VersionPipeline
        fields: list[str] = []

    def by_production(self, rows: QuerySet, name: str, value: str) -> QuerySet:
        """Narrow by whether the version serves in production."""
        return rows.filter(sources.serves() if value == "true" else ~sources.serves())


class DatasetUseFilters(PipelineUseFilters):
    """Facets of the versions that use one data set."""

    role = ChoiceFacet("Used for", choices=DatasetRole.choices)

    class Meta:
        model = VersionDataset
        fields: list[str] = []


class EnvironmentFilters(Filters):
    """Facets of environments."""

    counts_facets = True
    q = SearchFilter(["name", "region"], label="Name or region")
    provider = ChoiceFacet("Runs on", choices=Provider.choices)

    class Meta:
        model = Environment
        fields: list[str] = []


def units_of_fields(request: Any) -> list[tuple[int, str]]:
    """Units on which the reader manages custom fields."""
    managed = rights_of(request.user).units("registry.manage_fields") if request else ()
    return list(BusinessUnit.objects.filter(pk__in=managed).order_by("name").values_list("pk", "name"))


class FieldFilters(Filters):
    """Facets of custom fields."""

    counts_facets = True
    q = SearchFilter(["label", "key"], label="Label or key")
    unit = ChoiceFacet("Unit", choices=units_of_fields, field_name="unit_id")
    type = ChoiceFacet("Type", choices=CustomField.Type.choices)
    required = OneOfFacet("Required", choices=[("true", "Required"), ("false", "Optional")])

    class Meta:
        model = CustomField
        fields: list[str] = []
