"""Data sets and feature pipelines: what there is, which versions use it, what breaks when it changes."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any, ClassVar

from django.db.models import QuerySet
from django.urls import reverse

from mlops_portal.foundation.errors import NotFound
from mlops_portal.foundation.web.pages import ActionPage, DetailPage, ListPage, Preset
from registry import filtersets, forms, tables
from registry.models import Dataset, FeaturePipeline, VersionDataset, VersionPipeline
from registry.queries import sources
from registry.services import lineage

SEEN = "registry.view"


class SourceList(ListPage):
    """What models are made from, as far as the reader may see it."""

    right = SEEN
    exports = ("csv", "xlsx")
    presets = (
        Preset("All", ""),
        Preset("Used in production", "use=production"),
        Preset("Not used", "use=none"),
    )
    empty_text = "Versions name what they were made from: by hand on the version's page, or through the API."

    def get_queryset(self) -> QuerySet:
        """Count the versions and models that use each, as far as the reader may see them."""
        return sources.with_uses(super().get_queryset(), self.request.user)


class DatasetList(SourceList):
    """Data sets, each at one state."""

    queryset = Dataset.objects.select_related("unit")
    filterset_class, table_class = filtersets.DatasetFilters, tables.DatasetTable
    title, noun = "Data sets", "data set"
    empty_title = "No data set yet"


class PipelineList(SourceList):
    """Pipelines that make features."""

    queryset = FeaturePipeline.objects.select_related("unit", "owner")
    filterset_class, table_class = filtersets.PipelineFilters, tables.PipelineTable
    title, noun = "Feature pipelines", "pipeline"
    empty_title = "No pipeline yet"


class SourceDetail(DetailPage):
    """What is known of one, and the newest versions that use it."""

    right, object_name = SEEN, "source"
    list_name: ClassVar[str]
    list_title: ClassVar[str]

    def get_crumbs(self) -> list[tuple[str, str]]:
        """Lead over the list."""
        return [(self.list_title, reverse(self.list_name)), (self.get_title(), "")]

    def more(self) -> Mapping[str, Any]:
        """Read the page in a fixed number of statements."""
        return {**sources.read(self.object, self.request.user), "uses_url": uses_url(self.object)}


class DatasetDetail(SourceDetail):
    """One data set at one state."""

    queryset = Dataset.objects.select_related("unit", "created_by")
    template_name = "registry/dataset.html"
    list_name, list_title = "registry:dataset-list", "Data sets"

    def more(self) -> Mapping[str, Any]:
        """Add its other states and the data sheets."""
        return {
            **super().more(),
            "others": sources.states_of(self.object),
            "sheets": sources.sheets_of(self.object, self.request.user),
        }


class DatasetDescribe(ActionPage):
    """Change what describes a data set."""

    queryset, right = Dataset.objects.select_related("unit"), "registry.edit"
    object_name, form_class = "source", forms.DatasetEdit
    title, submit = "Edit the data set {object}", "Save the description"
    lede = (
        "The description counts for every version that used the data set. Name, label and digest stay: "
        "another content is another data set."
    )

    def get_crumbs(self) -> list[tuple[str, str]]:
        """Lead over the data set."""
        lists = reverse("registry:dataset-list")
        return [
            ("Data sets", lists),
            (str(self.object), self.object.get_absolute_url()),
            (self.get_title(), ""),
        ]

    def initial(self) -> dict[str, Any]:
        """Start with what is registered."""
        return {name: getattr(self.object, name) for name in lineage.DESCRIPTION_FIELDS}

    def act(self, *, by: Any, now: datetime, **data: Any) -> Dataset:
        """Change."""
        return lineage.dataset_describe(dataset=self.object, by=by, now=now, **data)


class PipelineDetail(SourceDetail):
    """One pipeline."""

    queryset = FeaturePipeline.objects.select_related("unit", "owner")
    template_name = "registry/pipeline.html"
    list_name, list_title = "registry:pipeline-list", "Feature pipelines"

    def more(self) -> Mapping[str, Any]:
        """Add the models that read what it feeds."""
        return {**super().more(), "readers": sources.readers_of(self.object, self.request.user)}


def uses_url(source: Dataset | FeaturePipeline) -> str:
    """Return the address of the list of versions that use it."""
    name = "dataset-uses" if isinstance(source, Dataset) else "pipeline-uses"
    return reverse(f"registry:{name}", args=[source.pk])


class SourceUses(ListPage):
    """Every version that uses one data set or pipeline, as far as the reader may see them."""

    template_name, right = "registry/source_uses_list.html", SEEN
    noun, nouns = "use", "uses"
    exports = ("csv", "xlsx")
    kind: ClassVar[type]
    list_name: ClassVar[str]
    list_title: ClassVar[str]

    @property
    def source(self) -> Any:
        """The data set or pipeline of the address.

        Raises:
            NotFound: there is none that the reader may see.
        """
        if not hasattr(self, "_source"):
            rows: Any = self.kind.objects.visible_to(self.request.user)
            found = rows.select_related("unit").filter(pk=self.kwargs["pk"]).first()
            if found is None:
                noun = rows.model._meta.verbose_name
                raise NotFound(f"There is no {noun} {self.kwargs['pk']} that you can see.")
            self._source = found
        return self._source

    def get_title(self) -> str:
        """Name it."""
        return f"Versions that use {self.source}"

    def get_crumbs(self) -> list[tuple[str, str]]:
        """Lead over the list and its page."""
        lists = reverse(self.list_name)
        return [
            (self.list_title, lists),
            (str(self.source), self.source.get_absolute_url()),
            ("Versions that use it", ""),
        ]

    def get_queryset(self) -> QuerySet:
        """Links of versions and models that are not deleted."""
        return sources.with_facts(sources.uses_of(self.source, self.request.user))

    def more(self) -> Mapping[str, Any]:
        """Name it for the tabs."""
        return {**super().more(), "source": self.source, "uses_url": uses_url(self.source)}


class DatasetUses(SourceUses):
    """Versions that use a data set, and what for."""

    queryset = VersionDataset.objects.all()
    filterset_class, table_class = filtersets.DatasetUseFilters, tables.DatasetUseTable
    kind, list_name, list_title = Dataset, "registry:dataset-list", "Data sets"


class PipelineUses(SourceUses):
    """Versions that a pipeline feeds."""

    queryset = VersionPipeline.objects.all()
    filterset_class, table_class = filtersets.PipelineUseFilters, tables.PipelineUseTable
    kind, list_name, list_title = FeaturePipeline, "registry:pipeline-list", "Feature pipelines"
