"""Versions and what is known of them: metrics, data sets, pipelines, tags, aliases, limits."""

from typing import Any, Self

from django.db import models
from django.db.models import Q
from django.urls import reverse

from mlops_portal.foundation.people.scoped import ScopedQuerySet
from registry.models.columns import ScopedRecord, person_key, together, unit_key
from registry.models.models import RegisteredModel
from registry.states import DatasetRole, Grade, RegistryStage, RegistryStatus, ReviewState


class VersionQuerySet(ScopedQuerySet):
    """Versions of models."""

    def alive(self) -> Self:
        """Leave out tombstones."""
        return self.filter(deleted_at__isnull=True)


class ModelVersion(ScopedRecord):
    """One version. What was registered is immutable; its number is never given again."""

    REGISTERED_FIELDS = (
        "number", "source", "run_id", "run_link", "external_model_id", "commit", "repository", "parameters",
        "features", "input_schema", "prompts", "guardrails", "base_model", "developer_ids",
        "first_commit_at", "training_started_at", "registered_at", "registered_by",
    )  # fmt: skip

    model = models.ForeignKey(RegisteredModel, on_delete=models.CASCADE, related_name="versions")
    unit = unit_key()
    number = models.PositiveIntegerField()
    label = models.CharField(max_length=80, blank=True)  # the makers' own number, such as 4.3.0
    description = models.TextField(blank=True, null=True)
    source = models.TextField(blank=True)
    run_id = models.CharField(max_length=250, blank=True, null=True)
    run_link = models.TextField(blank=True, null=True)
    external_model_id = models.CharField(max_length=250, blank=True, null=True)
    status = models.CharField(max_length=24, choices=RegistryStatus.choices, default=RegistryStatus.READY)
    status_message = models.TextField(blank=True, null=True)
    stage = models.CharField(max_length=12, choices=RegistryStage.choices, default=RegistryStage.NONE)
    artifact_sha256 = models.CharField(max_length=64, blank=True)  # set once
    artifact_grade = models.CharField(max_length=12, choices=Grade.choices, default=Grade.DECLARED)
    artifact_retrievable = models.BooleanField(default=True)
    commit = models.CharField(max_length=64, blank=True)
    repository = models.CharField(max_length=255, blank=True)
    parameters = models.JSONField(default=dict, blank=True)
    features = models.JSONField(default=list, blank=True)
    input_schema = models.JSONField(default=dict, blank=True)
    base_model = models.CharField(max_length=200, blank=True)
    prompts = models.JSONField(default=list, blank=True)  # [{name, text}]
    guardrails = models.JSONField(default=list, blank=True)  # [{name, setting}]
    developer_ids = models.JSONField(
        default=list, blank=True
    )  # people who built it, for separation of duties
    first_commit_at = models.DateTimeField(null=True, blank=True)
    training_started_at = models.DateTimeField(null=True, blank=True)
    registered_at = models.DateTimeField()
    registered_by = person_key(null=True)
    updated_at = models.DateTimeField()
    deleted_at = models.DateTimeField(null=True, blank=True)

    objects = models.Manager.from_queryset(VersionQuerySet)()

    class Meta:
        verbose_name = "version"
        constraints = [models.UniqueConstraint(fields=["model", "number"], name="version_number_unique")]
        indexes = [
            models.Index(fields=["unit", "registered_at", "id"]),
            models.Index(fields=["registered_at", "id"]),
            models.Index(fields=["run_id"]),
            models.Index(fields=["updated_at", "id"]),
            models.Index(
                fields=["model", "stage", "-number"],
                condition=Q(deleted_at__isnull=True),
                name="version_newest_of_stage",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.model} {self.name}"

    @property
    def name(self) -> str:
        """The makers' number where there is one, else the portal's."""
        return self.label or str(self.number)

    def get_absolute_url(self) -> str:
        """Return the version's page."""
        return reverse("registry:version-detail", args=[self.model_id, self.number])


class VersionTag(ScopedRecord):
    """A free label of a version."""

    version = models.ForeignKey(ModelVersion, on_delete=models.CASCADE, related_name="tags")
    model = models.ForeignKey(RegisteredModel, on_delete=models.CASCADE, related_name="+")
    unit = unit_key()
    key = models.CharField(max_length=250)
    value = models.TextField(blank=True)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["version", "key"], name="version_tag_key_unique")]
        indexes = [models.Index(fields=["key", "version"])]

    def __str__(self) -> str:
        return f"{self.key}={self.value[:40]}"


