"""Times from PostgreSQL are read fast and exactly."""

from datetime import UTC, datetime, timedelta, timezone

import pytest
from django.db import connection

pytestmark = [
    pytest.mark.django_db,
    pytest.mark.skipif(connection.vendor != "postgresql", reason="SQLite has no time type of its own"),
]


@pytest.mark.parametrize(
    "moment",
    [
        datetime(2026, 11, 17, 9, 40, tzinfo=UTC),
        datetime(2026, 11, 17, 9, 40, 0, 120_000, tzinfo=UTC),
        datetime(2026, 11, 17, 9, 40, 0, 1, tzinfo=UTC),
        datetime(1, 1, 1, tzinfo=UTC),
        datetime(9999, 12, 31, 23, 59, 59, 999_999, tzinfo=UTC),
        datetime(2026, 11, 17, 9, 40, tzinfo=timezone(timedelta(hours=5, minutes=30))),
    ],
)
def test_a_time_comes_back_as_it_was(moment):
    with connection.cursor() as cursor:
        cursor.execute("SELECT %s::timestamptz", [moment])
        found = cursor.fetchone()[0]
    assert found == moment
    assert found.tzinfo is UTC


def test_what_python_cannot_hold_is_refused_by_the_driver():
    with connection.cursor() as cursor:
        cursor.execute("SELECT 'infinity'::timestamptz")
        with pytest.raises(Exception, match="timestamp too large"):
            cursor.fetchone()


def test_other_zones_are_left_to_the_driver():
    with connection.cursor() as cursor:
        cursor.execute("SET LOCAL TIME ZONE 'Asia/Kolkata'")
        cursor.execute("SELECT '2026-11-17 09:40+00'::timestamptz")
        assert cursor.fetchone()[0] == datetime(2026, 11, 17, 9, 40, tzinfo=UTC)
