"""Tags and aliases: free labels and movable names."""

from typing import Any

from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from mlops_portal.foundation.api.fields import RecordSerializer, Text, Whole, optional_text
from mlops_portal.foundation.api.viewsets import StrictSerializer, visible
from registry.api.scoped import ModelScoped, VersionScoped
from registry.models import Alias, ModelTag, ModelVersion, VersionTag
from registry.services import aliases, tags


class TagIn(StrictSerializer):
    """The value of a tag."""

    value = Text(allow_blank=True)


class ModelTagOut(RecordSerializer):
    """A tag of a model."""

    class Meta:
        model = ModelTag
        fields = ("key", "value")


class VersionTagOut(RecordSerializer):
    """A tag of a version."""

    class Meta:
        model = VersionTag
        fields = ("key", "value")


class ModelTagViewSet(ModelScoped):
    """Tags of a model."""

    queryset = ModelTag.objects.all()
    serializer_class = ModelTagOut
    lookup_field = "key"

    @extend_schema(request=TagIn, responses=ModelTagOut)
    def update(self, request: Request, model: int, key: str) -> Response:
        """Set a tag, whether the model has the key or not."""
        data = self.parsed(TagIn)
        return self.told(tags.model_tag_set(model=self.model(), key=key, **self.acting(), **data))

    @extend_schema(responses={204: None})
    def destroy(self, request: Request, model: int, key: str) -> Response:
        """Delete a tag."""
        tag = self.get_object()
        tags.model_tag_delete(model=self.model(), key=tag.key, **self.acting())
        return Response(status=204)


class VersionTagViewSet(VersionScoped):
    """Tags of a version."""

    queryset = VersionTag.objects.all()
    serializer_class = VersionTagOut
    lookup_field = "key"

    @extend_schema(request=TagIn, responses=VersionTagOut)
    def update(self, request: Request, model: int, number: int, key: str) -> Response:
        """Set a tag, whether the version has the key or not."""
        data = self.parsed(TagIn)
        return self.told(tags.version_tag_set(version=self.version(), key=key, **self.acting(), **data))

    @extend_schema(responses={204: None})
    def destroy(self, request: Request, model: int, number: int, key: str) -> Response:
        """Delete a tag."""
        tag = self.get_object()
        tags.version_tag_delete(version=self.version(), key=tag.key, **self.acting())
        return Response(status=204)


class AliasOut(RecordSerializer):
    """An alias and the version it names."""

    version: Any = serializers.IntegerField(source="version.number", read_only=True)

    class Meta:
        model = Alias
        fields = ("name", "version", "moved_at")


class AliasIn(StrictSerializer):
    """The version an alias is to name."""

    version = Whole(min_value=1, help_text="Number of the version.")
    reason = optional_text(2000)


class AliasViewSet(ModelScoped):
    """Aliases of a model. A protected one moves only with an approved change."""

    queryset = Alias.objects.select_related("version")
    serializer_class = AliasOut
    lookup_field = "name"

    @extend_schema(request=AliasIn, responses=AliasOut)
    def update(self, request: Request, model: int, name: str) -> Response:
        """Point an alias to a version, wherever it pointed before."""
        data, found = self.parsed(AliasIn), self.model()
        versions = ModelVersion.objects.alive().filter(model=found)
        version = visible(versions, request.user, "version", number=data.pop("version"))
        return self.told(aliases.alias_set(model=found, name=name, version=version, **self.acting(), **data))

    @extend_schema(responses={204: None})
    def destroy(self, request: Request, model: int, name: str) -> Response:
        """Delete an alias."""
        alias = self.get_object()
        aliases.alias_delete(model=self.model(), name=alias.name, **self.acting())
        return Response(status=204)
