"""What lies below one model or one version of the address."""

from typing import Any

from django.db.models import QuerySet
from rest_framework import serializers

from mlops_portal.foundation.api.fields import optional_text
from mlops_portal.foundation.api.viewsets import ScopedReadViewSet, StrictSerializer, find
from registry.models import ModelVersion, RegisteredModel


class Nothing(StrictSerializer):
    """An act without fields."""


class WithNote(StrictSerializer):
    """An act with a note for the record."""

    note = optional_text(2000)


class WithReason(StrictSerializer):
    """An act with a reason for the record."""

    reason = optional_text(2000)


class NeedsReason(StrictSerializer):
    """An act that says why."""

    reason = serializers.CharField(max_length=2000)


class ModelScoped(ScopedReadViewSet):
    """Rows of the model of the address."""

    def model(self) -> RegisteredModel:
        """Return the model of the address, as far as the caller may see it.

        Raises:
            NotFound: there is none.
        """
        models = RegisteredModel.objects.alive().select_related("unit").visible_to(self.request.user)
        return find(models, pk=self.kwargs["model"])

    def get_queryset(self) -> QuerySet:
        """Narrow to the model of the address."""
        rows = super().get_queryset()
        return rows if getattr(self, "swagger_fake_view", False) else rows.filter(model=self.model())

    def upload(self, name: str = "file") -> Any:
        """Return the uploaded file of a multipart body, or None."""
        return self.request.FILES.get(name)


class VersionScoped(ModelScoped):
    """Rows of the version of the address."""

    def version(self) -> ModelVersion:
        """Return the version of the address.

        Raises:
            NotFound: there is none.
        """
        versions = ModelVersion.objects.alive().select_related("model", "unit").filter(model=self.model())
        return find(versions, number=self.kwargs["number"])

    def get_queryset(self) -> QuerySet:
        """Narrow to the version of the address."""
        rows = super().get_queryset()
        return rows if getattr(self, "swagger_fake_view", False) else rows.filter(version=self.version())
