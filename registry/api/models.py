"""Models."""

from typing import Any

from django.utils import timezone
from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from mlops_portal.foundation.api.viewsets import ScopedReadViewSet, StrictSerializer
from registry.api.fields import PersonField, UnitField, optional_person
from registry.filtersets import ModelFilters
from registry.models import Component, RegisteredModel
from registry.services import models as services
from registry.states import INVENTORY_KINDS, Origin, UseCase

KINDS = [(kind.value, kind.label) for kind in INVENTORY_KINDS]
TEXTS = (
    "title", "description", "is_model_rationale", "objective", "objective_metric", "benefit", "intended_use",
    "prohibited_uses", "approved_uses", "assumptions", "limitations", "vendor", "vendor_version", "contract_ref",
    "exit_plan", "eu_role", "annex_iii_point", "eu_db_registration_id", "primary_metric", "source_name", "external_id",
)  # fmt: skip
FLAGS = (
    "is_model_decision", "is_production_critical", "is_enterprise_scale", "is_proof_of_concept", "is_exploratory",
    "interacts_with_people", "generates_content",
)  # fmt: skip
PEOPLE = ("owner", "developer", "validator", "accountable_executive", "sponsor")


class ComponentOut(serializers.ModelSerializer):
    """A component of a model."""

    class Meta:
        model = Component
        exclude = ("model", "unit")


class ModelOut(serializers.ModelSerializer):
    """A model as the API answers it."""

    unit = UnitField(read_only=True)
    owner = PersonField(read_only=True)
    developer = PersonField(read_only=True)
    validator = PersonField(read_only=True)
    accountable_executive = PersonField(read_only=True)
    sponsor = PersonField(read_only=True)
    components = ComponentOut(many=True, read_only=True)
    last_version = serializers.IntegerField(source="counter.last_number", read_only=True)

    class Meta:
        model = RegisteredModel
        exclude = ("created_by", "replacement", "import_digest", "deleted_at")


class ComponentIn(StrictSerializer):
    """A component to register with its model."""

    name = serializers.CharField(max_length=120)
    kind = serializers.ChoiceField(choices=KINDS)
    description = serializers.CharField(required=False, allow_blank=True)
    base_model = serializers.CharField(required=False, allow_blank=True, max_length=160)
    base_model_version = serializers.CharField(required=False, allow_blank=True, max_length=80)
    guardrail_profile = serializers.CharField(required=False, allow_blank=True, max_length=160)
    autonomy_level = serializers.CharField(required=False, allow_blank=True, max_length=80)
    tool_allow_list = serializers.ListField(child=serializers.CharField(max_length=200), required=False)
    spending_limit = serializers.CharField(required=False, allow_blank=True, max_length=80)
    rate_limit = serializers.CharField(required=False, allow_blank=True, max_length=80)
    stop_switch = serializers.CharField(required=False, allow_blank=True)
    human_handover = serializers.CharField(required=False, allow_blank=True)


class ModelFacts(StrictSerializer):
    """Inventory fields; what is left out stays as it is."""

    def get_fields(self) -> dict[str, serializers.Field]:
        """Build the fields from the lists above."""
        found: dict[str, serializers.Field] = {
            name: serializers.CharField(required=False, allow_blank=True) for name in TEXTS
        }
        found |= {name: serializers.BooleanField(required=False, allow_null=True) for name in FLAGS}
        found |= {name: optional_person() for name in PEOPLE}
        found |= {
            "kind": serializers.ChoiceField(choices=KINDS, required=False),
            "use_case": serializers.ChoiceField(choices=UseCase.choices, required=False, allow_blank=True),
            "origin": serializers.ChoiceField(choices=Origin.choices, required=False),
            "intake_submitted_at": serializers.DateTimeField(required=False, allow_null=True),
            "objective_baseline": serializers.FloatField(required=False, allow_null=True),
            "objective_target": serializers.FloatField(required=False, allow_null=True),
            "decisions_per_day": serializers.IntegerField(required=False, allow_null=True, min_value=0),
            "regimes": serializers.ListField(child=serializers.CharField(max_length=80), required=False),
            "primary_metric_higher_is_better": serializers.BooleanField(required=False),
            "next_review_on": serializers.DateField(required=False, allow_null=True),
            "custom": serializers.DictField(required=False),
        }
        return found | super().get_fields()


class ModelIn(ModelFacts):
    """A model to register."""

    name = serializers.CharField(max_length=256)
    unit = UnitField()
    components = ComponentIn(many=True, required=False)
    tags = serializers.DictField(child=serializers.CharField(allow_blank=True), required=False)


class ModelChange(ModelFacts):
    """A change of a model's record."""

    revision = serializers.IntegerField(required=False, help_text="Refuses when the record moved on since.")
    reason = serializers.CharField(required=False, allow_blank=True, max_length=2000)


class ModelViewSet(ScopedReadViewSet):
    """Models of the inventory."""

    queryset = (
        RegisteredModel.objects.inventory()
        .select_related(
            "unit", "owner", "developer", "validator", "accountable_executive", "sponsor", "counter"
        )
        .prefetch_related("components")
    )
    serializer_class = ModelOut
    filterset_class = ModelFilters

    @extend_schema(request=ModelIn, responses={201: ModelOut})
    def create(self, request: Request) -> Response:
        """Register a model."""
        data = self.parsed(ModelIn)
        return self.answer_once(
            request,
            lambda: services.model_register(by=request.user, now=timezone.now(), **data),
            self.render_one,
        )

    @extend_schema(request=ModelChange, responses=ModelOut)
    def partial_update(self, request: Request, pk: str | None = None) -> Response:
        """Change fields of the record."""
        data = self.parsed(ModelChange)
        model = services.model_update(model=self.get_object(), by=request.user, now=timezone.now(), **data)
        return Response(self.render_one(model))

    def render_one(self, model: RegisteredModel) -> Any:
        """Return the model as it is now."""
        return ModelOut(self.get_queryset().get(pk=model.pk)).data
