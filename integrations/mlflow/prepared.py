"""Query sets compiled once. Building and compiling a query set costs more than running a read by key."""

import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from django.db import DEFAULT_DB_ALIAS, connections
from django.db.models import QuerySet
from django.db.models.sql.compiler import SQLCompiler

STAND_IN_NUMBER = 2_147_400_000


@dataclass(frozen=True, slots=True)
class _Statement:
    compiler: SQLCompiler
    sql: str
    places: list[tuple[str | None, Any]]
    converters: dict[int, Any]


class Prepared:
    """A statement whose values are filled in at each call.

    ``build(**stand_ins)`` makes the query set; ``kinds`` says for each of its arguments str, int, or list (of ints, at
    most one, compared by ``in``). Each thread keeps its own, because converters belong to a connection.
    """

    def __init__(self, build: Callable[..., QuerySet], **kinds: type) -> None:
        self.build, self.kinds = build, kinds
        self.local = threading.local()

    def rows(self, **values: Any) -> list[Sequence[Any]]:
        """Run the statement."""
        connection = connections[DEFAULT_DB_ALIAS]
        statement: _Statement | None = getattr(self.local, "statement", None)
        if statement is None or statement.compiler.connection is not connection:
            statement = self.local.statement = self._compile()
        sql, parameters = statement.sql, []
        for name, fixed in statement.places:
            value = fixed if name is None else values[name]
            if isinstance(value, list):  # keys are numbers: written out, they cost no conversion
                sql = sql.replace("IN (%s)", f"IN ({', '.join(str(int(key)) for key in value)})")
            else:
                parameters.append(value)
        with connection.cursor() as cursor:
            cursor.execute(sql, parameters)
            found = cursor.fetchall()
        if not statement.converters:
            return found
        return list(statement.compiler.apply_converters(found, statement.converters))

    def _compile(self) -> _Statement:
        stand_ins: dict[str, Any] = {
            name: f"\x02{name}" if kind is str else STAND_IN_NUMBER + place
            for place, (name, kind) in enumerate(self.kinds.items())
        }
        given = {name: [value] if self.kinds[name] is list else value for name, value in stand_ins.items()}
        compiler = self.build(**given).query.get_compiler(DEFAULT_DB_ALIAS)
        sql, parameters = compiler.as_sql()
        if list in self.kinds.values() and sql.count("IN (%s)") != 1:
            raise ValueError("A prepared statement has one list, compared by `in` once")
        names = {value: name for name, value in stand_ins.items()}
        converters = compiler.get_converters([column for column, _, _ in compiler.select])
        return _Statement(compiler, sql, [(names.get(value), value) for value in parameters], converters)
