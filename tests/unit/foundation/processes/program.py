"""What the processes do that meet in the tests beside."""

import sys
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path

import django

django.setup()

from django.apps import apps  # noqa: E402  (needs configured apps)
from django.db import connection, transaction  # noqa: E402
from django.utils import timezone  # noqa: E402
from django_tasks_db.models import DBTaskResult  # noqa: E402

from mlops_portal.foundation.work import jobs, schedules, tasks, worker  # noqa: E402
from mlops_portal.foundation.work.models import Job, Lease, Occurrence, OutboxMessage, Schedule  # noqa: E402
from tests.forked import serve  # noqa: E402

START = datetime(2026, 5, 4, tzinfo=UTC)


def _log(path, text):
    with Path(path).open("a") as log:
        log.write(text + "\n")


def _work(run):
    _log(run.params["log"], f"begin {run.job.attempt}")
    if run.job.attempt == 1 and run.params.get("hang"):
        time.sleep(120)
    _log(run.params["log"], f"end {run.job.attempt}")
    return {"attempt": run.job.attempt}


jobs.register("process.repeatable", label="Repeatable", idempotent=True)(_work)
jobs.register("process.once", label="Once")(_work)


@tasks.task(idempotent=True)
def note(number, log):
    _log(log, str(number))


note.func.__module__ = "program"
tasks._policies[note.module_path] = tasks.TaskPolicy()
sys.modules["program"] = sys.modules[__name__]


def prepare():
    """Create the tables these tests need, without the rest of the product."""
    needed = [
        "contenttypes.ContentType",
        "auth.Permission",
        "auth.Group",
        "foundation.User",
        "foundation.BusinessUnit",
    ]
    people = [apps.get_model(label) for label in needed]
    with connection.schema_editor() as editor:
        for model in [*people, Job, Schedule, Occurrence, OutboxMessage, Lease, DBTaskResult]:
            editor.create_model(model)
        editor.execute("CREATE TABLE written (writer integer, number integer)")


def start(kind, log, hang):
    job = jobs.start(kind=kind, by=None, params={"log": log, "hang": hang == "hang"}, now=timezone.now())
    sys.stdout.write(str(job.pk))


def enqueue(count, log):
    with transaction.atomic():
        for number in range(int(count)):
            note.enqueue(number=number, log=log)


def work():
    worker.run_pending()


def reap(seconds):
    sys.stdout.write(str(worker.reap(timezone.now() + timedelta(seconds=int(seconds)))))


def show(job_id):
    job = Job.objects.get(pk=job_id)
    sys.stdout.write(f"{job.state} {job.attempt} {job.error}")


def tick(minutes):
    schedules._plans.clear()
    schedules.register("process.schedule", lambda now: None, every=timedelta(minutes=1))
    schedules.sync(START)
    enqueued = sum(schedules.tick(START + timedelta(minutes=minute)) for minute in range(int(minutes)))
    sys.stdout.write(str(enqueued))


def occurrences():
    sys.stdout.write(f"{Occurrence.objects.count()} {DBTaskResult.objects.count()}")


def write(writer, seconds):
    """Write small transactions as fast as possible; print how many, and the longest wait for the lock."""
    worst, count, end = 0.0, 0, time.monotonic() + float(seconds)
    while time.monotonic() < end:
        asked = time.monotonic()
        with transaction.atomic():
            worst = max(worst, time.monotonic() - asked)
            with connection.cursor() as cursor:
                cursor.executemany(
                    "INSERT INTO written VALUES (%s, %s)", [(writer, count * 10 + part) for part in range(10)]
                )
        count += 1
    sys.stdout.write(f"{count} {worst:.3f}")


def written():
    with connection.cursor() as cursor:
        cursor.execute("SELECT COUNT(*) FROM written")
        sys.stdout.write(str(cursor.fetchone()[0]))


if __name__ == "__main__":
    serve(globals())
