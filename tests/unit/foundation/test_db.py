"""The writer queue of SQLite, and the database's clock."""

import threading
import time
from datetime import UTC, datetime, timedelta

import pytest
from django.db import connection
from django.db.backends.base.base import BaseDatabaseWrapper
from django.db.utils import OperationalError

from mlops_portal.foundation import db
from mlops_portal.foundation.db_backends.sqlite3.base import DatabaseWrapper, WriteLock

pytestmark = pytest.mark.django_db


@pytest.fixture
def wrapper(tmp_path):
    """A connection to a file, apart from the connection of the tests."""
    options = {
        "ENGINE": "mlops_portal.foundation.db_backends.sqlite3",
        "NAME": str(tmp_path / "db.sqlite3"),
        "OPTIONS": {"timeout": 0.3},
        "AUTOCOMMIT": True,
        "TIME_ZONE": None,
        "CONN_MAX_AGE": 0,
        "CONN_HEALTH_CHECKS": False,
        "TEST": {},
    }
    made = DatabaseWrapper(options, alias="other")
    made.inc_thread_sharing()
    yield made
    made.close()


def is_locked(wrapper):
    lock = WriteLock(f"{wrapper.settings_dict['NAME']}-writer")
    try:
        lock.acquire(0.05)
    except OperationalError:
        return True
    lock.release()
    return False


def begin(wrapper):
    wrapper.set_autocommit(False, force_begin_transaction_with_broken_autocommit=True)
    wrapper.in_atomic_block = True


def end(wrapper):
    wrapper.in_atomic_block = False
    wrapper.set_autocommit(True)


def test_a_new_connection_has_the_pragmas(wrapper):
    with wrapper.cursor() as cursor:
        assert cursor.execute("PRAGMA journal_mode").fetchone()[0] == "wal"
        assert cursor.execute("PRAGMA synchronous").fetchone()[0] == 1
    assert wrapper.transaction_mode == "IMMEDIATE"


def test_reading_takes_no_lock(wrapper):
    with wrapper.cursor() as cursor:
        cursor.execute("SELECT 1")
        assert not is_locked(wrapper)


@pytest.mark.parametrize("how", ["commit", "rollback"])
def test_a_transaction_holds_the_lock_until_it_ends(wrapper, how):
    wrapper.ensure_connection()
    begin(wrapper)
    assert is_locked(wrapper)
    wrapper.in_atomic_block = False
    getattr(wrapper, how)()
    assert not is_locked(wrapper)
    wrapper.set_autocommit(True)


def test_a_closed_connection_gives_the_lock_back(wrapper):
    wrapper.ensure_connection()
    begin(wrapper)
    BaseDatabaseWrapper.close(wrapper)
    assert not is_locked(wrapper)
    wrapper.in_atomic_block = False


def test_a_writer_gives_up_after_the_time_limit(wrapper):
    other = WriteLock(f"{wrapper.settings_dict['NAME']}-writer")
    wrapper.ensure_connection()
    other.acquire(1)
    started = time.monotonic()
    with pytest.raises(OperationalError, match="database is locked"):
        begin(wrapper)
    assert 0.25 < time.monotonic() - started < 3
    other.release()
    begin(wrapper)
    assert is_locked(wrapper)
    end(wrapper)


def test_a_waiting_writer_gets_the_lock_when_it_is_free(wrapper):
    other = WriteLock(f"{wrapper.settings_dict['NAME']}-writer")
    wrapper.ensure_connection()
    other.acquire(1)
    threading.Timer(0.1, other.release).start()
    begin(wrapper)
    assert is_locked(wrapper)
    end(wrapper)
    assert not is_locked(wrapper)


def test_who_gave_up_does_not_keep_the_lock_later(wrapper):
    other = WriteLock(f"{wrapper.settings_dict['NAME']}-writer")
    other.acquire(1)
    assert is_locked(wrapper)
    other.release()
    time.sleep(0.1)
    assert not is_locked(wrapper)


def test_the_clock_of_the_database_costs_no_statement_once_measured(django_assert_num_queries):
    db.database_now()
    with django_assert_num_queries(0):
        now = db.database_now()
    assert abs(now - datetime.now(UTC)) < timedelta(seconds=5)


def test_the_clock_of_a_server_that_is_ahead_is_followed_and_measured_again(monkeypatch):
    measured = []

    def measure(connection):
        measured.append(1)
        return db._Offset(ahead=timedelta(hours=2), measured=time.monotonic())

    monkeypatch.setattr(connection, "vendor", "postgresql")
    monkeypatch.setattr(db, "_measure", measure)
    monkeypatch.setattr(db, "_offsets", {})
    for _ in range(3):
        ahead = db.database_now() - datetime.now(UTC)
        assert timedelta(minutes=119) < ahead <= timedelta(hours=2)
    assert len(measured) == 1
    monkeypatch.setattr(db, "REFRESH_SECONDS", -1.0)
    db.database_now()
    assert len(measured) == 2


def test_a_connection_is_asked_whether_it_lives_once_a_second(monkeypatch):
    clock = iter([1000.0, 1000.5, 1001.5])
    monkeypatch.setattr(db.time, "monotonic", lambda: next(clock))
    monkeypatch.setattr(db, "_trusted_until", {})
    answers = []
    for _ in range(3):
        connection.health_check_done = False  # as Django sets it at the start of every request
        db.trust_recent_connections()
        answers.append(connection.health_check_done)
    assert answers == [False, True, False]
