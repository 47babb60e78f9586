"""Data sets and feature pipelines, and which versions use them."""

from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from mlops_portal.foundation.api.fields import (
    RecordSerializer,
    Text,
    UnitField,
    Whole,
    optional_person,
    optional_text,
)
from mlops_portal.foundation.api.viewsets import ScopedReadViewSet, StrictSerializer, visible
from registry.api.filters import DatasetFilter, PipelineFilter
from registry.api.scoped import VersionScoped
from registry.models import Dataset, FeaturePipeline, VersionDataset, VersionPipeline
from registry.services import lineage as services
from registry.states import DatasetRole


class DatasetOut(RecordSerializer):
    """A data set at one state."""

    class Meta:
        model = Dataset
        fields = "__all__"


class DatasetIn(StrictSerializer):
    """A data set to register; the same name, label and digest again is the same one and gets what it lacked."""

    unit = UnitField()
    name = Text(max_length=200)
    label = optional_text(80)
    digest = serializers.RegexField(r"^[0-9a-f]{64}$", required=False, help_text="SHA-256 of the content.")
    rows = serializers.IntegerField(required=False, allow_null=True, min_value=0, max_value=2**62)
    from_on = serializers.DateField(required=False, allow_null=True)
    to_on = serializers.DateField(required=False, allow_null=True)
    source = optional_text()
    purpose = optional_text()
    legal_basis = optional_text()
    preparation = optional_text()


class DatasetViewSet(ScopedReadViewSet):
    """Data sets."""

    queryset = Dataset.objects.select_related("unit", "created_by")
    serializer_class = DatasetOut
    filterset_class = DatasetFilter

    @extend_schema(request=DatasetIn, responses={201: DatasetOut})
    def create(self, request: Request) -> Response:
        """Register a data set."""
        data = self.parsed(DatasetIn)
        return self.made(lambda: services.dataset_register(**self.acting(), **data))


class PipelineOut(RecordSerializer):
    """A feature pipeline."""

    class Meta:
        model = FeaturePipeline
        fields = "__all__"


class PipelineIn(StrictSerializer):
    """A feature pipeline to register; a name that exists in the unit is that one."""

    unit = UnitField()
    name = Text(max_length=200)
    url = optional_text(500)
    cadence = optional_text(80)
    owner = optional_person()


class PipelineViewSet(ScopedReadViewSet):
    """Feature pipelines."""

    queryset = FeaturePipeline.objects.select_related("unit", "owner")
    serializer_class = PipelineOut
    filterset_class = PipelineFilter

    @extend_schema(request=PipelineIn, responses={201: PipelineOut})
    def create(self, request: Request) -> Response:
        """Register a feature pipeline."""
        data = self.parsed(PipelineIn)
        return self.made(lambda: services.pipeline_register(**self.acting(), **data))


class DatasetLinkOut(RecordSerializer):
    """What a version used a data set for."""

    name = serializers.CharField(source="dataset.name", read_only=True)
    label = serializers.CharField(source="dataset.label", read_only=True)
    digest = serializers.CharField(source="dataset.digest", read_only=True)

    class Meta:
        model = VersionDataset
        fields = ("id", "dataset", "name", "label", "digest", "role")


class DatasetLinkIn(StrictSerializer):
    """A data set and what the version used it for."""

    dataset = Whole(min_value=1)
    role = serializers.ChoiceField(choices=DatasetRole.choices)


class DatasetLinkViewSet(VersionScoped):
    """Data sets of a version."""

    queryset = VersionDataset.objects.select_related("dataset")
    serializer_class = DatasetLinkOut

    @extend_schema(request=DatasetLinkIn, responses={201: DatasetLinkOut})
    def create(self, request: Request, model: int, number: int) -> Response:
        """Say what the version used a data set for."""
        data, version = self.parsed(DatasetLinkIn), self.version()
        dataset = visible(Dataset.objects.all(), request.user, "dataset", pk=data.pop("dataset"))
        return self.made(
            lambda: services.dataset_link(version=version, dataset=dataset, **self.acting(), **data)
        )


class PipelineLinkOut(RecordSerializer):
    """A pipeline that feeds a version."""

    name = serializers.CharField(source="pipeline.name", read_only=True)

    class Meta:
        model = VersionPipeline
        fields = ("id", "pipeline", "name")


class PipelineLinkIn(StrictSerializer):
    """A pipeline that feeds the version."""

    pipeline = Whole(min_value=1)


class PipelineLinkViewSet(VersionScoped):
    """Pipelines of a version."""

    queryset = VersionPipeline.objects.select_related("pipeline")
    serializer_class = PipelineLinkOut

    @extend_schema(request=PipelineLinkIn, responses={201: PipelineLinkOut})
    def create(self, request: Request, model: int, number: int) -> Response:
        """Say that a pipeline feeds the version."""
        data, version = self.parsed(PipelineLinkIn), self.version()
        pipelines = FeaturePipeline.objects.all()
        pipeline = visible(pipelines, request.user, "pipeline", pk=data["pipeline"])
        return self.made(lambda: services.pipeline_link(version=version, pipeline=pipeline, **self.acting()))
