"""Change requests, their dossiers, gates, stages and decisions."""

from collections.abc import Mapping
from typing import Any, Self

from django.db import models
from django.db.models import Q
from django.db.models.functions import Coalesce
from django.urls import reverse

from approvals.models.policies import PolicyRevision, Signature
from approvals.states import (
    OPEN_STATES,
    PREDICATES,
    ChangeClass,
    ChangeKind,
    ChangeState,
    Meaning,
    Verdict,
    act_word,
)
from mlops_portal.foundation.people.rights import rights_of
from mlops_portal.foundation.people.scoped import ScopedPlainQuerySet, ScopedQuerySet
from registry.models import Deployment, Environment, ModelVersion, RegisteredModel
from registry.models.columns import ScopedRecord, person_key, together, unit_key
from registry.states import Governance, Grade, Tier

FILES = "approvals.request"


class ChangeQuerySet(ScopedQuerySet):
    """Change requests."""

    view_right = "approvals.view"

    def open(self) -> Self:
        """Those not yet at an end."""
        return self.filter(state__in=OPEN_STATES)


class RequestQuerySet(ChangeQuerySet):
    """Change requests; a draft is no request yet."""

    def visible_to(self, user: Any, right: str | None = None) -> Self:
        """Rows on which ``user`` holds ``right``, without drafts of others that they could not edit."""
        rows, rights = super().visible_to(user, right), rights_of(user)
        if rights.everywhere(FILES):
            return rows
        edits = Q(unit_id__in=rights.units(FILES)) | Q(model_id__in=rights.models(FILES))
        return rows.filter(~Q(state=ChangeState.DRAFT) | Q(requester=user) | edits)


class ApprovalRecord(ScopedRecord):
    """A scoped row that is seen with the approvals right."""

    objects = models.Manager.from_queryset(ChangeQuerySet)()

    class Meta:
        abstract = True


