"""Imports of inventories: upload, mapping with preview, progress, errors by row."""

import json
from collections.abc import Mapping
from datetime import datetime
from typing import Any

from django import forms
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponseBase
from django.urls import reverse
from django.utils.http import urlencode

from mlops_portal.foundation.errors import NotFound, invalid
from mlops_portal.foundation.files import services as files
from mlops_portal.foundation.files import uploads
from mlops_portal.foundation.files.models import StoredFile
from mlops_portal.foundation.people.models import BusinessUnit
from mlops_portal.foundation.people.rights import rights_of
from mlops_portal.foundation.web import cells, marks
from mlops_portal.foundation.web.filters import ChoiceFacet, Filters, OneOfFacet, SearchFilter
from mlops_portal.foundation.web.pages import Action, ActionPage, CreatePage, ListPage
from mlops_portal.foundation.web.tables import Column, Table
from mlops_portal.foundation.work.models import Job
from registry.forms import UnitChoice
from registry.imports import mapping as mappings
from registry.imports import service
from registry.imports.fields import FIELDS
from registry.imports.reading import open_table
from registry.imports.suggesting import suggest
from registry.models import ImportMapping, ImportRowError, ImportRun
from registry.states import ImportState

CRUMBS = (("Models", "/models/"), ("Imports", "/imports/"))
MAX_BYTES = 50 * 1024 * 1024
SUGGEST = "suggest"
TONES = {
    ImportState.QUEUED: "info",
    ImportState.RUNNING: "info",
    ImportState.FINISHED: "ok",
    ImportState.STOPPED: "warn",
    ImportState.FAILED: "fail",
}


class RunTable(Table):
    """Imports, newest first."""

    default_sort = "-started"
    file_name = Column(
        "File", header=True, link=lambda row: reverse("registry:import-run", args=[row.pk]), note="source"
    )
    unit = Column("Unit", accessor="unit.name")
    state = Column(
        "State",
        cell=lambda value, row: marks.pill(TONES.get(value, "mute"), row.get_state_display()),
        export=lambda row: row.get_state_display(),
    )
    rows = Column("Rows", numeric=True)
    created = Column("Created", numeric=True)
    updated = Column("Updated", numeric=True)
    unchanged = Column("Unchanged", numeric=True)
    failed = Column("Failed", numeric=True)
    started = Column("Started", accessor="started_at", sort="started_at", cell=cells.when)
    started_by = Column("By", cell=cells.person, export="started_by.name")


class RunFilters(Filters):
    """Facets of imports."""

    q = SearchFilter(["file_name", "source"], label="File or source")
    state = ChoiceFacet("State", choices=ImportState.choices)

    class Meta:
        model = ImportRun
        fields: list[str] = []


class ImportList(ListPage):
    """What was imported, with its counts."""

    queryset = ImportRun.objects.select_related("unit", "started_by")
    filterset_class, table_class = RunFilters, RunTable
    title, noun, right = "Imports", "import", "registry.import"
    exports = ("csv",)
    actions = (
        Action(
            "Import an inventory", "registry:import-start", right="registry.import", icon="plus", primary=True
        ),
    )
    crumbs = CRUMBS[:1]
    empty_title = "Nothing imported yet"
    empty_text = "CSV, XLSX and JSON inventories can be imported; nothing is dropped silently."


def saved_mappings(user: Any) -> QuerySet[ImportMapping]:
    """Mappings of the units into which this person may import."""
    return ImportMapping.objects.visible_to(user, "registry.import").order_by("name")


def mapping_choices(user: Any) -> list[tuple[str, str]]:
    """Offer a guess, the shipped documents and the saved ones."""
    shipped = [(f"shipped:{name}", f"{name} (shipped)") for name in mappings.shipped()]
    saved = [(f"saved:{name}", name) for name in saved_mappings(user).values_list("name", flat=True)]
    return [(SUGGEST, "Guess from the headings"), *shipped, *saved]