class Alias(ScopedRecord):
    """A movable name of one version of a model, such as ``champion``."""

    model = models.ForeignKey(RegisteredModel, on_delete=models.CASCADE, related_name="aliases")
    version = models.ForeignKey(ModelVersion, on_delete=models.CASCADE, related_name="aliases")
    unit = unit_key()
    name = models.CharField(max_length=255)
    moved_at = models.DateTimeField()

    class Meta:
        verbose_name_plural = "aliases"
        constraints = [models.UniqueConstraint(fields=["model", "name"], name="alias_name_unique")]

    def __str__(self) -> str:
        return f"@{self.name}"


class SourceQuerySet(ScopedQuerySet):
    """What versions are made from. It belongs to a unit: a right on one model reaches none of it."""

    model_column = None


class Dataset(ScopedRecord):
    """A data set at one state, identified by its digest."""

    objects = models.Manager.from_queryset(SourceQuerySet)()

    unit = unit_key("datasets")
    name = models.CharField(max_length=200)
    label = models.CharField(max_length=80, blank=True)
    digest = models.CharField(max_length=64, blank=True)
    rows = models.BigIntegerField(null=True, blank=True)
    from_on = models.DateField(null=True, blank=True)
    to_on = models.DateField(null=True, blank=True)
    source = models.TextField(blank=True)
    purpose = models.TextField(blank=True)
    legal_basis = models.CharField(max_length=200, blank=True)
    preparation = models.TextField(blank=True)
    created_at = models.DateTimeField()
    created_by = person_key(null=True)

    class Meta:
        verbose_name = "data set"
        indexes = [models.Index(fields=["unit", "name", "id"])]
        constraints = [models.UniqueConstraint(fields=["unit", "name", "label"], name="dataset_label_unique")]

    def __str__(self) -> str:
        return f"{self.name} {self.label}".strip()

    def get_absolute_url(self) -> str:
        """Return the data set's page."""
        return reverse("registry:dataset-detail", args=[self.pk])


class VersionDataset(ScopedRecord):
    """What a version used a data set for."""

    version = models.ForeignKey(ModelVersion, on_delete=models.CASCADE, related_name="dataset_links")
    model = models.ForeignKey(RegisteredModel, on_delete=models.CASCADE, related_name="+")
    unit = unit_key()
    dataset = models.ForeignKey(Dataset, on_delete=models.PROTECT, related_name="version_links")
    role = models.CharField(max_length=12, choices=DatasetRole.choices)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["version", "dataset", "role"], name="version_dataset_once")
        ]

    def __str__(self) -> str:
        return f"{self.dataset} for {self.role}"


class FeaturePipeline(ScopedRecord):
    """A pipeline that makes the features models read."""

    objects = models.Manager.from_queryset(SourceQuerySet)()

    unit = unit_key("pipelines")
    name = models.CharField(max_length=200)
    url = models.CharField(max_length=500, blank=True)
    cadence = models.CharField(max_length=80, blank=True)
    owner = person_key(null=True)
    created_at = models.DateTimeField()

    class Meta:
        verbose_name = "pipeline"
        constraints = [models.UniqueConstraint(fields=["unit", "name"], name="pipeline_name_unique")]

    def __str__(self) -> str:
        return self.name

    def get_absolute_url(self) -> str:
        """Return the pipeline's page."""
        return reverse("registry:pipeline-detail", args=[self.pk])


