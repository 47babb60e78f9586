"""Schedules enqueue each due time once; messages arrive at least once."""

from datetime import UTC, datetime, timedelta

import pytest

from mlops_portal.foundation.work import leases, outbox, schedules, worker
from mlops_portal.foundation.work.models import Occurrence, OutboxMessage, Schedule

NOW = datetime(2026, 5, 4, 9, 30, tzinfo=UTC)


@pytest.fixture
def plans(monkeypatch):
    monkeypatch.setattr(schedules, "_plans", {})


@pytest.fixture
def topics(monkeypatch):
    monkeypatch.setattr(outbox, "_dispatchers", {})


@pytest.mark.parametrize(
    ("options", "due"),
    [
        pytest.param(
            {"every": timedelta(minutes=15)}, datetime(2026, 5, 4, 9, 45, tzinfo=UTC), id="each quarter"
        ),
        pytest.param(
            {"daily_at": "02:00"}, datetime(2026, 5, 5, 0, 0, tzinfo=UTC), id="tomorrow in local time"
        ),
        pytest.param({"daily_at": "18:00"}, datetime(2026, 5, 4, 16, 0, tzinfo=UTC), id="later today"),
    ],
)
def test_the_next_due_time(plans, settings, options, due):
    settings.PORTAL_TIME_ZONE = "Europe/Berlin"
    schedules.register("a", lambda now: None, **options)
    assert schedules.plans()[0].after(NOW) == due
    assert schedules.plans()[0].after(due) > due


@pytest.mark.django_db
def test_a_due_schedule_runs_once_and_moves_on(plans):
    runs = []
    schedules.register("a", runs.append, every=timedelta(hours=1))
    schedules.sync(NOW)
    assert schedules.tick(NOW) == 0
    later = NOW + timedelta(hours=5)
    assert schedules.tick(later) == 1
    assert schedules.tick(later) == 0
    worker.run_pending(clock=lambda: later)
    occurrence = Occurrence.objects.get()
    assert runs == [later]
    assert (occurrence.due_at, occurrence.finished_at) == (datetime(2026, 5, 4, 10, tzinfo=UTC), later)
    assert Schedule.objects.get().next_at == datetime(2026, 5, 4, 15, tzinfo=UTC)


@pytest.mark.django_db
def test_a_second_scheduler_with_an_old_view_enqueues_nothing(plans):
    schedules.register("a", lambda now: None, every=timedelta(hours=1))
    schedules.sync(NOW)
    later = NOW + timedelta(hours=1)
    schedules.tick(later)
    Schedule.objects.update(next_at=Occurrence.objects.get().due_at)
    assert schedules.tick(later) == 0
    assert Occurrence.objects.count() == 1


@pytest.mark.django_db
def test_a_failing_schedule_is_tried_again_and_says_why(plans):
    runs = []

    def handler(now):
        runs.append(now)
        raise OSError("no disk")

    schedules.register("a", handler, every=timedelta(hours=1))
    schedules.sync(NOW)
    later = NOW + timedelta(hours=1)
    schedules.tick(later)
    for minutes in range(5):
        at = later + timedelta(minutes=minutes)
        worker.run_pending(clock=lambda at=at: at)
    assert len(runs) == 3
    assert Occurrence.objects.get().error == "OSError: no disk"


@pytest.mark.django_db
def test_a_schedule_that_left_the_code_rests_and_a_changed_rule_is_taken_over(plans):
    schedules.register("a", lambda now: None, every=timedelta(hours=1))
    schedules.sync(NOW)
    schedules._plans.clear()
    schedules.register("b", lambda now: None, every=timedelta(hours=1))
    schedules.sync(NOW)
    assert dict(Schedule.objects.values_list("name", "is_active")) == {"a": False, "b": True}
    schedules._plans.clear()
    schedules.register("a", lambda now: None, every=timedelta(hours=2))
    schedules.sync(NOW)
    row = Schedule.objects.get(name="a")
    assert (row.is_active, row.next_at) == (True, datetime(2026, 5, 4, 10, tzinfo=UTC))


@pytest.mark.parametrize(
    "options", [{}, {"every": timedelta(1), "daily_at": "02:00"}], ids=["neither", "both"]
)
def test_a_schedule_has_exactly_one_rule(plans, options):
    with pytest.raises(ValueError, match="either every or daily_at"):
        schedules.register("a", lambda now: None, **options)


@pytest.mark.django_db
def test_a_message_is_delivered_with_pauses_until_it_arrives(topics):
    seen = []

    def dispatcher(message, now):
        seen.append((message.pk, now))
        if len(seen) < 3:
            raise ConnectionError("refused")

    outbox.register("notice", dispatcher)
    message = outbox.send(topic="notice", payload={"a": 1}, now=NOW)
    for seconds in (0, 4, 5, 6, 25, 60):
        at = NOW + timedelta(seconds=seconds)
        worker.run_pending(clock=lambda at=at: at)
    message.refresh_from_db()
    assert [(at - NOW).seconds for _, at in seen] == [0, 5, 25]
    assert (message.attempts, message.delivered_at, message.last_error) == (
        3,
        NOW + timedelta(seconds=25),
        "",
    )


@pytest.mark.django_db
def test_a_message_that_never_arrives_is_given_up_visibly(topics):
    def dispatcher(message, now):
        raise ConnectionError("refused")

    outbox.register("notice", dispatcher)
    outbox.send(topic="notice", payload={}, now=NOW)
    for hours in range(20):
        at = NOW + timedelta(hours=hours)
        worker.run_pending(clock=lambda at=at: at)
    message = OutboxMessage.objects.get()
    assert message.attempts == outbox.MAX_ATTEMPTS
    assert message.given_up_at is not None
    assert message.last_error == "ConnectionError: refused"


@pytest.mark.django_db
def test_nobody_can_send_what_nobody_delivers(topics):
    with pytest.raises(ValueError, match="Nobody delivers"):
        outbox.send(topic="notice", payload={}, now=NOW)
    assert not OutboxMessage.objects.exists()


@pytest.mark.django_db
def test_a_lease_has_one_holder_and_a_growing_fence():
    first = leases.take("sequencer", kind="role", holder="a", now=NOW)
    assert leases.take("sequencer", kind="role", holder="b", now=NOW) is None
    assert leases.take("sequencer", kind="role", holder="a", now=NOW).fence == first.fence == 1
    second = leases.take("sequencer", kind="role", holder="b", now=NOW + timedelta(minutes=2))
    assert (second.holder, second.fence) == ("b", 2)
    assert leases.renew(first, now=NOW) is False
    assert leases.renew(second, now=NOW + timedelta(minutes=2)) is True
    leases.release(second, now=NOW)
    assert leases.take("sequencer", kind="role", holder="c", now=NOW + timedelta(seconds=1)).fence == 3
