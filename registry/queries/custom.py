"""Fields that administrators added: which apply to a unit, and how values of them read."""

from collections.abc import Mapping
from typing import Any

from mlops_portal.foundation.people.models import UnitClosure
from mlops_portal.foundation.web.words import day_text
from registry.models import CustomField


def declared_for(unit_id: int) -> dict[str, CustomField]:
    """Return the fields of a unit and of those above it by key; the nearest declaration of a key counts."""
    above = UnitClosure.objects.filter(descendant_id=unit_id).values("ancestor_id")
    rows = CustomField.objects.filter(unit_id__in=above).select_related("unit")
    return {field.key: field for field in sorted(rows, key=lambda field: (field.unit.depth, field.pk))}


def shown(values: Mapping[str, Any], declared: Mapping[str, CustomField]) -> list[tuple[str, Any]]:
    """Return label and value of each field, declared ones first and under their label."""
    keys = [key for key in declared if key in values] + [key for key in values if key not in declared]
    return [(declared[key].label if key in declared else key, _words(values[key])) for key in keys]


def _words(value: Any) -> Any:
    if isinstance(value, bool):
        return "yes" if value else "no"
    return day_text(value) if hasattr(value, "isoformat") else value