class ChangeRequest(ScopedRecord):
    """A request to change what runs. Content is frozen in a dossier; decisions bind to its digest."""

    class Materiality(models.TextChoices):
        MATERIAL = "material", "Material"
        NOT_MATERIAL = "not_material", "Not material"

    model = models.ForeignKey(RegisteredModel, on_delete=models.PROTECT, related_name="changes")
    unit = unit_key("changes")
    version = models.ForeignKey(
        ModelVersion, on_delete=models.PROTECT, null=True, blank=True, related_name="changes"
    )
    environment = models.ForeignKey(
        Environment, on_delete=models.PROTECT, null=True, blank=True, related_name="changes"
    )
    kind = models.CharField(max_length=16, choices=ChangeKind.choices)
    change_class = models.CharField(max_length=12, choices=ChangeClass.choices, default=ChangeClass.NORMAL)
    state = models.CharField(max_length=20, choices=ChangeState.choices, default=ChangeState.DRAFT)
    title = models.CharField(max_length=200)
    purpose = models.TextField(blank=True)
    scope = models.TextField(blank=True)
    impact = models.TextField(blank=True)
    risk = models.TextField(blank=True)
    configuration = models.JSONField(default=dict, blank=True)  # of kind configuration: what changes to what
    materiality = models.CharField(max_length=12, choices=Materiality.choices, blank=True)
    materiality_reasons = models.JSONField(default=list, blank=True)
    materiality_confirmed_by = person_key(null=True)
    materiality_confirmed_at = models.DateTimeField(null=True, blank=True)
    is_substantial_modification = models.BooleanField(null=True, blank=True)
    emergency_reason = models.TextField(blank=True)
    incident = models.CharField(max_length=80, blank=True)
    window_starts_at = models.DateTimeField(null=True, blank=True)
    window_ends_at = models.DateTimeField(null=True, blank=True)
    traffic_plan = models.JSONField(default=list, blank=True)  # [{percent, hold_hours, stop_rule}]
    bake_hours = models.FloatField(default=0)
    champion = models.ForeignKey(  # what served there when the dossier was frozen; empty where nothing did
        ModelVersion, on_delete=models.PROTECT, null=True, blank=True, related_name="+"
    )
    rollback_target = models.ForeignKey(
        ModelVersion, on_delete=models.PROTECT, null=True, blank=True, related_name="+"
    )
    rollback_plan = models.TextField(blank=True)
    rollback_triggers = models.TextField(blank=True)
    rollback_owner = person_key(null=True)
    alternatives = models.JSONField(default=list, blank=True)  # [{title, metrics, gates, why_not}]
    what_changed = models.TextField(blank=True)  # against the rejected predecessor (RULES 4.4)
    answers = models.JSONField(
        default=list, blank=True
    )  # to what was asked for: [{decision, place, item, answer}]
    predecessor = models.ForeignKey(
        "self", on_delete=models.PROTECT, null=True, blank=True, related_name="refilings"
    )
    rolls_back = models.ForeignKey(
        Deployment, on_delete=models.PROTECT, null=True, blank=True, related_name="+"
    )

    requester = person_key(related="requested_changes")
    filed_by_account = models.CharField(max_length=120, blank=True)  # the service account that filed it
    created_at = models.DateTimeField()
    submitted_at = models.DateTimeField(null=True, blank=True)
    returned_at = models.JSONField(default=list, blank=True)  # times it went back to the requester
    resubmitted_at = models.JSONField(default=list, blank=True)
    decided_at = models.DateTimeField(null=True, blank=True)
    decided_tier = models.PositiveSmallIntegerField(choices=Tier.choices, null=True, blank=True)
    governance = models.CharField(max_length=12, choices=Governance.choices, blank=True)
    policy_revision = models.ForeignKey(
        PolicyRevision, on_delete=models.PROTECT, null=True, blank=True, related_name="changes"
    )
    dossier_number = models.PositiveIntegerField(default=0)  # "revision 7" on the pages
    dossier_digest = models.CharField(max_length=64, blank=True)
    gates_passed = models.PositiveSmallIntegerField(default=0)
    gates_failed = models.PositiveSmallIntegerField(default=0)  # blocking ones without a live waiver
    gates_waived = models.PositiveSmallIntegerField(default=0)
    gates_warned = models.PositiveSmallIntegerField(default=0)
    gates_at = models.DateTimeField(null=True, blank=True)
    headline = models.CharField(max_length=255, blank=True)  # what stands in the way, in one line
    expires_at = models.DateTimeField(null=True, blank=True)
    scheduled_at = models.DateTimeField(null=True, blank=True)  # when the portal is to start it
    started_by = person_key(
        null=True
    )  # who pressed Start or planned it last, also where the portal carries it out
    bake_ends_at = models.DateTimeField(null=True, blank=True)
    revoked_at = models.DateTimeField(null=True, blank=True)  # of the approval; the release may still run
    revoked_by = person_key(null=True)
    closed_at = models.DateTimeField(null=True, blank=True)
    updated_at = models.DateTimeField()
    row_revision = models.PositiveIntegerField(default=1)  # optimistic locking: forms carry it

    objects = models.Manager.from_queryset(RequestQuerySet)()

    class Meta:
        verbose_name = "change request"
        constraints = [
            models.UniqueConstraint(
                "model",
                "kind",
                Coalesce("environment", 0),
                Coalesce("version", 0),
                condition=Q(state__in=sorted(state.value for state in OPEN_STATES)),
                name="one_open_change_of_a_kind",
                violation_error_message="A change request like this one is open already.",
            ),
            together(
                "materiality_confirmed_at",
                "materiality_confirmed_by",
                name="materiality_confirmed_at_and_by_together",
            ),
            together("revoked_at", "revoked_by", name="change_revoked_at_and_by_together"),
        ]
        indexes = [
            models.Index(fields=["unit", "state", "id"]),
            models.Index(fields=["state", "expires_at"]),
            models.Index(fields=["state", "id"]),
            models.Index(fields=["model", "-id"]),
            models.Index(fields=["requester", "-id"]),
            models.Index(fields=["decided_at"]),
        ]

    def __str__(self) -> str:
        return f"{self.code} {self.title}"

    @property
    def code(self) -> str:
        """The number people quote."""
        return f"CR-{self.pk}"

    @property
    def predicate(self) -> str:
        """Say where it stands, as the end of a sentence that begins with the request."""
        return PREDICATES[ChangeState(self.state)]

    def get_absolute_url(self) -> str:
        """Return the review page."""
        return reverse("approvals:change-detail", args=[self.pk])


class Dossier(ApprovalRecord):
    """The frozen content of one filing: canonical JSON and its digest. Never changed."""

    change = models.ForeignKey(ChangeRequest, on_delete=models.PROTECT, related_name="dossiers")
    model = models.ForeignKey(RegisteredModel, on_delete=models.PROTECT, related_name="+")
    unit = unit_key()
    number = models.PositiveIntegerField()
    content = models.TextField()
    parts = models.JSONField()  # part name → digest
    digest = models.CharField(max_length=64)
    created_at = models.DateTimeField()

    class Meta:
        constraints = [models.UniqueConstraint(fields=["change", "number"], name="dossier_number_unique")]

    def __str__(self) -> str:
        return f"{self.change.code} revision {self.number}"


