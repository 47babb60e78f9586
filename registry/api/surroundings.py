"""What stands around a model: components, consumers, uses by other units, models it reads, tasks, custom fields."""

from typing import Any

from django.db.models import Q, QuerySet
from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from mlops_portal.foundation.api.fields import RecordSerializer, Text, UnitField, Whole, optional_text
from mlops_portal.foundation.api.viewsets import ScopedReadViewSet, StrictSerializer, visible
from mlops_portal.foundation.people.rights import rights_of
from registry.api.filters import TaskFilter, UseFilter
from registry.api.models import ComponentIn, ComponentOut
from registry.api.scoped import ModelScoped, WithNote, WithReason
from registry.models import (
    Component,
    Consumer,
    CustomField,
    ModelDependency,
    RecordTask,
    RegisteredModel,
    UnitUse,
)
from registry.queries.lineage import sees
from registry.services import custom_fields, lineage, record_tasks
from registry.services import surroundings as services


class ComponentChange(ComponentIn):
    """Fields of a component; what is left out stays as it is."""

    def __init__(self, *args: object, **kwargs: object) -> None:
        super().__init__(*args, **kwargs, partial=True)


class ComponentViewSet(ModelScoped):
    """Components of a model."""

    queryset = Component.objects.all()
    serializer_class = ComponentOut

    @extend_schema(request=ComponentIn, responses={201: ComponentOut})
    def create(self, request: Request, model: int) -> Response:
        """Add a component."""
        data, found = self.parsed(ComponentIn), self.model()
        return self.made(lambda: services.component_add(model=found, **self.acting(), **data))

    @extend_schema(request=ComponentChange, responses=ComponentOut)
    def partial_update(self, request: Request, model: int, pk: int) -> Response:
        """Change a component."""
        component, data = self.get_object(), self.parsed(ComponentChange)
        return self.told(services.component_update(component=component, **self.acting(), **data))

    @extend_schema(responses={204: None})
    def destroy(self, request: Request, model: int, pk: int) -> Response:
        """Remove a component; the last one stays."""
        services.component_remove(component=self.get_object(), **self.acting())
        return Response(status=204)


class ConsumerOut(RecordSerializer):
    """An application, process or team that uses the output."""

    class Meta:
        model = Consumer
        exclude = ("unit",)


class ConsumerIn(StrictSerializer):
    """A consumer to add."""

    name = Text(max_length=160)
    contact = optional_text(160)
    purpose = optional_text()


class ConsumerChange(ConsumerIn):
    """Fields of a consumer; what is left out stays as it is."""

    name = Text(max_length=160, required=False)


class ConsumerViewSet(ModelScoped):
    """Consumers of a model."""

    queryset = Consumer.objects.select_related("released_by")
    serializer_class = ConsumerOut

    @extend_schema(request=ConsumerIn, responses={201: ConsumerOut})
    def create(self, request: Request, model: int) -> Response:
        """Add a consumer."""
        data, found = self.parsed(ConsumerIn), self.model()
        return self.made(lambda: services.consumer_add(model=found, **self.acting(), **data))

    @extend_schema(request=ConsumerChange, responses=ConsumerOut)
    def partial_update(self, request: Request, model: int, pk: int) -> Response:
        """Change a consumer."""
        consumer, data = self.get_object(), self.parsed(ConsumerChange)
        return self.told(services.consumer_update(consumer=consumer, **self.acting(), **data))

    @extend_schema(request=WithNote, responses=ConsumerOut)
    def notify(self, request: Request, model: int, pk: int) -> Response:
        """Note that a consumer was told of the planned retirement."""
        consumer, data = self.get_object(), self.parsed(WithNote)
        return self.told(services.consumer_notify(consumer=consumer, **self.acting(), **data))

    @extend_schema(request=WithNote, responses=ConsumerOut)
    def release(self, request: Request, model: int, pk: int) -> Response:
        """Note that a consumer no longer needs the model."""
        consumer, data = self.get_object(), self.parsed(WithNote)
        return self.told(services.consumer_release(consumer=consumer, **self.acting(), **data))


class UseOut(RecordSerializer):
    """A unit's use of another unit's model."""

    model_name = serializers.CharField(source="model.name", read_only=True)

    class Meta:
        model = UnitUse
        fields = (
            "id", "model", "model_name", "unit", "using_unit", "purpose", "state", "requested_by", "requested_at",
            "decided_by", "decided_at", "note",
        )  # fmt: skip


class UseIn(StrictSerializer):
    """A use to ask for."""

    model = Whole(min_value=1)
    using_unit = UnitField()
    purpose = optional_text()


class UseDecision(StrictSerializer):
    """What the using unit decides."""

    accept = serializers.BooleanField()
    note = optional_text(2000)


