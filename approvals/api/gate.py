"""The gate: a pipeline asks whether a version may be put into an environment. Writes nothing but that it was asked."""

from django.utils import timezone
from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from approvals.api.changes import DutyOut
from approvals.queries.gate_door import gate_answer
from mlops_portal.foundation.api.viewsets import visible
from mlops_portal.foundation.errors import invalid
from mlops_portal.foundation.people.rights import require
from mlops_portal.foundation.web.access import record_access
from registry.models import Environment, ModelVersion, RegisteredModel

MODEL = OpenApiParameter("model", str, required=True, description="Name of the model, or its id.")
VERSION = OpenApiParameter("version", int, required=True, description="Number of the version.")
ENVIRONMENT = OpenApiParameter("environment", str, required=True, description="Name of the environment.")


class GateOutcome(serializers.Serializer):
    """Whether it is allowed now, and everything that stands against it."""

    decision = serializers.ChoiceField(choices=["allow", "deny"])
    model = serializers.CharField()
    version = serializers.IntegerField()
    environment = serializers.CharField()
    artifact_sha256 = serializers.CharField(help_text="What was approved; compare it with what you deploy.")
    change = serializers.CharField(allow_null=True, help_text="The change request it rests on.")
    state = serializers.CharField(allow_null=True)
    dossier_digest = serializers.CharField()
    unmet = DutyOut(
        many=True, help_text="Every condition that is not met, and who can do something about it."
    )
    evaluated_at = serializers.DateTimeField()


class Gate(APIView):
    """The gate door. Permits are obtained elsewhere; an answer here is worth this moment."""

    @extend_schema(
        parameters=[MODEL, VERSION, ENVIRONMENT], responses=GateOutcome, operation_id="gate_retrieve"
    )
    def get(self, request: Request) -> Response:
        """Say whether a version may be put into an environment now."""
        model, version, environment = self.subject(request)
        require(request.user, "approvals.view", unit_id=model.unit_id, model_id=model.pk)
        now = timezone.now()
        answer = gate_answer(version, environment, now=now)
        record_access(
            request, "approvals.gate_read", "registry.ModelVersion", str(version.pk), now, version.unit_id
        )
        found = {
            "decision": "allow" if answer.is_allowed else "deny",
            "model": model.name,
            "version": version.number,
            "environment": environment.name,
            "artifact_sha256": version.artifact_sha256,
            "change": answer.change.code if answer.change else None,
            "state": answer.change.state if answer.change else None,
            "dossier_digest": answer.dossier_digest,
            "unmet": answer.unmet,
            "evaluated_at": answer.at,
        }
        return Response(GateOutcome(found).data)

    def subject(self, request: Request) -> tuple[RegisteredModel, ModelVersion, Environment]:
        """Find model, version and environment among what the caller may see.

        Raises:
            Invalid: naming each parameter that is missing.
        """
        given = {
            name: request.query_params.get(name, "").strip()[:256]
            for name in ("model", "version", "environment")
        }
        for name, text in given.items():
            if not text or not text.isprintable():
                raise invalid(name, "This is required.")
        number = given["version"]
        if not number.isascii() or not number.isdigit() or len(number) > 9:
            raise invalid("version", "Name a version by its number.")
        models = RegisteredModel.objects.inventory()
        by_id = given["model"].isascii() and given["model"].isdigit() and len(given["model"]) < 18
        named = models.filter(name=given["model"])
        where = {"pk": int(given["model"])} if by_id and not named.exists() else {"name": given["model"]}
        model = visible(models, request.user, "model", **where)
        versions = ModelVersion.objects.alive().filter(model=model).select_related("model")
        version = visible(versions, request.user, "version", number=int(number))
        environments = Environment.objects.all()
        return model, version, visible(environments, request.user, "environment", name=given["environment"])
