"""The database's clock, and whether its connection lives, without a statement for each question."""

import time
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any
from weakref import WeakKeyDictionary

from django.db import DEFAULT_DB_ALIAS, connections
from django.db.backends.base.base import BaseDatabaseWrapper

REFRESH_SECONDS = 60.0
TRUST_SECONDS = 1.0


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


_trusted_until: "WeakKeyDictionary[BaseDatabaseWrapper, float]" = WeakKeyDictionary()


def trust_recent_connections(**kwargs: Any) -> None:
    """Ask a connection whether it lives once a second, not with a statement before every request.

    Received at the start of a request, after Django has asked for the check. A connection that broke within that
    second fails one request, as one does that breaks during a request, and is opened anew for the next.
    """
    now = time.monotonic()
    for connection in connections.all(initialized_only=True):
        if now < _trusted_until.get(connection, 0.0):
            connection.health_check_done = True  # type: ignore[attr-defined]  # missing in the stubs
        else:
            _trusted_until[connection] = now + TRUST_SECONDS
