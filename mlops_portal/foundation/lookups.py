"""Lookups that Django offers on one engine only."""

from typing import Any

from django.db.backends.base.base import BaseDatabaseWrapper
from django.db.models import JSONField, Lookup
from django.db.models.sql.compiler import SQLCompiler

Statement = tuple[str, list[Any]]


class HasAnyOf(Lookup):
    """Rows whose list holds one of several texts: ``regimes__has_any_of=["SR 26-2", "DORA"]``."""

    lookup_name = "has_any_of"
    prepare_rhs = False

    def as_postgresql(self, compiler: SQLCompiler, connection: BaseDatabaseWrapper) -> Statement:
        """Ask with the operator that an index on the list can answer."""
        column, params = self.process_lhs(compiler, connection)
        return f"{column} ?| %s", [*params, list(self.rhs)]

    def as_sqlite(self, compiler: SQLCompiler, connection: BaseDatabaseWrapper) -> Statement:
        """Walk over the list."""
        column, params = self.process_lhs(compiler, connection)
        places = ", ".join("%s" for _ in self.rhs)
        found = f"SELECT 1 FROM json_each({column}) AS item WHERE item.value IN ({places})"  # noqa: S608  (values are parameters)
        return f"EXISTS ({found})", [*params, *self.rhs]


def register() -> None:
    """Make the lookups known; called when the app is ready."""
    JSONField.register_lookup(HasAnyOf)
