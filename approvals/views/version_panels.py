"""Panels of a version's page: its documents against its tier, and its validations."""

from collections.abc import Mapping
from typing import Any

from approvals.queries import version_standing
from mlops_portal.foundation.web.pages import PanelPage
from registry.models import ModelVersion


class VersionDocuments(PanelPage):
    """How complete the documents are, and which sections are missing."""

    queryset = ModelVersion.objects.alive().select_related("model", "unit")
    template_name, right, object_name = "approvals/panel_documents.html", "approvals.view", "version"
    title = "Documents of {object}"

    def more(self) -> Mapping[str, Any]:
        """Score them as the gates would now."""
        return {"standing": version_standing.documents_of(self.object, now=self.now)}


class VersionValidations(PanelPage):
    """Who validated it, what came of it, what is still open."""

    queryset = ModelVersion.objects.alive().select_related("model", "unit")
    template_name, right, object_name = "approvals/panel_validations.html", "approvals.view", "version"
    title = "Validations of {object}"

    def more(self) -> Mapping[str, Any]:
        """Read the newest."""
        found = version_standing.validations_of_version(self.object, self.request.user)
        return {"validations": found}
