"""A lapse is renewed or fixed only by what answers the same matter; that something was granted or filed settles nothing."""

from collections.abc import Callable
from datetime import UTC, date, datetime, time, timedelta
from typing import Any

import pytest
from django.db.models import Q
from django.utils import timezone

from approvals import home, services
from approvals.models import ChangeRequest, Condition, GateResult, Lapse, Waiver
from approvals.services import upkeep
from approvals.services.conditions import condition_lapse
from mlops_portal.foundation.history import save_as
from mlops_portal.foundation.people.models import User
from mlops_portal.foundation.rules import RuleViolation
from mlops_portal.foundation.web.words import time_text
from registry.models import Deployment
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


def waived(change: ChangeRequest, at: datetime, *, gate: str, **fields: Any) -> Waiver:
    """Write a waiver that was asked for and granted at a moment."""
    granted = Waiver(
        **{
            "change": change, "version": change.version, "model": change.model, "unit": change.unit,
            "gate": gate, "authority": "head_of_model_risk", "reason": "Accepted for now.",
            "valid_until": at + timedelta(days=30), "requested_by": change.requester, "requested_at": at,
            "decided_at": at, "decided_by": change.model.accountable_executive or change.model.owner, "state": Waiver.State.GRANTED, **fields,
        }
    )  # fmt: skip
    return save_as(granted, by=None, now=at, reason="test")


def serve_again(change: ChangeRequest, at: datetime) -> None:
    """Write that the version of a request serves where another one had taken its place."""
    there = Deployment.objects.filter(environment=change.environment)
    for version, state in (
        (~Q(version=change.version), "rolled_back"),
        (Q(version=change.version), "live"),
    ):
        moved = there.get(version)
        moved.state = state
        save_as(moved, by=None, now=at, reason="Rolled back")


def owed(change: ChangeRequest, cast: make.Cast, due: date) -> Condition:
    """Write a condition of the first decision that its owner has not met."""
    condition = Condition(
        change=change, decision=change.decisions.first(), model=change.model, unit=change.unit,
        text="Report monthly.", owner=cast.owner, verifier=cast.validator, due_on=due, evidence="Report",
    )  # fmt: skip
    return save_as(condition, by=None, now=change.created_at, reason="test")


@pytest.fixture
def at(now: datetime) -> datetime:
    """Return the day after the release, when something lapses."""
    return now + timedelta(days=1)


@pytest.fixture
def owner(release_cast: make.Cast) -> User:
    """Return the owner of the model, who settles its lapses."""
    return release_cast.owner


@pytest.fixture
def replace(
    later: Callable[..., ChangeRequest], release_cast: make.Cast, run_jobs: Callable[[datetime], None]
) -> Callable[..., ChangeRequest]:
    """Return what files a request an hour after a moment, unless one is given, and puts it in place an hour later."""

    def put(at: datetime, change: ChangeRequest | None = None) -> ChangeRequest:
        change = change or later(at + timedelta(hours=1))
        return put_in_place(change, release_cast, run_jobs, at + timedelta(hours=2))

    return put


def fixed(lapse: Lapse, by: Any, at: datetime) -> Lapse:
    return services.lapse_close(lapse=lapse, outcome="fixed", by=by, now=at)


def refuse(lapse: Lapse, by: Any, at: datetime) -> None:
    with pytest.raises(RuleViolation, match="put in place there") as refusal:
        fixed(lapse, by, at)
    assert codes(refusal) == ["no_record"]


def test_a_lost_approval_is_fixed_once_another_one_is_in_place_there(
    running: ChangeRequest,  # noqa: F811
    later: Callable[..., ChangeRequest],
    replace: Callable[..., ChangeRequest],
    owner: User,
    at: datetime,
) -> None:
    lapse = services.lapse_open(change=running, key="revocation:1", text="The approval was revoked.", now=at)
    refuse(lapse, owner, at)
    change = later(at + timedelta(hours=1))
    refuse(lapse, owner, at + timedelta(hours=2))
    replace(at + timedelta(hours=1), change)
    assert fixed(lapse, owner, at + timedelta(hours=4)).outcome == "fixed"


