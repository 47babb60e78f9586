"""A lapse is fixed by a request that was put in place and addresses it; that some request was filed fixes nothing."""

from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any

import pytest

from approvals import services
from approvals.models import ChangeRequest, Condition, GateResult, Lapse, Waiver
from mlops_portal.foundation.history import save_as
from mlops_portal.foundation.rules import RuleViolation
from tests.factories import approvals as make
from tests.unit.approvals.services.test_execution import (  # noqa: F401  (fixtures)
    codes,
    put_in_place,
    release,
    running,
    small,
)

DESCRIBED = [{"title": "Keep 1", "metrics": {"auc": 0.82}, "gates": "pass", "why_not": "Weaker."}]


@pytest.fixture
def later(running: ChangeRequest, release_cast: make.Cast, now: datetime) -> Callable[..., ChangeRequest]:  # noqa: F811
    """Return a factory of approved requests for a second version in the same environment."""

    def make_one(at: datetime) -> ChangeRequest:
        version = make.complete_version(running.model, cast=release_cast, now=at, auc=0.83, artifact="b")
        return release(version, running.environment, release_cast, at=at, alternatives=DESCRIBED)

    return make_one


def fixed(lapse: Lapse, by: Any, at: datetime) -> Lapse:
    return services.lapse_close(lapse=lapse, outcome="fixed", by=by, now=at)


def refuse(lapse: Lapse, by: Any, at: datetime) -> None:
    with pytest.raises(RuleViolation, match="put in place there") as refusal:
        fixed(lapse, by, at)
    assert codes(refusal) == ["no_record"]


def test_a_lost_approval_is_fixed_once_another_one_is_in_place_there(
    running: ChangeRequest,  # noqa: F811
    later: Callable[..., ChangeRequest],
    release_cast: make.Cast,
    run_jobs: Callable[[datetime], None],
    now: datetime,
) -> None:
    at = now + timedelta(days=1)
    lapse = services.lapse_open(change=running, key="revocation:1", text="The approval was revoked.", now=at)
    refuse(lapse, release_cast.owner, at)
    change = later(at + timedelta(hours=1))
    refuse(lapse, release_cast.owner, at + timedelta(hours=2))
    put_in_place(change, release_cast, run_jobs, at + timedelta(hours=3))
    assert fixed(lapse, release_cast.owner, at + timedelta(hours=4)).outcome == "fixed"


def test_a_request_filed_before_the_lapse_does_not_fix_it(
    running: ChangeRequest,  # noqa: F811
    later: Callable[..., ChangeRequest],
    release_cast: make.Cast,
    run_jobs: Callable[[datetime], None],
    now: datetime,
) -> None:
    at = now + timedelta(days=1)
    change = later(at)
    lapse = services.lapse_open(
        change=running, key="revocation:1", text="The approval was revoked.", now=at + timedelta(hours=1)
    )
    put_in_place(change, release_cast, run_jobs, at + timedelta(hours=2))
    refuse(lapse, release_cast.owner, at + timedelta(hours=3))


@pytest.mark.parametrize(("outcome", "settles"), [("waived", False), ("fail", False), ("pass", True)])
def test_an_ended_waiver_is_fixed_only_where_its_gate_passes(
    outcome: str,
    settles: bool,
    running: ChangeRequest,  # noqa: F811
    later: Callable[..., ChangeRequest],
    release_cast: make.Cast,
    run_jobs: Callable[[datetime], None],
    now: datetime,
) -> None:
    at = now + timedelta(days=1)
    gate = running.gate_results.filter(is_current=True).order_by("position").first()
    waiver = save_as(
        Waiver(
            change=running, version=running.version, model=running.model, unit=running.unit, gate=gate.gate,
            authority="risk_officer", reason="Late data.", valid_until=at, requested_by=running.requester,
            requested_at=now, state=Waiver.State.ENDED,
        ),
        by=None, now=now, reason="test",
    )  # fmt: skip
    lapse = services.lapse_open(change=running, key="waiver:1", text="It ended.", waiver=waiver, now=at)
    change = put_in_place(later(at + timedelta(hours=1)), release_cast, run_jobs, at + timedelta(hours=2))
    result = GateResult.objects.get(change=change, gate=gate.gate, is_current=True)
    result.outcome = outcome
    save_as(result, by=None, now=at + timedelta(hours=3), reason="test")
    if settles:
        assert fixed(lapse, release_cast.owner, at + timedelta(hours=4)).closed_at
    else:
        refuse(lapse, release_cast.owner, at + timedelta(hours=4))


def test_an_overdue_condition_is_fixed_once_it_is_met_or_its_version_is_gone(
    running: ChangeRequest,  # noqa: F811
    later: Callable[..., ChangeRequest],
    release_cast: make.Cast,
    run_jobs: Callable[[datetime], None],
    now: datetime,
) -> None:
    at = now + timedelta(days=1)
    decision = running.decisions.first()
    condition = save_as(
        Condition(
            change=running, decision=decision, model=running.model, unit=running.unit, text="Report monthly.",
            owner=release_cast.owner, verifier=release_cast.validator, due_on=now.date(), evidence="Report",
        ),
        by=None, now=now, reason="test",
    )  # fmt: skip
    lapse = services.lapse_open(change=running, key="condition:1", text="Late.", condition=condition, now=at)
    refuse(lapse, release_cast.owner, at)
    put_in_place(later(at + timedelta(hours=1)), release_cast, run_jobs, at + timedelta(hours=2))
    assert fixed(lapse, release_cast.owner, at + timedelta(hours=3)).closed_at
