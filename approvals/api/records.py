"""What was decided, validated and carried out, and by which policy: read only."""

from typing import Any

import django_filters
from django import forms
from django.db.models import QuerySet
from django.http import HttpResponseBase
from django.utils import timezone
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from approvals.models import (
    Challenge,
    Condition,
    Decision,
    Execution,
    ExecutionStep,
    Policy,
    PolicyRevision,
    Validation,
    ValidationFinding,
)
from approvals.queries.validation_list import WAITS_FOR, ending, with_what_is_open
from approvals.services.validations import report_attach
from approvals.states import Verdict
from mlops_portal.foundation.api.fields import RecordSerializer
from mlops_portal.foundation.api.viewsets import ScopedReadViewSet, StrictSerializer, find
from mlops_portal.foundation.errors import NotFound
from mlops_portal.foundation.files.downloads import download
from mlops_portal.foundation.web.access import record_access
from registry.states import Tier

BIG = 2**62


class DecisionOut(RecordSerializer):
    """What one person decided at one stage over one dossier, as it was signed."""

    stage: Any = serializers.CharField(source="stage.title", read_only=True)
    printed_name = serializers.CharField(source="signature.printed_name", read_only=True)
    role = serializers.CharField(source="signature.role", read_only=True)
    method = serializers.CharField(source="signature.method", read_only=True)
    signed_at = serializers.DateTimeField(source="signature.signed_at", read_only=True)
    revoked_at = serializers.DateTimeField(source="signature.revoked_at", read_only=True, allow_null=True)
    revocation_reason = serializers.CharField(source="signature.revocation_reason", read_only=True)

    class Meta:
        model = Decision
        fields = (
            "id", "change", "model", "unit", "stage", "dossier_number", "dossier_digest", "verdict", "meaning",
            "rationale", "conditions", "items", "waiver_ids", "live_gates", "signer", "on_behalf_of", "printed_name",
            "role", "method", "signed_at", "decided_at", "decision_digest", "voided_at", "void_reason", "revoked_at",
            "revocation_reason",
        )  # fmt: skip


class DecisionFilter(django_filters.FilterSet):
    """Filters of decisions."""

    change = django_filters.NumberFilter(field_name="change_id", min_value=1, max_value=BIG)
    model = django_filters.NumberFilter(field_name="model_id", min_value=1, max_value=BIG)
    signer = django_filters.CharFilter(field_name="signer__email", lookup_expr="iexact")
    verdict = django_filters.ChoiceFilter(choices=Verdict.choices)
    is_void = django_filters.BooleanFilter(field_name="voided_at", lookup_expr="isnull", exclude=True)

    class Meta:
        model = Decision
        fields: list[str] = []


class DecisionViewSet(ScopedReadViewSet):
    """Decisions. They are signed on the pages, with two components."""

    queryset = Decision.objects.select_related("stage", "signature", "signer", "on_behalf_of", "unit")
    serializer_class = DecisionOut
    filterset_class = DecisionFilter


class FindingOut(RecordSerializer):
    """A finding of a validation."""

    class Meta:
        model = ValidationFinding
        exclude = ("validation", "model", "unit")


class ChallengeOut(RecordSerializer):
    """A validator's question and what became of the answer."""

    class Meta:
        model = Challenge
        exclude = ("validation", "model", "unit")


class ConditionOut(RecordSerializer):
    """A duty that the conclusion of a validation added."""

    class Meta:
        model = Condition
        exclude = ("change", "decision", "validation", "model", "unit")


class ValidationOut(RecordSerializer):
    """An independent validation of a version."""

    version: Any = serializers.IntegerField(source="version.number", read_only=True)
    findings = FindingOut(many=True, read_only=True)
    challenges = ChallengeOut(many=True, read_only=True)
    conditions = ConditionOut(many=True, read_only=True)
    report_name = serializers.CharField(read_only=True)
    report_size = serializers.IntegerField(source="report.size", default=None, read_only=True)
    report_sha256 = serializers.CharField(source="report.sha256", default="", read_only=True)

    class Meta:
        model = Validation
        exclude = ("report", "signature", "end_told_at")


class WholeNumberFilter(django_filters.NumberFilter):
    """Refuses what is no whole number, instead of cutting it to one."""

    field_class = forms.IntegerField


class ValidationFilter(django_filters.FilterSet):
    """Filters of validations."""

    model = django_filters.NumberFilter(field_name="model_id", min_value=1, max_value=BIG)
    version = django_filters.NumberFilter(field_name="version__number", min_value=1, max_value=2**31 - 1)
    state = django_filters.ChoiceFilter(choices=Validation.State.choices)
    outcome = django_filters.ChoiceFilter(choices=Validation.Outcome.choices)
    kind = django_filters.ChoiceFilter(choices=Validation.Kind.choices)
    unit = django_filters.CharFilter(field_name="unit__code")
    tier = django_filters.ChoiceFilter(field_name="model__tier", choices=Tier.choices)
    validator = django_filters.CharFilter(field_name="validator__email", lookup_expr="iexact")
    waits_for = django_filters.ChoiceFilter(choices=WAITS_FOR, method="by_waits_for")
    ends_within_days = WholeNumberFilter(
        method="by_end", min_value=0, max_value=3650, label="0 narrows to what ended"
    )

    class Meta:
        model = Validation
        fields: list[str] = []

    def by_waits_for(self, queryset: QuerySet, name: str, value: str) -> QuerySet:
        """Narrow to what a validation waits for."""
        return with_what_is_open(queryset).filter(waits_for=value)

    def by_end(self, queryset: QuerySet, name: str, value: int) -> QuerySet:
        """Narrow to those whose validity ends within days, or ended, and that no later one follows."""
        return ending(queryset, timezone.now(), value or None)