def test_a_request_filed_before_the_lapse_does_not_fix_it(
    running: ChangeRequest,  # noqa: F811
    later: Callable[..., ChangeRequest],
    replace: Callable[..., ChangeRequest],
    owner: User,
    at: datetime,
) -> None:
    change = later(at)
    lapse = services.lapse_open(
        change=running, key="revocation:1", text="The approval was revoked.", now=at + timedelta(hours=1)
    )
    replace(at, change)
    refuse(lapse, owner, at + timedelta(hours=3))


def test_a_lapse_is_settled_by_a_version_that_took_the_place_of_its_own(
    running: ChangeRequest,  # noqa: F811
    replace: Callable[..., ChangeRequest],
    release_cast: make.Cast,
    at: datetime,
) -> None:
    lapse = services.lapse_open(change=running, key="waiver:1", text="The waiver ended.", now=at)
    assert upkeep.lapses_follow_service(now=at) == 0, "it still serves"
    replace(at)
    gone = at + timedelta(hours=3)
    assert upkeep.lapses_follow_service(now=gone) == 1
    lapse.refresh_from_db()
    assert (lapse.outcome, lapse.closed_at, lapse.closed_by) == ("restricted", gone, None)
    assert upkeep.lapses_follow_service(now=gone) == 0
    back, was_due = gone + timedelta(days=60), lapse.due_at
    serve_again(running, back)
    assert upkeep.lapses_follow_service(now=back) == 1, "it serves again"
    lapse.refresh_from_db()
    assert (lapse.outcome, lapse.closed_at) == ("", None)
    assert lapse.due_at > back > was_due, "while nothing ran, nothing could be settled"


def test_a_condition_that_is_met_late_settles_its_lapse(
    running: ChangeRequest,  # noqa: F811
    release_cast: make.Cast,
    at: datetime,
) -> None:
    condition = owed(running, release_cast, due=at.date())
    lapse = services.lapse_open(
        change=running, key=f"condition:{condition.pk}", text="Late.", condition=condition, now=at
    )
    services.condition_verify(
        condition=condition, verification="Reports 1 to 4 seen.", by=release_cast.validator, now=at
    )
    lapse.refresh_from_db()
    assert (lapse.outcome, lapse.closed_at, lapse.closed_by) == ("fixed", at, release_cast.validator)


@pytest.mark.parametrize("how", ["met", "renewed", "released anew"])
def test_a_lapse_that_is_answered_does_not_come_back_with_its_version(
    how: str,
    running: ChangeRequest,  # noqa: F811
    replace: Callable[..., ChangeRequest],
    release_cast: make.Cast,
    at: datetime,
) -> None:
    condition = owed(running, release_cast, due=at.date()) if how == "met" else None
    lapse = services.lapse_open(
        change=running,
        key="condition:1" if condition else "revocation:1",
        text="It ended.",
        condition=condition,
        now=at,
    )
    later = replace(at)
    gone = at + timedelta(hours=3)
    assert upkeep.lapses_follow_service(now=gone) == 1
    if condition:
        condition.state = Condition.State.MET
        save_as(condition, by=None, now=gone, reason="test", fields=["state"])
    elif how == "renewed":
        waived(running, gone, gate="DOC-01")
    else:
        later.version = running.version
        save_as(later, by=None, now=gone, reason="test", fields=["version"])
    serve_again(running, gone)
    assert upkeep.lapses_follow_service(now=gone + timedelta(days=1)) == 0
    lapse.refresh_from_db()
    assert lapse.outcome == "restricted"


def test_two_lapses_of_one_gate_are_told_apart_by_their_waivers(
    running: ChangeRequest,  # noqa: F811
    now: datetime,
) -> None:
    told = set()
    for days in (1, 9):
        begins = now - timedelta(days=days)
        ends = begins + timedelta(days=3)
        waiver = waived(running, begins, gate="OPS-01", valid_until=ends, state=Waiver.State.ENDED)
        lapse = services.lapse_open(
            change=running,
            key=f"waiver:{waiver.pk}",
            text="The waiver of OPS-01 ended.",
            waiver=waiver,
            now=now,
        )
        assert f"It held from {time_text(begins)} to {time_text(waiver.valid_until)}." in lapse.told
        told.add(lapse.told)
    assert len(told) == 2


