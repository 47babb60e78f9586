"""Times from PostgreSQL, read by Python's own parser: 0.5 µs instead of 10 µs each, on every row of every list."""

from datetime import UTC, datetime
from typing import Any

from django.db.backends.base.base import BaseDatabaseWrapper
from psycopg.adapt import Buffer
from psycopg.types.datetime import TimestamptzLoader


class UtcLoader(TimestamptzLoader):
    """Reads what a session in UTC writes; anything unusual (infinity, years beyond Python's) goes the driver's way."""

    timezone = UTC  # Django compares it with the connection's to see that its own loader is not needed

    def load(self, data: Buffer) -> datetime:
        """Return the time in UTC."""
        text = bytes(data).decode()
        if text.endswith("+00"):
            try:
                return datetime.fromisoformat(text)
            except ValueError:
                pass
        return super().load(data)


def use(connection: BaseDatabaseWrapper, **kwargs: Any) -> None:
    """Read times this way on a new connection, when it is one to PostgreSQL in UTC."""
    if connection.vendor == "postgresql" and connection.timezone == UTC:
        connection.connection.adapters.register_loader("timestamptz", UtcLoader)
