"""What people add to a version by hand: metrics and data sets. Pipelines use the API."""

from datetime import datetime
from typing import Any

from mlops_portal.foundation.web.pages import ActionPage
from registry import forms
from registry.models import ModelVersion
from registry.services import lineage, metrics
from registry.views.versions import VersionMixin, model_crumbs


class VersionAction(VersionMixin, ActionPage):
    """An act on a version."""

    right = "registry.edit"

    def get_crumbs(self) -> list[tuple[str, str]]:
        """Lead over model and version."""
        version = self.object
        return [
            *model_crumbs(version.model),
            (version.name, version.get_absolute_url()),
            (self.get_title(), ""),
        ]

    def done(self, result: Any) -> tuple[str, str]:
        """Return to the version."""
        return f"{self.get_title()}: done.", self.object.get_absolute_url()


class MetricAdd(VersionAction):
    """Record one value; its grade is declared."""

    form_class, title, submit = forms.MetricEntry, "Add a metric to {object}", "Record the value"
    lede = "A value typed by a person is of grade declared. Pipelines report theirs with a token."

    def act(self, *, by: Any, now: datetime, **data: Any) -> Any:
        """Record."""
        return metrics.metrics_record(version=self.object, metrics=[data], by=by, now=now)


class DatasetLink(VersionAction):
    """Say which data set the version used, and for what."""

    form_class, title, submit = forms.DatasetEntry, "Add a data set to {object}", "Add data set"

    def act(self, *, by: Any, now: datetime, **data: Any) -> Any:
        """Link."""
        version: ModelVersion = self.object
        return lineage.dataset_use(version=version, by=by, now=now, **data)
