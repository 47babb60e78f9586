"""Change requests: drafted, filed, followed, withdrawn, talked about."""

import threading
import time
from typing import Any

import django_filters
from django.conf import settings
from django.db.models import QuerySet
from django.utils import timezone
from drf_spectacular.utils import OpenApiParameter, extend_schema, extend_schema_field
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from approvals.models import ChangeRequest, Comment, Dossier, GateResult, Stage
from approvals.queries.my_duties import duties_of
from approvals.services import changes as services
from approvals.services.conversation import comment_add
from approvals.services.submission import change_submit
from approvals.states import OWED_BY, ChangeClass, ChangeKind, ChangeState
from mlops_portal.foundation.api.fields import (
    JsonObject,
    JsonRows,
    Moment,
    Number,
    RecordSerializer,
    Text,
    Whole,
    optional_person,
    optional_text,
)
from mlops_portal.foundation.api.viewsets import ScopedReadViewSet, StrictSerializer, find, visible
from mlops_portal.foundation.errors import invalid
from mlops_portal.foundation.operations import act
from registry.models import Environment, ModelVersion, RegisteredModel

LONGEST_WAIT = 10.0
LOOK_EVERY = 0.5
# Callers who wait hold a thread of the web process: at most a quarter of them may.
_waiting = threading.BoundedSemaphore(max(1, settings.PORTAL_WEB_THREADS // 4))
SINCE = OpenApiParameter(
    "since", int, description="The row_revision the caller knows; answers when it is another."
)
WAIT = OpenApiParameter("wait", float, description="Seconds to wait for news, at most 10.")


class ChangeOut(RecordSerializer):
    """A change request."""

    code = serializers.CharField(read_only=True)
    model_name = serializers.CharField(source="model.name", read_only=True)
    version: Any = serializers.IntegerField(source="version.number", default=None, read_only=True)
    environment: Any = serializers.CharField(source="environment.name", default=None, read_only=True)
    rollback_target: Any = serializers.IntegerField(
        source="rollback_target.number", default=None, read_only=True
    )
    policy_revision: Any = serializers.CharField(default=None, read_only=True)
    requested_for = serializers.SerializerMethodField(
        help_text="The person who counts: the requester, or the owner of the service account that filed it."
    )
    owed_by = serializers.SerializerMethodField(help_text="Who has to act next.")
    url = serializers.SerializerMethodField(help_text="The page on which people decide.")

    class Meta:
        model = ChangeRequest
        fields = (
            "id", "code", "title", "kind", "change_class", "state", "owed_by", "model", "model_name", "version", "unit",
            "environment", "purpose", "scope", "impact", "risk", "configuration", "materiality", "materiality_reasons",
            "is_substantial_modification", "incident", "window_starts_at", "window_ends_at", "traffic_plan",
            "bake_hours", "rollback_target", "rollback_plan", "rollback_triggers", "rollback_owner", "alternatives",
            "what_changed", "answers", "predecessor", "requester", "requested_for", "filed_by_account", "created_at",
            "submitted_at", "decided_at", "decided_tier", "governance", "policy_revision", "dossier_number",
            "dossier_digest", "gates_passed", "gates_failed", "gates_waived", "gates_warned", "gates_at", "headline",
            "expires_at", "scheduled_at", "bake_ends_at", "revoked_at", "closed_at", "updated_at", "row_revision", "url",
        )  # fmt: skip

    def get_requested_for(self, change: ChangeRequest) -> str:
        """Name the person behind a service account (RULES 1.7)."""
        who = change.requester
        return who.email if who.is_person else who.service_account.owner.email

    def get_owed_by(self, change: ChangeRequest) -> str:
        """Say who has to act next."""
        return OWED_BY[ChangeState(change.state)].value

    def get_url(self, change: ChangeRequest) -> str:
        """Return the address of the review page."""
        return f"{settings.PORTAL_BASE_URL.rstrip('/')}{change.get_absolute_url()}"


class GateOut(RecordSerializer):
    """What one gate says."""

    class Meta:
        model = GateResult
        fields = (
            "gate", "title", "control", "is_blocking", "outcome", "message", "observed", "limit", "grade",
            "waiver_authority", "evidence_digest", "evaluated_at",
        )  # fmt: skip


class DutyOut(serializers.Serializer):
    """Why the caller may not decide at a stage."""

    code = serializers.CharField()
    message = serializers.CharField()
    owner = serializers.CharField()


class StageOut(RecordSerializer):
    """One stage; ``blockers`` say why the caller may not decide at it."""

    blockers = serializers.SerializerMethodField()

    class Meta:
        model = Stage
        fields = (
            "key", "position", "title", "role", "meaning", "quorum", "state", "opened_at", "due_at", "decided_at",
            "blocked_reason", "blockers",
        )  # fmt: skip

    @extend_schema_field(DutyOut(many=True))
    def get_blockers(self, stage: Stage) -> Any:
        """Ask the rule that signing asks."""
        return DutyOut(self.context.get("duties", {}).get(stage.pk, []), many=True).data


class ChangeDetail(ChangeOut):
    """A change request with its gates and stages."""

    gates = serializers.SerializerMethodField()
    stages = serializers.SerializerMethodField()

    class Meta:
        model = ChangeRequest
        fields = (*ChangeOut.Meta.fields, "gates", "stages")

    @extend_schema_field(GateOut(many=True))
    def get_gates(self, change: ChangeRequest) -> Any:
        """List the present outcomes."""
        rows = GateResult.objects.filter(change=change, is_current=True).order_by("position")
        return GateOut(rows, many=True).data

    @extend_schema_field(StageOut(many=True))
    def get_stages(self, change: ChangeRequest) -> Any:
        """List the stages with the caller's duties."""
        stages = list(
            Stage.objects.filter(change=change)
            .select_related("change__model", "change__version", "change__requester", "returns_to")
            .order_by("position")
        )
        caller = self.context["request"].user
        duties = duties_of(caller, stages, now=timezone.now())
        return StageOut(stages, many=True, context={"duties": duties}).data


class ChangeFields(StrictSerializer):
    """What a requester writes; what is left out stays as it is, or follows from the policy."""

    title = optional_text(200)
    purpose = optional_text()
    scope = optional_text()
    impact = optional_text()
    risk = optional_text()
    configuration = JsonObject(required=False)
    incident = optional_text(80)
    window_starts_at = Moment(required=False, allow_null=True)
    window_ends_at = Moment(required=False, allow_null=True)
    traffic_plan = JsonRows(
        required=False, max_length=50, help_text="Objects with percent, hold_hours, stop_rule."
    )
    bake_hours = Number(required=False, min_value=0, max_value=10_000)
    rollback_target = Whole(required=False, allow_null=True, min_value=1, help_text="Number of a version.")
    rollback_plan = optional_text()
    rollback_triggers = optional_text()
    rollback_owner = optional_person()
    alternatives = JsonRows(
        required=False, max_length=100, help_text="Objects with title, metrics, gates, why_not."
    )
    what_changed = optional_text()
    predecessor = Whole(required=False, allow_null=True, min_value=1, max_value=2**62)
    is_substantial_modification = serializers.BooleanField(required=False, allow_null=True)


class ChangeIn(ChangeFields):
    """A change request to draft; with ``file`` it is filed at once."""

    model = Whole(min_value=1, max_value=2**62)
    kind = serializers.ChoiceField(choices=ChangeKind.choices)
    version = Whole(required=False, allow_null=True, min_value=1, help_text="Number of the version.")
    environment = Text(required=False, allow_null=True, max_length=120, help_text="Name of the environment.")
    file = serializers.BooleanField(required=False, default=False)


class ChangeEdit(ChangeFields):
    """An edit of a draft, or of a request that was sent back."""

    answers = JsonRows(
        required=False,
        max_length=100,
        help_text="To what was asked for: objects with decision, place (from 1) and answer.",
    )
    row_revision = Whole(help_text="The one the edit was made from.")


class Withdrawal(StrictSerializer):
    """Why a request is taken back."""

    reason = optional_text(2000)


class CommentOut(RecordSerializer):
    """A remark."""

    class Meta:
        model = Comment
        fields = ("id", "author", "text", "gate", "written_at")


class CommentIn(StrictSerializer):
    """A remark to write."""

    text = Text(max_length=10_000)
    gate = optional_text(40)


class DossierOut(serializers.Serializer):
    """The frozen content and its digest: SHA-256 of ``content`` as it stands there."""

    number = serializers.IntegerField()
    digest = serializers.CharField()
    parts = serializers.DictField(child=serializers.CharField())
    content = serializers.CharField()
    created_at = serializers.DateTimeField()


class ChangeStatus(serializers.Serializer):
    """Where a request stands."""

    id = serializers.IntegerField()
    code = serializers.CharField()
    state = serializers.CharField()
    owed_by = serializers.CharField()
    headline = serializers.CharField()
    row_revision = serializers.IntegerField()
    is_open = serializers.BooleanField()
    dossier_digest = serializers.CharField()


class ChangeFilter(django_filters.FilterSet):
    """Filters of change requests."""

    model = django_filters.NumberFilter(field_name="model_id", min_value=1, max_value=2**62)
    version = django_filters.NumberFilter(field_name="version__number", min_value=1, max_value=2**31 - 1)
    environment = django_filters.CharFilter(field_name="environment__name")
    unit = django_filters.CharFilter(field_name="unit__code")
    kind = django_filters.ChoiceFilter(choices=ChangeKind.choices)
    change_class = django_filters.ChoiceFilter(choices=ChangeClass.choices)
    state = django_filters.MultipleChoiceFilter(choices=ChangeState.choices)
    requester = django_filters.CharFilter(field_name="requester__email", lookup_expr="iexact")
    is_open = django_filters.BooleanFilter(method="by_open")

    class Meta:
        model = ChangeRequest
        fields: list[str] = []

    def by_open(self, rows: Any, name: str, value: bool) -> Any:
        """Narrow to those not yet at an end, or the others."""
        return rows.open() if value else rows.exclude(pk__in=ChangeRequest.objects.open().values("pk"))


class ChangeViewSet(ScopedReadViewSet):
    """Change requests. Decisions are signed on the pages."""

    queryset = ChangeRequest.objects.select_related(
        "model", "unit", "version", "environment", "rollback_target", "rollback_owner",
        "requester__service_account__owner", "policy_revision__policy",
    )  # fmt: skip
    filterset_class = ChangeFilter

    def get_serializer_class(self) -> type[serializers.Serializer]:
        """Show gates and stages of single requests only."""
        return ChangeOut if self.action == "list" else ChangeDetail

    @extend_schema(request=ChangeIn, responses={201: ChangeDetail})
    def create(self, request: Request) -> Response:
        """Draft a change request; with ``file`` it is filed too, or nothing is kept and every reason is told."""
        data = self.parsed(ChangeIn)
        models = RegisteredModel.objects.inventory().select_related("unit")
        model = visible(models, request.user, "model", pk=data.pop("model"))
        data |= self.targets(model, data)
        if name := data.pop("environment", None):
            data["environment"] = visible(Environment.objects.all(), request.user, "environment", name=name)
        if number := data.pop("version", None):
            data["version"] = self.version(model, "version", number)
        is_filed = data.pop("file")
        return self.made(lambda: self.draft(model, data, is_filed=is_filed))

    def draft(self, model: RegisteredModel, data: dict[str, Any], *, is_filed: bool) -> ChangeRequest:
        """Draft, and file on wish, in one act."""
        with act():
            change = services.change_draft(model=model, **self.acting(), **data)
            return change_submit(change=change, **self.acting()) if is_filed else change

    def version(self, model: RegisteredModel, field: str, number: int) -> ModelVersion:
        """Return a version of the model by number."""
        versions = ModelVersion.objects.alive().filter(model=model)
        return visible(versions, self.request.user, field, number=number)

    def targets(self, model: RegisteredModel, data: dict[str, Any]) -> dict[str, Any]:
        """Return the records that fields name."""
        found: dict[str, Any] = {}
        if data.get("rollback_target"):
            found["rollback_target"] = self.version(model, "rollback_target", data["rollback_target"])
        if data.get("predecessor"):
            changes = ChangeRequest.objects.filter(model=model)
            found["predecessor"] = visible(changes, self.request.user, "predecessor", pk=data["predecessor"])
        return found

    @extend_schema(request=ChangeEdit, responses=ChangeDetail)
    def partial_update(self, request: Request, pk: int) -> Response:
        """Edit a draft, or a request that was sent back."""
        change, data = self.get_object(), self.parsed(ChangeEdit)
        data |= self.targets(change.model, data)
        return self.told(services.change_update(change=change, **self.acting(), **data))

    @extend_schema(request=None, responses=ChangeDetail)
    def file(self, request: Request, pk: int) -> Response:
        """File a draft, or file again what was sent back; every reason against it is told."""
        return self.told(change_submit(change=self.get_object(), **self.acting()))

    @extend_schema(request=Withdrawal, responses=ChangeDetail)
    def withdraw(self, request: Request, pk: int) -> Response:
        """Take a request back before it is approved."""
        change, data = self.get_object(), self.parsed(Withdrawal)
        reason = data.get("reason", "")
        return self.told(services.change_withdraw(change=change, reason=reason, **self.acting()))

    @extend_schema(responses=DossierOut)
    def dossier(self, request: Request, pk: int) -> Response:
        """Return the frozen content that decisions bind to."""
        change = self.get_object()
        return Response(
            DossierOut(find(Dossier.objects.filter(change=change), number=change.dossier_number)).data
        )

    @extend_schema(parameters=[WAIT, SINCE], responses=ChangeStatus)
    def status(self, request: Request, pk: int) -> Response:
        """Say where a request stands; with ``wait`` and ``since`` the answer comes when there is news."""
        change = self.get_object()
        seconds, since = self.seconds(), self.since(change)
        if seconds and _waiting.acquire(blocking=False):
            try:
                change = self.wait_for_news(change, since, seconds)
            finally:
                _waiting.release()
        state = ChangeState(change.state)
        answer = {
            "id": change.pk,
            "code": change.code,
            "state": state.value,
            "owed_by": OWED_BY[state].value,
            "headline": change.headline,
            "row_revision": change.row_revision,
            "is_open": OWED_BY[state].value != "nobody",
            "dossier_digest": change.dossier_digest,
        }
        return Response(ChangeStatus(answer).data)

    def wait_for_news(self, change: ChangeRequest, since: int, seconds: float) -> ChangeRequest:
        """Look at the row until it moved on or the time is over."""
        end = time.monotonic() + seconds
        while change.row_revision == since and time.monotonic() < end:
            time.sleep(min(LOOK_EVERY, max(end - time.monotonic(), 0)))
            change = self.get_object()
        return change

    def seconds(self) -> float:
        """Read how long the caller waits."""
        text = self.request.query_params.get("wait", "0")
        try:
            seconds = float(text)
        except ValueError:
            raise invalid("wait", "Seconds are expected.") from None
        if not 0 <= seconds < 1e6:
            raise invalid("wait", "Seconds from 0 are expected; the portal waits at most 10.")
        return min(seconds, LONGEST_WAIT)

    def since(self, change: ChangeRequest) -> int:
        """Read what the caller knows; the present row when nothing was said."""
        text = self.request.query_params.get("since", str(change.row_revision))
        if not text.isascii() or not text.isdigit() or len(text) > 10:
            raise invalid("since", "A row_revision is expected.")
        return int(text)


class CommentViewSet(ScopedReadViewSet):
    """Remarks on a change request; they are never edited."""

    queryset = Comment.objects.select_related("author")
    serializer_class = CommentOut

    def change(self) -> ChangeRequest:
        """Return the change of the address."""
        return find(ChangeRequest.objects.visible_to(self.request.user), pk=self.kwargs["change"])

    def get_queryset(self) -> QuerySet:
        """Narrow to the change of the address."""
        rows = super().get_queryset()
        return rows if getattr(self, "swagger_fake_view", False) else rows.filter(change=self.change())

    @extend_schema(request=CommentIn, responses={201: CommentOut})
    def create(self, request: Request, change: int) -> Response:
        """Write a remark on the request or one of its gates."""
        data, found = self.parsed(CommentIn), self.change()
        return self.made(lambda: comment_add(change=found, **self.acting(), **data))
