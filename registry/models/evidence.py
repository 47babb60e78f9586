"""Documents, monitoring plans and risk assessments."""

from datetime import datetime

from django.db import models
from django.db.models import Q

from mlops_portal.foundation.files.downloads import ending
from registry.models.columns import ScopedRecord, person_key, together, unit_key
from registry.models.models import RegisteredModel
from registry.models.versions import ModelVersion
from registry.states import DocumentKind, Grade, ReviewState, SectionStatus, Tier


class Document(ScopedRecord):
    """A document of a model, or of one version of it."""

    model = models.ForeignKey(RegisteredModel, on_delete=models.CASCADE, related_name="documents")
    version = models.ForeignKey(
        ModelVersion, on_delete=models.CASCADE, null=True, blank=True, related_name="documents"
    )
    unit = unit_key()
    kind = models.CharField(max_length=30, choices=DocumentKind.choices)
    title = models.CharField(max_length=200)
    file = models.ForeignKey(
        "foundation.StoredFile", on_delete=models.PROTECT, null=True, blank=True, related_name="+"
    )
    link = models.CharField(max_length=500, blank=True)
    digest = models.CharField(max_length=64)  # of file and sections; recomputed by the service
    status = models.CharField(max_length=16, choices=SectionStatus.choices, default=SectionStatus.DRAFT)
    grade = models.CharField(max_length=12, choices=Grade.choices, default=Grade.DECLARED)
    edition = models.PositiveIntegerField(default=1)
    uploaded_by = person_key(null=True)
    updated_at = models.DateTimeField()
    approved_by = person_key(null=True)
    approved_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        constraints = [together("approved_at", "approved_by", name="document_approved_at_and_by_together")]
        indexes = [models.Index(fields=["model", "kind"])]

    def __str__(self) -> str:
        return self.title

    @property
    def says_something(self) -> bool:
        """Whether it has a file, a link, or a section that is written or does not apply."""
        if self.file_id or self.link:
            return True
        return any(row.status != SectionStatus.ABSENT for row in self.sections.all())

    @property
    def file_name(self) -> str:
        """Name of the file as this document hands it out: a content may be shared with other records."""
        name = "".join(one if one.isalnum() or one in " -_.()" else "-" for one in self.title).strip(" .-")
        return f"{name or self.kind}{ending(self.file)}" if self.file else ""


class DocumentSection(ScopedRecord):
    """A section that completeness is counted by (kpis.md 1.10)."""

    document = models.ForeignKey(Document, on_delete=models.CASCADE, related_name="sections")
    model = models.ForeignKey(RegisteredModel, on_delete=models.CASCADE, related_name="+")
    unit = unit_key()
    key = models.SlugField(max_length=60)
    title = models.CharField(max_length=160)
    text = models.TextField(blank=True)
    status = models.CharField(max_length=16, choices=SectionStatus.choices, default=SectionStatus.DRAFT)
    reason = models.TextField(blank=True)  # why it does not apply
    updated_at = models.DateTimeField()
    approved_by = person_key(null=True)
    approved_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["document", "key"], name="section_key_unique"),
            together("approved_at", "approved_by", name="section_approved_at_and_by_together"),
        ]

    def __str__(self) -> str:
        return self.title


class MonitoringPlan(ScopedRecord):
    """What will be watched in production: part of the dossier for tiers 1 and 2 (RULES 6.4).

    `measures` is a list of {measure, dimension, cadence_hours, watch, act, route}.
    """

    model = models.ForeignKey(RegisteredModel, on_delete=models.CASCADE, related_name="monitoring_plans")
    unit = unit_key()
    number = models.PositiveIntegerField()
    measures = models.JSONField(default=list)
    owner = person_key(null=True)
    created_at = models.DateTimeField()
    created_by = person_key(null=True)
    is_current = models.BooleanField(default=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["model", "number"], name="monitoring_plan_number_unique"),
            models.UniqueConstraint(
                fields=["model"], condition=Q(is_current=True), name="one_current_monitoring_plan"
            ),
        ]

    def __str__(self) -> str:
        return f"Monitoring plan {self.number} of {self.model}"


class RiskAssessment(ScopedRecord):
    """Answers to a questionnaire, their score and tier: rated by one, approved by another (RULES 1.6)."""

    model = models.ForeignKey(RegisteredModel, on_delete=models.CASCADE, related_name="risk_assessments")
    unit = unit_key()
    questionnaire = models.CharField(max_length=60)
    questionnaire_revision = models.PositiveIntegerField()
    answers = models.JSONField(default=dict)
    dimensions = models.JSONField(default=dict)
    score = models.FloatField()
    tier = models.PositiveSmallIntegerField(choices=Tier.choices)
    eu_ai_class = models.CharField(max_length=20, blank=True)
    eu_ai_class_rationale = models.TextField(blank=True)
    rationale = models.TextField(blank=True)
    state = models.CharField(max_length=12, choices=ReviewState.choices, default=ReviewState.PROPOSED)
    proposed_by = person_key()
    proposed_at = models.DateTimeField()
    decided_by = person_key(null=True)
    decided_at = models.DateTimeField(null=True, blank=True)
    note = models.TextField(blank=True)

    class Meta:
        constraints = [
            together("decided_at", "decided_by", name="rating_decided_at_and_by_together"),
            models.CheckConstraint(
                condition=~Q(decided_by=models.F("proposed_by")), name="rating_by_two_people"
            ),
            models.UniqueConstraint(
                fields=["model"], condition=Q(state="proposed"), name="one_open_rating_per_model"
            ),
        ]
        indexes = [models.Index(fields=["model", "-proposed_at"])]

    def __str__(self) -> str:
        return f"Risk rating of {self.model}"


class GovernanceOverride(ScopedRecord):
    """A signed decision that governance is optional although the evidence says mandatory (RULES 2.1).

    It lasts 180 days, unless a risk officer ends it earlier; ``valid_until`` stays what was signed.
    """

    model = models.ForeignKey(RegisteredModel, on_delete=models.CASCADE, related_name="governance_overrides")
    unit = unit_key()
    reason = models.TextField()
    decided_by = person_key()
    decided_at = models.DateTimeField()
    valid_until = models.DateTimeField()
    signature_digest = models.CharField(max_length=64)
    ended_at = models.DateTimeField(null=True, blank=True)
    ended_by = person_key(null=True)
    end_reason = models.TextField(blank=True)

    class Meta:
        constraints = [together("ended_at", "ended_by", name="override_ended_at_and_by_together")]
        indexes = [models.Index(fields=["model", "valid_until"])]

    def __str__(self) -> str:
        return f"Override for {self.model}"

    def is_live(self, now: datetime) -> bool:
        """Tell whether it makes governance optional at this moment."""
        return self.ended_at is None and now < self.valid_until
