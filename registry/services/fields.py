"""Check and set the plain fields of a record: every error says what and where, nothing is saved here."""

import math
from collections.abc import Collection, Mapping
from datetime import date, datetime
from typing import Any

from django.core.exceptions import ValidationError
from django.db import models

from mlops_portal.foundation.canonical import canonical_bytes
from mlops_portal.foundation.errors import FieldError, Invalid
from mlops_portal.foundation.web.words import number
from mlops_portal.foundation.years import year_problem

TEXT_MAX = 100_000
JSON_MAX = 1_000_000


def text_problem(value: str) -> str:
    """Say why a text cannot be stored; empty when it can."""
    if "\x00" in value:
        return "It contains a NUL character."
    if not value.isprintable() and any("\ud800" <= character <= "\udfff" for character in value):
        return "It contains half of a character."
    return ""


def _json_problem(field: models.JSONField, value: Any) -> str:
    wanted = field.default if isinstance(field.default, type) else None
    if wanted in (dict, list) and not isinstance(value, wanted):
        return "A list is expected." if wanted is list else "An object is expected."
    try:
        size = len(canonical_bytes(value))
    except (TypeError, ValueError, RecursionError):
        return "This is not JSON."
    if size > JSON_MAX:
        return f"It is larger than {number(JSON_MAX)} bytes."
    return _nested_text_problem(value)


def _nested_text_problem(value: Any) -> str:
    if isinstance(value, str):
        return text_problem(value)
    if isinstance(value, Mapping):
        parts: list[Any] = [*value.keys(), *value.values()]
    elif isinstance(value, list | tuple):
        parts = list(value)
    elif isinstance(value, float) and not math.isfinite(value):
        return "It contains a number that is not finite."
    else:
        return ""
    return next((problem for part in parts if (problem := _nested_text_problem(part))), "")


def _relation_problem(field: models.ForeignKey, value: Any) -> str:
    if value is None:
        return "" if field.null else "This is required."
    if not isinstance(value, field.related_model):
        return f"A {field.related_model._meta.verbose_name} is expected."
    return ""


def _plain_problem(field: Any, value: Any) -> str:
    if isinstance(value, str):
        problem = text_problem(value)
        if problem:
            return problem
        if isinstance(field, models.TextField) and len(value) > TEXT_MAX:
            return f"It has {number(len(value))} characters; at most {number(TEXT_MAX)} are kept."
    if isinstance(value, date) and (problem := year_problem(value)):
        return problem
    if isinstance(value, datetime) and value.tzinfo is None:
        return "The time has no zone."
    if isinstance(value, float) and not math.isfinite(value):
        return "It is not a finite number."
    if isinstance(field, models.CharField | models.TextField) and not isinstance(value, str | None):
        return "A text is expected."
    return ""


def checked(instance: models.Model, name: str, value: Any, errors: list[FieldError]) -> Any:
    """Return the value as the field stores it; what is wrong is added to ``errors``."""
    field = instance._meta.get_field(name)
    if isinstance(field, models.ForeignKey):
        problem = _relation_problem(field, value)
    elif isinstance(field, models.JSONField):
        problem = _json_problem(field, value)
    else:
        problem = _plain_problem(field, value)
    if problem:
        errors.append(FieldError(name, problem))
        return value
    if isinstance(field, models.ForeignKey | models.JSONField):
        return value
    try:
        return field.clean(value, instance)
    except ValidationError as error:
        errors.append(FieldError(name, " ".join(error.messages)))
        return value


def assign(instance: models.Model, values: Mapping[str, Any], *, allowed: Collection[str]) -> list[str]:
    """Set ``values`` on ``instance`` and return the names of the fields that changed.

    Raises:
        Invalid: a field that does not exist or may not be set here, or a value that does not fit; all of them.
    """
    errors: list[FieldError] = []
    changed = []
    for name, value in values.items():
        if name not in allowed:
            errors.append(FieldError(name, "This field does not exist or is not set here."))
            continue
        found = len(errors)
        stored = checked(instance, name, value, errors)
        if len(errors) > found:
            continue
        attribute = instance._meta.get_field(name).attname
        before = getattr(instance, attribute)
        setattr(instance, name, stored)
        if getattr(instance, attribute) != before:
            changed.append(name)
    if errors:
        raise Invalid(errors)
    return changed
