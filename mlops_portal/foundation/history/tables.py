"""Rows with their history rows: what to write is worked out once for each table, then sent as it is.

The ORM compiles each statement anew and builds a second instance for the history; that was half of what registering
a version costs. On PostgreSQL a row and its history row are one statement. No Django signals are sent.
"""

import functools
from collections.abc import Sequence
from datetime import datetime, timedelta
from itertools import chain
from types import SimpleNamespace
from typing import Any

from django.db import DatabaseError, connection, models, transaction
from django.utils.timezone import is_aware, make_aware

from mlops_portal.foundation.history.audited import history_model

CHUNK = 1000
ABOUT = ("history_user_id", "history_change_reason", "history_date", "history_type")
NEW, CHANGED = "+", "~"

# Values of these types go to the driver as they are; anything else is prepared by its field.
PLAIN: dict[type[models.Field], type] = {
    models.CharField: str,
    models.SlugField: str,
    models.TextField: str,
    models.BooleanField: bool,
    models.BigAutoField: int,
    models.BigIntegerField: int,
    models.PositiveIntegerField: int,
    models.PositiveSmallIntegerField: int,
}


class Column:
    """One column of an audited table."""

    def __init__(self, field: models.Field) -> None:
        self.field = field
        self.name = field.attname
        stored = field.target_field if isinstance(field, models.ForeignKey) else field
        self.plain = PLAIN.get(type(stored))

    def prepare(self, value: Any) -> Any:
        """Return ``value`` as the driver takes it."""
        if value is None or type(value) is self.plain:
            return value
        return self.field.get_db_prep_save(value, connection)


class Table:
    """The table of an audited class beside that of its history."""

    def __init__(self, model: type[models.Model]) -> None:
        records = history_model(model)
        key = model._meta.auto_field
        if key is None or model._meta.parents:
            raise TypeError(f"{model._meta.label} must have a key that the database gives, and no parent")
        self.key = key.attname
        self.columns = [Column(field) for field in model._meta.local_concrete_fields if field is not key]
        self.tracked = [field.attname for field in records.tracked_fields]
        kept = set(self.tracked) - {self.key}
        self.kept = [place for place, column in enumerate(self.columns) if column.name in kept]
        self.named = {name: column for column in self.columns for name in (column.name, column.field.name)}
        names = [_quoted(column.field) for column in self.columns]
        recorded = ", ".join([_quoted(key), *(names[place] for place in self.kept)])
        self.insert = f"INSERT INTO {_name(model._meta.db_table)} ({', '.join(names)}) VALUES"
        self.record = f"INSERT INTO {_name(records._meta.db_table)} ({recorded}, {', '.join(ABOUT)})"
        self.row = _marks(len(names))
        self.record_row = _marks(1 + len(self.kept) + len(ABOUT))
        self.returning = f"RETURNING {_quoted(key)}"
        about = ", ".join(["%%s"] * len(ABOUT))
        copied = f"{self.record} SELECT {recorded}, {about} FROM made {self.returning}, history_id"  # noqa: S608  (names only)
        self.newest = (
            f"SELECT history_date FROM {_name(records._meta.db_table)} WHERE {_quoted(key)} = %s "  # noqa: S608  (names only)
            "ORDER BY history_date DESC, history_id DESC LIMIT 1"
        )
        self.update = f"UPDATE {_name(model._meta.db_table)} SET %s WHERE {_quoted(key)} = %%s"  # noqa: S608  (names only)
        self.together = f"WITH made AS ({self.insert} %s RETURNING *) {copied}"

    def values(self, instance: models.Model) -> list[Any]:
        """Return what is stored of a new row, without its key."""
        return [column.prepare(getattr(instance, column.name)) for column in self.columns]

    def write(self, rows: Sequence[list[Any]], about: Sequence[Any]) -> list[tuple[int, int]]:
        """Insert rows and their history; return the keys of both for each row, in the order given."""
        with connection.cursor() as cursor:
            if connection.vendor == "postgresql":
                marks = ", ".join([self.row] * len(rows))
                cursor.execute(self.together % marks, [*chain.from_iterable(rows), *about])
                return sorted(cursor.fetchall())  # keys grow in the order of the rows
            cursor.execute(
                f"{self.insert} {', '.join([self.row] * len(rows))} {self.returning}",
                list(chain.from_iterable(rows)),
            )
            keys = sorted(key for (key,) in cursor.fetchall())
            recorded = [
                [key, *(row[place] for place in self.kept), *about]
                for key, row in zip(keys, rows, strict=True)
            ]
            cursor.execute(
                f"{self.record} VALUES {', '.join([self.record_row] * len(rows))} RETURNING history_id",
                list(chain.from_iterable(recorded)),
            )
            return list(zip(keys, sorted(key for (key,) in cursor.fetchall()), strict=True))

    def last_date(self, key: int) -> datetime | None:
        """Return when the newest history row of a row was written."""
        with connection.cursor() as cursor:
            cursor.execute(self.newest, [key])
            found = cursor.fetchone()
        if found is None:
            return None
        date: datetime = found[0]
        return date if is_aware(date) else make_aware(date, connection.timezone)  # SQLite keeps no zone

    def change(self, key: int, columns: Sequence[Column], row: Sequence[Any], about: Sequence[Any]) -> int:
        """Update the columns of one row from all its values, and enter these; return the key of the history row.

        Raises:
            DatabaseError: the row is there no more.
        """
        written = set(columns)
        values = [value for column, value in zip(self.columns, row, strict=True) if column in written]
        assigned = ", ".join(f"{_quoted(column.field)} = %s" for column in self.columns if column in written)
        with connection.cursor() as cursor:
            cursor.execute(self.update % assigned, [*values, key])
            if cursor.rowcount != 1:
                raise DatabaseError(f"{self.update.split()[1]} has no row {key} any more")
            cursor.execute(
                f"{self.record} VALUES {self.record_row} RETURNING history_id",
                [key, *(row[place] for place in self.kept), *about],
            )
            return int(cursor.fetchone()[0])