class UseViewSet(ScopedReadViewSet):
    """Uses of models by other units; both units see them."""

    queryset = UnitUse.objects.select_related("model", "unit", "using_unit", "requested_by", "decided_by")
    serializer_class = UseOut
    filterset_class = UseFilter

    def get_queryset(self) -> QuerySet:
        """Add the uses that units of the caller ask for or decide."""
        own = super().get_queryset()
        if getattr(self, "swagger_fake_view", False):
            return own
        rights = rights_of(self.request.user)
        units = rights.units("registry.view") | rights.units("registry.accept_use")
        models = rights.models("registry.view")
        where = Q(unit_id__in=rights.units("registry.view")) | Q(model_id__in=models)
        return self.queryset.filter(where | Q(using_unit_id__in=units))

    @extend_schema(request=UseIn, responses={201: UseOut})
    def create(self, request: Request) -> Response:
        """Ask that a unit may use a model; that unit accepts or declines."""
        data = self.parsed(UseIn)
        models = RegisteredModel.objects.inventory()
        model = visible(models, request.user, "model", pk=data.pop("model"))
        return self.made(lambda: services.use_request(model=model, **self.acting(), **data))

    @extend_schema(request=UseDecision, responses=UseOut)
    def decide(self, request: Request, pk: int) -> Response:
        """Accept or decline a use for the using unit."""
        use, data = self.get_object(), self.parsed(UseDecision)
        return self.told(services.use_decide(use=use, **self.acting(), **data))

    @extend_schema(request=WithNote, responses=UseOut)
    def end(self, request: Request, pk: int) -> Response:
        """End a use; either unit may."""
        use, data = self.get_object(), self.parsed(WithNote)
        return self.told(services.use_end(use=use, **self.acting(), **data))


class DependencyOut(RecordSerializer):
    """A model that reads another one's output. What lies in a unit that the caller does not see stays unnamed."""

    upstream = serializers.IntegerField(source="upstream_id", read_only=True, allow_null=True)
    upstream_name = serializers.CharField(source="upstream.name", read_only=True, allow_null=True)

    class Meta:
        model = ModelDependency
        fields = ("id", "model", "upstream", "upstream_name", "note")

    def to_representation(self, instance: ModelDependency) -> dict[str, Any]:
        """Leave out what names the other model to who may not see it."""
        shown: dict[str, Any] = super().to_representation(instance)
        if not sees(self.context["request"].user, instance.upstream):
            shown |= {"upstream": None, "upstream_name": None, "note": ""}
        return shown


class DependencyIn(StrictSerializer):
    """A model whose output is read."""

    upstream = Whole(min_value=1)
    note = optional_text()


class DependencyViewSet(ModelScoped):
    """Models that a model reads."""

    queryset = ModelDependency.objects.select_related("upstream")
    serializer_class = DependencyOut

    @extend_schema(request=DependencyIn, responses={201: DependencyOut})
    def create(self, request: Request, model: int) -> Response:
        """Say that the model reads the output of another one."""
        data, found = self.parsed(DependencyIn), self.model()
        models = RegisteredModel.objects.inventory()
        upstream = visible(models, request.user, "upstream", pk=data.pop("upstream"))
        return self.made(
            lambda: lineage.dependency_add(model=found, upstream=upstream, **self.acting(), **data)
        )

    @extend_schema(responses={204: None})
    def destroy(self, request: Request, model: int, pk: int) -> Response:
        """Say that the model no longer reads the other one."""
        lineage.dependency_remove(dependency=self.get_object(), **self.acting())
        return Response(status=204)


class TaskOut(RecordSerializer):
    """A duty that the portal opened on a record."""

    model_name = serializers.CharField(source="model.name", read_only=True)

    class Meta:
        model = RecordTask
        fields = ("id", "model", "model_name", "kind", "text", "owner", "opened_at", "due_on", "closed_at")


class TaskViewSet(ScopedReadViewSet):
    """Duties on records."""

    queryset = RecordTask.objects.select_related("model", "owner")
    serializer_class = TaskOut
    filterset_class = TaskFilter

    @extend_schema(request=WithReason, responses=TaskOut)
    def close(self, request: Request, pk: int) -> Response:
        """Close a duty; the portal opens it again at the next evaluation when it still applies."""
        task, data = self.get_object(), self.parsed(WithReason)
        return self.told(record_tasks.task_close(task=task, **self.acting(), **data))


class FieldOut(RecordSerializer):
    """A field that an administrator added to the models of a unit's subtree."""

    class Meta:
        model = CustomField
        fields = ("id", "unit", "key", "label", "type", "choices", "required", "created_at")


class FieldIn(StrictSerializer):
    """A field to add, or to change when the unit has its key."""

    unit = UnitField()
    label = Text(max_length=160)
    key = serializers.RegexField(r"^[-a-zA-Z0-9_]{1,80}$", required=False)
    type = serializers.ChoiceField(choices=CustomField.Type.choices, required=False)
    choices = serializers.ListField(child=Text(max_length=200), required=False, max_length=1000)
    required = serializers.BooleanField(required=False)


class FieldViewSet(ScopedReadViewSet):
    """Custom fields."""

    queryset = CustomField.objects.select_related("unit")
    serializer_class = FieldOut

    @extend_schema(request=FieldIn, responses={201: FieldOut})
    def create(self, request: Request) -> Response:
        """Add a field, or change the one with its key."""
        data = self.parsed(FieldIn)
        return self.made(lambda: custom_fields.custom_field_save(**self.acting(), **data))

    @extend_schema(responses={204: None})
    def destroy(self, request: Request, pk: int) -> Response:
        """Remove a field; values that models have stay in their records."""
        custom_fields.custom_field_delete(field=self.get_object(), **self.acting())
        return Response(status=204)