@pytest.mark.parametrize(("outcome", "settles"), [("waived", False), ("fail", False), ("pass", True)])
def test_an_ended_waiver_is_fixed_only_where_its_gate_passes(
    outcome: str,
    settles: bool,
    running: ChangeRequest,  # noqa: F811
    replace: Callable[..., ChangeRequest],
    owner: User,
    at: datetime,
    now: datetime,
) -> None:
    gate = running.gate_results.filter(is_current=True).order_by("position").first()
    waiver = waived(running, now, gate=gate.gate, valid_until=at, state=Waiver.State.ENDED)
    lapse = services.lapse_open(change=running, key="waiver:1", text="It ended.", waiver=waiver, now=at)
    change = replace(at)
    result = GateResult.objects.get(change=change, gate=gate.gate, is_current=True)
    result.outcome = outcome
    save_as(result, by=None, now=at + timedelta(hours=3), reason="test")
    if settles:
        assert fixed(lapse, owner, at + timedelta(hours=4)).closed_at
    else:
        refuse(lapse, owner, at + timedelta(hours=4))


def test_an_overdue_condition_is_fixed_once_it_is_met_or_its_version_is_gone(
    running: ChangeRequest,  # noqa: F811
    replace: Callable[..., ChangeRequest],
    release_cast: make.Cast,
    at: datetime,
    now: datetime,
) -> None:
    condition = owed(running, release_cast, now.date())
    lapse = services.lapse_open(change=running, key="condition:1", text="Late.", condition=condition, now=at)
    refuse(lapse, release_cast.owner, at)
    replace(at)
    assert fixed(lapse, release_cast.owner, at + timedelta(hours=3)).closed_at