class VersionPipeline(ScopedRecord):
    """A pipeline that feeds a version."""

    version = models.ForeignKey(ModelVersion, on_delete=models.CASCADE, related_name="pipeline_links")
    model = models.ForeignKey(RegisteredModel, on_delete=models.CASCADE, related_name="+")
    unit = unit_key()
    pipeline = models.ForeignKey(FeaturePipeline, on_delete=models.PROTECT, related_name="version_links")

    class Meta:
        constraints = [models.UniqueConstraint(fields=["version", "pipeline"], name="version_pipeline_once")]

    def __str__(self) -> str:
        return str(self.pipeline)


class ModelDependency(ScopedRecord):
    """A model that reads another model's output. `model` is the reader, `upstream` is read."""

    model = models.ForeignKey(RegisteredModel, on_delete=models.CASCADE, related_name="upstream_links")
    upstream = models.ForeignKey(RegisteredModel, on_delete=models.CASCADE, related_name="downstream_links")
    unit = unit_key()
    note = models.TextField(blank=True)

    class Meta:
        verbose_name_plural = "model dependencies"
        constraints = [
            models.UniqueConstraint(fields=["model", "upstream"], name="dependency_once"),
            models.CheckConstraint(condition=~Q(model=models.F("upstream")), name="dependency_not_on_itself"),
        ]

    def __str__(self) -> str:
        return f"{self.model} reads model {self.upstream_id}"  # copied into the ledger of its unit


class MetricValue(ScopedRecord):
    """A measured value of a version, overall (`segment` empty) or of one segment, with its grade of evidence."""

    version = models.ForeignKey(ModelVersion, on_delete=models.CASCADE, related_name="metrics")
    model = models.ForeignKey(RegisteredModel, on_delete=models.CASCADE, related_name="+")
    unit = unit_key()
    name = models.CharField(max_length=120)
    segment = models.CharField(max_length=160, blank=True, default="")
    value = models.FloatField()
    n = models.BigIntegerField(null=True, blank=True)
    lower = models.FloatField(null=True, blank=True)  # 95 % interval
    upper = models.FloatField(null=True, blank=True)
    suite = models.CharField(max_length=80, blank=True)  # performance, fairness, safety, groundedness, …
    dataset = models.ForeignKey(Dataset, on_delete=models.PROTECT, null=True, blank=True, related_name="+")
    grade = models.CharField(max_length=12, choices=Grade.choices, default=Grade.DECLARED)
    run = models.CharField(max_length=250, blank=True)
    evaluated_at = models.DateTimeField()
    recorded_by = person_key(null=True)

    class Meta:
        verbose_name = "metric"
        constraints = [
            models.UniqueConstraint(
                fields=["version", "name", "segment", "suite"], name="metric_once_per_version_and_segment"
            )
        ]

    def __str__(self) -> str:
        return f"{self.name} {self.segment}".strip()


class ThresholdSet(ScopedRecord):
    """Limits of a model, proposed by one and approved by another of the second line; approved means locked.

    `limits` is a list of {code, title, metric, segment, suite, direction (min|max), release, watch, stop, act, blocking}.
    """

    model = models.ForeignKey(RegisteredModel, on_delete=models.CASCADE, related_name="threshold_sets")
    unit = unit_key()
    number = models.PositiveIntegerField()
    limits = models.JSONField(default=list)
    rationale = models.TextField(blank=True)
    state = models.CharField(max_length=12, choices=ReviewState.choices, default=ReviewState.PROPOSED)
    proposed_by = person_key()
    proposed_at = models.DateTimeField()
    locked_by = person_key(null=True)
    locked_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["model", "number"], name="threshold_set_number_unique"),
            together("locked_at", "locked_by", name="thresholds_locked_at_and_by_together"),
            models.CheckConstraint(
                condition=~Q(locked_by=models.F("proposed_by")), name="thresholds_by_two_people"
            ),
        ]

    def __str__(self) -> str:
        return f"Limits {self.number} of {self.model}"

    def limit_of(self, metric: str, segment: str = "") -> dict[str, Any] | None:
        """Return the limit of a metric and segment, or None."""
        wanted = (metric, segment)
        return next((row for row in self.limits if (row["metric"], row.get("segment", "")) == wanted), None)
