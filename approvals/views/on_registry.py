"""Panels and tabs of approvals on pages of the registry."""

from collections.abc import Mapping
from typing import Any

from django.db.models import F, QuerySet
from django.http import HttpRequest, HttpResponseBase
from django.urls import reverse

from approvals import filtersets, tables, tones
from approvals.models import ChangeRequest
from approvals.queries import panel_reads
from mlops_portal.foundation.web.pages import ListPage, PanelPage
from registry.models import ModelVersion, RegisteredModel
from registry.queries.version_page import model_of


class ModelPanel(PanelPage):
    """Open requests and last decisions on a model, today or as they were."""

    queryset = RegisteredModel.objects.alive().select_related("unit")
    template_name, right, object_name = "approvals/panel_requests.html", "approvals.view", "model"
    title, shows_past = "Change requests of {object}", True

    def more(self) -> Mapping[str, Any]:
        """Read it."""
        every = reverse("approvals:model-changes", args=[self.object.pk])
        user, at = self.request.user, self.as_of
        found = (
            panel_reads.requests_then(user, self.object, at)
            if at
            else panel_reads.requests_of(user, model=self.object)
        )
        return {
            **found,
            "tones": tones,
            "every": every,
            "panel_id": "model-changes",
        }


class VersionPanel(PanelPage):
    """Open requests and last decisions on a version."""

    queryset = ModelVersion.objects.alive().select_related("model", "unit")
    template_name, right, object_name = "approvals/panel_requests.html", "approvals.view", "version"
    title = "Change requests of {object}"

    def more(self) -> Mapping[str, Any]:
        """Read it."""
        every = reverse("approvals:model-changes", args=[self.object.model_id])
        return {
            **panel_reads.requests_of(self.request.user, version=self.object),
            "tones": tones,
            "every": every,
            "panel_id": "version-changes",
        }


class ModelChanges(ListPage):
    """The tab "Change requests" of a model."""

    queryset = ChangeRequest.objects.select_related("model", "unit", "version", "environment", "requester")
    filterset_class, table_class = filtersets.ChangeFilters, tables.ChangeTable
    template_name = "approvals/model_changes.html"
    noun, right = "request", "approvals.view"
    exports = ("csv", "xlsx")
    empty_title = "No change request yet"
    empty_text = "“Request a change” files the first one."

    def get(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:
        """Find the model first."""
        self.model = model_of(request.user, kwargs["pk"])
        return super().get(request, *args, **kwargs)

    def get_title(self) -> str:
        """Name the model."""
        return f"Change requests of {self.model}"

    def get_crumbs(self) -> list[tuple[str, str]]:
        """Lead over the model."""
        models = reverse("registry:model-list")
        return [("Models", models), (str(self.model), self.model.get_absolute_url()), ("Change requests", "")]

    def get_queryset(self) -> QuerySet:
        """Narrow to the model."""
        return super().get_queryset().filter(model=self.model).annotate(tier_order=F("decided_tier"))

    def more(self) -> Mapping[str, Any]:
        """Name the model for the tabs."""
        return {**super().more(), "model": self.model}
