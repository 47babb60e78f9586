"""How the API names people and units: by e-mail address and by code."""

from typing import Any

from rest_framework import serializers

from mlops_portal.foundation.people.models import BusinessUnit, User


class PersonField(serializers.SlugRelatedField):
    """A person by e-mail address."""

    def __init__(self, **kwargs: Any) -> None:
        if not kwargs.get("read_only"):
            kwargs.setdefault("queryset", User.objects.filter(is_active=True, kind=User.Kind.PERSON))
        super().__init__(slug_field="email", **kwargs)


class UnitField(serializers.SlugRelatedField):
    """A business unit by code."""

    def __init__(self, **kwargs: Any) -> None:
        if not kwargs.get("read_only"):
            kwargs.setdefault("queryset", BusinessUnit.objects.filter(closed_at__isnull=True))
        super().__init__(slug_field="code", **kwargs)


def optional_person() -> PersonField:
    """A person that may be left out or null."""
    return PersonField(required=False, allow_null=True)
