"""Starting an import: upload, then the mapping with what it would do. Nothing is written before the start."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import islice
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
from mlops_portal.foundation.rules import Blocker, refuse_if
from mlops_portal.foundation.web.forms import Section
from mlops_portal.foundation.web.pages import CreatePage
from mlops_portal.foundation.web.words import plural, size
from registry.forms import UnitOfRight
from registry.imports import mapping as mappings
from registry.imports import service
from registry.imports.fields import FIELDS
from registry.imports.plan import ALWAYS_STATED
from registry.imports.preview import Preview
from registry.imports.reading import open_table
from registry.imports.rows import Table
from registry.imports.suggesting import guess, rule_for, with_unit
from registry.imports.transforms import short
from registry.imports.values import texts_of
from registry.models import ImportMapping, ImportRun
from registry.views import import_values
from registry.views.import_values import Question
from registry.views.imports import CRUMBS

SUGGEST, ADD_UNITS, LEAVE_OUT = "suggest", "add-units", "leave-out"
MAX_BYTES = 50 * 1024 * 1024
MANAGES_UNITS = "people.manage_units"
ADDS_UNITS = "Add units that the file names and the portal lacks"
UNIT = "unit"
EXAMPLE_ROWS = 50


def may_add_units(user: Any, unit: BusinessUnit) -> bool:
    """Tell whether this person may add units below ``unit``."""
    return rights_of(user).has(MANAGES_UNITS, unit_id=unit.pk)


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
    unit = UnitOfRight(label="Business unit", help_text="Takes rows that name no unit.")
    mapping = forms.ChoiceField(
        label="How its columns are read",
        help_text="The next page shows every column; nothing is written yet.",
    )
    adds_units = forms.BooleanField(
        required=False,
        label=ADDS_UNITS,
        help_text="They are added below the chosen unit, only where a row needs them.",
    )

    def __init__(self, *, user: Any, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.user = user
        self.fields["unit"].limit_to(user, "registry.import")
        self.fields["mapping"].choices = mapping_choices(user)
        if not rights_of(user).has(MANAGES_UNITS):
            del self.fields["adds_units"]

    def clean(self) -> dict[str, Any]:
        """Let only who manages units below the chosen one add any."""
        data = {"adds_units": False, **(super().clean() or {})}
        unit = data.get("unit")
        if data["adds_units"] and unit and not may_add_units(self.user, unit):
            self.add_error("adds_units", f"You do not manage the units below {unit}.")
        return data


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


@dataclass(frozen=True, slots=True)
class MappedColumn:
    """A column of the file, what it holds so far and its first text."""

    header: str
    holds: str = ""
    example: str = ""


class MappingForm(forms.Form):
    """One choice for each column and for each text of a choice. A mapping document offers no other columns."""

    marks_optional = False

    def __init__(
        self,
        *,
        columns: Sequence[MappedColumn],
        questions: Sequence[Question],
        asked: Sequence[Section],
        adds_units: bool | None,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.columns, self.questions = columns, questions
        options = [
            ("", "Keep as custom field"),
            (LEAVE_OUT, "Leave out"),
            (UNIT, "Business unit"),
            *((name, field.label) for name, field in FIELDS.items()),
        ]
        for place, column in enumerate(columns):
            self.fields[f"c{place}"] = forms.ChoiceField(
                label=column.header or f"Column {place + 1}",
                choices=options,
                required=False,
                initial=column.holds,
                help_text=f"e.g. {column.example}" if column.example else "empty in the first rows",
            )
        for one in questions:
            self.fields[one.name] = import_values.form_field(one)
        self.fields["save_as"] = forms.SlugField(
            label="Save this mapping as",
            required=False,
            max_length=80,
            help_text="With its columns and values, for the next file of this source.",
        )
        if adds_units is not None:
            self.fields["adds_units"] = forms.BooleanField(
                required=False, label=ADDS_UNITS, initial=adds_units
            )
        rest = [f"c{place}" for place, column in enumerate(columns) if not column.holds]
        title = plural(len(rest), "more column")
        self.sections = (
            *asked,
            Section(title, rest, "kept as custom fields unless you choose"),
            Section("", ("adds_units", "save_as")),
        )


def _holds_in_words(name: str) -> str:
    """Say what a column becomes."""
    words = {"": "custom field", UNIT: "Business unit", LEAVE_OUT: "left out"}
    return FIELDS[name].label if name in FIELDS else words[name]


def _is_constant(rule: Any) -> bool:
    return isinstance(rule, dict) and "constant" in rule


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
        self.unseen: list[Question] = []
        self.may_add_units = may_add_units(user, unit)
        self.adds_units = given.get("adds_units") == "on" and self.may_add_units
        self.document = self.read_document(given.get("mapping", SUGGEST))

    def read_document(self, name: str) -> dict[str, Any]:
        """Return the chosen mapping document, or a guess."""
        kind, _, rest = name.partition(":")
        if kind == "shipped" and rest in mappings.shipped():
            self.is_document = True
            return dict(mappings.load(rest).document)
        # No column holds a NUL, and PostgreSQL refuses to compare with it.
        named = kind == "saved" and "\x00" not in rest
        saved = saved_mappings(self.request.user).filter(name=rest).first() if named else None
        self.is_document = saved is not None
        if saved is not None:
            return saved.document
        return guess(
            open_table(self.content, self.file_name), name=self.file_name.rpartition(".")[0][:60] or "upload"
        )

    def mapping(self) -> mappings.ColumnMapping:
        """Check the document."""
        return mappings.build(self.document)

    def table(self, mapping: mappings.ColumnMapping) -> Table:
        """Open the file as the mapping says."""
        return open_table(self.content, self.file_name, **mapping.file)

    @property
    def lede(self) -> str:
        """Name the file and where it goes."""
        return (
            f"{self.file_name}, {size(self.stored.size)}, into {self.unit} and the units that its rows name."
        )

    def form_kwargs(self) -> dict[str, Any]:
        """Show the columns with the fields they fill, and what the texts of choices mean."""
        mapping = self.mapping()
        holds = {name: " + ".join(rule.columns) for name, rule in mapping.fields.items() if rule.columns}
        return {
            "columns": () if self.is_document else self.columns(mapping),
            "questions": self.questions,
            "asked": import_values.sections(self.questions, holds, self.texts),
            "adds_units": self.adds_units if self.may_add_units else None,
        }

    def columns(self, mapping: mappings.ColumnMapping) -> list[MappedColumn]:
        """Return every column of the file with what it holds under ``mapping`` and its first text."""
        table = self.table(mapping)
        holds = {column: name for name, rule in mapping.fields.items() for column in rule.columns[:1]}
        if mapping.unit_column:
            holds.setdefault(mapping.unit_column, UNIT)
        holds |= dict.fromkeys(mapping.left_out(table.headers), LEAVE_OUT)
        examples: dict[str, str] = {}
        for row in islice(table.rows(), EXAMPLE_ROWS):
            for column, text in row.cells.items():
                if text.strip():
                    examples.setdefault(column, short(text))
        return [
            MappedColumn(header, holds.get(header, ""), examples.get(header, "")) for header in table.headers
        ]

    def make_form(self, data: Any = None, files: Any = None) -> forms.BaseForm:
        """Ask what the texts of the chosen columns mean; the offer to add missing units is a tick, too."""
        if data is not None:
            data = data.copy()
            self.document = self.drafted(data)
        mapping = self.mapping()
        self.texts = texts_of(self.table(mapping).rows(), mapping) if self.fits(mapping) else {}
        self.questions = import_values.questions_of(mapping, self.texts)
        if data is not None:
            self.unseen = [one for one in self.questions if one.name not in data]
            for one in self.unseen:
                data[one.name] = one.value
            if data.get("look") == ADD_UNITS:
                data["adds_units"] = "on"
        form = super().make_form(data, files)
        answers = {one.name: one.value for one in self.questions} if data is None else data
        self.document = import_values.answered(self.document, self.questions, self.offered(answers))
        return form

    def fits(self, mapping: mappings.ColumnMapping) -> bool:
        """Whether the file has the columns of the mapping; the preview says which it lacks."""
        return set(mapping.columns()) <= set(self.table(mapping).headers)

    def offered(self, answers: Mapping[str, Any]) -> dict[str, Any]:
        """Return the answers that are offered; the form refuses the others."""
        return {
            one.name: value
            for one in self.questions
            if (value := answers.get(one.name)) in dict(FIELDS[one.field].choices)
        }

    def drafted(self, data: Mapping[str, Any]) -> dict[str, Any]:
        """Return the document with the columns that were sent, as far as they fit."""
        if self.is_document:
            return self.document
        mapping = self.mapping()
        fields: dict[str, Any] = {}
        left_out = []
        for place, column in enumerate(self.columns(mapping)):
            name = str(data.get(f"c{place}", ""))
            if name in FIELDS and name not in fields:
                fields[name] = self.rule(name, column.header)
            elif name == LEAVE_OUT:
                left_out.append(column.header)
        fields.setdefault("name", self.document["fields"]["name"])
        drafted = {**self.document, "fields": fields, "leave_out": []}
        used = mappings.build(drafted).columns()
        return {**drafted, "leave_out": [column for column in left_out if column not in used]}

    def rule(self, name: str, header: str) -> Any:
        """Return how a column fills a field: as the document says, or anew."""
        known = self.document.get("fields", {}).get(name)
        fits = isinstance(known, dict) and known.get("column") == header
        return known if fits else rule_for(FIELDS[name], header)

    def post(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:
        """Take over the choices of the form, then look again or start."""
        self.is_look = "look" in request.POST
        return super().post(request, *args, **kwargs)

    def changed(self, data: Mapping[str, Any]) -> dict[str, Any]:
        """Return the document with the columns the form chose.

        Raises:
            Invalid: no column holds the name, or two columns hold the same.
        """
        if self.is_document:
            return self.document
        fields: dict[str, Any] = {}
        left_out: dict[str, str] = {}
        unit = ""
        for place, column in enumerate(self.form.columns):
            name = data.get(f"c{place}")
            if not name:
                continue
            if name == LEAVE_OUT:
                left_out[column.header] = f"c{place}"
                continue
            if name in fields or (name == UNIT and unit):
                label = FIELDS[name].label if name in FIELDS else "Business unit"
                raise invalid(f"c{place}", f"{label} is filled by another column already.")
            if name == UNIT:
                unit = column.header
                continue
            fields[name] = self.rule(name, column.header)
        if "name" not in fields:
            raise invalid("c0", "Choose the column that holds the model's name.")
        stated = {name: self.document["fields"].get(name) for name in ALWAYS_STATED}
        fields |= {name: rule for name, rule in stated.items() if _is_constant(rule)}
        headers = [column.header for column in self.form.columns]
        document = with_unit({**self.document, "fields": fields, "leave_out": []}, headers, unit=unit)
        if used := [column for column in mappings.build(document).columns() if column in left_out]:
            raise invalid(left_out[used[0]], "A row is found again by this column. It cannot be left out.")
        return {**document, "leave_out": list(left_out)}

    def act(self, *, by: Any, now: datetime, **data: Any) -> ImportRun | None:
        """Start the import, after saving the mapping when asked."""
        self.document = self.changed(data)
        self.adds_units = data.get("adds_units", False)
        if self.is_look:
            return None
        if self.unseen:
            labels = dict.fromkeys(FIELDS[one.field].label.lower() for one in self.unseen)
            raise invalid(
                self.unseen[0].name,
                f"Look first at what the texts of {', '.join(labels)} mean; then start the import.",
            )
        refuse_if(self.blockers())
        if data.get("save_as"):
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

    def preview(self) -> Preview:
        """Plan the file without writing; once for one mapping."""
        asked = (json.dumps(self.document, default=str), self.adds_units)
        if getattr(self, "_asked", None) != asked:
            self._asked, self._preview = (
                asked,
                service.import_preview(
                    content=self.content,
                    name=self.file_name,
                    mapping=self.mapping(),
                    unit=self.unit,
                    adds_units=self.adds_units,
                    by=self.request.user,
                    now=self.now,
                ),
            )
        return self._preview

    def blockers(self) -> list[Blocker]:
        """An import that would write nothing is not started."""
        return self.preview().blockers()

    def more(self) -> Mapping[str, Any]:
        """Tell what would happen, and what each column of a mapping document becomes."""
        mapping, preview = self.mapping(), self.preview()
        columns = self.columns(mapping) if self.is_document else []
        held = {mapping.unit_column, *(name for rule in mapping.fields.values() for name in rule.columns)}
        return {
            "preview": preview,
            "new_fields": [label for label in preview.new_fields if label not in held],
            "kept_wordings": [label for label in preview.new_fields if label in held],
            "unit": self.unit,
            "may_add_units": self.may_add_units,
            "add_units": ADD_UNITS,
            "columns": [(column, _holds_in_words(column.holds)) for column in columns],
        }
