"""What surrounds decisions: validations, conditions, lapses, delegations, comments, executions."""

from django.db import models
from django.db.models import F, Q
from django.urls import reverse

from approvals.models.changes import ApprovalRecord, ChangeRequest, Decision, Waiver
from approvals.models.policies import Signature
from mlops_portal.foundation.files.downloads import ending
from mlops_portal.foundation.history import AuditedModel
from mlops_portal.foundation.web.words import time_text
from registry.models import Deployment, ModelVersion, RegisteredModel
from registry.models.columns import person_key, together, unit_key


class Validation(ApprovalRecord):
    """An independent validation of a version: scope, components, challenges, findings, outcome, signed."""

    class Kind(models.TextChoices):
        INITIAL = "initial", "Initial"
        PERIODIC = "periodic", "Periodic"
        CHANGE = "change", "Change"

    class State(models.TextChoices):
        OPEN = "open", "Open"
        CONCLUDED = "concluded", "Concluded"

    class Outcome(models.TextChoices):
        APPROVED = "approved", "Approved"
        APPROVED_WITH_CONDITIONS = "approved_with_conditions", "Approved with conditions"
        NOT_APPROVED = "not_approved", "Not approved"

    class Component(models.TextChoices):
        CONCEPTUAL_SOUNDNESS = "conceptual_soundness", "Conceptual soundness"
        OUTCOMES_ANALYSIS = "outcomes_analysis", "Outcomes analysis"
        DATA_REVIEW = "data_review", "Data review"
        IMPLEMENTATION_CHECK = "implementation_check", "Implementation check"

    model = models.ForeignKey(RegisteredModel, on_delete=models.PROTECT, related_name="validations")
    version = models.ForeignKey(ModelVersion, on_delete=models.PROTECT, related_name="validations")
    unit = unit_key()
    kind = models.CharField(max_length=10, choices=Kind.choices)
    state = models.CharField(max_length=10, choices=State.choices, default=State.OPEN)
    scope = models.TextField(blank=True)
    components = models.JSONField(default=list)
    validator = person_key(related="validations")
    opened_at = models.DateTimeField()
    has_no_conflict = models.BooleanField(null=True)
    conflict_declaration = models.TextField(blank=True)
    outcome = models.CharField(max_length=26, choices=Outcome.choices, blank=True)
    summary = models.TextField(blank=True)
    baseline = models.JSONField(default=dict, blank=True)  # metric → value, as validated
    report = models.ForeignKey(
        "foundation.StoredFile", on_delete=models.PROTECT, null=True, blank=True, related_name="+"
    )
    concluded_at = models.DateTimeField(null=True, blank=True)
    valid_until = models.DateTimeField(null=True, blank=True)
    end_told_at = models.DateTimeField(null=True, blank=True)  # when people were told that it is about to end
    content_digest = models.CharField(max_length=64, blank=True)
    signature = models.OneToOneField(
        Signature, on_delete=models.PROTECT, null=True, blank=True, related_name="validation"
    )

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["version", "validator"],
                condition=Q(state="open"),
                name="one_open_validation_per_validator",
            ),
            models.CheckConstraint(
                condition=Q(state="open") | Q(signature__isnull=False, concluded_at__isnull=False),
                name="concluded_validation_is_signed",
            ),
        ]
        indexes = [models.Index(fields=["version", "state"]), models.Index(fields=["unit", "state", "id"])]

    def __str__(self) -> str:
        return f"Validation of {self.version}"

    @property
    def report_name(self) -> str:
        """Name of the report as this validation hands it out: a content may be shared with other records."""
        return f"Validation report {self.pk}{ending(self.report)}" if self.report else ""


class ValidationFinding(ApprovalRecord):
    """A finding of a validation; audit findings are another record (RULES 7.4)."""

    class Severity(models.TextChoices):
        CRITICAL = "critical", "Critical"
        HIGH = "high", "High"
        MEDIUM = "medium", "Medium"
        LOW = "low", "Low"

    validation = models.ForeignKey(Validation, on_delete=models.PROTECT, related_name="findings")
    model = models.ForeignKey(RegisteredModel, on_delete=models.PROTECT, related_name="validation_findings")
    unit = unit_key()
    title = models.CharField(max_length=200)
    detail = models.TextField(blank=True)
    severity = models.CharField(max_length=10, choices=Severity.choices)
    owner = person_key()
    due_on = models.DateField()
    response = models.TextField(blank=True)
    raised_at = models.DateTimeField()
    closed_at = models.DateTimeField(null=True, blank=True)
    closed_by = person_key(null=True)
    closure_evidence = models.TextField(blank=True)

    class Meta:
        constraints = [
            together("closed_at", "closed_by", name="validation_finding_closed_at_and_by_together"),
            models.CheckConstraint(
                condition=~Q(closed_by=F("owner")), name="finding_not_closed_by_its_owner"
            ),
        ]

    def __str__(self) -> str:
        return f"VF-{self.pk} {self.title}"


