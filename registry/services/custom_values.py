"""Values of custom fields fit the type that was declared; what nobody declared is kept as it comes."""

import math
from collections.abc import Callable, Mapping
from datetime import date
from typing import Any

from mlops_portal.foundation.errors import FieldError, Invalid
from mlops_portal.foundation.web.words import number
from registry.models import CustomField

TEXT_MAX = 10_000
WHOLE_MAX = 2**53 - 1  # beyond it a number loses digits on its way through JSON
YES, NO = frozenset({"yes", "true", "1", "y"}), frozenset({"no", "false", "0", "n"})


class _UnfitError(ValueError):
    """The value does not fit; the message says what would."""


def _text(field: CustomField, value: Any) -> str:
    if not isinstance(value, str):
        raise _UnfitError("A text is expected.")
    if len(value) > TEXT_MAX:
        raise _UnfitError(f"It has {number(len(value))} characters; at most {number(TEXT_MAX)} are kept.")
    return value


def _number(field: CustomField, value: Any) -> int | float:
    if isinstance(value, bool):
        raise _UnfitError("A number is expected.")
    try:
        found = value if isinstance(value, int) else float(str(value).strip())
    except ValueError:
        raise _UnfitError(f"“{str(value)[:40]}” is not a number.") from None
    if isinstance(found, int):
        if abs(found) > WHOLE_MAX:
            raise _UnfitError(f"A whole number lies between {number(-WHOLE_MAX)} and {number(WHOLE_MAX)}.")
        return found
    if not math.isfinite(found):
        raise _UnfitError("It is not a finite number.")
    return int(found) if found.is_integer() and abs(found) <= WHOLE_MAX else found


def _date(field: CustomField, value: Any) -> str:
    try:
        return date.fromisoformat(str(value).strip()).isoformat()
    except ValueError:
        raise _UnfitError(f"“{str(value)[:40]}” is not a date. Write it as 2026-11-17.") from None


def _yes_or_no(field: CustomField, value: Any) -> bool:
    word = str(value).strip().lower()
    if word not in YES | NO:
        raise _UnfitError(f"“{str(value)[:40]}” is neither yes nor no.")
    return word in YES


def _choice(field: CustomField, value: Any) -> str:
    if value not in field.choices:
        offered = ", ".join(str(one) for one in field.choices[:10])
        raise _UnfitError(f"“{str(value)[:40]}” is not offered. Choose one of {offered}.")
    return value


FITTING: Mapping[str, Callable[[CustomField, Any], Any]] = {
    CustomField.Type.TEXT: _text,
    CustomField.Type.NUMBER: _number,
    CustomField.Type.DATE: _date,
    CustomField.Type.BOOLEAN: _yes_or_no,
    CustomField.Type.CHOICE: _choice,
}


def fits(field: CustomField, value: Any) -> bool:
    """Tell whether a value is one of the declared field."""
    try:
        FITTING[field.type](field, value)
    except _UnfitError:
        return False
    return True


def fitted(
    values: Mapping[str, Any], declared: Mapping[str, CustomField], *, complete: bool = True
) -> tuple[dict[str, Any], list[FieldError]]:
    """Return the values as they are stored and what does not fit, each error naming its field.

    An empty value of a declared field is no value; with ``complete`` a required field must have one.
    """
    stored: dict[str, Any] = {}
    errors = []
    for key, value in values.items():
        field = declared.get(key)
        if field is None:
            stored[key] = value
        elif value is not None and value != "":
            try:
                stored[key] = FITTING[field.type](field, value)
            except _UnfitError as problem:
                errors.append(FieldError(f"custom.{key}", f"{field.label}: {problem}"))
    if complete:
        wrong = {error.where for error in errors}
        errors += [
            FieldError(f"custom.{key}", f"{field.label}: This is required.")
            for key, field in declared.items()
            if field.required and key not in stored and f"custom.{key}" not in wrong
        ]
    return stored, errors


def checked(values: Any, declared: Mapping[str, CustomField]) -> Any:
    """Return the values as they are stored.

    Raises:
        Invalid: every value that does not fit, and required fields without value.
    """
    if not isinstance(values, Mapping):
        return values  # refused as not an object where fields are assigned
    stored, errors = fitted(values, declared)
    if errors:
        raise Invalid(errors)
    return stored
