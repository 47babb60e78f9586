"""Documents with their sections and files, and monitoring plans."""

from typing import Any

import django_filters
from django.http import HttpResponseBase
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from mlops_portal.foundation.api.fields import (
    JsonRows,
    RecordSerializer,
    Text,
    Whole,
    optional_person,
    optional_text,
)
from mlops_portal.foundation.api.viewsets import StrictSerializer, find, visible
from mlops_portal.foundation.errors import NotFound
from mlops_portal.foundation.files import services as files
from mlops_portal.foundation.files.downloads import download
from mlops_portal.foundation.web.access import record_access
from registry.api.scoped import ModelScoped, NeedsReason, Nothing
from registry.models import Document, DocumentSection, ModelVersion, MonitoringPlan
from registry.services import evidence as services
from registry.states import DocumentKind, Grade, SectionStatus


class SectionOut(RecordSerializer):
    """A section that completeness is counted by."""

    class Meta:
        model = DocumentSection
        fields = ("key", "title", "text", "status", "reason", "updated_at", "approved_by", "approved_at")


class DocumentOut(RecordSerializer):
    """A document of a model or of one version of it."""

    version: Any = serializers.IntegerField(source="version.number", default=None, read_only=True)
    file_name = serializers.CharField(read_only=True)
    file_size = serializers.IntegerField(source="file.size", default=None, read_only=True)
    file_sha256 = serializers.CharField(source="file.sha256", default="", read_only=True)
    sections = SectionOut(many=True, read_only=True)

    class Meta:
        model = Document
        exclude = ("unit", "file")


class SectionIn(StrictSerializer):
    """A section by its key."""

    key = serializers.RegexField(r"^[-a-zA-Z0-9_]{1,60}$")
    title = Text(max_length=160)
    text = optional_text()


class DocumentChange(StrictSerializer):
    """The next edition: what is left out stays as it was."""

    title = Text(max_length=200, required=False)
    link = optional_text(500)
    sections = SectionIn(many=True, required=False)
    grade = serializers.ChoiceField(choices=Grade.choices, required=False)
    reason = optional_text(2000)
    file = serializers.FileField(required=False, max_length=255, help_text="Sent as multipart/form-data.")


class DocumentIn(DocumentChange):
    """A document: a file, a link, or sections."""

    kind = serializers.ChoiceField(choices=DocumentKind.choices)
    title = Text(max_length=200)
    version = Whole(required=False, min_value=1, help_text="Number of the version it belongs to.")


class SectionText(StrictSerializer):
    """What a section says."""

    text = Text(allow_blank=True)
    reason = optional_text(2000)


class DocumentFilter(django_filters.FilterSet):
    """Filters of documents."""

    kind = django_filters.ChoiceFilter(choices=DocumentKind.choices)
    status = django_filters.ChoiceFilter(choices=SectionStatus.choices)
    version = django_filters.NumberFilter(field_name="version__number", min_value=1, max_value=2**31 - 1)

    class Meta:
        model = Document
        fields: list[str] = []


class DocumentViewSet(ModelScoped):
    """Documents of a model and its versions."""

    queryset = Document.objects.select_related(
        "version", "file", "uploaded_by", "approved_by"
    ).prefetch_related("sections__approved_by")
    serializer_class = DocumentOut
    filterset_class = DocumentFilter

    @extend_schema(
        request={"application/json": DocumentIn, "multipart/form-data": DocumentIn},
        responses={201: DocumentOut},
    )
    def create(self, request: Request, model: int) -> Response:
        """Save a document: JSON with sections or a link, or multipart/form-data with a file."""
        data, found = self.parsed(DocumentIn), self.model()
        number = data.pop("version", None)
        if number is not None:
            versions = ModelVersion.objects.alive().filter(model=found)
            data["version"] = visible(versions, request.user, "version", number=number)
        return self.made(lambda: self.save(model=found, **data))

    @extend_schema(
        request={"application/json": DocumentChange, "multipart/form-data": DocumentChange},
        responses=DocumentOut,
    )
    def partial_update(self, request: Request, model: int, pk: int) -> Response:
        """Save the next edition; it is a draft until somebody else approves it."""
        document, data = self.get_object(), self.parsed(DocumentChange)
        data = {"title": document.title, "link": document.link, **data}
        return self.told(
            self.save(
                model=document.model,
                document=document,
                version=document.version,
                kind=document.kind,
                **data,
            )
        )

    def save(self, *, file: Any = None, **data: Any) -> Document:
        """Keep the file, when there is one, and save the document that refers to it."""
        acting = self.acting()
        if file is not None:
            data["file"] = files.store(file.chunks(), name=file.name, **acting)
        return services.document_save(**acting, **data)

    @extend_schema(responses={(200, "application/octet-stream"): OpenApiTypes.BINARY})
    def file(self, request: Request, model: int, pk: int) -> HttpResponseBase:
        """Download the file of a document; the read is recorded."""
        document = self.get_object()
        if document.file is None:
            raise NotFound("This document has no file.")
        now = self.acting()["now"]
        record_access(
            request, "document downloaded", "registry.Document", str(document.pk), now, document.unit_id
        )
        return download(document.file, name=document.file_name)

    @extend_schema(request=Nothing, responses=DocumentOut)
    def approve(self, request: Request, model: int, pk: int) -> Response:
        """Approve an edition that somebody else wrote, with its drafted sections."""
        document, _ = self.get_object(), self.parsed(Nothing)
        return self.told(services.document_approve(document=document, **self.acting()))

    def section(self, key: str) -> DocumentSection:
        """Return a section of the document of the address."""
        return find(DocumentSection.objects.filter(document=self.get_object()), key=key)

    @extend_schema(request=SectionText, responses=DocumentOut)
    def write_section(self, request: Request, model: int, pk: int, key: str) -> Response:
        """Write one section; it and its document are drafts again."""
        section, data = self.section(key), self.parsed(SectionText)
        services.section_save(section=section, **self.acting(), **data)
        return self.told(self.get_object())

    @extend_schema(request=Nothing, responses=DocumentOut)
    def approve_section(self, request: Request, model: int, pk: int, key: str) -> Response:
        """Approve a section that somebody else wrote."""
        section, _ = self.section(key), self.parsed(Nothing)
        services.section_approve(section=section, **self.acting())
        return self.told(self.get_object())

    @extend_schema(request=NeedsReason, responses=DocumentOut)
    def section_not_applicable(self, request: Request, model: int, pk: int, key: str) -> Response:
        """Take a section out of the count, with a reason and as its approver."""
        section, data = self.section(key), self.parsed(NeedsReason)
        services.section_not_applicable(section=section, **self.acting(), **data)
        return self.told(self.get_object())


class PlanOut(RecordSerializer):
    """A monitoring plan."""

    class Meta:
        model = MonitoringPlan
        exclude = ("unit",)


class PlanIn(StrictSerializer):
    """The next monitoring plan."""

    measures = JsonRows(
        help_text="Objects with measure, dimension, cadence_hours, watch, act, route and segment."
    )
    owner = optional_person()
    reason = optional_text(2000)


class PlanViewSet(ModelScoped):
    """Monitoring plans of a model by number; the newest is current."""

    queryset = MonitoringPlan.objects.select_related("owner", "created_by")
    serializer_class = PlanOut
    lookup_field = "number"

    @extend_schema(request=PlanIn, responses={201: PlanOut})
    def create(self, request: Request, model: int) -> Response:
        """Save the next monitoring plan, which is current from now on."""
        data, found = self.parsed(PlanIn), self.model()
        return self.made(lambda: services.monitoring_plan_save(model=found, **self.acting(), **data))
