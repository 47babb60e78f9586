"""Registered models and what stands around them: components, consumers, uses, tasks, counters, tags."""

from typing import Any, Self

from django.db import models
from django.db.models import Q, Value
from django.db.models.functions import Coalesce, Lower, NullIf
from django.urls import reverse

from mlops_portal.foundation.people.scoped import ScopedQuerySet
from registry.models.columns import ScopedRecord, person_key, together, unit_key
from registry.states import (
    INVENTORY_KINDS,
    AdoptionStage,
    EuAiClass,
    Governance,
    LifecycleState,
    ModelKind,
    Origin,
    TaskKind,
    Tier,
    UseCase,
    UseState,
)


class ModelQuerySet(ScopedQuerySet):
    """Registered models. Their own key is the model's id."""

    model_column = "pk"

    def alive(self) -> Self:
        """Leave out tombstones."""
        return self.filter(deleted_at__isnull=True)

    def inventory(self) -> Self:
        """Leave out tombstones and prompts."""
        return self.alive().filter(kind__in=INVENTORY_KINDS)

    def with_title_key(self) -> Self:
        """Annotate `title_key`, which sorts by what people read: the title, else the name."""
        return self.annotate(title_key=Lower(Coalesce(NullIf("title", Value("")), "name")))

    def by_title(self) -> Self:
        """Order by what people read."""
        return self.with_title_key().order_by("title_key", "pk")


