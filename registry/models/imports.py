"""Imports of inventories: the file, how it was read, how far it came, and what was wrong with which row."""

from django.db import models
from django.db.models import Q

from mlops_portal.foundation.people.scoped import ScopedPlainQuerySet
from registry.models.columns import ScopedRecord, person_key, unit_key
from registry.states import ImportState


class ImportQuerySet(ScopedPlainQuerySet):
    """Imports and their row errors; they belong to a unit and to no single model."""

    model_column = None


class ImportMapping(ScopedRecord):
    """A mapping document saved under a name, for the next file of the same source."""

    unit = unit_key()
    name = models.CharField(max_length=80, unique=True)
    document = models.JSONField()
    created_by = person_key(null=True)
    created_at = models.DateTimeField()

    def __str__(self) -> str:
        return self.name


class ImportRun(models.Model):
    """One import of one file under one mapping. It can be stopped at any row and goes on after ``resume_row``.

    Work state like a job's, so without history: what it wrote is in the history of the models and in the ledger.
    """

    unit = unit_key()  # takes rows that name no unit, and is the parent of units the import adds
    file = models.ForeignKey("foundation.StoredFile", on_delete=models.PROTECT, related_name="+")
    file_name = models.CharField(max_length=255)
    source = models.CharField(max_length=80)
    mapping = models.JSONField()
    adds_units = models.BooleanField(default=False)
    state = models.CharField(max_length=12, choices=ImportState.choices, default=ImportState.QUEUED)
    rows = models.PositiveIntegerField(default=0)
    blank_rows = models.PositiveIntegerField(default=0)
    created = models.PositiveIntegerField(default=0)
    updated = models.PositiveIntegerField(default=0)
    unchanged = models.PositiveIntegerField(default=0)
    failed = models.PositiveIntegerField(default=0)
    resume_row = models.PositiveIntegerField(default=0)  # the last row that is done
    job_number = models.PositiveBigIntegerField(null=True, blank=True)  # jobs expire, this row stays
    message = models.TextField(blank=True)
    defaults = models.JSONField(
        default=dict, blank=True
    )  # field: models created with its default, nobody stated it
    left_out = models.JSONField(default=dict, blank=True)  # column: values that were not taken
    undo_job_number = models.PositiveBigIntegerField(null=True, blank=True)
    undone_at = models.DateTimeField(
        null=True, blank=True
    )  # the last time; what stays then stays in `created_models`
    started_by = person_key(null=True)
    started_at = models.DateTimeField()
    finished_at = models.DateTimeField(null=True, blank=True)

    objects = models.Manager.from_queryset(ImportQuerySet)()

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["source"],
                condition=Q(state__in=["queued", "running"]),
                name="one_open_import_per_source",
                violation_error_message="An import from this source is under way.",
            )
        ]
        indexes = [models.Index(fields=["unit", "-started_at", "-id"])]

    def __str__(self) -> str:
        return f"{self.file_name} into {self.unit}"


class ImportedModel(models.Model):
    """A model that an import created, so that it can be undone. Work state, without history, as the import's own."""

    run = models.ForeignKey(ImportRun, on_delete=models.CASCADE, related_name="created_models")
    unit = unit_key()
    model = models.OneToOneField(
        "registry.RegisteredModel", on_delete=models.CASCADE, related_name="imported"
    )
    row = models.PositiveIntegerField()
    withdrawn_at = models.DateTimeField(null=True, blank=True)
    stays = models.TextField(blank=True)  # why the last undoing left it

    objects = models.Manager.from_queryset(ImportQuerySet)()

    class Meta:
        indexes = [models.Index(fields=["run", "row", "id"])]

    def __str__(self) -> str:
        return f"row {self.row}: {self.model}"


class ImportRowError(models.Model):
    """What was wrong with one row, in the words of the person who has to repair the file. Notes lost nothing."""

    run = models.ForeignKey(ImportRun, on_delete=models.CASCADE, related_name="row_errors")
    unit = unit_key()
    row = models.PositiveIntegerField()
    column = models.CharField(max_length=400, blank=True)
    message = models.TextField()
    is_note = models.BooleanField(default=False)

    objects = models.Manager.from_queryset(ImportQuerySet)()

    class Meta:
        indexes = [models.Index(fields=["run", "is_note", "row", "id"])]

    def __str__(self) -> str:
        return f"row {self.row}, {self.column}: {self.message}"
