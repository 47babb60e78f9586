"""Environments, what runs in them, and the version to go back to."""

from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from mlops_portal.foundation.api.fields import RecordSerializer, Text, UnitField, optional_text
from mlops_portal.foundation.api.viewsets import ScopedReadViewSet, StrictSerializer, visible
from registry.api.filters import DeploymentFilter, EnvironmentFilter
from registry.api.scoped import ModelScoped, WithReason
from registry.models import Deployment, Environment
from registry.queries.last_good import last_good_candidates
from registry.services import operations as services
from registry.states import Connector, Provider


class EnvironmentOut(RecordSerializer):
    """A place that serves models."""

    class Meta:
        model = Environment
        fields = "__all__"


class EnvironmentChange(StrictSerializer):
    """Fields of an environment; what is left out stays as it is."""

    name = Text(max_length=120, required=False)
    provider = serializers.ChoiceField(choices=Provider.choices, required=False)
    region = optional_text(80)
    is_production = serializers.BooleanField(required=False)
    connector = serializers.ChoiceField(choices=Connector.choices, required=False)
    alias = optional_text(255)
    description = optional_text()
    reason = optional_text(2000)


class EnvironmentIn(EnvironmentChange):
    """An environment to add."""

    unit = UnitField()
    name = Text(max_length=120)
    provider = serializers.ChoiceField(choices=Provider.choices)

    def get_fields(self) -> dict[str, serializers.Field]:
        """Adding needs no reason."""
        fields = super().get_fields()
        fields.pop("reason")
        return fields


class EnvironmentViewSet(ScopedReadViewSet):
    """Environments."""

    queryset = Environment.objects.select_related("unit")
    serializer_class = EnvironmentOut
    filterset_class = EnvironmentFilter

    @extend_schema(request=EnvironmentIn, responses={201: EnvironmentOut})
    def create(self, request: Request) -> Response:
        """Add an environment."""
        data = self.parsed(EnvironmentIn)
        return self.made(lambda: services.environment_create(**self.acting(), **data))

    @extend_schema(request=EnvironmentChange, responses=EnvironmentOut)
    def partial_update(self, request: Request, pk: int) -> Response:
        """Change an environment; whether it is production stays once something ran there."""
        environment, data = self.get_object(), self.parsed(EnvironmentChange)
        return self.told(services.environment_update(environment=environment, **self.acting(), **data))

    @extend_schema(request=WithReason, responses=EnvironmentOut)
    def close(self, request: Request, pk: int) -> Response:
        """Close an environment in which nothing serves."""
        environment, data = self.get_object(), self.parsed(WithReason)
        return self.told(services.environment_close(environment=environment, **self.acting(), **data))


class DeploymentOut(RecordSerializer):
    """A version put into an environment."""

    model_name = serializers.CharField(source="model.name", read_only=True)
    number = serializers.IntegerField(source="version.number", read_only=True)
    environment_name = serializers.CharField(source="environment.name", read_only=True)
    is_production = serializers.BooleanField(source="environment.is_production", read_only=True)

    class Meta:
        model = Deployment
        fields = "__all__"


class DeploymentViewSet(ScopedReadViewSet):
    """Deployments. They are made by executing approved changes."""

    queryset = Deployment.objects.select_related("model", "version", "environment", "unit", "triggered_by")
    serializer_class = DeploymentOut
    filterset_class = DeploymentFilter


class CriterionOut(serializers.Serializer):
    """One criterion of a good way back and its answer; null means that nobody knows."""

    code = serializers.CharField()
    label = serializers.CharField()
    is_met = serializers.BooleanField(allow_null=True)
    detail = serializers.CharField()


class CandidateOut(serializers.Serializer):
    """An earlier version that served there, with what speaks for and against it."""

    version = serializers.IntegerField(source="deployment.version.number")
    deployment = serializers.IntegerField(source="deployment.pk")
    is_good = serializers.BooleanField()
    criteria = CriterionOut(many=True)


class LastGoodOut(serializers.Serializer):
    """The version to go back to; null when no earlier one meets every criterion."""

    version = serializers.IntegerField(allow_null=True)
    candidates = CandidateOut(many=True)


class LastGoodViewSet(ModelScoped):
    """The way back of a model."""

    queryset = Deployment.objects.select_related("version")
    serializer_class = LastGoodOut

    @extend_schema(
        parameters=[OpenApiParameter("environment", str, required=True, description="Name.")],
        responses=LastGoodOut,
        operation_id="models_last_good_retrieve",
    )
    def last_good(self, request: Request, model: int) -> Response:
        """Name the latest earlier version that meets every criterion, each shown."""
        found_model = self.model()
        name = request.query_params.get("environment", "")[:120].replace("\x00", "")
        environment = visible(Environment.objects.all(), request.user, "environment", name=name)
        found = last_good_candidates(found_model, environment)
        best = next((one.deployment.version.number for one in found if one.is_good), None)
        return Response(LastGoodOut({"version": best, "candidates": found}).data)
