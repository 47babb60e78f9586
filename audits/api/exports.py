"""Exports: start, status, download."""

from typing import Any

from django.http import HttpResponseBase
from django.utils import timezone
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from audits.exports.scopes import JOB_KINDS, LABELS, RIGHT, Scope, What
from audits.services import exports
from mlops_portal.foundation.api.fields import Moment
from mlops_portal.foundation.api.viewsets import ScopedReadViewSet, StrictSerializer
from mlops_portal.foundation.files.downloads import download
from mlops_portal.foundation.people.rights import require
from mlops_portal.foundation.work.models import Job


class ExportIn(StrictSerializer):
    """What to export, of whom, when, in which form; a choice that does not belong to it is refused."""

    what = serializers.ChoiceField(choices=[(one.value, LABELS[one]) for one in What])
    format = serializers.ChoiceField(choices=["zip", "csv", "xlsx", "csv.gz"])
    change = serializers.IntegerField(required=False, min_value=1, help_text="For release_pack")
    unit = serializers.IntegerField(required=False, min_value=1, help_text="For change_log and inventory")
    model = serializers.IntegerField(required=False, min_value=1, help_text="For change_log")
    since = Moment(required=False, help_text="For change_log")
    until = Moment(required=False, help_text="For change_log")
    at = Moment(required=False, help_text="For inventory")
    with_content = serializers.BooleanField(required=False, help_text="For change_log")


class ExportOut(serializers.ModelSerializer):
    """An export and how far it is."""

    what = serializers.SerializerMethodField()
    sha256 = serializers.SerializerMethodField()
    size = serializers.SerializerMethodField()
    ledger_size = serializers.SerializerMethodField()

    class Meta:
        model = Job
        fields = (
            "id", "what", "label", "params", "state", "phase", "done", "total", "error", "created_at", "finished_at",
            "expires_at", "sha256", "size", "ledger_size",
        )  # fmt: skip

    def get_what(self, job: Job) -> str:
        """Return what it exports."""
        return job.params["what"]

    def get_sha256(self, job: Job) -> str | None:
        """Return the digest of the file once there is one."""
        return job.result.get("sha256")

    def get_size(self, job: Job) -> int | None:
        """Return the size of the file in bytes."""
        return job.result.get("size")

    def get_ledger_size(self, job: Job) -> int | None:
        """Return how many signed entries there were when it was made."""
        return job.result.get("ledger_size")


class ExportViewSet(ScopedReadViewSet):
    """Exports that the caller started (all of them for who reads the whole ledger)."""

    queryset = Job.objects.filter(kind__in=JOB_KINDS.values())
    serializer_class = ExportOut

    def get_queryset(self) -> Any:
        """Narrow to what is visible."""
        return self.queryset.none() if getattr(self, "swagger_fake_view", False) else self.queryset.visible_to(self.request.user)  # fmt: skip

    def initial(self, request: Request, *args: Any, **kwargs: Any) -> None:
        """Refuse callers who may export nothing."""
        super().initial(request, *args, **kwargs)
        require(request.user, RIGHT)

    @extend_schema(request=ExportIn, responses={201: ExportOut})
    def create(self, request: Request) -> Response:
        """Start an export; ask for its state until it has succeeded."""
        data = self.parsed(ExportIn)
        scope = Scope(
            What(data["what"]),
            data["format"],
            change_id=data.get("change"),
            unit_id=data.get("unit"),
            model_id=data.get("model"),
            with_content=data.get("with_content", False),
            **{name: data[name].isoformat() for name in ("since", "until", "at") if name in data},
        )
        return self.answer_once(
            request,
            lambda: exports.export_start(scope=scope, by=request.user, now=timezone.now()),
            lambda job: ExportOut(job).data,
        )

    @extend_schema(responses={200: OpenApiTypes.BINARY})
    def download(self, request: Request, pk: str | None = None) -> HttpResponseBase:
        """Send the file; the download is an entry of the ledger."""
        job = self.get_object()
        file = exports.export_taken(job=job, by=request.user, now=timezone.now())
        return download(file, name=job.result.get("name", ""))