class Waiver(ApprovalRecord):
    """An accepted exception from one gate for one version, by the authority the gate names, with an end."""

    class State(models.TextChoices):
        REQUESTED = "requested", "Awaiting decision"
        GRANTED = "granted", "Live"
        DECLINED = "declined", "Declined"
        ENDED = "ended", "Ended"

    change = models.ForeignKey(ChangeRequest, on_delete=models.PROTECT, related_name="waivers")
    model = models.ForeignKey(RegisteredModel, on_delete=models.PROTECT, related_name="waivers")
    version = models.ForeignKey(
        ModelVersion, on_delete=models.PROTECT, null=True, blank=True, related_name="waivers"
    )
    unit = unit_key()
    gate = models.CharField(max_length=40)
    authority = models.CharField(max_length=40)  # role named by the gate
    reason = models.TextField()
    compensating_control = models.TextField()
    state = models.CharField(max_length=12, choices=State.choices, default=State.REQUESTED)
    requested_by = person_key()
    requested_at = models.DateTimeField()
    decided_by = person_key(null=True)
    decided_at = models.DateTimeField(null=True, blank=True)
    valid_until = models.DateTimeField()
    renewals = models.PositiveSmallIntegerField(default=0)
    signature = models.ForeignKey(
        Signature, on_delete=models.PROTECT, null=True, blank=True, related_name="+"
    )
    note = models.TextField(blank=True)

    class Meta:
        constraints = [
            together("decided_at", "decided_by", name="waiver_decided_at_and_by_together"),
            models.CheckConstraint(
                condition=~Q(decided_by=models.F("requested_by")), name="waiver_by_two_people"
            ),
            models.UniqueConstraint(
                fields=["change", "gate"],
                condition=Q(state="requested"),
                name="one_open_waiver_request_per_gate",
            ),
        ]
        indexes = [models.Index(fields=["state", "valid_until"]), models.Index(fields=["version", "state"])]

    def __str__(self) -> str:
        return f"{self.gate} of {self.change.code}"


class GateResult(ApprovalRecord):
    """The outcome of one gate at one evaluation of one dossier."""

    class Outcome(models.TextChoices):
        PASS = "pass", "Passes"
        FAIL = "fail", "Fails"
        WAIVED = "waived", "Waived"
        NO_DATA = "no_data", "No data"
        NOT_APPLICABLE = "not_applicable", "Not applicable"

    change = models.ForeignKey(ChangeRequest, on_delete=models.PROTECT, related_name="gate_results")
    model = models.ForeignKey(RegisteredModel, on_delete=models.PROTECT, related_name="+")
    unit = unit_key()
    dossier_number = models.PositiveIntegerField()
    position = models.PositiveSmallIntegerField()
    gate = models.CharField(max_length=40)
    title = models.CharField(max_length=200)
    control = models.CharField(max_length=40, blank=True)
    is_blocking = models.BooleanField()
    outcome = models.CharField(max_length=16, choices=Outcome.choices)
    message = models.TextField(blank=True)
    observed = models.CharField(max_length=120, blank=True)
    limit = models.CharField(max_length=120, blank=True)
    observed_value = models.FloatField(null=True, blank=True)
    limit_value = models.FloatField(null=True, blank=True)
    direction = models.CharField(max_length=4, blank=True)  # min or max
    grade = models.CharField(max_length=12, choices=Grade.choices, blank=True)
    evidence_digest = models.CharField(max_length=64, blank=True)
    waiver = models.ForeignKey(Waiver, on_delete=models.PROTECT, null=True, blank=True, related_name="+")
    readings = models.JSONField(default=list, blank=True)  # the lines under the gate: metrics, documents
    waiver_authority = models.CharField(max_length=40, blank=True)  # role, or never
    evaluated_at = models.DateTimeField()
    is_current = models.BooleanField(default=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["change", "gate"], condition=Q(is_current=True), name="one_current_result_per_gate"
            )
        ]
        indexes = [models.Index(fields=["change", "is_current", "position"])]

    def __str__(self) -> str:
        return f"{self.gate} {self.outcome}"

    @property
    def shortfalls(self) -> list[str]:
        """Say what misses which limit: each reading that fails, the gate's own words where it has no readings."""
        failing = [line for line in self.readings if not line["ok"]]
        if not failing:
            return [self.message] if self.message else []
        return [_said(line) for line in failing]


def _said(line: Mapping[str, Any]) -> str:
    about = line["label"]
    if line.get("segment") and line["segment"] not in about:
        about = f"{about}, {line['segment']}"
    limit = f", {line['limit']}" if line.get("limit") else ""
    return f"{about}: {line['observed']}{limit}"