class ReportIn(StrictSerializer):
    """The validator's report."""

    file = serializers.FileField(required=False, max_length=255, help_text="Sent as multipart/form-data.")


class ValidationViewSet(ScopedReadViewSet):
    """Validations."""

    queryset = Validation.objects.select_related("version", "unit", "validator", "report").prefetch_related(
        "findings__owner",
        "findings__closed_by",
        "challenges__answered_by",
        "conditions__owner",
        "conditions__verifier",
    )
    serializer_class = ValidationOut
    filterset_class = ValidationFilter

    @extend_schema(responses={(200, "application/octet-stream"): OpenApiTypes.BINARY})
    def report(self, request: Request, pk: int) -> HttpResponseBase:
        """Download the report of a validation; the read is recorded."""
        validation = self.get_object()
        if validation.report is None:
            raise NotFound("This validation has no report as a file.")
        now = self.acting()["now"]
        record_access(
            request,
            "validation report downloaded",
            Validation._meta.label,
            str(validation.pk),
            now,
            validation.unit_id,
        )
        return download(validation.report, name=validation.report_name)

    @extend_schema(request={"multipart/form-data": ReportIn}, responses=ValidationOut)
    def attach(self, request: Request, pk: int) -> Response:
        """Attach the report to one's open validation, or another in its place; the conclusion signs its digest."""
        validation, data = self.get_object(), self.parsed(ReportIn)
        return self.told(report_attach(validation=validation, upload=data.get("file"), **self.acting()))


class StepOut(RecordSerializer):
    """One attempt at one step."""

    class Meta:
        model = ExecutionStep
        fields = (
            "step",
            "attempt",
            "idempotency_key",
            "arguments",
            "state",
            "intended_at",
            "finished_at",
            "result",
        )


class ExecutionOut(RecordSerializer):
    """One attempt to carry out an approved change; an empty ``started_by`` is the portal's executor."""

    steps = StepOut(many=True, read_only=True)

    class Meta:
        model = Execution
        fields = (
            "id", "change", "model", "unit", "number", "connector", "state", "deployment", "started_by", "started_at",
            "finished_at", "note", "steps",
        )  # fmt: skip


class ExecutionFilter(django_filters.FilterSet):
    """Filters of executions."""

    change = django_filters.NumberFilter(field_name="change_id", min_value=1, max_value=BIG)
    model = django_filters.NumberFilter(field_name="model_id", min_value=1, max_value=BIG)
    state = django_filters.ChoiceFilter(choices=Execution.State.choices)

    class Meta:
        model = Execution
        fields: list[str] = []


class ExecutionViewSet(ScopedReadViewSet):
    """Executions."""

    queryset = Execution.objects.select_related("unit", "started_by").prefetch_related("steps")
    serializer_class = ExecutionOut
    filterset_class = ExecutionFilter


class RevisionOut(RecordSerializer):
    """One edition of a policy."""

    policy: Any = serializers.CharField(source="policy.key", read_only=True)
    title = serializers.CharField(source="policy.title", read_only=True)

    class Meta:
        model = PolicyRevision
        fields = (
            "id", "policy", "title", "number", "state", "digest", "is_urgent", "laxness_reason", "drafted_by",
            "drafted_at", "published_by", "published_at", "effective_from", "document",
        )  # fmt: skip


class RevisionFilter(django_filters.FilterSet):
    """Filters of policy revisions."""

    policy = django_filters.CharFilter(field_name="policy__key")
    state = django_filters.ChoiceFilter(choices=PolicyRevision.State.choices)

    class Meta:
        model = PolicyRevision
        fields: list[str] = []


class PolicyViewSet(ScopedReadViewSet):
    """Policies: the revisions that were published, and which are in force."""

    queryset = PolicyRevision.objects.select_related("policy", "drafted_by", "published_by")
    serializer_class = RevisionOut
    filterset_class = RevisionFilter
    view_right = "approvals.view"

    def get_queryset(self) -> QuerySet:
        """Leave out drafts: policies hold for the whole enterprise, drafts belong to who writes them."""
        return self.queryset.exclude(state=PolicyRevision.State.DRAFT)

    @extend_schema(responses=RevisionOut)
    def in_force(self, request: Request, key: str) -> Response:
        """Return the revision of a policy that is in force."""
        policy = find(Policy.objects.all(), key=key)
        return self.told(
            find(self.get_queryset().filter(policy=policy), state=PolicyRevision.State.PUBLISHED)
        )
