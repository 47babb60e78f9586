"""Versions of a model, under /models/{model}/versions/."""

from typing import Any

from django.db.models import QuerySet
from django.utils import timezone
from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from mlops_portal.foundation.api.viewsets import ScopedReadViewSet, StrictSerializer
from mlops_portal.foundation.errors import NotFound
from registry.models import ModelVersion, RegisteredModel
from registry.services import versions as services


class VersionOut(serializers.ModelSerializer):
    """A version as the API answers it."""

    model_name = serializers.CharField(source="model.name", read_only=True)
    aliases = serializers.SlugRelatedField(slug_field="name", many=True, read_only=True)

    class Meta:
        model = ModelVersion
        exclude = ("unit", "registered_by", "deleted_at")


class VersionIn(StrictSerializer):
    """A version to register. All but label and description is immutable afterwards."""

    source = serializers.CharField(max_length=2000)
    label = serializers.CharField(required=False, allow_blank=True, max_length=80)
    description = serializers.CharField(required=False, allow_blank=True)
    run_id = serializers.CharField(required=False, max_length=250)
    run_link = serializers.CharField(required=False)
    external_model_id = serializers.CharField(required=False, max_length=250)
    artifact_sha256 = serializers.RegexField(r"^[0-9a-f]{64}$", required=False)
    commit = serializers.CharField(required=False, allow_blank=True, max_length=64)
    repository = serializers.CharField(required=False, allow_blank=True, max_length=255)
    parameters = serializers.DictField(required=False)
    features = serializers.ListField(required=False)
    input_schema = serializers.DictField(required=False)
    base_model = serializers.CharField(required=False, allow_blank=True, max_length=200)
    prompts = serializers.ListField(child=serializers.DictField(), required=False)
    guardrails = serializers.ListField(child=serializers.DictField(), required=False)
    first_commit_at = serializers.DateTimeField(required=False)
    training_started_at = serializers.DateTimeField(required=False)
    tags = serializers.DictField(child=serializers.CharField(allow_blank=True), required=False)


class VersionChange(StrictSerializer):
    """What may change after registration."""

    label = serializers.CharField(required=False, allow_blank=True, max_length=80)
    description = serializers.CharField(required=False, allow_blank=True)
    reason = serializers.CharField(required=False, allow_blank=True, max_length=2000)


class ArtifactIn(StrictSerializer):
    """The digest of the artifact, set once."""

    sha256 = serializers.RegexField(r"^[0-9a-f]{64}$")


class VersionScoped(ScopedReadViewSet):
    """Rows below one version or model of the address."""

    def model(self) -> RegisteredModel:
        """Return the model of the address, as far as the caller may see it.

        Raises:
            NotFound: there is none.
        """
        models = RegisteredModel.objects.alive().visible_to(self.request.user)
        found = models.filter(pk=self.kwargs["model"]).first()
        if found is None:
            raise NotFound(f"There is no model {self.kwargs['model']} that you can see.")
        return found

    def version(self) -> ModelVersion:
        """Return the version of the address.

        Raises:
            NotFound: there is none.
        """
        versions = ModelVersion.objects.alive().select_related("model").filter(model=self.model())
        found = versions.filter(number=self.kwargs["number"]).first()
        if found is None:
            raise NotFound(f"There is no version {self.kwargs['number']} that you can see.")
        return found


class VersionViewSet(VersionScoped):
    """Versions by number."""

    queryset = ModelVersion.objects.alive().select_related("model").prefetch_related("aliases")
    serializer_class = VersionOut
    lookup_field, lookup_value_regex = "number", r"[0-9]{1,9}"

    def get_queryset(self) -> QuerySet:
        """Versions of the model of the address."""
        rows = super().get_queryset()
        return rows if getattr(self, "swagger_fake_view", False) else rows.filter(model=self.model())

    @extend_schema(request=VersionIn, responses={201: VersionOut})
    def create(self, request: Request, model: str) -> Response:
        """Register the next version."""
        data = self.parsed(VersionIn)
        found = self.model()
        return self.answer_once(
            request,
            lambda: services.version_register(model=found, by=request.user, now=timezone.now(), **data),
            self.render_one,
        )

    @extend_schema(request=VersionChange, responses=VersionOut)
    def partial_update(self, request: Request, model: str, number: str) -> Response:
        """Change label or description."""
        data = self.parsed(VersionChange)
        version = services.version_update(
            version=self.get_object(), by=request.user, now=timezone.now(), **data
        )
        return Response(self.render_one(version))

    @extend_schema(request=ArtifactIn, responses=VersionOut)
    def artifact(self, request: Request, model: str, number: str) -> Response:
        """Set the digest of the artifact."""
        data = self.parsed(ArtifactIn)
        version = services.version_set_artifact_digest(
            version=self.get_object(), by=request.user, now=timezone.now(), **data
        )
        return Response(self.render_one(version))

    def render_one(self, version: ModelVersion) -> Any:
        """Return the version as it is now."""
        return VersionOut(self.get_queryset().get(pk=version.pk)).data
