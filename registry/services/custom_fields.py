"""Fields that an administrator adds to the models of a unit's subtree. No declaration makes a value that exists unfit."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from django.utils.text import slugify

from mlops_portal.foundation.errors import invalid
from mlops_portal.foundation.history import delete_as, save_as
from mlops_portal.foundation.locks import lock
from mlops_portal.foundation.operations import operation, taken_is_told
from mlops_portal.foundation.people.models import BusinessUnit, User
from mlops_portal.foundation.people.rights import require
from mlops_portal.foundation.rules import Blocker, refuse_if
from mlops_portal.foundation.web.words import number, plural
from registry import policies
from registry.events import tell
from registry.models import CustomField, RegisteredModel
from registry.queries.custom import declared_above, values_of
from registry.services import fields as plain_fields
from registry.services.custom_values import fits

DECLARED = frozenset({"label", "type", "choices", "required"})
CHOICES_MAX, CHOICE_MAX = 1000, 200
NAMED = 3  # models that a refusal names
Unfit = Sequence[tuple[RegisteredModel, Any]]


@operation
def custom_field_add(
    *, unit: BusinessUnit, label: str, by: User | None, now: datetime, key: str = "", **fields: Any
) -> CustomField:
    """Add a field to every model of a unit's subtree (fields: type, choices, required).

    Without ``key`` it is made from the label. Values that models hold under this key are the field's from now on.

    Raises:
        Invalid: a key that is none or is taken in the unit, a choice without choices, values that would not fit.
    """
    require(by, "registry.manage_fields", unit_id=unit.pk)
    key = key or slugify(label)[:80]
    if problem := policies.field_key_problem(key):
        raise invalid("key", problem)
    taken = f"{unit} has a field with the key {key}."
    if CustomField.objects.filter(unit=unit, key=key).exists():
        raise invalid("key", taken)
    custom = CustomField(unit=unit, key=key, created_at=now)
    _assign(custom, {"label": label, **fields})
    _refuse_unfit(custom, before=declared_above(unit, key))
    with taken_is_told("key", taken):
        save_as(custom, by=by, now=now, reason="Custom field added")
    tell("field_changed", custom, by=by, now=now, key=key, act="added")
    return custom


@operation
def custom_field_update(
    *, field: CustomField, by: User | None, now: datetime, reason: str = "", **fields: Any
) -> CustomField:
    """Change label, type, choices or whether a value is required; key and unit stay, because values hang on them.

    One that came with a file is taken over by it: from then on forms of every model of the unit ask for it.

    Raises:
        Invalid: a choice without choices, values that fit now and would not any more.
    """
    field = lock(CustomField.objects.select_related("unit"), field.pk)
    require(by, "registry.manage_fields", unit_id=field.unit_id)
    before = CustomField(type=field.type, choices=field.choices)
    changed = _assign(field, fields)
    if {"type", "choices"} & set(changed):
        _refuse_unfit(field, before=before)
    if field.is_imported:
        field.is_imported = False
        changed = [*changed, "is_imported"]
    if changed:
        save_as(field, by=by, now=now, reason=reason or "Custom field changed", fields=changed)
        tell("field_changed", field, by=by, now=now, key=field.key, act="changed", fields=sorted(changed))
    return field


@operation
def custom_field_save(
    *, unit: BusinessUnit, label: str, by: User | None, now: datetime, key: str = "", **fields: Any
) -> CustomField:
    """Add a field, or change the one that the unit has under this key."""
    require(by, "registry.manage_fields", unit_id=unit.pk)
    known = CustomField.objects.filter(unit=unit, key=key or slugify(label)[:80]).first()
    if known is None:
        return custom_field_add(unit=unit, label=label, key=key, by=by, now=now, **fields)
    return custom_field_update(field=known, label=label, by=by, now=now, **fields)


@operation
def custom_field_delete(*, field: CustomField, by: User | None, now: datetime, reason: str = "") -> None:
    """Remove a field; values that models have stay in their records, undeclared or as a unit above declares the key.

    Raises:
        RuleViolation: the declaration of the unit above does not fit them.
    """
    field = lock(CustomField.objects.select_related("unit"), field.pk)
    require(by, "registry.manage_fields", unit_id=field.unit_id)
    above = declared_above(field.unit, field.key)
    unfit = _unfit(field.unit, field.key, before=field, after=above) if above else ()
    if above and unfit:
        where = f"{above.unit} declares {field.key} as {above.get_type_display().lower()}"
        refuse_if([Blocker("unfit", f"{where}. {_told(unfit)}", "the owners of these models")])
    tell("field_changed", field, by=by, now=now, key=field.key, act="removed", reason=reason)
    delete_as(field, by=by, now=now, reason=reason or "Custom field removed")


def _assign(custom: CustomField, values: dict[str, Any]) -> list[str]:
    """Set what is declared; only a choice keeps choices."""
    changed = plain_fields.assign(custom, values, allowed=DECLARED)
    offered = custom.choices if custom.type == CustomField.Type.CHOICE else []
    if custom.type == CustomField.Type.CHOICE:
        if problem := _choices_problem(offered):
            raise invalid("choices", problem)
        offered = list(dict.fromkeys(one.strip() for one in offered))
    if offered != custom.choices:
        custom.choices = offered
        changed = [*changed, "choices"]
    return sorted(set(changed))


def _choices_problem(choices: Sequence[Any]) -> str:
    if not choices:
        return "At least one choice is required."
    if len(choices) > CHOICES_MAX:
        return f"These are {number(len(choices))} choices; at most {number(CHOICES_MAX)} are possible."
    if any(not isinstance(one, str) or not one.strip() for one in choices):
        return "Each choice is a text."
    if any(len(one) > CHOICE_MAX for one in choices):
        return f"A choice has at most {CHOICE_MAX} characters."
    return ""


def _unfit(unit: BusinessUnit, key: str, *, before: CustomField | None, after: CustomField) -> Unfit:
    """Return the models whose value fits now, or is judged by nothing, and would not fit then."""
    return [
        (model, value)
        for model, value in values_of(unit, key)
        if not fits(after, value) and (before is None or fits(before, value))
    ]


def _refuse_unfit(field: CustomField, *, before: CustomField | None) -> None:
    if unfit := _unfit(field.unit, field.key, before=before, after=field):
        raise invalid("choices" if field.type == CustomField.Type.CHOICE else "type", _told(unfit))


def _told(unfit: Unfit) -> str:
    """Count the models and name the first: whoever reads this has to change them."""
    named = ", ".join(f"{model} (“{str(value)[:40]}”)" for model, value in unfit[:NAMED])
    more = f" and {len(unfit) - NAMED} more" if len(unfit) > NAMED else ""
    one = len(unfit) == 1
    return (
        f"{plural(len(unfit), 'model')} {'holds' if one else 'hold'} a value that would not fit: {named}{more}. "
        f"Change {'this value' if one else 'these values'} first."
    )
