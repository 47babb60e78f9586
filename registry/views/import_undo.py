"""Undoing an import and giving one up: what would go, what would stay and why, as a list with CSV."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, cast

from django.db.models import QuerySet
from django.urls import reverse

from mlops_portal.foundation.rules import Blocker
from mlops_portal.foundation.web import marks
from mlops_portal.foundation.web.filters import Filters, SearchFilter
from mlops_portal.foundation.web.pages import ActionPage, ListPage
from mlops_portal.foundation.web.tables import Column, Table
from registry.imports import service, undoing
from registry.models import ImportedModel, ImportRun, RegisteredModel
from registry.views.imports import CRUMBS, OfImport

RUNS = ImportRun.objects.select_related("unit")


class CreatedTable(Table):
    """Models that an import created, with what undoing it would do to each."""

    default_sort = "row"
    asked_by: Any = None
    row = Column("Row", header=True, sort="row")
    model = Column(
        "Model",
        cell=lambda value, row: row.named,
        export=lambda row: row.named,
        link=lambda row: row.model.get_absolute_url() if row.is_seen and not row.model.deleted_at else None,
    )
    unit = Column("Unit", accessor="unit.name")
    fate = Column(
        "Undoing",
        cell=lambda value, row: marks.pill(*row.fate),
        export=lambda row: row.fate[1].lower(),
    )
    why = Column("Why it stays")

    def noted(self, rows: Sequence[Any]) -> Sequence[Any]:
        """Work out for a page, or a part of a file, at once what would become of its models."""
        alive = [row.model for row in rows if row.model.deleted_at is None]
        reasons = undoing.reasons_to_stay(alive, by=self.asked_by)
        here = RegisteredModel.objects.filter(pk__in=[row.model_id for row in rows])
        seen = set(here.visible_to(self.asked_by).values_list("pk", flat=True))
        for row in rows:
            row.is_seen = row.model_id in seen
            row.named = row.model.name if row.is_seen else "a model out of sight"
            row.why = reasons.get(row.model_id, "") if row.model.deleted_at is None else ""
            if row.withdrawn_at:
                row.fate = ("mute", "Withdrawn")
            elif row.model.deleted_at:
                row.fate = ("mute", "Deleted")
            else:
                row.why = row.why or row.stays
                row.fate = ("warn", "Stays") if row.why else ("info", "Goes")
        return rows


class CreatedFilters(Filters):
    """Find a model of an import."""

    q = SearchFilter(["model__name", "model__title"], label="Model")

    class Meta:
        model = ImportedModel
        fields: list[str] = []


class ImportCreated(OfImport, ListPage):
    """The models that one import created."""

    queryset = ImportedModel.objects.all()
    filterset_class, table_class = CreatedFilters, CreatedTable
    noun, right, exports = "model", "registry.import", ("csv",)
    empty_title, empty_text = "No model", "This import created none, or was made before the portal kept them."

    def get_title(self) -> str:
        """Name the file."""
        return f"Models created by the import of {self.run.file_name}"

    def get_crumbs(self) -> list[tuple[str, str]]:
        """Lead over the import."""
        url = reverse("registry:import-run", args=[self.run.pk])
        return [*CRUMBS, (self.run.file_name, url), ("Models created", "")]

    def get_queryset(self) -> QuerySet:
        """Models of this import, gone ones included."""
        rows = ImportedModel.objects.filter(run=self.run).select_related("unit", "model", "model__unit")
        if not self.request.GET.get("q"):
            return rows
        # What is searched for is not told of models out of sight.
        return rows.filter(model__in=RegisteredModel.objects.visible_to(self.request.user).values("pk"))

    def bound_table(self, rows: Sequence[Any] = ()) -> Table:
        """Ask for the reader, who may withdraw here and not there."""
        table = cast("CreatedTable", super().bound_table())
        table.asked_by = self.request.user
        table.rows = table.noted(rows) if rows else rows
        return table


class _OfRun(ActionPage):
    """An act on an import."""

    queryset, right, object_name = RUNS, "registry.import", "run"

    def get_crumbs(self) -> list[tuple[str, str]]:
        """Lead over the import."""
        return [*CRUMBS, (self.object.file_name, self.address), (self.get_title(), "")]

    @property
    def address(self) -> str:
        """The import's page."""
        return reverse("registry:import-run", args=[self.object.pk])

    def done(self, result: ImportRun) -> tuple[str, str]:
        """Return to the import."""
        return "", self.address


class ImportUndo(_OfRun):
    """Say how many models would go, how many stay and why; then withdraw them in the background."""

    title, submit, danger = "Undo the import of {object.file_name}", "Undo this import", True
    template_name = "registry/import_undo.html"

    @property
    def plan(self) -> undoing.Plan:
        """What undoing would do now; worked out once."""
        if not hasattr(self, "_plan"):
            self._plan = undoing.undo_plan(self.object, by=self.request.user)
        return self._plan

    def get_submit(self) -> str:
        """Name the effect in the button."""
        return undoing.withdraw_words(self.plan.goes)

    def blockers(self) -> list[Blocker]:
        """Say why there is nothing to undo."""
        found = undoing.undo_blockers(self.object)
        if not found and not self.plan.goes:
            return [Blocker("all_stay", "Nothing would go: each model stays, for the reasons above.")]
        return found

    def more(self) -> Mapping[str, Any]:
        """Add what would happen."""
        return {"plan": self.plan}

    def act(self, *, by: Any, now: datetime, **data: Any) -> ImportRun:
        """Queue it."""
        return undoing.undo_start(run=self.object, by=by, now=now)


class ImportGiveUp(_OfRun):
    """End an import whose command was killed."""

    title, submit, danger = "Give up the import of {object.file_name}", "Give up this import", True
    lede = (
        "A command started it, so the portal cannot see whether that process still runs. What was imported stays; a "
        "process that still runs writes no further row. The source is free for another import, and this one can go on."
    )

    def blockers(self) -> list[Blocker]:
        """Only imports of a command are given up."""
        return service.give_up_blockers(self.object)

    def act(self, *, by: Any, now: datetime, **data: Any) -> ImportRun:
        """Give it up."""
        return service.import_give_up(run=self.object, by=by, now=now)