class Stage(ApprovalRecord):
    """One stage of one change request; quorum and deadline are fixed at submission."""

    class State(models.TextChoices):
        PENDING = "pending", "To come"
        CURRENT = "current", "Now"
        DONE = "done", "Done"
        RENEW = "renew", "To be renewed"
        CLOSED = "closed", "Closed"

    change = models.ForeignKey(ChangeRequest, on_delete=models.PROTECT, related_name="stages")
    model = models.ForeignKey(RegisteredModel, on_delete=models.PROTECT, related_name="+")
    unit = unit_key()
    key = models.CharField(max_length=40)
    position = models.PositiveSmallIntegerField()
    title = models.CharField(max_length=120)
    role = models.CharField(max_length=40)
    right = models.CharField(max_length=60)
    meaning = models.CharField(max_length=20, choices=Meaning.choices)
    is_independent = models.BooleanField()
    is_deciding = models.BooleanField()
    exclusions = models.JSONField(default=list)
    assigned_to = person_key(null=True)  # who takes it among those who may; bars nobody else
    returns_to = person_key(null=True)  # who rejected the earlier filing: they or somebody above decide again
    quorum = models.PositiveSmallIntegerField(default=1)
    sla_hours = models.FloatField()
    state = models.CharField(max_length=10, choices=State.choices, default=State.PENDING)
    opened_at = models.DateTimeField(null=True, blank=True)
    clock_started_at = models.DateTimeField(null=True, blank=True)  # empty while the clock stands still
    used_seconds = models.FloatField(default=0)
    due_at = models.DateTimeField(null=True, blank=True)
    decided_at = models.DateTimeField(null=True, blank=True)
    blocked_reason = models.TextField(blank=True)  # nobody is eligible: who can repair it (RULES 1.4)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["change", "key"], name="stage_key_unique"),
            models.CheckConstraint(condition=Q(quorum__gte=1), name="stage_quorum_at_least_one"),
        ]
        indexes = [
            models.Index(fields=["state", "right", "due_at"]),
            models.Index(fields=["unit", "state", "right"]),
            models.Index(fields=["change", "position"]),
        ]

    def __str__(self) -> str:
        return self.title


class Decision(ApprovalRecord):
    """What one person decided at one stage over one dossier. Voided by changes of content, never edited."""

    change = models.ForeignKey(ChangeRequest, on_delete=models.PROTECT, related_name="decisions")
    stage = models.ForeignKey(Stage, on_delete=models.PROTECT, related_name="decisions")
    model = models.ForeignKey(RegisteredModel, on_delete=models.PROTECT, related_name="+")
    unit = unit_key()
    dossier_number = models.PositiveIntegerField()
    dossier_digest = models.CharField(max_length=64)
    verdict = models.CharField(max_length=24, choices=Verdict.choices)
    meaning = models.CharField(max_length=20, choices=Meaning.choices)
    rationale = models.TextField()
    conditions = models.JSONField(default=list, blank=True)
    items = models.JSONField(default=list, blank=True)  # what is to be changed, item by item
    waiver_ids = models.JSONField(default=list, blank=True)
    live_gates = models.JSONField(default=list, blank=True)  # gate outcomes at the moment of signing
    signer = person_key(related="decisions")
    on_behalf_of = person_key(null=True)
    decided_at = models.DateTimeField()
    decision_digest = models.CharField(max_length=64)
    signature = models.OneToOneField(Signature, on_delete=models.PROTECT, related_name="decision")
    voided_at = models.DateTimeField(null=True, blank=True)
    void_reason = models.TextField(blank=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["stage", "signer"],
                condition=Q(voided_at__isnull=True),
                name="one_decision_per_stage_and_person",
            )
        ]
        indexes = [
            models.Index(fields=["change", "decided_at"]),
            models.Index(fields=["signer", "-decided_at"]),
        ]

    def __str__(self) -> str:
        return f"{self.act_word} by {self.signer}"

    @property
    def act_word(self) -> str:
        """What the signer did, in the word of the stage."""
        return act_word(self.meaning, self.verdict)

    @property
    def is_answered(self) -> bool:
        """Tell whether what was asked for was answered by filing again; the asker decides anew."""
        return self.verdict == Verdict.REQUEST_CHANGES and self.voided_at is not None

    @property
    def is_void(self) -> bool:
        """Tell whether it no longer counts because the content moved away under it."""
        return self.voided_at is not None and not self.is_answered


class DossierReading(models.Model):
    """Which parts of a dossier a person read last; the signature dialog shows what changed since."""

    change = models.ForeignKey(ChangeRequest, on_delete=models.PROTECT, related_name="readings")
    unit = unit_key()
    reader = person_key()
    dossier_number = models.PositiveIntegerField()
    parts = models.JSONField()
    read_at = models.DateTimeField()

    objects = models.Manager.from_queryset(ScopedPlainQuerySet)()

    class Meta:
        constraints = [models.UniqueConstraint(fields=["change", "reader"], name="one_reading_per_person")]

    def __str__(self) -> str:
        return f"{self.reader} read {self.change_id}"
