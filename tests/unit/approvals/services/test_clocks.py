"""The approvers' clock runs only while the approvers owe something (RULES 4.8)."""

from datetime import datetime, timedelta

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from approvals import services
from approvals.duties import duty_records
from approvals.models import ChangeRequest, Stage
from approvals.queries.clocks import clock_of
from approvals.queries.inbox_page import at_my_stage, totals_of
from approvals.services import upkeep
from approvals.services.stages import stage_look_for_people
from mlops_portal.foundation.history import save_as
from mlops_portal.foundation.people.models import BusinessUnit, User
from mlops_portal.foundation.web.models import Notification
from registry.models import Environment, MetricValue, ModelVersion, RegisteredModel
from tests.factories import approvals as make
from tests.kept import kept


@pytest.fixture
@kept
def weak(model: RegisteredModel, release_cast: make.Cast, now: datetime) -> ModelVersion:
    """Return a version that misses a locked limit."""
    return make.complete_version(model, cast=release_cast, now=now, young=0.6, artifact="b")


@pytest.fixture
@kept
def blocked(weak: ModelVersion, prod: Environment, release_cast: make.Cast, now: datetime) -> ChangeRequest:
    """Return its request, at the risk officers."""
    why = [{"title": "Stay", "metrics": "auc 0.8", "why_not": "Drift."}]
    change = make.submitted(weak, prod, by=release_cast.developer, now=now, alternatives=why)
    return make.approve_by(
        change, [release_cast.owner, release_cast.validator], now=now + timedelta(minutes=5)
    )


def repair(version: ModelVersion, now: datetime) -> None:
    row = MetricValue.objects.get(version=version, name="auc", segment="young")
    row.value = 0.8
    save_as(row, by=None, now=now, reason="Measured again")


def test_the_clock_stands_while_a_blocking_gate_fails(
    blocked: ChangeRequest, ines: User, now: datetime
) -> None:
    stage = blocked.stages.get(state="current")
    clock = clock_of(stage, now + timedelta(hours=30))
    assert (clock.runs, clock.label) == (False, "Clock stopped")
    totals = totals_of(at_my_stage(ines), now + timedelta(days=30))
    assert (totals.waiting, totals.blocked, totals.stopped, totals.overdue) == (1, 1, 1, 0)


def test_an_owner_and_a_validator_owe_their_look_although_a_gate_fails(
    weak: ModelVersion, prod: Environment, release_cast: make.Cast, now: datetime
) -> None:
    why = [{"title": "Stay", "metrics": "auc 0.8", "why_not": "Drift."}]
    change = make.submitted(weak, prod, by=release_cast.developer, now=now, alternatives=why)
    assert change.gates_failed
    assert clock_of(change.stages.get(state="current"), now + timedelta(hours=1)).runs


def test_the_clock_goes_on_when_the_gate_is_fixed_and_counts_only_what_was_owed(
    blocked: ChangeRequest, weak: ModelVersion, now: datetime
) -> None:
    fixed = now + timedelta(days=20)
    repair(weak, fixed)
    services.change_refresh(change=blocked, now=fixed)
    blocked.refresh_from_db()
    assert blocked.gates_failed == 0
    stage = blocked.stages.get(state="current")
    assert stage.clock_started_at == fixed
    assert stage.used_seconds == 0
    assert stage.due_at == fixed + timedelta(hours=stage.sla_hours)


def test_the_clock_of_a_later_stage_stops_when_an_earlier_approval_is_revoked(
    filed: ChangeRequest, release_cast: make.Cast, now: datetime
) -> None:
    signer = release_cast.validator
    change = make.approve_by(filed, [release_cast.owner, signer], now=now)
    later = change.stages.get(state="current")
    assert later.clock_started_at is not None
    make.revoke(
        change.decisions.get(signer=signer), by=signer, now=later.clock_started_at + timedelta(hours=3)
    )
    later.refresh_from_db()
    assert (later.state, later.clock_started_at, later.due_at) == ("pending", None, None)
    assert later.used_seconds == 3 * 3600
    assert change.stages.get(state="current").clock_started_at is not None


def test_the_clock_keeps_what_was_used_when_a_gate_begins_to_fail(
    filed: ChangeRequest, release_cast: make.Cast, now: datetime
) -> None:
    change = make.approve_by(
        filed, [release_cast.owner, release_cast.validator], now=now + timedelta(minutes=5)
    )
    stage = change.stages.get(state="current")
    assert stage.clock_started_at is not None
    later = stage.clock_started_at + timedelta(hours=3)
    stage.change.gates_failed = 1
    assert stage_look_for_people(stage, duty_records(change, now=later), by=None, now=later)
    assert (stage.clock_started_at, stage.due_at, stage.used_seconds) == (None, None, 3 * 3600)
    assert not stage_look_for_people(stage, duty_records(change, now=later), by=None, now=later)


def test_who_is_told_of_overdue_stages_is_looked_for_at_once_for_all(
    filed: ChangeRequest, version: ModelVersion, retail: BusinessUnit, ada: User, olga: User, now: datetime
) -> None:
    def statements() -> int:
        due = Stage.objects.filter(state="current").order_by("due_at").last().due_at
        with CaptureQueriesContext(connection) as done:
            assert upkeep.stages_escalate(now=due, since=now) == Stage.objects.filter(state="current").count()
        return len([query for query in done.captured_queries if not query["sql"].startswith("INSERT")])

    one = statements()
    for number in range(4):
        place = make.production(retail, now=now, name=f"prod-{number}", connector="manual")
        make.submitted(version, place, by=ada, now=now)
    assert statements() == one
    assert Notification.objects.filter(person=olga, text__contains="past its deadline").exists()