def _name(name: str) -> str:
    return connection.ops.quote_name(name)


def _quoted(field: models.Field) -> str:
    return _name(str(field.column))


def _marks(count: int) -> str:
    return f"({', '.join(['%s'] * count)})"


table_of = functools.cache(Table)


def insert_with_history(
    instances: Sequence[models.Model], *, by: Any, now: datetime, reason: str
) -> list[SimpleNamespace]:
    """Insert new rows of one class and their history; return the history rows as they were written.

    Raises:
        ValueError: a row has a key already.
    """
    model = type(instances[0])
    if any(instance.pk is not None for instance in instances):
        raise ValueError(f"A new {model._meta.verbose_name} has a key already")
    table = table_of(model)
    who = None if by is None else str(getattr(by, "pk", by))
    about = (who, reason, connection.ops.adapt_datetimefield_value(now), NEW)
    size = CHUNK
    if connection.features.max_query_params:  # SQLite
        size = connection.features.max_query_params // (len(table.columns) + len(ABOUT) + 1)
    written: list[tuple[int, int]] = []
    with transaction.atomic(savepoint=False):
        for start in range(0, len(instances), size):
            part = instances[start : start + size]
            for instance in part:
                instance._prepare_related_fields_for_save(operation_name="save")
            written += table.write([table.values(instance) for instance in part], about)
    history = []
    for instance, (key, history_id) in zip(instances, written, strict=True):
        setattr(instance, table.key, key)
        instance._state.adding, instance._state.db = False, connection.alias
        history.append(_entered(table, instance, history_id, who, reason, now, NEW))
    return history


def update_with_history(
    instance: models.Model, *, fields: Sequence[str] | None, by: Any, now: datetime, reason: str
) -> SimpleNamespace:
    """Update a row (``fields``: only these) and enter its state; return the history row as it was written.

    It is dated a microsecond after the row's newest history, where ``now`` is not later: history has one order.

    Raises:
        DatabaseError: the row is there no more.
        ValueError: there is no such field.
    """
    table = table_of(type(instance))
    columns = (
        table.columns if fields is None else [table.named[name] for name in fields if name in table.named]
    )
    if fields is not None and len(columns) != len(fields):
        raise ValueError(f"{type(instance).__name__} has not all of {', '.join(fields)}")
    last = table.last_date(instance.pk)
    date = now if last is None or now > last else last + timedelta(microseconds=1)
    who = None if by is None else str(getattr(by, "pk", by))
    about = (who, reason, connection.ops.adapt_datetimefield_value(date), CHANGED)
    with transaction.atomic(savepoint=False):
        instance._prepare_related_fields_for_save(operation_name="save")
        history_id = table.change(instance.pk, columns, table.values(instance), about)
    return _entered(table, instance, history_id, who, reason, date, CHANGED)


def _entered(
    table: Table,
    instance: models.Model,
    history_id: int,
    who: str | None,
    reason: str,
    date: datetime,
    kind: str,
) -> SimpleNamespace:
    row = SimpleNamespace(
        history_id=history_id,
        history_user_id=who,
        history_change_reason=reason,
        history_date=date,
        history_type=kind,
    )
    row.__dict__.update((name, getattr(instance, name)) for name in table.tracked)
    return row
