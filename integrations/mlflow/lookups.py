"""LIKE and ILIKE with the caller's own wildcards, alike on both engines.

SQLite's LIKE ignores case, so the case-sensitive one is written as GLOB there. A backslash is an ordinary character.
"""

import re
from typing import Any

from django.db.models import CharField, Lookup, TextField

_GLOB_SPECIAL = re.compile(r"[*?\[]")


def glob(pattern: str) -> str:
    """Write a LIKE pattern as a GLOB pattern."""
    quoted = _GLOB_SPECIAL.sub(lambda match: f"[{match.group()}]", pattern)
    return quoted.replace("%", "*").replace("_", "?")


class Like(Lookup):
    """Case-sensitive LIKE."""

    lookup_name = "mlflow_like"
    operator = "LIKE"

    def _sql(
        self, compiler: Any, connection: Any, operator: str, pattern: str
    ) -> tuple[str, tuple[Any, ...]]:
        left, params = self.process_lhs(compiler, connection)
        return f"{left} {operator} %s", (*params, pattern)

    def as_sql(self, compiler: Any, connection: Any) -> tuple[str, tuple[Any, ...]]:
        """PostgreSQL: backslash escapes there, so it is doubled."""
        return self._sql(compiler, connection, self.operator, self.rhs.replace("\\", "\\\\"))

    def as_sqlite(self, compiler: Any, connection: Any) -> tuple[str, tuple[Any, ...]]:
        """SQLite: GLOB tells cases apart."""
        return self._sql(compiler, connection, "GLOB", glob(self.rhs))


class ILike(Like):
    """LIKE that ignores case."""

    lookup_name = "mlflow_ilike"
    operator = "ILIKE"

    def as_sqlite(self, compiler: Any, connection: Any) -> tuple[str, tuple[Any, ...]]:
        """SQLite: LIKE ignores the case of ASCII letters and knows no escape."""
        return self._sql(compiler, connection, "LIKE", self.rhs)


def register() -> None:
    """Make the lookups known to text columns."""
    for field in (CharField, TextField):
        field.register_lookup(Like)
        field.register_lookup(ILike)
