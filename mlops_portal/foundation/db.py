"""The database's clock, without a statement for each reading."""

import time
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from weakref import WeakKeyDictionary

from django.db import DEFAULT_DB_ALIAS, connections
from django.db.backends.base.base import BaseDatabaseWrapper

REFRESH_SECONDS = 60.0


@dataclass(frozen=True, slots=True)
class _Offset:
    ahead: timedelta
    measured: float


_offsets: "WeakKeyDictionary[BaseDatabaseWrapper, _Offset]" = WeakKeyDictionary()


def database_now(using: str = DEFAULT_DB_ALIAS) -> datetime:
    """Return the time of the database server, aware, in UTC.

    SQLite has no server: its clock is this machine's. On PostgreSQL the difference between the two clocks is measured
    once a minute for each connection, so that reading the time costs no statement.
    """
    connection = connections[using]
    now = datetime.now(UTC)
    if connection.vendor != "postgresql":
        return now
    offset = _offsets.get(connection)
    if offset is None or time.monotonic() - offset.measured > REFRESH_SECONDS:
        offset = _measure(connection)
        _offsets[connection] = offset
        now = datetime.now(UTC)
    return now + offset.ahead


def _measure(connection: BaseDatabaseWrapper) -> _Offset:
    with connection.cursor() as cursor:
        before = datetime.now(UTC)
        cursor.execute("SELECT clock_timestamp()")
        server = cursor.fetchone()[0]
        after = datetime.now(UTC)
    return _Offset(ahead=server - (before + (after - before) / 2), measured=time.monotonic())
