"""Queries that stand behind every request, put into SQL once: writing the SQL costs Django more than the answer."""

from collections.abc import Callable
from typing import Any

from django.db import DEFAULT_DB_ALIAS, connections
from django.db.models import QuerySet

# Stands for the key while the SQL is written; no row has it.
PLACE = -2_000_000_011


class Prepared:
    """A query of plain columns that differs from one time to the next by one key only."""

    def __init__(self, build: Callable[[int], QuerySet[Any, Any]]) -> None:
        self.build = build
        self.written: dict[str, tuple[str, tuple[Any, ...]]] = {}

    def rows(self, key: int) -> list[tuple[Any, ...]]:
        """Return what the query answers for ``key``."""
        connection = connections[DEFAULT_DB_ALIAS]
        if connection.vendor not in self.written:
            self.written[connection.vendor] = self._write()
        sql, values = self.written[connection.vendor]
        with connection.cursor() as cursor:
            cursor.execute(sql, [key if value == PLACE else value for value in values])
            return cursor.fetchall()

    def _write(self) -> tuple[str, tuple[Any, ...]]:
        """Return the SQL and its values.

        Raises:
            ValueError: the key is not in it, or a column is more than what the database answers.
        """
        compiler = self.build(PLACE).query.get_compiler(DEFAULT_DB_ALIAS)
        sql, values = compiler.as_sql()
        if PLACE not in values or compiler.get_converters([column for column, _, _ in compiler.select]):
            raise ValueError(f"Cannot be prepared: {sql}")
        return sql, tuple(values)
