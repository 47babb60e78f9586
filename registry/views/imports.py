"""Imports of inventories: the list, one run with its progress and its errors by row. `import_start` begins one."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from django.db.models import OuterRef, QuerySet, Subquery
from django.http import HttpResponse
from django.urls import reverse

from mlops_portal.foundation.errors import NotFound
from mlops_portal.foundation.web import cells, marks
from mlops_portal.foundation.web.filters import ChoiceFacet, Filters, OneOfFacet, SearchFilter
from mlops_portal.foundation.web.pages import Action, ActionPage, ListPage, Preset
from mlops_portal.foundation.web.tables import Column, Table
from mlops_portal.foundation.work.models import Job
from mlops_portal.foundation.work.states import FINAL_STATES
from registry.imports import service, undoing
from registry.imports.fields import FIELDS
from registry.imports.outcomes import Outcome, job_of, outcome_of, problem_groups_of
from registry.imports.preview import default_in_words
from registry.models import ImportedModel, ImportRowError, ImportRun
from registry.states import DEFAULTS_IF_UNSTATED, ImportState

CRUMBS = (("Models", "/models/"), ("Imports", "/imports/"))
PANEL = "import-outcome"


def outcome_cell(run: Any) -> Outcome:
    """Return what became of a run of the list, which reads the states of all jobs at once."""
    return outcome_of(run, run.job_state)


class RunTable(Table):
    """Imports, newest first."""

    default_sort = "-started"
    file_name = Column(
        "File", header=True, link=lambda row: reverse("registry:import-run", args=[row.pk]), note="source"
    )
    unit = Column("Unit", accessor="unit.name")
    state = Column(
        "State",
        cell=lambda value, row: marks.pill(outcome_cell(row).tone, outcome_cell(row).word),
        export=lambda row: outcome_cell(row).word,
    )
    rows = Column("Rows", numeric=True)
    created = Column("Created", numeric=True)
    updated = Column("Updated", numeric=True)
    unchanged = Column("Unchanged", numeric=True, shown=False)
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

    queryset = ImportRun.objects.select_related("unit", "started_by").annotate(
        job_state=Subquery(Job.objects.filter(pk=OuterRef("job_number")).values("state")[:1])
    )
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


class ErrorTable(Table):
    """What was wrong with which row."""

    default_sort = "row"
    row = Column("Row", header=True, sort="row")
    column = Column("Column", cell=lambda value, row: value or "the whole row")
    message = Column("What was found")
    is_note = Column(
        "Kind",
        cell=lambda value, row: marks.pill("mute", "Note") if value else marks.pill("fail", "Not imported"),
        export=lambda row: "note" if row.is_note else "error",
    )


class ErrorFilters(Filters):
    """Errors or notes."""

    q = SearchFilter(["column", "message"], label="Column or words")
    kind = OneOfFacet("Kind", choices=[("false", "Errors"), ("true", "Notes")], field_name="is_note")

    class Meta:
        model = ImportRowError
        fields: list[str] = []


class OfImport:
    """A list about one import."""

    request: Any
    kwargs: dict[str, Any]

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


class ImportRunPage(OfImport, ListPage):
    """One import: progress, counts, and its errors as a list with CSV."""

    queryset = ImportRowError.objects.all()
    filterset_class, table_class = ErrorFilters, ErrorTable
    noun, right, exports = "message", "registry.import", ("csv",)
    presets = (
        Preset("All messages", ""),
        Preset("Errors", "kind=false"),
        Preset("Notes, nothing lost", "kind=true"),
    )
    template_name = "registry/import_run.html"

    @property
    def job(self) -> Job | None:
        """The job that runs the import, while it is kept."""
        if not hasattr(self, "_job"):
            self._job = job_of(self.run)
        return self._job

    @property
    def outcome(self) -> Outcome:
        """What became of the import so far."""
        job = self.job
        return outcome_of(self.run, job.state if job else None, job_error=job.error if job else "")

    def get_title(self) -> str:
        """Name the file."""
        return f"Import of {self.run.file_name}"

    def get_crumbs(self) -> list[tuple[str, str]]:
        """Lead over the imports."""
        return [*CRUMBS, (self.run.file_name, "")]

    def get_queryset(self) -> QuerySet:
        """Errors and notes of this import."""
        return ImportRowError.objects.filter(run=self.run)

    def answer(self, *, fragment: str = "", status: int = 200) -> HttpResponse:
        """Answer whole to the panel above the list: it reads itself and the list again when the job ends."""
        htmx = getattr(self.request, "htmx", None)
        return super().answer(fragment="" if htmx and htmx.target == PANEL else fragment, status=status)

    @property
    def empty_title(self) -> str:
        """Say only of a run that read its rows that they fitted."""
        if not self.outcome.is_final:
            return "No error so far"
        return (
            "No row was read" if self.outcome.goes_on and not self.run.resume_row else "No error and no note"
        )

    @property
    def empty_text(self) -> str:
        """Say how far the run is."""
        if not self.outcome.is_final:
            return "The import is still under way."
        return (
            "The rows that were read fitted." if self.outcome.goes_on else "Every row that was read fitted."
        )

    def more(self) -> Mapping[str, Any]:
        """Add what became of the rows, equal problems once, and the job while it runs."""
        run, job = self.run, self.job
        undo_job = undoing.undo_job_of(run)
        is_being_undone = undo_job is not None and undo_job.state not in FINAL_STATES
        shown = undo_job if is_being_undone else job
        return {
            **super().more(),
            "run": run,
            "outcome": self.outcome,
            "panel": PANEL,
            "job": shown,
            "is_own_job": shown is not None and shown.owner_id == self.request.user.pk,
            "is_being_undone": is_being_undone,
            "is_moving": is_being_undone or not self.outcome.is_final,
            "undone": self.undone() if run.undone_at else None,
            "undo_error": "" if undo_job is None else undo_job.error,
            "can_undo": not undoing.undo_blockers(run),
            "is_of_a_command": service.is_of_a_command(run),
            "defaults": [
                (FIELDS[name].label, default_in_words(name), run.defaults[name])
                for name in DEFAULTS_IF_UNSTATED
                if name in run.defaults and not run.undone_at
            ],
            "problem_groups": problem_groups_of(run),
            "can_go_on": not service.resume_blockers(run, job),
        }

    def undone(self) -> Mapping[str, int]:
        """Count what went and what stayed."""
        rows = ImportedModel.objects.filter(run=self.run)
        return {
            "withdrawn": rows.filter(withdrawn_at__isnull=False).count(),
            "stays": undoing.rows_left(self.run).count(),
        }


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
