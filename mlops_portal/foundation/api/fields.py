"""How the API reads and writes: people by e-mail address, units by code, numbers that are finite, JSON with bounds."""

import math
import sys
from collections.abc import Mapping
from datetime import datetime
from typing import Any

from django.db.models import Model
from rest_framework import serializers

from mlops_portal.foundation.people.models import BusinessUnit, User
from mlops_portal.foundation.years import year_problem

TEXT_MAX = 100_000
DEPTH_MAX = 32
LARGEST = int(sys.float_info.max)  # what a number of JSON can be
WHOLE_MAX = 2**31 - 1


class _ByName(serializers.SlugRelatedField):
    """A related row by a name; what no database can hold is not looked up."""

    def to_internal_value(self, data: Any) -> Any:
        """Find the row."""
        if not isinstance(data, str) or len(data) > 254 or not data.isprintable():
            self.fail("does_not_exist", slug_name=self.slug_field, value=str(data)[:60])
        return super().to_internal_value(data)


class PersonField(_ByName):
    """A person by e-mail address."""

    def __init__(self, **kwargs: Any) -> None:
        if not kwargs.get("read_only"):
            kwargs.setdefault("queryset", User.objects.filter(is_active=True, kind=User.Kind.PERSON))
        super().__init__(slug_field="email", **kwargs)


class UnitField(_ByName):
    """A business unit by code."""

    def __init__(self, **kwargs: Any) -> None:
        if not kwargs.get("read_only"):
            kwargs.setdefault("queryset", BusinessUnit.objects.filter(closed_at__isnull=True))
        super().__init__(slug_field="code", **kwargs)


def optional_person() -> PersonField:
    """A person that may be left out or null."""
    return PersonField(required=False, allow_null=True)


class Text(serializers.CharField):
    """A text of bounded length; numbers and booleans are not taken for texts."""

    def __init__(self, **kwargs: Any) -> None:
        kwargs.setdefault("max_length", TEXT_MAX)
        super().__init__(**kwargs)

    def to_internal_value(self, data: Any) -> str:
        """Take texts only."""
        if not isinstance(data, str):
            self.fail("invalid")
        return super().to_internal_value(data)


def optional_text(most: int = TEXT_MAX) -> Text:
    """A text that may be left out or empty."""
    return Text(required=False, allow_blank=True, max_length=most)


class Moment(serializers.DateTimeField):
    """A moment inside the calendar that zones and sums of days do not leave."""

    def enforce_timezone(self, value: datetime) -> datetime:
        """Give a moment its zone, unless it is too far away for one."""
        if problem := year_problem(value):
            raise serializers.ValidationError(problem)
        return super().enforce_timezone(value)


class Number(serializers.FloatField):
    """A finite number."""

    default_error_messages = {"not_finite": "It is not a finite number."}

    def to_internal_value(self, data: Any) -> float:
        """Take finite numbers only."""
        if isinstance(data, bool):
            self.fail("invalid")
        value = super().to_internal_value(data)
        if not math.isfinite(value):
            self.fail("not_finite")
        return value


class Whole(serializers.IntegerField):
    """A whole number that every database holds, from 0 unless said otherwise."""

    def __init__(self, **kwargs: Any) -> None:
        kwargs.setdefault("min_value", 0)
        kwargs.setdefault("max_value", WHOLE_MAX)
        super().__init__(**kwargs)

    def to_internal_value(self, data: Any) -> int:
        """Take numbers only."""
        if isinstance(data, bool):
            self.fail("invalid")
        return super().to_internal_value(data)


def json_problem(value: Any, depth: int = DEPTH_MAX) -> str:
    """Say why a JSON value cannot be kept; empty when it can."""
    if isinstance(value, str):
        broken = "\x00" in value or any("\ud800" <= character <= "\udfff" for character in value)
        return "It contains a character that cannot be kept." if broken else ""
    if isinstance(value, float) and not math.isfinite(value):
        return "It contains a number that is not finite."
    if isinstance(value, int) and not -LARGEST <= value <= LARGEST:
        return "It contains a number that is too large."
    if not isinstance(value, Mapping | list | tuple):
        return ""
    if depth == 0:
        return f"It is nested more than {DEPTH_MAX} levels deep."
    parts = [*value.keys(), *value.values()] if isinstance(value, Mapping) else list(value)
    return next((problem for part in parts if (problem := json_problem(part, depth - 1))), "")


class JsonObject(serializers.DictField):
    """A JSON object of bounded depth."""

    def to_internal_value(self, data: Any) -> dict[str, Any]:
        """Check the depth and every text in it."""
        if problem := json_problem(data):
            raise serializers.ValidationError(problem)
        return super().to_internal_value(data)


class JsonRows(serializers.ListField):
    """A list of JSON objects of bounded depth."""

    def __init__(self, **kwargs: Any) -> None:
        kwargs.setdefault("child", serializers.DictField())
        kwargs.setdefault("max_length", 10_000)
        super().__init__(**kwargs)

    def to_internal_value(self, data: Any) -> list[Any]:
        """Check the depth and every text in it."""
        if problem := json_problem(data):
            raise serializers.ValidationError(problem)
        return super().to_internal_value(data)


class RecordSerializer(serializers.ModelSerializer):
    """A row as the API answers it: read-only, people by e-mail address, units by code, other rows by number."""

    def build_relational_field(self, field_name: str, relation_info: Any) -> tuple[type, dict[str, Any]]:
        """Name people and units in words."""
        related: type[Model] = relation_info.related_model
        if issubclass(related, User):
            return PersonField, {"read_only": True}
        if issubclass(related, BusinessUnit):
            return UnitField, {"read_only": True}
        return super().build_relational_field(field_name, relation_info)

    def include_extra_kwargs(self, kwargs: dict[str, Any], extra_kwargs: dict[str, Any]) -> dict[str, Any]:
        """Let nothing be written."""
        return super().include_extra_kwargs(kwargs, {**extra_kwargs, "read_only": True})
