"""Metrics of versions; limits, risk ratings and overrides of governance of models."""

from typing import Any

import django_filters
from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from mlops_portal.foundation.api.fields import (
    JsonObject,
    JsonRows,
    Moment,
    Number,
    RecordSerializer,
    Text,
    Whole,
    optional_text,
)
from mlops_portal.foundation.api.viewsets import StrictSerializer, visible
from registry.api.scoped import ModelScoped, NeedsReason, Nothing, VersionScoped
from registry.models import Dataset, GovernanceOverride, MetricValue, RiskAssessment, ThresholdSet
from registry.services import governance_override_end, limits, metrics, ratings
from registry.states import EuAiClass, Grade, ReviewState


class MetricOut(RecordSerializer):
    """A measured value, overall or of one segment."""

    class Meta:
        model = MetricValue
        exclude = ("unit", "model", "version")


class MetricIn(StrictSerializer):
    """A value to record."""

    name = Text(max_length=120)
    segment = optional_text(160)
    value = Number()
    n = serializers.IntegerField(required=False, allow_null=True, min_value=0, max_value=2**62)
    lower = Number(required=False, allow_null=True, help_text="Lower end of the 95 % interval.")
    upper = Number(required=False, allow_null=True)
    suite = optional_text(80)
    dataset = Whole(required=False, allow_null=True, min_value=1)
    run = optional_text(250)
    evaluated_at = Moment(required=False)


class MetricsIn(StrictSerializer):
    """Values to record together."""

    metrics = MetricIn(many=True)
    grade = serializers.ChoiceField(
        choices=Grade.choices,
        required=False,
        help_text="Without it: pipeline for a service account bound to the version's repository, else declared.",
    )


class MetricFilter(django_filters.FilterSet):
    """Filters of metrics."""

    name = django_filters.CharFilter()
    segment = django_filters.CharFilter()
    suite = django_filters.CharFilter()
    is_overall = django_filters.BooleanFilter(method="by_segment")

    class Meta:
        model = MetricValue
        fields: list[str] = []

    def by_segment(self, rows: Any, name: str, value: bool) -> Any:
        """Narrow to values of all data, or of segments."""
        return rows.filter(segment="") if value else rows.exclude(segment="")


class MetricViewSet(VersionScoped):
    """Metrics of a version."""

    queryset = MetricValue.objects.select_related("recorded_by")
    serializer_class = MetricOut
    filterset_class = MetricFilter

    @extend_schema(request=MetricsIn, responses={201: MetricOut(many=True)})
    def create(self, request: Request, model: int, number: int) -> Response:
        """Record values; one recorded before is replaced when its grade is not stronger."""
        data, version = self.parsed(MetricsIn), self.version()
        for place, row in enumerate(data["metrics"], start=1):
            if row.get("dataset") is not None:
                where = f"metrics, row {place}, dataset"
                row["dataset"] = visible(Dataset.objects.all(), request.user, where, pk=row["dataset"])
        return self.answer_once(
            request,
            lambda: metrics.metrics_record(version=version, **self.acting(), **data),
            lambda rows: MetricOut(rows, many=True).data,
        )


class LimitsOut(RecordSerializer):
    """A set of limits."""

    class Meta:
        model = ThresholdSet
        exclude = ("unit",)


class LimitsIn(StrictSerializer):
    """Limits to propose."""

    limits = JsonRows(
        help_text="Objects with code, metric, direction (min or max) and release; also title, segment, suite, watch, "
        "stop, act, blocking. Without suite or blocking a limit keeps those of the limit of its code."
    )
    rationale = optional_text()


class LimitsFilter(django_filters.FilterSet):
    """Filters of limits."""

    state = django_filters.ChoiceFilter(choices=ReviewState.choices)

    class Meta:
        model = ThresholdSet
        fields: list[str] = []


class LimitsViewSet(ModelScoped):
    """Sets of limits of a model by number: proposed by one, locked by another of the second line."""

    queryset = ThresholdSet.objects.select_related("proposed_by", "locked_by")
    serializer_class = LimitsOut
    filterset_class = LimitsFilter
    lookup_field = "number"

    @extend_schema(request=LimitsIn, responses={201: LimitsOut})
    def create(self, request: Request, model: int) -> Response:
        """Propose limits."""
        data, found = self.parsed(LimitsIn), self.model()
        return self.made(lambda: limits.threshold_set_propose(model=found, **self.acting(), **data))

    @extend_schema(request=Nothing, responses=LimitsOut)
    def lock(self, request: Request, model: int, number: int) -> Response:
        """Approve and lock limits as the second person."""
        found, _ = self.get_object(), self.parsed(Nothing)
        return self.told(limits.threshold_set_lock(limits=found, **self.acting()))

    @extend_schema(request=NeedsReason, responses=LimitsOut)
    def decline(self, request: Request, model: int, number: int) -> Response:
        """Decline proposed limits."""
        found, data = self.get_object(), self.parsed(NeedsReason)
        return self.told(limits.threshold_set_decline(limits=found, **self.acting(), **data))


class RatingOut(RecordSerializer):
    """A risk rating."""

    class Meta:
        model = RiskAssessment
        exclude = ("unit",)


class RatingIn(StrictSerializer):
    """Answers to the questionnaire."""

    answers = JsonObject()
    eu_ai_class = serializers.ChoiceField(choices=EuAiClass.choices, required=False, allow_blank=True)
    eu_ai_class_rationale = optional_text()
    rationale = optional_text()
    questionnaire = serializers.RegexField(r"^[a-z0-9-]{1,60}$", required=False)
    revision = Whole(required=False, min_value=1, max_value=1000)


class RatingDecision(StrictSerializer):
    """What the second person decides."""

    approve = serializers.BooleanField()
    note = optional_text(2000)


class RatingViewSet(ModelScoped):
    """Risk ratings of a model: proposed by one, decided by another of the second line."""

    queryset = RiskAssessment.objects.select_related("proposed_by", "decided_by")
    serializer_class = RatingOut

    @extend_schema(request=RatingIn, responses={201: RatingOut})
    def create(self, request: Request, model: int) -> Response:
        """Answer the questionnaire; score and tier follow."""
        data, found = self.parsed(RatingIn), self.model()
        return self.made(lambda: ratings.rating_propose(model=found, **self.acting(), **data))

    @extend_schema(request=RatingDecision, responses=RatingOut)
    def decide(self, request: Request, model: int, pk: int) -> Response:
        """Approve or decline a rating as the second person."""
        rating, data = self.get_object(), self.parsed(RatingDecision)
        return self.told(ratings.rating_decide(rating=rating, **self.acting(), **data))


class OverrideOut(RecordSerializer):
    """An override of governance; ``valid_until`` is what was signed, ``ended_at`` when somebody ended it earlier."""

    class Meta:
        model = GovernanceOverride
        exclude = ("unit",)


class OverrideViewSet(ModelScoped):
    """Overrides of the governance of a model. They are signed in the browser; they are ended here, too."""

    queryset = GovernanceOverride.objects.select_related("decided_by", "ended_by")
    serializer_class = OverrideOut

    @extend_schema(request=NeedsReason, responses=OverrideOut)
    def end(self, request: Request, model: int, pk: int) -> Response:
        """End an override before its day; what the facts say applies at once."""
        override, data = self.get_object(), self.parsed(NeedsReason)
        return self.told(governance_override_end(override=override, **self.acting(), **data))