class RegisteredModel(ScopedRecord):
    """A model of the enterprise, from intake to retirement. Deleting leaves a tombstone; the name is free again."""

    unit = unit_key("models")
    name = models.CharField(max_length=256)
    title = models.CharField(max_length=256, blank=True)
    description = models.TextField(blank=True, null=True)
    kind = models.CharField(max_length=12, choices=ModelKind.choices, default=ModelKind.ANALYTICAL)
    use_case = models.CharField(max_length=40, choices=UseCase.choices, blank=True)
    lifecycle_state = models.CharField(
        max_length=16, choices=LifecycleState.choices, default=LifecycleState.REGISTERED
    )
    is_model_decision = models.BooleanField(null=True, blank=True)
    is_model_rationale = models.TextField(blank=True)

    owner = person_key(null=True, related="owned_models")
    developer = person_key(null=True, related="developed_models")
    validator = person_key(null=True, related="validated_models")
    accountable_executive = person_key(null=True)

    sponsor = person_key(null=True)
    intake_submitted_at = models.DateTimeField(null=True, blank=True)
    objective = models.TextField(blank=True)
    objective_metric = models.CharField(max_length=120, blank=True)
    objective_baseline = models.FloatField(null=True, blank=True)
    objective_target = models.FloatField(null=True, blank=True)
    benefit = models.TextField(blank=True)
    intended_use = models.TextField(blank=True)
    prohibited_uses = models.TextField(blank=True)
    approved_uses = models.TextField(blank=True)
    assumptions = models.TextField(blank=True)
    limitations = models.TextField(blank=True)

    origin = models.CharField(max_length=12, choices=Origin.choices, default=Origin.IN_HOUSE)
    vendor = models.CharField(max_length=160, blank=True)
    vendor_version = models.CharField(max_length=80, blank=True)
    contract_ref = models.CharField(max_length=160, blank=True)
    exit_plan = models.TextField(blank=True)

    is_production_critical = models.BooleanField(null=True, blank=True)
    is_enterprise_scale = models.BooleanField(null=True, blank=True)
    is_proof_of_concept = models.BooleanField(null=True, blank=True)
    is_exploratory = models.BooleanField(null=True, blank=True)
    decisions_per_day = models.PositiveIntegerField(null=True, blank=True)
    regimes = models.JSONField(default=list, blank=True)
    no_regime_in_scope = models.BooleanField(default=False)  # stated by somebody, not merely left out
    no_regime_stated_at = models.DateTimeField(null=True, blank=True)
    no_regime_stated_by = person_key(null=True)
    interacts_with_people = models.BooleanField(null=True, blank=True)
    generates_content = models.BooleanField(null=True, blank=True)
    governance = models.CharField(max_length=12, choices=Governance.choices, default=Governance.MANDATORY)
    governance_rationale = models.JSONField(default=list, blank=True)
    governance_evaluated_at = models.DateTimeField(null=True, blank=True)
    adoption_stage = models.CharField(
        max_length=24, choices=AdoptionStage.choices, default=AdoptionStage.EXPERIMENTATION
    )
    adoption_reason = models.TextField(blank=True)

    tier = models.PositiveSmallIntegerField(choices=Tier.choices, null=True, blank=True)
    tier_since = models.DateTimeField(null=True, blank=True)
    eu_ai_class = models.CharField(max_length=20, choices=EuAiClass.choices, blank=True, default="")
    eu_ai_class_rationale = models.TextField(blank=True)
    eu_role = models.CharField(max_length=40, blank=True)
    annex_iii_point = models.CharField(max_length=40, blank=True)
    eu_db_registration_id = models.CharField(max_length=80, blank=True)

    next_review_on = models.DateField(null=True, blank=True)
    last_attested_at = models.DateTimeField(null=True, blank=True)
    last_validated_at = models.DateTimeField(null=True, blank=True)
    next_validation_on = models.DateField(null=True, blank=True)
    primary_metric = models.CharField(max_length=120, blank=True)
    primary_metric_higher_is_better = models.BooleanField(default=True)

    retired_at = models.DateTimeField(null=True, blank=True)
    retirement_reason = models.TextField(blank=True)
    replacement = models.ForeignKey("self", on_delete=models.PROTECT, null=True, blank=True, related_name="+")

    source_name = models.CharField(max_length=80, blank=True)  # the inventory it was imported from
    external_id = models.CharField(max_length=200, blank=True)  # its key there: a second import finds it
    import_digest = models.CharField(max_length=64, blank=True)
    custom = models.JSONField(default=dict, blank=True)
    unstated = models.JSONField(
        default=dict, blank=True
    )  # fields held by default, with what the inventory says

    created_at = models.DateTimeField()
    created_by = person_key(null=True)
    updated_at = models.DateTimeField()
    revision = models.PositiveIntegerField(default=1)  # optimistic locking: forms carry it
    deleted_at = models.DateTimeField(null=True, blank=True)

    objects = models.Manager.from_queryset(ModelQuerySet)()

    class Meta:
        verbose_name = "model"
        constraints = [
            models.CheckConstraint(
                condition=models.Q(no_regime_stated_by__isnull=True)
                | models.Q(no_regime_stated_at__isnull=False),
                name="no_regime_stated_at_and_by",
            ),
            models.UniqueConstraint(
                fields=["name"],
                condition=Q(deleted_at__isnull=True),
                name="model_name_unique_while_alive",
                violation_error_message="A model of this name exists.",
            ),
            models.UniqueConstraint(
                fields=["source_name", "external_id"],
                condition=~Q(external_id="") & Q(deleted_at__isnull=True),
                name="model_external_id_unique",
            ),
            models.CheckConstraint(
                condition=Q(tier__isnull=True) | Q(tier__gte=1, tier__lte=4), name="model_tier_one_to_four"
            ),
        ]
        indexes = [
            models.Index(fields=["unit", "name", "id"]),
            models.Index(fields=["unit", "updated_at", "id"]),
            models.Index(fields=["updated_at", "id"]),
            models.Index(fields=["tier", "id"]),
            models.Index(fields=["next_review_on", "id"]),
            models.Index(fields=["name", "id"]),
            models.Index(fields=["owner", "unit"]),  # whose models a reader may see, without reading them
            models.Index(fields=["lifecycle_state", "id"]),
            # The portfolio counts its tiers from this alone.
            models.Index(
                fields=["unit", "kind", "tier"],
                condition=Q(deleted_at__isnull=True),
                name="model_tiers_alive",
            ),
        ]

    def __str__(self) -> str:
        return self.title or self.name

    @property
    def second_name(self) -> str:
        """The registered name, where the title is what people read first; empty where they are one."""
        return self.name if self.title and self.title != self.name else ""

    def get_absolute_url(self) -> str:
        """Return the model's page."""
        return reverse("registry:model-detail", args=[self.pk])

    def audit_scope(self) -> dict[str, Any]:
        """Return unit and model id for ledger entries about this row."""
        return {"unit_id": self.unit_id, "model_id": self.pk}


class Component(ScopedRecord):
    """A part of a model with its own kind: framework scope is decided per component (RULES 2.5)."""

    model = models.ForeignKey(RegisteredModel, on_delete=models.CASCADE, related_name="components")
    unit = unit_key()
    name = models.CharField(max_length=120)
    kind = models.CharField(max_length=12, choices=[(k.value, k.label) for k in INVENTORY_KINDS])
    description = models.TextField(blank=True)
    base_model = models.CharField(max_length=160, blank=True)
    base_model_version = models.CharField(max_length=80, blank=True)
    guardrail_profile = models.CharField(max_length=160, blank=True)
    autonomy_level = models.CharField(max_length=80, blank=True)
    tool_allow_list = models.JSONField(default=list, blank=True)
    spending_limit = models.CharField(max_length=80, blank=True)
    rate_limit = models.CharField(max_length=80, blank=True)
    stop_switch = models.TextField(blank=True)
    human_handover = models.TextField(blank=True)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["model", "name"], name="component_name_unique")]

    def __str__(self) -> str:
        return self.name


