"""Models."""

from typing import Any

from django.utils import timezone
from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from mlops_portal.foundation.api.fields import (
    JsonObject,
    Moment,
    Number,
    RecordSerializer,
    Text,
    UnitField,
    Whole,
    optional_person,
    optional_text,
)
from mlops_portal.foundation.api.viewsets import ScopedReadViewSet, StrictSerializer
from registry.api.filters import ModelFilter
from registry.applicability import applicability
from registry.models import Component, RegisteredModel
from registry.queries.facts import facts_of, gaps_from, governance_facts
from registry.services import models as services
from registry.states import INVENTORY_KINDS, Origin, UseCase

KINDS = [(kind.value, kind.label) for kind in INVENTORY_KINDS]
SHORT = {
    "title": 256, "objective_metric": 120, "vendor": 160, "vendor_version": 80, "contract_ref": 160, "eu_role": 40,
    "annex_iii_point": 40, "eu_db_registration_id": 80, "primary_metric": 120, "source_name": 80, "external_id": 200,
}  # fmt: skip
LONG = (
    "description", "is_model_rationale", "objective", "benefit", "intended_use", "prohibited_uses", "approved_uses",
    "assumptions", "limitations", "exit_plan",
)  # fmt: skip
FLAGS = (
    "is_model_decision", "is_production_critical", "is_enterprise_scale", "is_proof_of_concept", "is_exploratory",
    "interacts_with_people", "generates_content",
)  # fmt: skip
PEOPLE = ("owner", "developer", "validator", "accountable_executive", "sponsor")
REASON = OpenApiParameter("reason", str, description="Why; kept with the tombstone.")


class ComponentOut(RecordSerializer):
    """A component of a model."""

    class Meta:
        model = Component
        exclude = ("model", "unit")


class ModelOut(RecordSerializer):
    """A model as the API answers it."""

    components = ComponentOut(many=True, read_only=True)
    last_version = serializers.IntegerField(source="counter.last_number", read_only=True, default=0)

    class Meta:
        model = RegisteredModel
        exclude = ("created_by", "replacement", "import_digest", "deleted_at")


class Applicability(serializers.Serializer):
    """Whether governance is mandatory and why, and what the record lacks."""

    governance = serializers.CharField()
    rests_on_evidence = serializers.BooleanField()
    rationale = serializers.ListField(child=serializers.CharField())
    contradictions = serializers.ListField(child=serializers.CharField())
    is_overridden = serializers.BooleanField()
    adoption_stage = serializers.CharField()
    adoption_reason = serializers.CharField()
    evaluated_at = serializers.DateTimeField(allow_null=True)
    record_gaps = serializers.ListField(child=serializers.CharField())


class ComponentIn(StrictSerializer):
    """A component to register with its model."""

    name = Text(max_length=120)
    kind = serializers.ChoiceField(choices=KINDS)
    description = optional_text()
    base_model = optional_text(160)
    base_model_version = optional_text(80)
    guardrail_profile = optional_text(160)
    autonomy_level = optional_text(80)
    tool_allow_list = serializers.ListField(child=Text(max_length=200), required=False, max_length=1000)
    spending_limit = optional_text(80)
    rate_limit = optional_text(80)
    stop_switch = optional_text()
    human_handover = optional_text()


class ModelFacts(StrictSerializer):
    """Inventory fields; what is left out stays as it is."""

    def get_fields(self) -> dict[str, serializers.Field]:
        """Build the fields from the lists above."""
        found: dict[str, serializers.Field] = {name: optional_text(most) for name, most in SHORT.items()}
        found |= {name: optional_text() for name in LONG}
        found |= {name: serializers.BooleanField(required=False, allow_null=True) for name in FLAGS}
        found |= {name: optional_person() for name in PEOPLE}
        found |= {
            "kind": serializers.ChoiceField(choices=KINDS, required=False),
            "use_case": serializers.ChoiceField(choices=UseCase.choices, required=False, allow_blank=True),
            "origin": serializers.ChoiceField(choices=Origin.choices, required=False),
            "intake_submitted_at": Moment(required=False, allow_null=True),
            "objective_baseline": Number(required=False, allow_null=True),
            "objective_target": Number(required=False, allow_null=True),
            "decisions_per_day": Whole(required=False, allow_null=True),
            "regimes": serializers.ListField(child=Text(max_length=80), required=False, max_length=200),
            "no_regime_in_scope": serializers.BooleanField(required=False),
            "primary_metric_higher_is_better": serializers.BooleanField(required=False),
            "next_review_on": serializers.DateField(required=False, allow_null=True),
            "custom": JsonObject(required=False),
        }
        return found | super().get_fields()