class Challenge(ApprovalRecord):
    """A validator's question and what became of the answer."""

    class State(models.TextChoices):
        OPEN = "open", "Open"
        ANSWERED = "answered", "Answered"
        ACCEPTED = "accepted", "Accepted"

    validation = models.ForeignKey(Validation, on_delete=models.PROTECT, related_name="challenges")
    model = models.ForeignKey(RegisteredModel, on_delete=models.PROTECT, related_name="+")
    unit = unit_key()
    number = models.PositiveIntegerField()
    question = models.TextField()
    asked_at = models.DateTimeField()
    answer = models.TextField(blank=True)
    answered_by = person_key(null=True)
    answered_at = models.DateTimeField(null=True, blank=True)
    state = models.CharField(max_length=10, choices=State.choices, default=State.OPEN)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["validation", "number"], name="challenge_number_unique"),
            together("answered_at", "answered_by", name="challenge_answered_at_and_by_together"),
        ]

    def __str__(self) -> str:
        return f"Challenge {self.number}"


class Condition(ApprovalRecord):
    """A duty that an approval added: the decision on a request, or a validation. It never opens a gate (RULES 3.3, 4.5)."""

    class State(models.TextChoices):
        OPEN = "open", "Open"
        MET = "met", "Met"
        DROPPED = "dropped", "Dropped with its decision"

    change = models.ForeignKey(
        ChangeRequest, on_delete=models.PROTECT, null=True, blank=True, related_name="conditions"
    )
    decision = models.ForeignKey(
        Decision, on_delete=models.PROTECT, null=True, blank=True, related_name="condition_rows"
    )
    validation = models.ForeignKey(
        Validation, on_delete=models.PROTECT, null=True, blank=True, related_name="conditions"
    )
    model = models.ForeignKey(RegisteredModel, on_delete=models.PROTECT, related_name="conditions")
    unit = unit_key()
    text = models.TextField()
    evidence = models.TextField()
    owner = person_key(related="conditions_owned")
    verifier = person_key(related="conditions_to_verify")
    due_on = models.DateField()
    state = models.CharField(max_length=10, choices=State.choices, default=State.OPEN)
    verified_at = models.DateTimeField(null=True, blank=True)
    verification = models.TextField(blank=True)  # what the verifier saw
    declaration = models.TextField(blank=True)  # what the owner says was done
    declared_at = models.DateTimeField(null=True, blank=True)  # until the verifier looks and finds it not met

    class Meta:
        constraints = [
            models.CheckConstraint(
                condition=~Q(owner=F("verifier")), name="condition_verifier_is_not_the_owner"
            ),
            models.CheckConstraint(
                condition=Q(change__isnull=False, decision__isnull=False, validation__isnull=True)
                | Q(change__isnull=True, decision__isnull=True, validation__isnull=False),
                name="condition_of_a_decision_or_a_validation",
            ),
        ]
        indexes = [models.Index(fields=["state", "due_on"]), models.Index(fields=["verifier", "state"])]

    def __str__(self) -> str:
        return self.text[:60]

    @property
    def origin(self) -> str:
        """What set it: the number of the request, or the name of the validation."""
        return self.change.code if self.change else str(self.validation)

    def get_origin_url(self) -> str:
        """Return the page of what set it."""
        if self.change:
            return self.change.get_absolute_url()
        return reverse("approvals:validation", args=[self.validation_id])


class Lapse(ApprovalRecord):
    """A waiver, condition or approval ended while the version runs: owner, deadline, four ways out (RULES 5.1)."""

    class Outcome(models.TextChoices):
        RENEWED = "renewed", "Renewed by a higher authority"
        FIXED = "fixed", "Fixed and filed"
        RESTRICTED = "restricted", "Restricted or rolled back"
        SUSPENDED = "suspended", "Suspended"

    change = models.ForeignKey(ChangeRequest, on_delete=models.PROTECT, related_name="lapses")
    waiver = models.ForeignKey(Waiver, on_delete=models.PROTECT, null=True, blank=True, related_name="lapses")
    condition = models.ForeignKey(
        Condition, on_delete=models.PROTECT, null=True, blank=True, related_name="lapses"
    )
    model = models.ForeignKey(RegisteredModel, on_delete=models.PROTECT, related_name="lapses")
    unit = unit_key()
    key = models.CharField(max_length=60)  # what ended, so that it opens one lapse only
    text = models.TextField()
    owner = person_key()
    opened_at = models.DateTimeField()
    due_at = models.DateTimeField()
    outcome = models.CharField(max_length=12, choices=Outcome.choices, blank=True)
    closed_at = models.DateTimeField(null=True, blank=True)
    closed_by = person_key(null=True)  # empty: what lapsed no longer serves, which the portal saw itself

    class Meta:
        constraints = [
            models.CheckConstraint(
                condition=Q(closed_at__isnull=True, closed_by__isnull=True)
                | Q(closed_at__isnull=False, closed_by__isnull=False)
                | Q(closed_at__isnull=False, outcome__in=["restricted", "suspended"]),
                name="lapse_closed_by_somebody_or_gone",
            ),
            models.UniqueConstraint(fields=["change", "key"], name="one_lapse_for_each_end"),
        ]
        indexes = [models.Index(fields=["closed_at", "due_at"]), models.Index(fields=["unit", "closed_at"])]

    def __str__(self) -> str:
        return self.text[:60]

    @property
    def told(self) -> str:
        """What ended, and of a waiver from when to when it held: one gate may have lapsed before."""
        if self.waiver is None:
            return self.text
        began = self.waiver.decided_at or self.waiver.requested_at
        return f"{self.text} It held from {time_text(began)} to {time_text(self.waiver.valid_until)}."