def test_a_condition_lapses_when_its_day_has_ended_where_the_portal_is(
    running: ChangeRequest,  # noqa: F811
    release_cast: make.Cast,
    now: datetime,
    settings: Any,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    settings.PORTAL_TIME_ZONE = "America/New_York"
    due = now.date() + timedelta(days=10)
    evening = datetime.combine(due + timedelta(days=1), time(1), tzinfo=UTC)
    owed(running, release_cast, due)
    monkeypatch.setattr(timezone, "now", lambda: evening)
    told = home.decisions(release_cast.validator)
    assert told is not None
    assert told["today"] == due
    assert upkeep.conditions_lapse(now=evening) == 0
    condition = Condition.objects.get()
    assert not condition_lapse(condition=condition, now=evening)
    assert upkeep.conditions_lapse(now=evening + timedelta(hours=4)) == 1


# What is renewed: the gate whose waiver ended, the validation, the approval that fell; a duty never is.
LAPSED = {
    "waiver": "waiver:1",
    "validation": "validation:1",
    "revocation": "revocation:1",
    "condition": "condition:1",
}


@pytest.fixture
def lapse_of(running: ChangeRequest, release_cast: make.Cast, now: datetime) -> Callable[[str], Lapse]:  # noqa: F811
    """Return a factory of lapses of what runs; the waiver that ended was of OPS-01."""

    def open_one(matter: str) -> Lapse:
        at = now + timedelta(days=1)
        more: dict[str, Any] = {}
        if matter == "waiver":
            more["waiver"] = waived(running, at, gate="OPS-01", state=Waiver.State.ENDED)
        if matter == "condition":
            more["condition"] = owed(running, release_cast, now.date())
        return services.lapse_open(change=running, key=LAPSED[matter], text="It ended.", now=at, **more)

    return open_one


BEFORE, ENDED = "before the lapse", "ended again"


@pytest.mark.parametrize(
    ("matter", "unlike", "alike"),
    [
        pytest.param(
            "waiver",
            [{"gate": "MON-01"}, {"gate": "OPS-01", "decided_at": BEFORE, "valid_until": ENDED}],
            {"gate": "OPS-01"},
            id="a waiver by another one of its gate that still holds",
        ),
        pytest.param(
            "waiver",
            [{"gate": "OPS-01", "state": Waiver.State.DECLINED}],
            {"gate": "OPS-01", "decided_at": BEFORE},
            id="a waiver by another one that was granted before it ended",
        ),
        pytest.param(
            "validation",
            [{"gate": "OPS-01"}, {"gate": "VAL-02"}],
            {"gate": "VAL-01"},
            id="a validation by a waiver of its validity",
        ),
        pytest.param(
            "revocation",
            [{"gate": "PERF-01", "requested_at": BEFORE}, {"gate": "OPS-01", "authority": "risk_officer"}],
            {"gate": "PERF-01"},
            id="an approval by what the head of model risk was asked for since and accepted",
        ),
        pytest.param("condition", [{"gate": "OPS-01"}], None, id="a duty by no waiver"),
    ],
)  # fmt: skip
def test_a_lapse_is_renewed_only_by_what_answers_the_same_matter(
    matter: str,
    unlike: list[dict[str, Any]],
    alike: dict[str, Any] | None,
    lapse_of: Callable[[str], Lapse],
    running: ChangeRequest,  # noqa: F811
    release_cast: make.Cast,
    now: datetime,
) -> None:
    lapse = lapse_of(matter)
    at = now + timedelta(days=3)
    moments = {BEFORE: now, ENDED: at - timedelta(hours=1)}
    renew = {"lapse": lapse, "outcome": "renewed", "by": release_cast.owner, "now": at}

    def write(fields: dict[str, Any]) -> None:
        dated = {name: moments.get(value, value) for name, value in fields.items()}
        waived(running, at - timedelta(days=1), **dated)

    for fields in unlike:
        write(fields)
        with pytest.raises(RuleViolation) as refusal:
            services.lapse_close(**renew)
        assert codes(refusal) == ["no_record"], fields
    if alike is not None:
        write(alike)
        assert services.lapse_close(**renew).outcome == "renewed"


def test_the_lapse_of_a_condition_whose_approval_is_revoked_is_settled_as_the_approval_is(
    lapse_of: Callable[[str], Lapse],
    running: ChangeRequest,  # noqa: F811
    release_cast: make.Cast,
    now: datetime,
) -> None:
    lapse, at = lapse_of("condition"), now + timedelta(days=3)
    decision = lapse.condition.decision
    make.revoke(decision, by=decision.signer, now=now + timedelta(days=2))
    renew = {"lapse": lapse, "outcome": "renewed", "by": release_cast.owner, "now": at}
    with pytest.raises(RuleViolation) as refusal:
        services.lapse_close(**renew)
    assert codes(refusal) == ["no_record"]
    waived(running, at - timedelta(hours=1), gate="PERF-01")
    assert services.lapse_close(**renew).outcome == "renewed"


@pytest.mark.parametrize(
    ("renewed", "opens"),
    [
        pytest.param({}, 0, id="a waiver renewed in time"),
        pytest.param({"gate": "MON-01"}, 1, id="another gate is waived"),
        pytest.param({"valid_until": ENDED}, 1, id="the renewal ended as well"),
    ],
)
def test_a_waiver_that_ends_while_another_one_opens_its_gate_lapses_nothing(
    renewed: dict[str, Any],
    opens: int,
    running: ChangeRequest,  # noqa: F811
    now: datetime,
) -> None:
    at = now + timedelta(days=3)
    ending = waived(running, now, gate="OPS-01", valid_until=at)
    moments = {ENDED: at + timedelta(minutes=5)}
    fields = {"gate": "OPS-01"} | {name: moments.get(value, value) for name, value in renewed.items()}
    waived(running, at - timedelta(days=1), **fields)
    assert services.waiver_end(waiver=ending, now=at + timedelta(minutes=10)) is True
    assert Lapse.objects.filter(change=running).count() == opens


def test_the_nightly_look_asks_as_often_for_many_releases_as_for_one(
    running: ChangeRequest,  # noqa: F811
    assert_flat_queries: Callable[..., None],
) -> None:
    ended = running.version.validations.get().valid_until + timedelta(days=1)
    assert upkeep.lapses_of_validity(now=ended) == 1

    def add_another() -> None:
        another = ChangeRequest.objects.get(pk=running.pk)
        another.pk, another.kind = None, "promote"
        another._state.adding = True
        save_as(another, by=None, now=ended, reason="test")
        assert upkeep.lapses_of_validity(now=ended) == 1

    assert_flat_queries(act=lambda: upkeep.lapses_of_validity(now=ended), add_rows=add_another, budget=6)
