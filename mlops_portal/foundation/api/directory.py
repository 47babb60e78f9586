"""The caller, the units and the people, as far as the API needs to name them."""

from typing import Any

import django_filters
from django.db.models import QuerySet
from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from mlops_portal.foundation.api.fields import PersonField, RecordSerializer, UnitField
from mlops_portal.foundation.api.viewsets import ScopedReadViewSet
from mlops_portal.foundation.people.models import BusinessUnit, User
from mlops_portal.foundation.people.rights import declared, rights_of


class UnitOut(RecordSerializer):
    """A business unit."""

    parent = UnitField(read_only=True)
    head = PersonField(read_only=True)

    class Meta:
        model = BusinessUnit
        fields = ("code", "name", "parent", "depth", "head", "closed_at")


class UnitFilter(django_filters.FilterSet):
    """Filters of units."""

    parent = django_filters.CharFilter(field_name="parent__code")

    class Meta:
        model = BusinessUnit
        fields: list[str] = []


class UnitViewSet(ScopedReadViewSet):
    """Units on which the caller may see the registry."""

    queryset = BusinessUnit.objects.select_related("parent", "head")
    serializer_class = UnitOut
    filterset_class = UnitFilter
    view_right = "registry.view"
    lookup_field = "code"

    def get_queryset(self) -> QuerySet:
        """Narrow to units of the caller."""
        if getattr(self, "swagger_fake_view", False):
            return self.queryset.none()
        rights = rights_of(self.request.user)
        if rights.everywhere("registry.view"):
            return self.queryset.all()
        return self.queryset.filter(pk__in=rights.units("registry.view"))


class PersonOut(RecordSerializer):
    """A person, as far as a record names people."""

    class Meta:
        model = User
        fields = ("email", "name", "is_active")


class PersonFilter(django_filters.FilterSet):
    """Filters of people."""

    email = django_filters.CharFilter(lookup_expr="iexact")
    name = django_filters.CharFilter(lookup_expr="icontains")

    class Meta:
        model = User
        fields: list[str] = []


class PersonViewSet(ScopedReadViewSet):
    """People by e-mail address or part of the name."""

    queryset = User.objects.filter(kind=User.Kind.PERSON)
    serializer_class = PersonOut
    filterset_class = PersonFilter
    view_right = "people.view"

    def get_queryset(self) -> QuerySet:
        """Everybody who may see people sees all of them: records of any unit may name anybody."""
        return self.queryset.all()


class Caller(serializers.Serializer):
    """Who calls, and what they may do where."""

    name = serializers.CharField()
    kind = serializers.CharField(help_text="person or service")
    acts_for = serializers.EmailField(help_text="The person who counts for separation of duties.")
    rights = serializers.DictField(
        child=serializers.ListField(child=serializers.CharField()),
        help_text="Right → codes of the units on which it is held.",
    )


class Me(APIView):
    """The caller."""

    @extend_schema(responses=Caller, operation_id="me_retrieve")
    def get(self, request: Request) -> Response:
        """Say who calls, for whom they count, and what they may do where."""
        user = request.user
        rights = rights_of(user)
        codes = dict(BusinessUnit.objects.values_list("pk", "code"))
        held: dict[str, Any] = {
            right.name: sorted(codes[unit] for unit in rights.units(right.name) if unit in codes)
            for right in declared()
        }
        person = user if user.is_person else user.service_account.owner
        return Response(
            {
                "name": user.name,
                "kind": user.kind,
                "acts_for": person.email,
                "rights": {name: units for name, units in held.items() if units},
            }
        )
