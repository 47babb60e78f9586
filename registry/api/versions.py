"""Versions of a model, under /models/{model}/versions/, and the comparison of two."""

from dataclasses import asdict
from typing import Any

import django_filters
from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from mlops_portal.foundation.api.fields import (
    JsonObject,
    JsonRows,
    Moment,
    PersonField,
    RecordSerializer,
    Text,
    optional_text,
)
from mlops_portal.foundation.api.viewsets import StrictSerializer, find
from mlops_portal.foundation.errors import invalid
from registry.api.models import REASON
from registry.api.scoped import ModelScoped
from registry.models import ModelVersion
from registry.queries.comparison import compare_versions
from registry.services import versions as services
from registry.states import RegistryStage

TWO = [
    OpenApiParameter("was", int, required=True, description="Number of the earlier version."),
    OpenApiParameter("now", int, required=True, description="Number of the later version."),
]


class VersionOut(RecordSerializer):
    """A version as the API answers it."""

    model_name = serializers.CharField(source="model.name", read_only=True)
    aliases: Any = serializers.SlugRelatedField(slug_field="name", many=True, read_only=True)

    class Meta:
        model = ModelVersion
        exclude = ("unit", "registered_by", "deleted_at", "developer_ids")


class VersionIn(StrictSerializer):
    """A version to register. All but label and description is immutable afterwards."""

    source = Text(max_length=2000)
    label = optional_text(80)
    description = optional_text()
    run_id = optional_text(250)
    run_link = optional_text()
    external_model_id = optional_text(250)
    artifact_sha256 = serializers.RegexField(r"^[0-9a-f]{64}$", required=False)
    commit = optional_text(64)
    repository = optional_text(255)
    parameters = JsonObject(required=False)
    features = serializers.ListField(child=Text(max_length=400), required=False, max_length=20_000)
    input_schema = JsonObject(required=False)
    base_model = optional_text(200)
    prompts = JsonRows(required=False)
    guardrails = JsonRows(required=False)
    first_commit_at = Moment(required=False)
    training_started_at = Moment(required=False)
    developers = PersonField(many=True, required=False, help_text="Who built it; without it the caller.")
    tags = serializers.DictField(child=Text(allow_blank=True), required=False)


class VersionChange(StrictSerializer):
    """What may change after registration."""

    label = optional_text(80)
    description = optional_text()
    reason = optional_text(2000)


class ArtifactIn(StrictSerializer):
    """The digest of the artifact, set once."""

    sha256 = serializers.RegexField(r"^[0-9a-f]{64}$")


class StageMove(StrictSerializer):
    """A stage in the words of the MLflow protocol."""

    stage = serializers.ChoiceField(choices=RegistryStage.choices)
    archive_existing = serializers.BooleanField(required=False)
    reason = optional_text(2000)


class DifferenceOut(serializers.Serializer):
    """What was and what is; null where there is none."""

    name = serializers.CharField()
    was = serializers.JSONField(allow_null=True)
    now = serializers.JSONField(allow_null=True)


class MetricPairOut(serializers.Serializer):
    """One metric of both versions."""

    name = serializers.CharField()
    segment = serializers.CharField()
    suite = serializers.CharField()
    was = serializers.FloatField(source="was.value", allow_null=True, default=None)
    now = serializers.FloatField(source="now.value", allow_null=True, default=None)
    difference = serializers.FloatField(allow_null=True)


class PromptDifferenceOut(serializers.Serializer):
    """A prompt that changed, line by line."""

    name = serializers.CharField()
    lines: Any = serializers.ListField(child=serializers.DictField())


class ComparisonOut(serializers.Serializer):
    """What differs between two versions; metrics whether they differ or not."""

    changes = serializers.IntegerField()
    facts = DifferenceOut(many=True)
    parameters = DifferenceOut(many=True)
    features = DifferenceOut(many=True)
    metrics = MetricPairOut(many=True)
    datasets = DifferenceOut(many=True)
    pipelines = DifferenceOut(many=True)
    documents = DifferenceOut(many=True)
    guardrails = DifferenceOut(many=True)
    prompts = PromptDifferenceOut(many=True)


class VersionFilter(django_filters.FilterSet):
    """Filters of versions."""

    stage = django_filters.ChoiceFilter(choices=RegistryStage.choices)
    label = django_filters.CharFilter()
    run_id = django_filters.CharFilter()
    artifact_sha256 = django_filters.CharFilter()
    alias = django_filters.CharFilter(field_name="aliases__name")

    class Meta:
        model = ModelVersion
        fields: list[str] = []


class VersionViewSet(ModelScoped):
    """Versions by number."""

    queryset = ModelVersion.objects.alive().select_related("model").prefetch_related("aliases")
    serializer_class = VersionOut
    filterset_class = VersionFilter
    lookup_field = "number"

    @extend_schema(request=VersionIn, responses={201: VersionOut})
    def create(self, request: Request, model: int) -> Response:
        """Register the next version."""
        data = self.parsed(VersionIn)
        if people := data.pop("developers", None):
            data["developer_ids"] = [person.pk for person in people]
        found = self.model()
        return self.made(lambda: services.version_register(model=found, **self.acting(), **data))

    @extend_schema(request=VersionChange, responses=VersionOut)
    def partial_update(self, request: Request, model: int, number: int) -> Response:
        """Change label or description."""
        version, data = self.get_object(), self.parsed(VersionChange)
        return self.told(services.version_update(version=version, **self.acting(), **data))

    @extend_schema(parameters=[REASON], responses={204: None})
    def destroy(self, request: Request, model: int, number: int) -> Response:
        """Delete a version; its number is never given again."""
        reason = request.query_params.get("reason", "")[:2000].replace("\x00", "")
        services.version_delete(version=self.get_object(), reason=reason, **self.acting())
        return Response(status=204)

    @extend_schema(request=ArtifactIn, responses=VersionOut)
    def artifact(self, request: Request, model: int, number: int) -> Response:
        """Set the digest of the artifact."""
        version, data = self.get_object(), self.parsed(ArtifactIn)
        return self.told(services.version_set_artifact_digest(version=version, **self.acting(), **data))

    @extend_schema(request=StageMove, responses=VersionOut)
    def stage(self, request: Request, model: int, number: int) -> Response:
        """Move a version to a stage."""
        version, data = self.get_object(), self.parsed(StageMove)
        return self.told(services.version_set_stage(version=version, **self.acting(), **data))

    @extend_schema(parameters=TWO, responses=ComparisonOut, operation_id="models_compare_retrieve")
    def compare(self, request: Request, model: int) -> Response:
        """Compare two versions of a model."""
        versions = self.get_queryset()
        was, now = (find(versions, number=self.wanted(name)) for name in ("was", "now"))
        found = compare_versions(was, now)
        answer: dict[str, Any] = {name: getattr(found, name) for name in map(str, ComparisonOut().fields)}
        answer["prompts"] = [
            {"name": one.name, "lines": [asdict(line) for line in one.lines]} for one in found.prompts
        ]
        return Response(ComparisonOut(answer).data)

    def wanted(self, name: str) -> int:
        """Read the number of a version from the address."""
        text = self.request.query_params.get(name, "")
        if not text.isascii() or not text.isdigit() or len(text) > 9:
            raise invalid(name, "Name a version by its number.")
        return int(text)
