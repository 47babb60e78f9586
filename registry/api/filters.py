"""Filters of the API's lists: units by code, people by e-mail address, everything else by its word."""

import django_filters
from django.db.models import Q, QuerySet
from django.utils import timezone

from mlops_portal.foundation.days import portal_day
from mlops_portal.foundation.web.filters import SearchFilter
from mlops_portal.foundation.years import refuse_far_years
from registry.models import (
    Dataset,
    Deployment,
    Environment,
    FeaturePipeline,
    RecordTask,
    RegisteredModel,
    UnitUse,
)
from registry.states import (
    INVENTORY_KINDS,
    AdoptionStage,
    DeploymentKind,
    DeploymentState,
    EuAiClass,
    Governance,
    LifecycleState,
    Provider,
    TaskKind,
    Tier,
    UseCase,
    UseState,
)


class ModelFilter(django_filters.FilterSet):
    """Filters of models."""

    q = SearchFilter(["name", "title", "external_id"], label="Words of name, title or source key")
    name = django_filters.CharFilter()
    unit = django_filters.CharFilter(field_name="unit__code")
    owner = django_filters.CharFilter(field_name="owner__email", lookup_expr="iexact")
    kind = django_filters.ChoiceFilter(choices=[(kind.value, kind.label) for kind in INVENTORY_KINDS])
    lifecycle_state = django_filters.ChoiceFilter(choices=LifecycleState.choices)
    governance = django_filters.ChoiceFilter(choices=Governance.choices)
    adoption_stage = django_filters.ChoiceFilter(choices=AdoptionStage.choices)
    tier = django_filters.ChoiceFilter(choices=Tier.choices)
    use_case = django_filters.ChoiceFilter(choices=UseCase.choices)
    eu_ai_class = django_filters.ChoiceFilter(choices=[each for each in EuAiClass.choices if each[0]])
    regime = django_filters.CharFilter(method="by_regime", label="A regime in scope, as it is written")
    source_name = django_filters.CharFilter()
    external_id = django_filters.CharFilter()
    is_review_overdue = django_filters.BooleanFilter(method="by_review")

    class Meta:
        model = RegisteredModel
        fields: list[str] = []

    def by_regime(self, rows: QuerySet, name: str, value: str) -> QuerySet:
        """Narrow to models in scope of a regime."""
        return rows.filter(regimes__has_any_of=[value]) if value else rows

    def by_review(self, rows: QuerySet, name: str, value: bool) -> QuerySet:
        """Narrow by whether the review is due."""
        late = Q(next_review_on__lt=portal_day(timezone.now()))
        return rows.filter(late) if value else rows.exclude(late)


class UseFilter(django_filters.FilterSet):
    """Filters of uses."""

    model = django_filters.NumberFilter(field_name="model_id", min_value=1, max_value=2**62)
    using_unit = django_filters.CharFilter(field_name="using_unit__code")
    state = django_filters.ChoiceFilter(choices=UseState.choices)

    class Meta:
        model = UnitUse
        fields: list[str] = []


class TaskFilter(django_filters.FilterSet):
    """Filters of tasks."""

    model = django_filters.NumberFilter(field_name="model_id", min_value=1, max_value=2**62)
    owner = django_filters.CharFilter(field_name="owner__email", lookup_expr="iexact")
    kind = django_filters.ChoiceFilter(choices=TaskKind.choices)
    is_open = django_filters.BooleanFilter(field_name="closed_at", lookup_expr="isnull")

    class Meta:
        model = RecordTask
        fields: list[str] = []


class DatasetFilter(django_filters.FilterSet):
    """Filters of data sets."""

    unit = django_filters.CharFilter(field_name="unit__code")
    name = django_filters.CharFilter()
    digest = django_filters.CharFilter()

    class Meta:
        model = Dataset
        fields: list[str] = []


class PipelineFilter(django_filters.FilterSet):
    """Filters of pipelines."""

    unit = django_filters.CharFilter(field_name="unit__code")
    name = django_filters.CharFilter()

    class Meta:
        model = FeaturePipeline
        fields: list[str] = []


class EnvironmentFilter(django_filters.FilterSet):
    """Filters of environments."""

    unit = django_filters.CharFilter(field_name="unit__code")
    name = django_filters.CharFilter()
    provider = django_filters.ChoiceFilter(choices=Provider.choices)
    is_production = django_filters.BooleanFilter()
    is_open = django_filters.BooleanFilter(field_name="closed_at", lookup_expr="isnull")

    class Meta:
        model = Environment
        fields: list[str] = []


class DeploymentFilter(django_filters.FilterSet):
    """Filters of deployments."""

    unit = django_filters.CharFilter(field_name="unit__code")
    model = django_filters.NumberFilter(field_name="model_id", min_value=1, max_value=2**62)
    environment = django_filters.CharFilter(field_name="environment__name")
    is_production = django_filters.BooleanFilter(field_name="environment__is_production")
    state = django_filters.ChoiceFilter(choices=DeploymentState.choices)
    kind = django_filters.ChoiceFilter(choices=DeploymentKind.choices)
    started_after = django_filters.IsoDateTimeFilter(
        field_name="started_at", lookup_expr="gte", validators=[refuse_far_years]
    )
    started_before = django_filters.IsoDateTimeFilter(
        field_name="started_at", lookup_expr="lt", validators=[refuse_far_years]
    )

    class Meta:
        model = Deployment
        fields: list[str] = []
