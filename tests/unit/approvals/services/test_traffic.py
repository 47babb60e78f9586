"""What is signed about the traffic is what happens (RULES 5.5): steps where an operator takes them, else all at once."""

from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from django.utils import timezone

from approvals import services
from approvals.models import ChangeRequest, Execution
from approvals.queries import execution_panel
from approvals.traffic import traffic_words
from mlops_portal.foundation.history import save_as
from mlops_portal.foundation.people.models import BusinessUnit, User
from mlops_portal.foundation.rules import RuleViolation
from registry.models import Deployment, Environment, ModelVersion, RegisteredModel
from tests.factories import approvals as make
from tests.kept import kept

STEPS = [{"percent": 25, "hold_hours": 2.0}, {"percent": 100, "hold_hours": 0.0}]


@pytest.fixture
@kept
def small(light_model: RegisteredModel, release_cast: make.Cast, now: datetime) -> ModelVersion:
    """Return a version of the tier 4 model."""
    return make.complete_version(light_model, cast=release_cast, now=now)


@pytest.fixture
@kept
def edge(retail: BusinessUnit, now: datetime) -> Environment:
    """Return production that an operator reaches by hand."""
    return make.production(retail, now=now, name="plant-edge", connector="manual")


@pytest.fixture
@kept
def by_hand(
    small: ModelVersion, edge: Environment, release_cast: make.Cast, omar: User, now: datetime
) -> Execution:
    """Return an execution of a plan of two steps, an hour after filing."""
    change = make.submitted(small, edge, by=release_cast.developer, now=now, traffic_plan=STEPS)
    make.approve_by(change, [release_cast.owner, release_cast.risk_officer], now=now)
    services.change_execute_now(change=change, by=omar, now=now + timedelta(hours=1))
    return Execution.objects.select_related("change").get(change=change)


def codes(refusal: pytest.ExceptionInfo[RuleViolation]) -> list[str]:
    return [blocker.code for blocker in refusal.value.blockers]


def confirm(execution: Execution, by: User, at: datetime, *, succeeded: bool = True) -> None:
    note = "Switched at the gateway, error rate unchanged."
    services.execution_confirm(execution=execution, succeeded=succeeded, note=note, by=by, now=at)


@pytest.mark.parametrize(
    ("connector", "plan", "words"),
    [
        pytest.param("registry_alias", [100], "All traffic moves at once", id="an alias moves everything"),
        pytest.param(
            "manual",
            [5, 25, 100],
            "5 % for 24 h, then 25 % for 24 h, then 100 %",
            id="an operator takes steps",
        ),
    ],
)
def test_without_a_plan_of_the_requester_there_is_one_that_can_be_carried_out(
    connector: str,
    plan: list[int],
    words: str,
    version: ModelVersion,
    retail: BusinessUnit,
    ada: User,
    now: datetime,
) -> None:
    place = make.production(retail, now=now, connector=connector)
    change = make.submitted(version, place, by=ada, now=now)
    assert [step["percent"] for step in change.traffic_plan] == plan
    assert traffic_words(change).startswith(words)


def test_steps_that_nobody_would_take_are_refused_at_filing(
    version: ModelVersion, prod: Environment, ada: User, now: datetime
) -> None:
    with pytest.raises(RuleViolation, match="moves all traffic at once") as refusal:
        make.submitted(version, prod, by=ada, now=now, traffic_plan=STEPS)
    assert codes(refusal) == ["traffic_steps"]


def test_a_plan_signed_before_the_rule_does_not_start(
    small: ModelVersion, prod: Environment, release_cast: make.Cast, omar: User, now: datetime
) -> None:
    change = make.submitted(small, prod, by=release_cast.developer, now=now)
    make.approve_by(change, [release_cast.owner, release_cast.risk_officer], now=now)
    change.traffic_plan = STEPS
    save_as(change, by=None, now=now, fields=["traffic_plan"])
    assert "of the plan (25 % for 2 h, then 100 %) are not taken" in traffic_words(change)
    with pytest.raises(RuleViolation) as refusal:
        services.change_execute_now(change=change, by=omar, now=now + timedelta(hours=1))
    assert codes(refusal) == ["traffic_steps"]


def test_an_operator_confirms_each_step_and_holds_it(by_hand: Execution, omar: User, now: datetime) -> None:
    first = now + timedelta(hours=1)
    confirm(by_hand, omar, first)
    deployment = Deployment.objects.get(change_id=by_hand.change_id)
    assert (deployment.state, deployment.traffic_percent) == ("in_progress", 25)
    with pytest.raises(RuleViolation, match="25 % of the traffic is held until") as refusal:
        confirm(by_hand, omar, first + timedelta(hours=1))
    assert codes(refusal) == ["held"]
    confirm(by_hand, omar, first + timedelta(hours=2))
    deployment.refresh_from_db()
    assert (deployment.state, deployment.traffic_percent) == ("live", 100)
    taken = by_hand.steps.order_by("pk").values_list("step", "state")
    assert list(taken) == [("25 % of the traffic", "succeeded"), ("100 % of the traffic", "succeeded")]


def test_a_step_that_fails_ends_the_release_without_waiting(
    by_hand: Execution, omar: User, now: datetime
) -> None:
    confirm(by_hand, omar, now + timedelta(hours=1))
    confirm(by_hand, omar, now + timedelta(hours=1, minutes=5), succeeded=False)
    assert ChangeRequest.objects.get(pk=by_hand.change_id).state == "failed"
    assert Deployment.objects.get(change_id=by_hand.change_id).traffic_percent == 0


def test_an_abort_at_the_first_step_is_an_abort(by_hand: Execution, omar: User, now: datetime) -> None:
    confirm(by_hand, omar, now + timedelta(hours=1))
    services.execution_abort(
        execution=by_hand, reason="The canary is slow.", by=omar, now=now + timedelta(hours=2)
    )
    assert ChangeRequest.objects.get(pk=by_hand.change_id).state == "approved"
    assert Deployment.objects.get(change_id=by_hand.change_id).state == "aborted"


def test_until_when_a_step_is_held_is_shown_in_the_zone_of_the_reader(
    by_hand: Execution, omar: User, now: datetime
) -> None:
    first = now + timedelta(hours=1)
    with timezone.override(ZoneInfo("Asia/Tokyo")):
        confirm(by_hand, omar, first)
    change = ChangeRequest.objects.get(pk=by_hand.change_id)
    assert change.headline == "25 % of the traffic"
    assert execution_panel.read(change, now=first)["held_until"] == first + timedelta(hours=2)
    confirm(by_hand, omar, first + timedelta(hours=2))
    change.refresh_from_db()
    assert execution_panel.read(change, now=first + timedelta(hours=2))["held_until"] is None