class Consumer(ScopedRecord):
    """An application, process or team that uses a model's output."""

    model = models.ForeignKey(RegisteredModel, on_delete=models.CASCADE, related_name="consumers")
    unit = unit_key()
    name = models.CharField(max_length=160)
    contact = models.CharField(max_length=160, blank=True)
    purpose = models.TextField(blank=True)
    notified_at = models.DateTimeField(null=True, blank=True)  # of a planned retirement (RULES 5.6)
    released_at = models.DateTimeField(
        null=True, blank=True
    )  # it confirmed that it no longer needs the model
    released_by = person_key(null=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["model", "name"], name="consumer_name_unique"),
            together("released_at", "released_by", name="consumer_released_at_and_by_together"),
        ]

    def __str__(self) -> str:
        return self.name


class UnitUse(ScopedRecord):
    """A unit's use of a model, valid once that unit accepted it. `unit` is the model's, `using_unit` the user's."""

    model = models.ForeignKey(RegisteredModel, on_delete=models.CASCADE, related_name="uses")
    unit = unit_key()
    using_unit = unit_key("uses")
    purpose = models.TextField(blank=True)
    state = models.CharField(max_length=12, choices=UseState.choices, default=UseState.REQUESTED)
    requested_by = person_key()
    requested_at = models.DateTimeField()
    decided_by = person_key(null=True)
    decided_at = models.DateTimeField(null=True, blank=True)
    note = models.TextField(blank=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["model", "using_unit"], condition=~Q(state="ended"), name="one_use_per_unit"
            ),
            together("decided_at", "decided_by", name="use_decided_at_and_by_together"),
        ]

    def __str__(self) -> str:
        return f"{self.using_unit} uses {self.model}"


class ModelCounter(models.Model):
    """The last version number of a living model, its unit and its last activity, read and locked in one statement.

    Never audited, never reset. It goes when the model is deleted, so that no version can be added to a tombstone.
    """

    model = models.OneToOneField(RegisteredModel, on_delete=models.CASCADE, related_name="counter")
    unit = unit_key()
    last_number = models.PositiveIntegerField(default=0)
    last_activity_at = models.DateTimeField()

    class Meta:
        indexes = [models.Index(fields=["last_activity_at"])]

    def __str__(self) -> str:
        return f"{self.model_id}: {self.last_number}"


class ModelTag(ScopedRecord):
    """A free label of a model."""

    model = models.ForeignKey(RegisteredModel, on_delete=models.CASCADE, related_name="tags")
    unit = unit_key()
    key = models.CharField(max_length=250)
    value = models.TextField(blank=True)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["model", "key"], name="model_tag_key_unique")]
        indexes = [models.Index(fields=["key", "model"])]

    def __str__(self) -> str:
        return f"{self.key}={self.value[:40]}"


class CustomField(ScopedRecord):
    """A field an administrator added to every model of a unit's subtree; values live in `RegisteredModel.custom`."""

    class Type(models.TextChoices):
        TEXT = "text", "Text"
        NUMBER = "number", "Number"
        DATE = "date", "Date"
        BOOLEAN = "boolean", "Yes or no"
        CHOICE = "choice", "Choice"

    unit = unit_key()
    key = models.SlugField(max_length=80)
    label = models.CharField(max_length=160)
    type = models.CharField(max_length=10, choices=Type.choices, default=Type.TEXT)
    choices = models.JSONField(default=list, blank=True)
    required = models.BooleanField(default=False)
    is_imported = models.BooleanField(
        default=False
    )  # came with a file; nobody who manages fields took it over
    created_at = models.DateTimeField()

    # Noted by `queries.custom.with_held`: living models it speaks of, and those of them with a value.
    reach: int
    held: int

    class Meta:
        constraints = [models.UniqueConstraint(fields=["unit", "key"], name="custom_field_key_unique")]

    def __str__(self) -> str:
        return self.label


class RecordTask(ScopedRecord):
    """A duty that the portal opened by itself; `key` keeps it from being opened twice."""

    model = models.ForeignKey(RegisteredModel, on_delete=models.CASCADE, related_name="tasks")
    unit = unit_key()
    kind = models.CharField(max_length=24, choices=TaskKind.choices)
    text = models.TextField()
    owner = person_key(null=True, related="record_tasks")
    opened_at = models.DateTimeField()
    due_on = models.DateField(null=True, blank=True)
    closed_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["model", "kind"], condition=Q(closed_at__isnull=True), name="one_open_task_per_kind"
            )
        ]
        indexes = [models.Index(fields=["owner", "closed_at"])]

    def __str__(self) -> str:
        return f"{self.get_kind_display()}: {self.model}"
