"""Fields that administrators added: which apply to a unit, who holds a value, and how values of them read."""

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from typing import Any

from django.db.models import Count, Q

from mlops_portal.foundation.people.models import BusinessUnit, UnitClosure
from mlops_portal.foundation.web.words import day_text
from registry.models import CustomField, RegisteredModel

KEYS_AT_ONCE = 100  # each is a column of one statement


def declared_for(unit_id: int) -> dict[str, CustomField]:
    """Return the fields of a unit and of those above it by key; the nearest declaration of a key counts."""
    above = UnitClosure.objects.filter(descendant_id=unit_id).values("ancestor_id")
    rows = CustomField.objects.filter(unit_id__in=above).select_related("unit")
    return {field.key: field for field in _nearest_last(rows)}


def offered_for(unit_id: int, values: Mapping[str, Any]) -> dict[str, CustomField]:
    """Return the fields that a form of a model with ``values`` asks for.

    A column that came with a file says something of the models in it; other models of the unit are not asked for it
    until somebody who manages fields takes it over.
    """
    return {
        key: field for key, field in declared_for(unit_id).items() if not field.is_imported or key in values
    }


def declared_above(unit: BusinessUnit, key: str) -> CustomField | None:
    """Return the declaration of a key that holds in a unit while the unit itself declares none."""
    return declared_for(unit.parent_id).get(key) if unit.parent_id else None


def required_in(unit_ids: Collection[int]) -> dict[int, dict[str, str]]:
    """Return for each unit the fields it requires, key and label; two statements, one where nothing is required."""
    asked = CustomField.objects.filter(required=True).values("key")
    rows = list(CustomField.objects.filter(key__in=asked).select_related("unit"))
    declared = _declared_in(rows, unit_ids) if rows else {}
    return {
        unit: {key: field.label for key, field in fields.items() if field.required}
        for unit, fields in declared.items()
    }


def _nearest_last(fields: Iterable[CustomField]) -> list[CustomField]:
    return sorted(fields, key=lambda field: (field.unit.depth, field.pk))


def _declared_in(
    fields: Iterable[CustomField], unit_ids: Collection[int] | None = None
) -> dict[int, dict[str, CustomField]]:
    """Return for each unit under the fields' units (or each of those named) which of the fields hold there."""
    mine = _nearest_last(fields)
    pairs = UnitClosure.objects.filter(ancestor_id__in={field.unit_id for field in mine})
    if unit_ids is not None:
        pairs = pairs.filter(descendant_id__in=unit_ids)
    below: dict[int, list[int]] = {}
    for ancestor, descendant in pairs.order_by("pk").values_list("ancestor_id", "descendant_id"):
        below.setdefault(ancestor, []).append(descendant)
    found: dict[int, dict[str, CustomField]] = {}
    for field in mine:
        for unit in below.get(field.unit_id, ()):
            found.setdefault(unit, {})[field.key] = field
    return found


def with_held(fields: Sequence[CustomField]) -> Sequence[CustomField]:
    """Note on each field how many living models it speaks of (`reach`) and how many of them hold a value (`held`).

    Three statements for a hundred fields. A model under a nearer declaration of the key counts for that one.
    """
    for field in fields:
        field.held = field.reach = 0
    for start in range(0, len(fields), KEYS_AT_ONCE):
        _note_held({field.pk: field for field in fields[start : start + KEYS_AT_ONCE]})
    return fields


def _note_held(fields: Mapping[int, CustomField]) -> None:
    keys = sorted({field.key for field in fields.values()})
    declared = _declared_in(CustomField.objects.filter(key__in=keys).select_related("unit"))
    columns = {f"key_{place}": Count("pk", filter=Q(custom__has_key=key)) for place, key in enumerate(keys)}
    rows = RegisteredModel.objects.alive().order_by().values_list("unit_id")
    for unit, count, *holding in rows.annotate(count=Count("pk"), **columns):
        for key, held in zip(keys, holding, strict=True):
            field = fields.get(getattr(declared.get(unit, {}).get(key), "pk", 0))
            if field is not None:
                field.reach += count
                field.held += held


def values_of(unit: BusinessUnit, key: str) -> Iterator[tuple[RegisteredModel, Any]]:
    """Yield the living models that hold a value which a declaration of this key in the unit speaks of."""
    below = UnitClosure.objects.filter(ancestor_id=unit.pk).values("descendant_id")
    nearer = CustomField.objects.filter(key=key, unit_id__in=below).exclude(unit_id=unit.pk)
    elsewhere = UnitClosure.objects.filter(ancestor_id__in=nearer.values("unit_id")).values("descendant_id")
    rows = RegisteredModel.objects.alive().filter(unit_id__in=below, custom__has_key=key)
    for model in rows.exclude(unit_id__in=elsewhere).only("name", "title", "custom").order_by("name", "pk"):
        if (value := model.custom[key]) not in (None, ""):
            yield model, value


def shown(values: Mapping[str, Any], declared: Mapping[str, CustomField]) -> list[tuple[str, Any]]:
    """Return label and value of each field, declared ones first and under their label."""
    keys = [key for key in declared if key in values] + [key for key in values if key not in declared]
    return [(declared[key].label if key in declared else key, _words(values[key])) for key in keys]


def _words(value: Any) -> Any:
    if isinstance(value, bool):
        return "yes" if value else "no"
    return day_text(value) if hasattr(value, "isoformat") else value