class Upload(forms.Form):
    """The file, where its models go and how its columns are read."""

    file = forms.FileField(help_text="CSV, XLSX or JSON, at most 50 MB.")
    unit = UnitChoice(label="Business unit", help_text="Takes rows that name no unit.")
    mapping = forms.ChoiceField()
    adds_units = forms.BooleanField(
        required=False, label="Add units that the file names and the portal lacks"
    )

    def __init__(self, *, user: Any, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.fields["unit"].limit_to(user, "registry.import")
        self.fields["mapping"].choices = mapping_choices(user)


class ImportStart(CreatePage):
    """Upload a file; nothing is imported yet."""

    form_class, right = Upload, "registry.import"
    title, submit, back_url, crumbs = (
        "Import an inventory",
        "Show what would happen",
        "registry:import-list",
        CRUMBS,
    )

    def form_kwargs(self) -> dict[str, Any]:
        """Offer only units on which the person may import."""
        return {"user": self.request.user}

    def act(self, *, by: Any, now: datetime, **data: Any) -> tuple[StoredFile, dict[str, Any]]:
        """Keep the file after a first look at it."""
        upload = data["file"]
        content = upload.read()
        open_table(content, upload.name)
        stored = files.store(content, name=upload.name, by=by, now=now, limit=MAX_BYTES)
        return stored, data

    def done(self, result: tuple[StoredFile, dict[str, Any]]) -> tuple[str, str]:
        """Go on with the mapping."""
        stored, data = result
        given = {
            "unit": data["unit"].pk,
            "mapping": data["mapping"],
            **({"adds_units": "on"} if data["adds_units"] else {}),
            "upload": uploads.token(stored, name=data["file"].name, by=self.request.user),
        }
        return "", f"{reverse('registry:import-preview', args=[stored.pk])}?{urlencode(given)}"


class MappingForm(forms.Form):
    """One choice of a field for each column; what is not chosen stays a custom field."""

    def __init__(self, *, headers: list[str], chosen: Mapping[str, str], **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.headers = headers
        options = [("", "Keep as custom field"), *((name, field.label) for name, field in FIELDS.items())]
        for place, header in enumerate(headers):
            self.fields[f"c{place}"] = forms.ChoiceField(
                label=header or f"Column {place + 1}",
                choices=options,
                required=False,
                initial=chosen.get(header, ""),
            )
        self.fields["save_as"] = forms.SlugField(
            label="Save this mapping as",
            required=False,
            max_length=80,
            help_text="For the next file of this source.",
        )


class ImportPreview(CreatePage):
    """The mapping, the first rows as they would be read, and every error by row and column."""

    right, submit, title = "registry.import", "Start the import", "What the import would do"
    template_name, crumbs = "registry/import_preview.html", CRUMBS
    form_class = MappingForm
    second_submit = ("look", "Look again")

    def prepare(self) -> None:
        """Find the file (only who uploaded this content goes on with it), the unit and the mapping."""
        user, given = self.request.user, self.request.GET
        stored = StoredFile.objects.filter(pk=self.kwargs["pk"]).first()
        name = uploads.name_of(stored, given.get("upload", ""), by=user) if stored else ""
        number = given.get("unit", "")
        is_number = number.isdecimal() and len(number) < 18
        unit = BusinessUnit.objects.filter(pk=number).first() if is_number else None
        if (
            stored is None
            or not name
            or unit is None
            or not rights_of(user).has("registry.import", unit_id=unit.pk)
        ):
            raise NotFound("There is no upload of yours with this number.")
        self.stored, self.unit, self.file_name = stored, unit, name
        self.content = files.read(stored)
        self.adds_units = given.get("adds_units") == "on"
        self.document = self.read_document(given.get("mapping", SUGGEST))

    def read_document(self, name: str) -> dict[str, Any]:
        """Return the chosen mapping document, or a guess."""
        kind, _, rest = name.partition(":")
        if kind == "shipped" and rest in mappings.shipped():
            self.is_document = True
            return {"shipped": rest}
        saved = saved_mappings(self.request.user).filter(name=rest).first() if kind == "saved" else None
        self.is_document = saved is not None
        if saved is not None:
            return saved.document
        headers = open_table(self.content, self.file_name).headers
        return suggest(headers, name=self.file_name.rpartition(".")[0][:60] or "upload")

    def mapping(self) -> mappings.ColumnMapping:
        """Check the document."""
        shipped = self.document.get("shipped")
        return mappings.load(shipped) if shipped else mappings.build(self.document)

    def form_kwargs(self) -> dict[str, Any]:
        """Show the columns with the fields they fill."""
        mapping = self.mapping()
        headers = list(open_table(self.content, self.file_name, **mapping.file).headers)
        chosen = {column: name for name, rule in mapping.fields.items() for column in rule.columns[:1]}
        return {"headers": headers, "chosen": chosen}

    def post(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:
        """Take over the choices of the form, then look again or start."""
        self.is_look = "look" in request.POST
        return super().post(request, *args, **kwargs)

    def changed(self, data: Mapping[str, Any]) -> dict[str, Any]:
        """Return the document with the columns the form chose.

        Raises:
            Invalid: no column holds the name, or two columns fill one field.
        """
        if self.is_document:
            return self.document
        fields: dict[str, Any] = {}
        for place, header in enumerate(self.form.headers):
            name = data.get(f"c{place}")
            if not name:
                continue
            if name in fields:
                raise invalid(f"c{place}", f"{FIELDS[name].label} is filled by another column already.")
            known = self.document.get("fields", {}).get(name)
            fits = isinstance(known, dict) and known.get("column") == header
            fields[name] = known if fits else header
        if "name" not in fields:
            raise invalid("c0", "Choose the column that holds the model's name.")
        return {**self.document, "fields": fields}

    def act(self, *, by: Any, now: datetime, **data: Any) -> ImportRun | None:
        """Start the import, after saving the mapping when asked."""
        self.document = self.changed(data)
        if self.is_look:
            return None
        if data.get("save_as") and not self.is_document:
            named = {**self.document, "name": data["save_as"]}
            service.mapping_save(document=named, unit=self.unit, by=by, now=now)
        return service.import_start(
            content=self.content,
            name=self.file_name,
            mapping=self.mapping(),
            unit=self.unit,
            adds_units=self.adds_units,
            by=by,
            now=now,
        )

    def finish(self, message: str, url: str) -> HttpResponseBase:
        """Show the preview again after a look."""
        return super().finish(message, url) if url else self.answer()

    def done(self, result: ImportRun | None) -> tuple[str, str]:
        """Follow the import."""
        return ("", "") if result is None else ("", reverse("registry:import-run", args=[result.pk]))

    def more(self) -> Mapping[str, Any]:
        """Plan the file without writing."""
        preview = service.import_preview(
            content=self.content,
            name=self.file_name,
            mapping=self.mapping(),
            unit=self.unit,
            adds_units=self.adds_units,
            by=self.request.user,
            now=self.now,
        )
        return {
            "preview": preview,
            "stored": self.stored,
            "file_name": self.file_name,
            "unit": self.unit,
            "is_document": self.is_document,
            "document": json.dumps(self.document, indent=2, ensure_ascii=False),
        }


class ErrorTable(Table):
    """What was wrong with which row."""

    default_sort = "row"
    row = Column("Row", header=True, sort="row", numeric=True)
    column = Column("Column")
    message = Column("What")
    is_note = Column(
        "Kind", cell=lambda value, row: "note, nothing lost" if value else "error, row not imported"
    )


class ErrorFilters(Filters):
    """Errors or notes."""

    q = SearchFilter(["column", "message"], label="Column or words")
    kind = OneOfFacet("Kind", choices=[("false", "Errors"), ("true", "Notes")], field_name="is_note")

    class Meta:
        model = ImportRowError
        fields: list[str] = []


class ImportRunPage(ListPage):
    """One import: progress, counts, and its errors as a list with CSV."""

    queryset = ImportRowError.objects.all()
    filterset_class, table_class = ErrorFilters, ErrorTable
    noun, right, exports = "message", "registry.import", ("csv",)
    template_name = "registry/import_run.html"
    empty_title, empty_text = "No error and no note", "Every row that was read fitted."

    @property
    def run(self) -> ImportRun:
        """The import of the address."""
        if not hasattr(self, "_run"):
            rows = ImportRun.objects.select_related("unit", "started_by", "file").visible_to(
                self.request.user, "registry.import"
            )
            found = rows.filter(pk=self.kwargs["pk"]).first()
            if found is None:
                raise NotFound(f"There is no import {self.kwargs['pk']} that you can see.")
            self._run = found
        return self._run

    def get_title(self) -> str:
        """Name the file."""
        return f"Import of {self.run.file_name}"

    def get_crumbs(self) -> list[tuple[str, str]]:
        """Lead over the imports."""
        return [*CRUMBS, (self.run.file_name, "")]

    def get_queryset(self) -> QuerySet:
        """Errors and notes of this import."""
        return ImportRowError.objects.filter(run=self.run)

    def more(self) -> Mapping[str, Any]:
        """Add counts and the job while it runs."""
        job = Job.objects.filter(pk=self.run.job_number).first() if self.run.job_number else None
        counts = service.import_counts(self.run)
        can_go_on = self.run.state in (ImportState.STOPPED, ImportState.FAILED)
        return {**super().more(), "run": self.run, "job": job, "counts": counts, "can_go_on": can_go_on}


class ImportResume(ActionPage):
    """Let a stopped import go on."""

    queryset, right, object_name = ImportRun.objects.select_related("unit"), "registry.import", "run"
    title, submit, crumbs = "Go on with {object}", "Go on after the last finished row", CRUMBS

    def act(self, *, by: Any, now: datetime, **data: Any) -> ImportRun:
        """Resume."""
        return service.import_resume(run=self.object, by=by, now=now)

    def done(self, result: ImportRun) -> tuple[str, str]:
        """Follow it."""
        return "", reverse("registry:import-run", args=[result.pk])
