"""Versions: the list of a model, one version, comparison, registration."""

from collections.abc import Mapping
from datetime import datetime
from functools import cached_property
from typing import Any

from django.db.models import QuerySet
from django.urls import reverse

from mlops_portal.foundation.errors import invalid
from mlops_portal.foundation.web.filters import Filters, OneOfFacet, SearchFilter
from mlops_portal.foundation.web.pages import ActionPage, DetailPage, ListPage
from registry import forms, tables
from registry.models import ModelVersion, RegisteredModel
from registry.queries import model_page, version_page
from registry.services import versions as services
from registry.states import RegistryStage


def model_crumbs(model: RegisteredModel) -> list[tuple[str, str]]:
    """Lead over the portfolio and the model."""
    return [("Models", reverse("registry:model-list")), (str(model), model.get_absolute_url())]


class NamedThen:
    """A page about a model that shows the past: it names the model as it was called then."""

    object: RegisteredModel
    as_of: datetime | None

    @cached_property
    def named(self) -> str:
        """What people read as the model's name, at the moment that is shown."""
        return model_page.name_at(self.object, self.as_of)


class VersionFilters(Filters):
    """Facets of a model's versions."""

    q = SearchFilter(["label", "description", "run_id", "commit"], label="Number, run or commit")
    stage = OneOfFacet("Stage", choices=RegistryStage.choices)

    class Meta:
        model = ModelVersion
        fields: list[str] = []


class VersionList(ListPage):
    """All versions of one model."""

    queryset = ModelVersion.objects.alive()
    filterset_class, table_class = VersionFilters, tables.VersionTable
    template_name = "registry/version_list.html"
    noun, right = "version", "registry.view"
    exports = ("csv", "xlsx")

    @property
    def model(self) -> RegisteredModel:
        """The model of the address."""
        if not hasattr(self, "_model"):
            self._model = version_page.model_of(self.request.user, self.kwargs["pk"])
        return self._model

    def get_title(self) -> str:
        """Name the model."""
        return f"Versions of {self.model}"

    def get_crumbs(self) -> list[tuple[str, str]]:
        """Lead over the model."""
        return [*model_crumbs(self.model), ("Versions", "")]

    def get_queryset(self) -> QuerySet:
        """Versions of this model with what the table shows."""
        return model_page.with_facts(super().get_queryset().filter(model=self.model), self.model)

    def more(self) -> Mapping[str, Any]:
        """Name the model."""
        return {**super().more(), "model": self.model}


class VersionMixin:
    """Finds a version by model and number."""

    queryset = ModelVersion.objects.alive().select_related(
        "model__unit", "model__counter", "registered_by", "unit"
    )
    lookup = {"pk": "model_id", "number": "number"}
    object_name = "version"


class VersionDetail(VersionMixin, DetailPage):
    """Everything about one version."""

    template_name, right = "registry/version.html", "registry.view"

    def get_crumbs(self) -> list[tuple[str, str]]:
        """Lead over the model."""
        return [*model_crumbs(self.object.model), (self.object.name, "")]

    def more(self) -> Mapping[str, Any]:
        """Read the page."""
        return {"model": self.object.model, **version_page.read(self.object, self.request.user)}


class Compare(DetailPage):
    """Two versions side by side: `?v=3&v=5`."""

    queryset = RegisteredModel.objects.alive().select_related("unit", "counter")
    template_name, right, object_name = "registry/compare.html", "registry.view", "model"

    def get_title(self) -> str:
        """Name both."""
        return f"Compare versions of {self.object}"

    def get_crumbs(self) -> list[tuple[str, str]]:
        """Lead over the model."""
        return [*model_crumbs(self.object), ("Compare", "")]

    def more(self) -> Mapping[str, Any]:
        """Compare the two that the address names, the older first."""
        chosen = [one for one in self.request.GET.getlist("v") if one]
        if any(not one.isdecimal() or len(one) > 9 for one in chosen):
            raise invalid("v", "Versions are named by their number.")
        numbers = sorted({int(one) for one in chosen})
        return version_page.comparison(self.object, numbers)


class VersionRegister(ActionPage):
    """Register a version by hand."""

    queryset, right = RegisteredModel.objects.alive().select_related("unit"), "registry.register"
    object_name, form_class = "model", forms.VersionRegistration
    title, submit = "Register a version of {object}", "Register version"

    def act(self, *, by: Any, now: datetime, **data: Any) -> ModelVersion:
        """Register it."""
        return services.version_register(model=self.object, by=by, now=now, **data)

    def done(self, result: ModelVersion) -> tuple[str, str]:
        """Show the version."""
        return f"Version {result.name} is registered.", result.get_absolute_url()


class VersionArtifact(VersionMixin, ActionPage):
    """Set the digest of the artifact, once."""

    told = "The artifact digest of {object} is set."
    right, form_class = "registry.edit", forms.ArtifactDigest
    title, submit = "Artifact digest of {object}", "Set the digest"

    def act(self, *, by: Any, now: datetime, **data: Any) -> ModelVersion:
        """Set it."""
        return services.version_set_artifact_digest(version=self.object, by=by, now=now, **data)


class VersionDelete(VersionMixin, ActionPage):
    """Delete a version; its number is never given again."""

    right, form_class, danger = "registry.delete", forms.Reason, True
    title, submit = "Delete version {object}", "Delete {object}"

    def act(self, *, by: Any, now: datetime, **data: Any) -> ModelVersion:
        """Leave a tombstone."""
        return services.version_delete(version=self.object, by=by, now=now, **data)

    def done(self, result: ModelVersion) -> tuple[str, str]:
        """Return to the model."""
        return "The version is deleted; its number stays taken.", result.model.get_absolute_url()
