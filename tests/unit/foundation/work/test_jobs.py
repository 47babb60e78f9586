"""Jobs: queued with their cause, run once, repeated only where that is safe."""

from datetime import UTC, datetime, timedelta

import pytest
from django.db import transaction
from django_tasks import TaskResultStatus
from django_tasks_db.models import DBTaskResult

from mlops_portal.foundation.errors import Invalid, NotAllowed, invalid
from mlops_portal.foundation.people.models import User
from mlops_portal.foundation.work import jobs, kinds, queue, running, worker
from mlops_portal.foundation.work.models import Job, Lease
from mlops_portal.foundation.work.states import JobState

pytestmark = pytest.mark.django_db
NOW = datetime(2026, 5, 4, 9, 30, tzinfo=UTC)


@pytest.fixture
def ada():
    person = User(email="ada@example.org", name="Ada Byron")
    User.save_base(person, force_insert=True)
    return person


@pytest.fixture
def declare(monkeypatch):
    """Declare kinds that are forgotten after the test."""
    monkeypatch.setattr(kinds, "_kinds", dict(kinds._kinds))

    def add(handler, **options):
        return jobs.register("test.kind", label="Test work", **options)(handler)

    return add


def start(by=None, **params):
    return jobs.start(kind="test.kind", by=by, params=params, now=NOW)


def run(at=NOW):
    return worker.run_pending(clock=lambda: at)


def reread(job):
    return Job.objects.get(pk=job.pk)


def test_a_job_hands_its_parameters_to_the_handler_and_keeps_what_it_returns(declare, ada):
    declare(lambda run: {"by": run.by.name, "rows": run.params["rows"] * 2, "at": run.now().isoformat()})
    job = start(by=ada, rows=21)

    assert run() == 1

    job = reread(job)
    assert (job.state, job.result) == ("succeeded", {"by": "Ada Byron", "rows": 42, "at": NOW.isoformat()})
    assert (job.started_at, job.finished_at, job.expires_at) == (NOW, NOW, NOW + timedelta(days=30))
    assert not Lease.objects.filter(kind="task").exists()
    assert DBTaskResult.objects.get().status == TaskResultStatus.SUCCESSFUL


def test_a_job_whose_cause_is_rolled_back_never_runs(declare):
    declare(lambda run: {})
    with transaction.atomic():
        start()
        transaction.set_rollback(True)
    assert run() == 0
    assert not Job.objects.exists()


def test_an_unknown_kind_is_refused():
    with pytest.raises(Invalid, match="Nothing handles"):
        start()


def test_two_handlers_cannot_share_a_kind(declare):
    declare(lambda run: {})
    with pytest.raises(ValueError, match="registered twice"):
        declare(lambda run: {})


def test_progress_is_written_and_the_percentage_follows(declare):
    seen = []

    def handler(this):
        this.progress(3, 12, "Reading rows")
        seen.append(reread(this.job))
        return {}

    declare(handler)
    start()
    run()
    assert [(job.done, job.total, job.phase, job.percent) for job in seen] == [(3, 12, "Reading rows", 25)]


def test_progress_inside_a_transaction_of_the_handler_writes_nothing(declare):
    seen = []

    def handler(this):
        with transaction.atomic():
            this.progress(3, 12, "Hidden")
            seen.append(reread(this.job).phase)
        return {}

    declare(handler)
    start()
    run()
    assert seen == [""]


def test_a_refusal_fails_the_job_with_its_message_and_is_not_repeated(declare):
    def handler(this):
        raise invalid("row 12, column Tier", "9 is not a tier.")

    declare(handler, idempotent=True)
    job = start()
    run()
    job = reread(job)
    assert (job.state, job.error) == ("failed", "row 12, column Tier: 9 is not a tier.")
    assert run(NOW + timedelta(days=1)) == 0


def test_an_idempotent_job_is_tried_again_after_growing_pauses(declare):
    times = []

    def handler(this):
        times.append(this.now())
        if len(times) < 3:
            raise OSError("no route")
        return {"tries": len(times)}

    declare(handler, idempotent=True, attempts=3)
    job = start()
    run()
    assert (reread(job).state, reread(job).error) == ("queued", "OSError: no route")
    assert run(NOW + timedelta(seconds=4)) == 0
    run(NOW + timedelta(seconds=5))
    run(NOW + timedelta(seconds=24))
    assert len(times) == 2
    run(NOW + timedelta(seconds=25))
    job = reread(job)
    assert (job.state, job.result, job.error, job.attempt) == ("succeeded", {"tries": 3}, "", 3)


