"""What happens to tasks when they fail or their worker is gone."""

from datetime import timedelta

import pytest
from django.db import transaction
from django.utils import timezone
from django_tasks import TaskResultStatus
from django_tasks_db.models import DBTaskResult

from mlops_portal.foundation.work import jobs, kinds, leases, queue, worker
from mlops_portal.foundation.work.models import Job, Lease
from mlops_portal.foundation.work.tasks import pause_before, task

pytestmark = pytest.mark.django_db
calls: list[int] = []


@task(attempts=3, idempotent=True)
def repeatable(number):
    calls.append(number)
    if len(calls) < 2:
        raise OSError("first time")
    return len(calls)


@task()
def once(number):
    calls.append(number)
    raise OSError("every time")


@pytest.fixture(autouse=True)
def no_calls():
    calls.clear()


def abandon(at):
    """Claim the next task as a worker that then dies."""
    lost = worker.Worker(holder="doomed")
    claim = lost._take_next()
    Lease.objects.filter(pk=claim.lease.pk).update(until=at)
    return claim


def row():
    return DBTaskResult.objects.get()


def test_an_idempotent_task_is_repeated_after_a_pause():
    repeatable.enqueue(number=7)
    worker.run_pending()
    assert row().status == TaskResultStatus.READY
    worker.run_pending(clock=lambda: timezone.now() + timedelta(seconds=6))
    assert (calls, row().status, row().return_value) == ([7, 7], TaskResultStatus.SUCCESSFUL, 2)


def test_other_tasks_fail_at_the_first_error():
    once.enqueue(number=7)
    worker.run_pending()
    worker.run_pending(clock=lambda: timezone.now() + timedelta(days=1))
    assert (calls, row().status) == ([7], TaskResultStatus.FAILED)
    assert "every time" in row().traceback


@pytest.mark.parametrize(
    ("declared", "status"),
    [(repeatable, TaskResultStatus.READY), (once, TaskResultStatus.FAILED)],
    ids=["a repeatable task waits again", "another is marked as failed"],
)
def test_the_reaper_takes_back_the_task_of_a_lost_worker(declared, status):
    declared.enqueue(number=1)
    now = timezone.now()
    abandon(at=now - timedelta(seconds=1))
    assert worker.reap(now) == 1
    assert row().status == status
    assert worker.reap(now) == 0


def test_the_reaper_leaves_living_workers_alone():
    repeatable.enqueue(number=1)
    now = timezone.now()
    abandon(at=now + timedelta(seconds=1))
    assert worker.reap(now) == 0
    assert row().status == TaskResultStatus.RUNNING


def test_rows_that_run_without_a_lease_are_recovered_too():
    repeatable.enqueue(number=1)
    claim = abandon(at=timezone.now())
    Lease.objects.filter(pk=claim.lease.pk).delete()
    assert worker.reap(timezone.now()) == 0
    assert worker.reap(timezone.now() + leases.TASK_TTL) == 1
    assert row().status == TaskResultStatus.READY


def test_a_worker_that_wakes_up_after_it_was_replaced_cannot_record_its_outcome():
    calls.append(0)
    repeatable.enqueue(number=1)
    now = timezone.now()
    zombie = worker.Worker(holder="zombie")
    claim = zombie._take_next()
    Lease.objects.filter(pk=claim.lease.pk).update(until=now - timedelta(seconds=1))
    worker.reap(now)
    successor = worker.Worker(holder="successor")._take_next()

    zombie._execute(claim)

    assert row().status == TaskResultStatus.RUNNING
    assert Lease.objects.get().holder == "successor" == successor.lease.holder


def test_the_heartbeat_renews_the_lease_and_notices_its_loss():
    repeatable.enqueue(number=1)
    slow = worker.Worker(holder="slow")
    slow._claim = claim = slow._take_next()
    Lease.objects.filter(pk=claim.lease.pk).update(until=timezone.now() - timedelta(seconds=1))
    slow.beat()
    assert Lease.objects.get(pk=claim.lease.pk).until > timezone.now()
    assert leases.alive("worker", now=timezone.now()) == 1
    assert not claim.context.interrupt.lost.is_set()

    Lease.objects.filter(pk=claim.lease.pk).delete()
    slow.beat()
    assert claim.context.interrupt.lost.is_set()


@pytest.mark.parametrize(
    ("idempotent", "state"), [(True, "queued"), (False, "failed")], ids=["repeatable", "not repeatable"]
)
def test_the_job_of_a_lost_worker(monkeypatch, idempotent, state):
    monkeypatch.setattr(kinds, "_kinds", {})
    jobs.register("test.lost", label="Lost", idempotent=idempotent)(lambda run: {"second": True})
    now = timezone.now()
    job = jobs.start(kind="test.lost", by=None, params={}, now=now)
    abandon(at=now - timedelta(seconds=1))
    Job.objects.filter(pk=job.pk).update(state="running", attempt=1, fence=1, lease_owner="doomed")

    worker.reap(now)

    job.refresh_from_db()
    assert (job.state, job.fence) == (state, 2)
    worker.run_pending()
    job.refresh_from_db()
    assert job.state == ("succeeded" if idempotent else "failed")


def test_the_queue_counts_what_is_due_and_how_long_it_waited():
    now = timezone.now()
    repeatable.enqueue(number=1)
    repeatable.using(run_after=now + timedelta(hours=1)).enqueue(number=2)
    figures = queue.figures(now + timedelta(seconds=90))
    assert (figures.ready, figures.running) == (1, 0)
    assert 89 <= figures.oldest_seconds <= 91


def test_old_results_are_removed():
    calls.append(0)
    repeatable.enqueue(number=1)
    worker.run_pending()
    now = timezone.now()
    queue.prune(now + timedelta(days=13))
    assert DBTaskResult.objects.count() == 1
    queue.prune(now + timedelta(days=15))
    assert DBTaskResult.objects.count() == 0


def test_pauses_grow_up_to_an_hour():
    assert [int(pause_before(attempt).total_seconds()) for attempt in (1, 2, 3, 4, 5, 6, 60)] == [
        5,
        20,
        80,
        320,
        1280,
        3600,
        3600,
    ]


def test_a_task_enqueued_in_a_failed_transaction_is_gone():
    with transaction.atomic():
        repeatable.enqueue(number=1)
        transaction.set_rollback(True)
    assert worker.run_pending() == 0