class Delegation(AuditedModel):
    """Absence: own delegation with dates, or a stand-in named by the head of unit or of risk (RULES 1.5)."""

    absentee = person_key(related="delegations_given")
    stand_in = person_key(related="delegations_received")
    starts_at = models.DateTimeField()
    ends_at = models.DateTimeField()
    reason = models.TextField()
    named_by = person_key()
    named_at = models.DateTimeField()
    ended_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        constraints = [
            models.CheckConstraint(
                condition=Q(ends_at__gt=F("starts_at")), name="delegation_ends_after_start"
            ),
            models.CheckConstraint(condition=~Q(absentee=F("stand_in")), name="delegation_to_somebody_else"),
        ]

    def __str__(self) -> str:
        return f"{self.stand_in} for {self.absentee}"


class Comment(ApprovalRecord):
    """A remark on a change request; never edited."""

    change = models.ForeignKey(ChangeRequest, on_delete=models.PROTECT, related_name="comments")
    model = models.ForeignKey(RegisteredModel, on_delete=models.PROTECT, related_name="+")
    unit = unit_key()
    author = person_key()
    text = models.TextField()
    gate = models.CharField(max_length=40, blank=True)
    asks = person_key(null=True)  # whom it asks for evidence
    written_at = models.DateTimeField()

    class Meta:
        indexes = [models.Index(fields=["change", "written_at"])]

    def __str__(self) -> str:
        return self.text[:60]


class Execution(ApprovalRecord):
    """One attempt to carry out an approved change."""

    class State(models.TextChoices):
        WAITING = "waiting", "Waiting for an operator"
        RUNNING = "running", "Running"
        SUCCEEDED = "succeeded", "Succeeded"
        FAILED = "failed", "Failed"
        ABORTED = "aborted", "Aborted"
        UNKNOWN = "unknown", "Unknown: an operator must look"

    change = models.ForeignKey(ChangeRequest, on_delete=models.PROTECT, related_name="executions")
    model = models.ForeignKey(RegisteredModel, on_delete=models.PROTECT, related_name="+")
    unit = unit_key()
    number = models.PositiveIntegerField()
    connector = models.CharField(max_length=20)
    state = models.CharField(max_length=10, choices=State.choices, default=State.RUNNING)
    fence = models.PositiveBigIntegerField(default=0)
    deployment = models.ForeignKey(
        Deployment, on_delete=models.PROTECT, null=True, blank=True, related_name="+"
    )
    started_by = person_key(null=True)  # empty: the portal's executor
    started_at = models.DateTimeField()
    finished_at = models.DateTimeField(null=True, blank=True)
    note = models.TextField(blank=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["change", "number"], name="execution_number_unique"),
            models.UniqueConstraint(
                fields=["change"],
                condition=Q(state__in=["waiting", "running"]),
                name="one_execution_at_a_time",
            ),
        ]

    def __str__(self) -> str:
        return f"Execution {self.number} of {self.change.code}"


class ExecutionStep(ApprovalRecord):
    """One step: its intent is committed before the call, its result after it; a crash in between is observed."""

    class State(models.TextChoices):
        INTENDED = "intended", "Intended"
        SUCCEEDED = "succeeded", "Succeeded"
        FAILED = "failed", "Failed"
        UNKNOWN = "unknown", "Unknown"

    execution = models.ForeignKey(Execution, on_delete=models.PROTECT, related_name="steps")
    model = models.ForeignKey(RegisteredModel, on_delete=models.PROTECT, related_name="+")
    unit = unit_key()
    step = models.CharField(max_length=60)
    attempt = models.PositiveIntegerField(default=1)
    idempotency_key = models.CharField(max_length=64, unique=True)
    arguments = models.JSONField(default=dict)
    state = models.CharField(max_length=10, choices=State.choices, default=State.INTENDED)
    intended_at = models.DateTimeField()
    finished_at = models.DateTimeField(null=True, blank=True)
    result = models.JSONField(default=dict, blank=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["execution", "step", "attempt"], name="execution_step_attempt_unique"
            )
        ]

    def __str__(self) -> str:
        return f"{self.step} #{self.attempt}"
