"""Imports of inventories: upload and start, progress, what was wrong with which row."""

from typing import Any

import django_filters
from django.db.models import QuerySet
from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from mlops_portal.foundation.api.fields import RecordSerializer, Text, UnitField
from mlops_portal.foundation.api.viewsets import ScopedReadViewSet, StrictSerializer, find
from mlops_portal.foundation.errors import TooLarge, invalid
from mlops_portal.foundation.files import places
from registry.api.scoped import Nothing
from registry.imports import mapping as mappings
from registry.imports import service
from registry.imports.reading import open_table
from registry.imports.suggesting import guess
from registry.models import ImportMapping, ImportRowError, ImportRun
from registry.states import ImportState


class ImportOut(RecordSerializer):
    """An import: how far it is and its counts."""

    sha256 = serializers.CharField(source="file.sha256", read_only=True)

    class Meta:
        model = ImportRun
        exclude = ("file", "mapping")


class ImportIn(StrictSerializer):
    """A file to import, sent as multipart/form-data."""

    file = serializers.FileField(max_length=255, help_text="CSV, XLSX or JSON.")
    unit = UnitField(help_text="Takes rows that name no unit.")
    mapping = Text(
        required=False,
        max_length=mappings.MAX_DOCUMENT,
        help_text="Name of a shipped or saved mapping, or a mapping document. Without it the headings are guessed.",
    )
    adds_units = serializers.BooleanField(required=False, default=False)


class ImportFilter(django_filters.FilterSet):
    """Filters of imports."""

    source = django_filters.CharFilter()
    state = django_filters.ChoiceFilter(choices=ImportState.choices)
    unit = django_filters.CharFilter(field_name="unit__code")

    class Meta:
        model = ImportRun
        fields: list[str] = []


class ImportViewSet(ScopedReadViewSet):
    """Imports of inventories."""

    queryset = ImportRun.objects.select_related("unit", "file", "started_by")
    serializer_class = ImportOut
    filterset_class = ImportFilter
    view_right = "registry.import"

    @extend_schema(request={"multipart/form-data": ImportIn}, responses={201: ImportOut})
    def create(self, request: Request) -> Response:
        """Keep a file and queue its import; ask for its status until it is finished."""
        data = self.parsed(ImportIn)
        upload = data["file"]
        if upload.size > places.limit():
            raise TooLarge(f"The file is larger than {places.limit() // places.MEGABYTE} MB.")
        return self.made(lambda: self.start(upload, data))

    def start(self, upload: Any, data: dict[str, Any]) -> ImportRun:
        """Start the import."""
        content = upload.read()
        return service.import_start(
            content=content,
            name=upload.name,
            mapping=self.mapping(data.get("mapping", ""), content, upload.name),
            unit=data["unit"],
            adds_units=data["adds_units"],
            **self.acting(),
        )

    def mapping(self, given: str, content: bytes, name: str) -> mappings.ColumnMapping:
        """Return the mapping that was named or sent, or a guess from the headings.

        Raises:
            Invalid: every mistake in the document.
        """
        if not given:
            return mappings.build(
                guess(open_table(content, name), name=name.rpartition(".")[0][:60] or "upload")
            )
        if given in mappings.shipped():
            return mappings.load(given)
        saved = ImportMapping.objects.visible_to(self.request.user, "registry.import").filter(name=given[:80])
        if (found := saved.first()) is not None:
            return mappings.build(found.document)
        if "\n" not in given and not given.lstrip().startswith("{"):
            raise invalid(
                "mapping", f"There is no mapping {given[:80]}; shipped: {', '.join(mappings.shipped())}."
            )
        return mappings.parse(given)

    @extend_schema(request=Nothing, responses=ImportOut)
    def resume(self, request: Request, pk: int) -> Response:
        """Let a stopped or failed import go on after its last finished row."""
        run, _ = self.get_object(), self.parsed(Nothing)
        return self.told(service.import_resume(run=run, **self.acting()))


class RowErrorOut(RecordSerializer):
    """What was wrong with a row; a note lost nothing."""

    class Meta:
        model = ImportRowError
        fields = ("id", "row", "column", "message", "is_note")


class RowErrorFilter(django_filters.FilterSet):
    """Filters of row errors."""

    is_note = django_filters.BooleanFilter()

    class Meta:
        model = ImportRowError
        fields: list[str] = []


class RowErrorViewSet(ScopedReadViewSet):
    """Errors and notes of an import."""

    queryset = ImportRowError.objects.all()
    serializer_class = RowErrorOut
    filterset_class = RowErrorFilter
    view_right = "registry.import"

    def get_queryset(self) -> QuerySet:
        """Narrow to the import of the address."""
        rows = super().get_queryset()
        if getattr(self, "swagger_fake_view", False):
            return rows
        runs = ImportRun.objects.visible_to(self.request.user, "registry.import")
        return rows.filter(run=find(runs, pk=self.kwargs["run"]))