class ModelIn(ModelFacts):
    """A model to register."""

    name = Text(max_length=256)
    unit = UnitField()
    components = ComponentIn(many=True, required=False)
    tags = serializers.DictField(child=Text(allow_blank=True), required=False)


class ModelChange(ModelFacts):
    """A change of a model's record."""

    revision = Whole(required=False, help_text="Refuses when the record moved on since.")
    reason = optional_text(2000)


class Rename(StrictSerializer):
    """Another name."""

    name = Text(max_length=256)
    revision = Whole(required=False, help_text="Refuses when the record moved on since.")
    reason = optional_text(2000)


class Attestation(StrictSerializer):
    """That the record is right as it stands."""

    next_review_on = serializers.DateField(required=False, allow_null=True)
    note = optional_text(2000)


class ModelViewSet(ScopedReadViewSet):
    """Models of the inventory."""

    queryset = (
        RegisteredModel.objects.inventory()
        .select_related("unit", "counter")
        .prefetch_related("components", *PEOPLE)  # joined, they take 25 ms to plan
    )
    serializer_class = ModelOut
    filterset_class = ModelFilter

    @extend_schema(request=ModelIn, responses={201: ModelOut})
    def create(self, request: Request) -> Response:
        """Register a model."""
        # `custom` is always given, so that the unit's required fields are asked for.
        data = {"custom": {}, **self.parsed(ModelIn)}
        return self.made(lambda: services.model_register(**self.acting(), **data))

    @extend_schema(request=ModelChange, responses=ModelOut)
    def partial_update(self, request: Request, pk: int) -> Response:
        """Change fields of the record."""
        model, data = self.get_object(), self.parsed(ModelChange)
        return self.told(services.model_update(model=model, **self.acting(), **data))

    @extend_schema(parameters=[REASON], responses={204: None})
    def destroy(self, request: Request, pk: int) -> Response:
        """Delete a model and its versions; a tombstone stays, the name is free again."""
        reason = request.query_params.get("reason", "")[:2000].replace("\x00", "")
        services.model_delete(model=self.get_object(), reason=reason, **self.acting())
        return Response(status=204)

    @extend_schema(request=Rename, responses=ModelOut)
    def rename(self, request: Request, pk: int) -> Response:
        """Give a model another name; versions, tags and aliases stay with it."""
        model, data = self.get_object(), self.parsed(Rename)
        return self.told(services.model_rename(model=model, **self.acting(), **data))

    @extend_schema(request=Attestation, responses=ModelOut)
    def attest(self, request: Request, pk: int) -> Response:
        """Confirm as owner or accountable executive that the record is right as it stands."""
        model, data = self.get_object(), self.parsed(Attestation)
        return self.told(services.model_attest(model=model, **self.acting(), **data))

    @extend_schema(responses=Applicability)
    def applicability(self, request: Request, pk: int) -> Response:
        """Say whether governance is mandatory, why, how far the model is adopted and what its record lacks."""
        model, now = self.get_object(), timezone.now()
        facts = facts_of([model], now=now)[model.pk]
        answer = applicability(governance_facts(model, facts))
        found: dict[str, Any] = {
            "governance": model.governance,
            "rests_on_evidence": answer.rests_on_evidence,
            "rationale": model.governance_rationale,
            "contradictions": answer.contradictions,
            "is_overridden": facts.override is not None,
            "adoption_stage": model.adoption_stage,
            "adoption_reason": model.adoption_reason,
            "evaluated_at": model.governance_evaluated_at,
            "record_gaps": gaps_from(model, facts, now=now),
        }
        return Response(Applicability(found).data)
