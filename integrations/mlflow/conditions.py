"""Conditions of the search grammar on the registry's columns."""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from django.db.models import Exists, OuterRef, Q, QuerySet

from integrations.mlflow.grammar import Condition
from integrations.mlflow.stages import PROMPT_TAG
from registry.models import ModelTag, VersionTag
from registry.states import ModelKind

MODEL_COLUMNS = {"name": "name", "last_updated_timestamp": "counter__last_activity_at"}
VERSION_COLUMNS = {
    "name": "model__name",
    "run_id": "run_id",
    "source_path": "source",
    "version_number": "number",
    "creation_timestamp": "registered_at",
    "last_updated_timestamp": "updated_at",
}
_LOOKUPS = {
    "=": "exact",
    "LIKE": "mlflow_like",
    "ILIKE": "mlflow_ilike",
    "IN": "in",
    ">": "gt",
    ">=": "gte",
    "<": "lt",
    "<=": "lte",
}
_NEGATED = {"!=": "exact", "NOT IN": "in"}


def models_where(rows: QuerySet, conditions: Sequence[Condition]) -> QuerySet:
    """Filter models."""
    rows = _prompts(rows, conditions, "kind")
    return _where(rows, conditions, MODEL_COLUMNS, ModelTag.objects.filter(model=OuterRef("pk")))


def versions_where(rows: QuerySet, conditions: Sequence[Condition]) -> QuerySet:
    """Filter versions."""
    rows = _prompts(rows, conditions, "model__kind")
    return _where(rows, conditions, VERSION_COLUMNS, VersionTag.objects.filter(version=OuterRef("pk")))


def asks_for_prompts(conditions: Iterable[Condition]) -> bool:
    """Tell whether prompts are searched; by default they are hidden."""
    for condition in conditions:
        if condition.is_tag and condition.key == PROMPT_TAG:
            value = str(condition.value).lower()
            return (condition.comparator, value) in (("=", "true"), ("!=", "false"))
    return False


def _prompts(rows: QuerySet, conditions: Sequence[Condition], column: str) -> QuerySet:
    if asks_for_prompts(conditions):
        return rows.filter(**{column: ModelKind.PROMPT})
    return rows.exclude(**{column: ModelKind.PROMPT})


def _where(
    rows: QuerySet, conditions: Sequence[Condition], columns: Mapping[str, str], tags: QuerySet
) -> QuerySet:
    by_tag: dict[str, list[Condition]] = defaultdict(list)
    for condition in conditions:
        if not condition.is_tag:
            rows = rows.filter(_compare(columns[condition.key], condition))
        elif condition.key != PROMPT_TAG:
            by_tag[condition.key].append(condition)
    for key, wanted in by_tag.items():
        matching = tags.filter(key=key)
        for condition in wanted:  # a model has one tag of a key, so all conditions on it meet the same row
            matching = matching.filter(_compare("value", condition))
        rows = rows.filter(Exists(matching))
    return rows


def _compare(column: str, condition: Condition) -> Q:
    value: Any = list(condition.value) if isinstance(condition.value, tuple) else condition.value
    if condition.comparator in _NEGATED:
        # as in SQL, a row without the value matches neither a comparison nor its opposite
        return ~Q(**{f"{column}__{_NEGATED[condition.comparator]}": value}) & Q(
            **{f"{column}__isnull": False}
        )
    return Q(**{f"{column}__{_LOOKUPS[condition.comparator]}": value})
