"""How a history row is written into a payload, and read again to be compared with the table years later.

A payload names every field it holds. A column added later does not matter. One that was removed or whose type
changed needs an entry in `CONVERTERS`, which turns the old value into what the table holds today.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from decimal import Decimal
from functools import cache
from typing import Any

from django.db import models

from mlops_portal.foundation.canonical import plain
from mlops_portal.foundation.history import history_model

SECRET_FIELDS = frozenset(
    {"password", "secret", "secret_sha256", "token_hash", "totp_secret", "recovery_codes"}
)
GONE = object()  # what a converter returns for a column that no longer exists
CONVERTERS: dict[tuple[str, str], Callable[[Any], Any]] = {}
PAST_TENSE = {"+": "created", "~": "changed", "-": "deleted"}
ABOUT = ("history_id", "history_date", "history_type", "history_user_id", "history_change_reason")
NAMES = ("name", "title", "label", "key", "code")


def _plain_file(value: Any) -> Any:
    return getattr(value, "name", value) or ""


def _plain_decimal(places: int) -> Callable[[Any], Any]:
    quantum = Decimal(1).scaleb(-places)
    return lambda value: None if value is None else str(Decimal(str(value)).quantize(quantum))


def _converter(field: models.Field) -> Callable[[Any], Any]:
    if isinstance(field, models.DecimalField):
        return _plain_decimal(field.decimal_places)
    if isinstance(field, models.FileField):
        return _plain_file
    simple = models.IntegerField | models.CharField | models.TextField | models.BooleanField
    if isinstance(field, models.JSONField) or not isinstance(field, simple):
        return lambda value: plain(field.to_python(value)) if not field.is_relation else plain(value)
    return plain


@dataclass(frozen=True, slots=True)
class RowFormat:
    """The fields of one history table: column attribute and how its value is written."""

    label: str
    fields: tuple[tuple[str, Callable[[Any], Any]], ...]

    def snapshot(self, row: Any) -> dict[str, Any]:
        """Return every field of ``row`` by name in JSON types, secrets left out."""
        return {name: convert(getattr(row, name)) for name, convert in self.fields}

    def columns(self) -> list[str]:
        """Name what must be read to compare a row."""
        return [name for name, _ in self.fields]

    def differences(self, recorded: Mapping[str, Any], row: Mapping[str, Any]) -> list[str]:
        """Name the fields in which the values of ``row`` are not what was recorded."""
        converters = dict(self.fields)
        return [name for name, value in recorded.items() if not self._is_still(name, value, row, converters)]

    def _is_still(
        self, name: str, value: Any, row: Mapping[str, Any], converters: Mapping[str, Callable[[Any], Any]]
    ) -> bool:
        upgrade = CONVERTERS.get((self.label, name))
        if upgrade is not None:
            value = upgrade(value)
            if value is GONE:
                return True
        if name not in converters:
            return False
        now = row[name]
        if type(now) is type(value) and now == value:
            return True
        return same(value, converters[name](now))


def same(recorded: Any, now: Any) -> bool:
    """Compare values in JSON types; a number counts as itself however it is written (jsonb rewrites 1e22)."""
    if recorded == now:
        return type(recorded) is type(now) or not (isinstance(recorded, bool) or isinstance(now, bool))
    if isinstance(recorded, dict) and isinstance(now, dict):
        return recorded.keys() == now.keys() and all(same(value, now[key]) for key, value in recorded.items())
    if isinstance(recorded, list) and isinstance(now, list):
        return len(recorded) == len(now) and all(map(same, recorded, now))
    if isinstance(recorded, float) and isinstance(now, str):
        return now.lstrip("-").isdigit() and float(now) == recorded
    return False


@cache
def row_format(model: type[models.Model]) -> RowFormat:
    """Return how history rows of ``model`` are written."""
    tracked = history_model(model).tracked_fields
    return RowFormat(
        model._meta.label,
        tuple((field.attname, _converter(field)) for field in tracked if field.name not in SECRET_FIELDS),
    )


def row_payload(model: type[models.Model], row: Any) -> dict[str, Any]:
    """Return the payload of one history row: what it is called, who wrote it why, and the whole row as it was."""
    snapshot = row_format(model).snapshot(row)
    called = next((snapshot[name] for name in NAMES if isinstance(snapshot.get(name), str)), "")
    return {"subject": called, "history": about(row), "row": snapshot}


def about(row: Any) -> dict[str, Any]:
    """Return who wrote a history row, when and why."""
    return {name: plain(getattr(row, name)) for name in ABOUT}


def about_differences(recorded: Mapping[str, Any], row: Mapping[str, Any]) -> list[str]:
    """Name what is no longer as recorded about who wrote a history row, when and why."""
    return [name for name in ABOUT if not same(recorded.get(name), plain(row[name]))]


def scope(model: type[models.Model], row: Any) -> tuple[int | None, int | None]:
    """Return the unit and the registered model that a row belongs to, from its own columns."""
    unit_id, model_id = getattr(row, "unit_id", None), getattr(row, "model_id", None)
    key = getattr(row, model._meta.pk.attname)
    if model._meta.label == "foundation.BusinessUnit":
        unit_id = key
    elif model._meta.label == "registry.RegisteredModel":
        model_id = key
    return (
        unit_id if isinstance(unit_id, int) else None,
        model_id if isinstance(model_id, int) else None,
    )


def row_verb(model: type[models.Model], row: Any) -> str:
    """Name what happened to a row, e.g. ``registry.modelversion_changed``."""
    return f"{model._meta.app_label}.{model._meta.model_name}_{PAST_TENSE[row.history_type]}"
