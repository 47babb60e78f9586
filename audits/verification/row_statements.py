"""Statements in which the database sorts out governed rows that are as they should be. Findings are never made here.

A statement only says which rows are surely sound: equal values of equal types. Everything else goes to the comparison
field by field, which knows converters, older formats and how a number may be written.
"""

from collections.abc import Sequence
from functools import cache
from typing import Any

from django.db import DataError, connection, models, transaction

from audits.row_formats import ABOUT, row_format
from audits.verification.entries import POSTGRESQL, fetched, reading_in_order
from mlops_portal.foundation.history import history_model

PAIRS = 40  # a function of PostgreSQL takes 100 arguments


def suspect_entries(
    model: type[models.Model], verbs: Sequence[str], first: int, end: int
) -> tuple[list[int], list[int]] | None:
    """Return the history rows that are as entered, and the entries (by row id) that must be looked at.

    None: this database cannot compare them, or there is a payload that it cannot read.
    """
    if connection.vendor != "postgresql":
        return None
    params = [list(verbs), model._meta.label, first, end]
    try:
        with reading_in_order(), transaction.atomic(), connection.wrap_database_errors:
            rows = fetched(_entries_statement(model), params)
    except DataError:
        return None
    sound = [history_id for _, history_id, is_sound in rows if is_sound]
    return sound, sorted(entry for entry, _, is_sound in rows if not is_sound)


@cache
def _entries_statement(model: type[models.Model]) -> str:
    table = history_model(model)._meta.db_table
    # The label stands in an expression so that the index by verb, which is in the order of ids, is taken.
    return (
        "SELECT k.id, h.history_id, "  # noqa: S608
        f"coalesce(k.said->'row' = {_built(model, row_format(model).columns())} "
        f"AND k.said->'history' = {_built(model, ABOUT)}, false) "
        "FROM (SELECT e.id, p.payload::jsonb AS said FROM audits_ledgerentry e "
        "LEFT JOIN audits_ledgerpayload p ON p.entry_id = e.entry_id "
        "WHERE e.verb = ANY(%s) AND e.subject_label || '' = %s AND e.id >= %s AND e.id < %s OFFSET 0) k "
        f"LEFT JOIN \"{table}\" h ON h.history_id = (k.said->'history'->>'history_id')::bigint "
        "WHERE k.said IS NULL OR jsonb_typeof(k.said) <> 'object' OR k.said ? 'history'"
    )


def _built(model: type[models.Model], names: Sequence[str]) -> str:
    """Write a row of the history table (``h``) as the payload of an entry does."""
    fields = {field.attname: field for field in history_model(model)._meta.concrete_fields}
    parts = [
        ", ".join(f"'{name}', {_written(fields[name])}" for name in names[start : start + PAIRS])
        for start in range(0, len(names), PAIRS)
    ]
    return "(" + " || ".join(f"jsonb_build_object({part})" for part in parts) + ")"


def _written(field: models.Field) -> str:
    column = f'h."{field.column}"'
    if isinstance(field, models.DateTimeField):
        return POSTGRESQL["time"].format(column)
    as_it_is = models.IntegerField | models.BooleanField | models.CharField | models.TextField
    if field.is_relation or isinstance(field, as_it_is | models.JSONField | models.FloatField):
        return column
    return f"{column}::text"


def suspect_rows(
    model: type[models.Model], first: int, end: int | None, *, ignored: frozenset[str]
) -> tuple[list[Any], int]:
    """Return the keys of live rows that are not as in their newest history row, and how many rows there are."""
    slice_of = (
        model._base_manager.all() if end is None else model._base_manager.filter(pk__gte=first, pk__lt=end)
    )
    count = slice_of.count()
    if model._meta.parents:
        return list(slice_of.order_by("pk").values_list("pk", flat=True)), count
    within = "" if end is None else "l.{0} >= %s AND l.{0} < %s AND "
    params = [] if end is None else [first, end]
    with connection.cursor() as cursor:
        cursor.execute(_rows_statement(model, ignored, within), params)
        return [row[0] for row in cursor.fetchall()], count


@cache
def _rows_statement(model: type[models.Model], ignored: frozenset[str], within: str) -> str:
    records, key = history_model(model), model._meta.pk
    quote = connection.ops.quote_name
    differs = "IS DISTINCT FROM" if connection.vendor == "postgresql" else "IS NOT"
    own = quote(str(key.column))
    wrong = " OR ".join(
        f"l.{quote(field.column)} {differs} h.{quote(field.column)}"
        for field in records.tracked_fields
        if field.attname not in ignored
    )
    table = quote(records._meta.db_table)
    newest = f"WHERE n.{own} = l.{own} ORDER BY n.history_date DESC, n.history_id DESC LIMIT 1"
    # SQLite has no LATERAL. PostgreSQL needs it: in a join condition it may look for the newest row of every pair.
    joined = (
        f"LEFT JOIN LATERAL (SELECT * FROM {table} n {newest}) h ON true"  # noqa: S608
        if connection.vendor == "postgresql"
        else f"LEFT JOIN {table} h ON h.history_id = (SELECT n.history_id FROM {table} n {newest})"  # noqa: S608
    )
    return (
        f"SELECT l.{own} FROM {quote(model._meta.db_table)} l {joined} "  # noqa: S608
        f"WHERE {within.format(own)}(h.history_id IS NULL OR h.history_type = '-' OR {wrong}) ORDER BY l.{own}"
    )
