"""What people add to a version by hand: metrics, data sets and pipelines. Machines use the API."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from mlops_portal.foundation.rules import Blocker
from mlops_portal.foundation.web.pages import ActionPage
from registry import forms, policies
from registry.models import ModelVersion, VersionDataset
from registry.queries.metrics import metrics_used
from registry.queries.sources import pipelines_known
from registry.services import attesting, lineage, metrics
from registry.states import Grade
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
        return self.told_of(result), self.object.get_absolute_url()


class MetricAdd(VersionAction):
    """Record one value; its grade is declared."""

    told = "The metric of {object} is recorded."
    form_class, title, submit = forms.MetricEntry, "Add a metric to {object}", "Record the value"
    lede = "A value typed by a person is of grade declared. Pipelines report theirs with a token."

    def form_kwargs(self) -> dict[str, Any]:
        """Offer how the model's limits and earlier versions name what they measure."""
        return {"used": metrics_used(self.object.model)}

    def act(self, *, by: Any, now: datetime, **data: Any) -> Any:
        """Record."""
        return metrics.metrics_record(version=self.object, metrics=[data], by=by, now=now)


class DatasetLink(VersionAction):
    """Say which data set the version used, and for what."""

    told = "The data set stands at {object}."
    form_class, title, submit = forms.DatasetEntry, "Add a data set to {object}", "Add data set"

    def act(self, *, by: Any, now: datetime, **data: Any) -> Any:
        """Link."""
        version: ModelVersion = self.object
        return lineage.dataset_use(version=version, by=by, now=now, **data)


class PipelineLink(VersionAction):
    """Say which feature pipeline feeds the version."""

    told = "The pipeline stands at {object}."
    form_class, title, submit = forms.PipelineEntry, "Add a pipeline to {object}", "Add pipeline"

    def form_kwargs(self) -> dict[str, Any]:
        """Offer the pipelines that the unit knows."""
        return {"known": pipelines_known(self.object.unit_id)}

    def act(self, *, by: Any, now: datetime, **data: Any) -> Any:
        """Link."""
        version: ModelVersion = self.object
        return lineage.pipeline_use(version=version, by=by, now=now, **data)


class DatasetEdit(ActionPage):
    """Change what describes a data set that a version used."""

    queryset = VersionDataset.objects.select_related("version__model__unit", "dataset__unit")
    lookup: Mapping[str, str] = {"model": "model_id", "number": "version__number", "pk": "pk"}
    right, object_name, form_class = "registry.edit", "link", forms.DatasetEdit
    submit = "Save the description"
    lede = (
        "The description counts for every version that used the data set. Name, label and digest stay: "
        "another content is another data set."
    )

    def prepare(self) -> None:
        """Ask for the right in the data set's own unit too: its description is shown here."""
        super().prepare()
        self.check_scope(self.object.dataset)

    def get_title(self) -> str:
        """Name the data set."""
        return f"Edit the data set {self.object.dataset}"

    def get_crumbs(self) -> list[tuple[str, str]]:
        """Lead over model and version."""
        version = self.object.version
        return [
            *model_crumbs(version.model),
            (version.name, version.get_absolute_url()),
            (self.get_title(), ""),
        ]

    def initial(self) -> dict[str, Any]:
        """Start with what is registered."""
        return {name: getattr(self.object.dataset, name) for name in lineage.DESCRIPTION_FIELDS}

    def act(self, *, by: Any, now: datetime, **data: Any) -> Any:
        """Change."""
        return lineage.dataset_describe(dataset=self.object.dataset, by=by, now=now, **data)

    def done(self, result: Any) -> tuple[str, str]:
        """Return to the version."""
        return self.told_of(result), self.object.version.get_absolute_url()


class EvidenceAttest(VersionAction):
    """Vouch for the documents and metrics of a version, as an independent validator."""

    right, form_class = policies.VALIDATE, forms.Note
    title, submit = "Attest the evidence of {object}", "I checked it: attest"
    lede = (
        "You vouch that documents and metrics say what you found when you checked them. "
        "What is recorded anew later is as weak as its author again."
    )

    def blockers(self) -> list[Blocker]:
        """Whoever built or owns the model vouches for nothing."""
        return policies.grade_blockers(Grade.ATTESTED, by=self.request.user, version=self.object)

    def act(self, *, by: Any, now: datetime, **data: Any) -> int:
        """Attest."""
        return attesting.evidence_attest(version=self.object, by=by, now=now, **data)

    def done(self, result: int) -> tuple[str, str]:
        """Say how much became stronger."""
        return f"Attested: {result}.", self.object.get_absolute_url()
