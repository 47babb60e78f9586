"""Real processes on one real database: killed workers, several workers, several schedulers, several writers."""

import sys
import time
from pathlib import Path
from uuid import uuid4

import psycopg
import pytest
from django.conf import settings

from tests.forked import Parent

PROGRAM = Path(__file__).with_name("program.py")
pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def parent(tmp_path_factory):
    """Return a parent of processes that share a fresh database of the engine under test."""
    configured = settings.DATABASES["default"]
    if "sqlite" in configured["ENGINE"]:
        url, drop = f"sqlite:///{tmp_path_factory.mktemp('processes') / 'portal.sqlite3'}", None
    else:
        name = f"portal_processes_{uuid4().hex[:12]}"
        server = {
            "host": configured["HOST"],
            "port": configured["PORT"] or 5432,
            "user": configured["USER"],
            "password": configured["PASSWORD"],
        }
        with psycopg.connect(dbname="postgres", autocommit=True, **server) as connection:
            connection.execute(f'CREATE DATABASE "{name}"')
        url = f"postgres://{server['user']}:{server['password']}@{server['host']}:{server['port']}/{name}"

        def drop():
            with psycopg.connect(dbname="postgres", autocommit=True, **server) as connection:
                connection.execute(f'DROP DATABASE "{name}" WITH (FORCE)')

    try:
        with Parent(PROGRAM, {"DATABASE_URL": url}, tmp_path_factory.mktemp("outputs")) as parent:
            parent.start("prepare").succeed()
            yield parent
    finally:
        if drop:
            drop()


def wait_for(log, text, seconds=30):
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        if log.exists() and text in log.read_text():
            return
        time.sleep(0.05)
    pytest.fail(f"{text!r} never appeared in the log")


@pytest.mark.parametrize(
    ("kind", "outcome", "lines"),
    [
        ("process.repeatable", "succeeded 2 ", ["begin 1", "begin 2", "end 2"]),
        (
            "process.once",
            "failed 1 The process that ran this stopped answering. Start it again.",
            ["begin 1"],
        ),
    ],
    ids=["a repeatable job is finished by the next worker", "another job is marked as failed"],
)
def test_a_worker_killed_in_the_middle_of_a_job(parent, tmp_path, kind, outcome, lines):
    log = tmp_path / "log"
    job_id = parent.start("start", kind, log, "hang").succeed()
    doomed = parent.start("work")
    wait_for(log, "begin 1")
    doomed.kill()

    assert parent.start("reap", 30).succeed() == "0"
    assert parent.start("reap", 61).succeed() == "1"
    parent.start("work").succeed()

    assert parent.start("show", job_id).succeed() == outcome
    assert log.read_text().split("\n")[:-1] == lines


def test_three_workers_run_each_task_once(parent, tmp_path):
    log = tmp_path / "log"
    parent.start("enqueue", 60, log).succeed()
    for running in [parent.start("work") for _ in range(3)]:
        running.succeed()
    assert sorted(map(int, log.read_text().split())) == list(range(60))


def test_three_schedulers_enqueue_each_due_time_once(parent):
    before = int(parent.start("occurrences").succeed().split()[1])
    enqueued = [int(running.succeed()) for running in [parent.start("tick", 60) for _ in range(3)]]
    occurred, tasks = map(int, parent.start("occurrences").succeed().split())
    assert sum(enqueued) == occurred == tasks - before
    assert 1 <= occurred <= 60


def test_four_writers_never_fail_and_wait_fairly(parent):
    outcomes = [running.succeed().split() for running in [parent.start("write", n, 3) for n in range(4)]]
    transactions, worst = sum(int(count) for count, _ in outcomes), max(float(wait) for _, wait in outcomes)
    sys.stdout.write(f"\n4 writers: {transactions} transactions, longest wait for the lock {worst:.3f} s\n")
    assert int(parent.start("written").succeed()) == transactions * 10
    assert min(int(count) for count, _ in outcomes) > 0
    assert worst < 5