@pytest.mark.parametrize(
    ("idempotent", "tries"), [(False, 1), (True, 2)], ids=["not repeatable", "two attempts"]
)
def test_a_job_fails_when_its_attempts_are_used_up(declare, idempotent, tries):
    calls = []

    def handler(this):
        calls.append(1)
        raise OSError("disk full")

    declare(handler, idempotent=idempotent, attempts=2)
    job = start()
    for hours in range(4):
        run(NOW + timedelta(hours=hours))
    assert len(calls) == tries
    assert (reread(job).state, reread(job).error) == ("failed", "OSError: disk full")


def test_a_result_that_cannot_be_kept_fails_the_job(declare):
    declare(lambda run: {"bad": object()})
    job = start()
    run()
    assert reread(job).state == "failed"
    assert reread(job).error.startswith("TypeError: ")


def test_a_waiting_job_is_stopped_at_once(declare, ada):
    calls = []
    declare(lambda run: calls.append(1) or {})
    job = jobs.stop(job=start(by=ada), by=ada, now=NOW)
    assert (job.state, job.finished_at) == (JobState.STOPPED, NOW)
    run()
    assert calls == []


def test_a_running_job_ends_at_its_next_sign_of_progress(declare, ada):
    def handler(this):
        this.progress(1, 3, "one")
        jobs.stop(job=this.job, by=ada, now=NOW)
        this.progress(2, 3, "two")
        raise AssertionError("it went on")

    declare(handler)
    job = start(by=ada)
    run()
    assert (reread(job).state, reread(job).phase) == ("stopped", "two")


def test_only_the_owner_stops_a_job(declare, ada):
    ben = User(email="ben@example.org", name="Ben")
    User.save_base(ben, force_insert=True)
    declare(lambda run: {})
    job = start(by=ada)
    with pytest.raises(NotAllowed):
        jobs.stop(job=job, by=ben, now=NOW)
    assert reread(job).stop_requested is False


def test_the_job_of_a_person_who_left_is_not_run(declare, ada):
    calls = []
    declare(lambda run: calls.append(1) or {})
    job = start(by=ada)
    ada.is_active = False
    User.save_base(ada, force_update=True, update_fields=["is_active"])
    run()
    assert (calls, reread(job).state) == ([], "failed")
    assert "no longer active" in reread(job).error


def test_people_see_their_own_jobs(declare, ada):
    ben = User(email="ben@example.org", name="Ben")
    User.save_base(ben, force_insert=True)
    declare(lambda run: {})
    own, other = start(by=ada), start(by=ben)
    assert list(Job.objects.visible_to(ada)) == [own]
    assert list(Job.objects.visible_to(ben)) == [other]


def test_a_run_whose_job_was_taken_over_keeps_nothing(declare, ada):
    def handler(this):
        running.lose(this.job.pk, NOW)
        with this.transaction():
            User.save_base(User(email="zombie@example.org", name="Zombie"), force_insert=True)
        return {"written": True}

    declare(handler, idempotent=True)
    job = start(by=ada)
    run()
    job = reread(job)
    assert not User.objects.filter(email="zombie@example.org").exists()
    assert (job.state, job.result) == ("queued", {})


def test_the_outcome_of_a_run_that_was_taken_over_is_not_recorded(declare):
    def handler(this):
        Job.objects.filter(pk=this.job.pk).update(fence=this.fence + 1, lease_owner="the next worker")
        return {"stale": True}

    declare(handler)
    job = start()
    run()
    job = reread(job)
    assert (job.state, job.result, job.lease_owner) == ("running", {}, "the next worker")


def test_expired_jobs_are_removed(declare):
    declare(lambda run: {}, keep=timedelta(days=2))
    job = start()
    run()
    queue.prune(NOW + timedelta(days=1))
    assert Job.objects.filter(pk=job.pk).exists()
    queue.prune(NOW + timedelta(days=3))
    assert not Job.objects.filter(pk=job.pk).exists()
