"""Conditions fall with the decision that set them, or with the request; nobody owes them any more."""

from collections.abc import Callable
from datetime import datetime, timedelta

import pytest

from approvals import services
from approvals.models import ChangeRequest, Condition
from approvals.queries.inbox_page import conditions_owed, conditions_to_verify
from approvals.services.submission import change_expire
from mlops_portal.foundation.history import history_model, save_as
from mlops_portal.foundation.rules import RuleViolation
from mlops_portal.foundation.web.models import Notification
from tests.factories import approvals as make


def withdraw(change: ChangeRequest, cast: make.Cast, now: datetime) -> None:
    services.change_withdraw(change=change, reason="Not wanted any more.", by=cast.developer, now=now)


def reject(change: ChangeRequest, cast: make.Cast, now: datetime) -> None:
    make.decide(change, cast.validator, now=now, verdict="reject")


def change_content(change: ChangeRequest, cast: make.Cast, now: datetime) -> None:
    change.purpose = "Something else."
    save_as(change, by=None, now=now)
    assert services.change_refresh(change=change, now=now)


def file_again(change: ChangeRequest, cast: make.Cast, now: datetime) -> None:
    make.decide(change, cast.validator, now=now, verdict="request_changes", items=["Show it."])
    assert Condition.objects.get().state == Condition.State.OPEN, "what was sent back may be filed again"
    answered = make.answered(ChangeRequest.objects.get(pk=change.pk), by=cast.developer, now=now)
    services.change_submit(change=answered, by=cast.developer, now=now)


def revoke(change: ChangeRequest, cast: make.Cast, now: datetime) -> None:
    make.revoke(change.decisions.get(signer=cast.owner), by=cast.owner, now=now)


def approve(change: ChangeRequest, cast: make.Cast, now: datetime) -> ChangeRequest:
    people = [cast.validator, cast.risk_officer, cast.change_manager]
    change = make.approve_by(change, people, now=now)
    assert change.state == "approved"
    return change


def revoke_another(change: ChangeRequest, cast: make.Cast, now: datetime) -> None:
    make.revoke(approve(change, cast, now).decisions.get(stage__key="validation"), by=cast.validator, now=now)


def expire(change: ChangeRequest, cast: make.Cast, now: datetime) -> None:
    change = approve(change, cast, now)
    assert change.expires_at is not None
    assert change_expire(change=change, now=change.expires_at)


@pytest.fixture
def conditional(filed: ChangeRequest, release_cast: make.Cast, now: datetime) -> ChangeRequest:
    """Return a request that its owner accepted on a condition: Ada fulfils it, Vera verifies it."""
    cast = release_cast
    row = make.condition(cast.developer, cast.validator, now.date() + timedelta(days=30))
    make.decide(filed, cast.owner, now=now, verdict="approve_with_conditions", conditions=[row])
    return ChangeRequest.objects.get(pk=filed.pk)


@pytest.mark.parametrize(
    ("end", "reason"),
    [
        pytest.param(withdraw, "The request was withdrawn", id="with a request that is withdrawn"),
        pytest.param(reject, "The request was rejected", id="with a request that is rejected"),
        pytest.param(expire, "The approval ended unused", id="with an approval that ends unused"),
        pytest.param(change_content, "The content changed: Request.", id="with a decision that is void"),
        pytest.param(file_again, "The request was filed again.", id="with what is filed again"),
        pytest.param(revoke, "The approval was revoked", id="with a decision that is revoked"),
        pytest.param(revoke_another, "The approval was revoked", id="with an approval that is revoked"),
    ],
)
def test_a_condition_is_dropped(
    conditional: ChangeRequest,
    release_cast: make.Cast,
    now: datetime,
    end: Callable[..., None],
    reason: str,
) -> None:
    cast = release_cast
    assert conditions_owed(cast.developer).count() == conditions_to_verify(cast.validator).count() == 1
    end(conditional, cast, now)
    condition = Condition.objects.get()
    assert condition.state == Condition.State.DROPPED
    assert not conditions_owed(cast.developer).exists()
    assert not conditions_to_verify(cast.validator).exists()
    newest = history_model(Condition).objects.filter(id=condition.pk).latest("history_date")
    assert (newest.state, newest.history_change_reason) == ("dropped", reason)
    asked = Notification.objects.asking().filter(person=cast.developer, text__contains="condition")
    assert not asked.exists(), "who was asked for it reads that it is no longer needed"
    with pytest.raises(RuleViolation) as refusal:
        services.condition_declare(condition=condition, declaration="It is done.", by=cast.developer, now=now)
    assert [one.code for one in refusal.value.blockers] == ["settled"]


def test_a_met_condition_stays_met(
    conditional: ChangeRequest, release_cast: make.Cast, now: datetime
) -> None:
    services.condition_verify(
        condition=Condition.objects.get(),
        verification="The report is there.",
        by=release_cast.validator,
        now=now,
    )
    withdraw(conditional, release_cast, now)
    assert Condition.objects.get().state == Condition.State.MET


def test_the_condition_of_another_decision_stays_while_one_in_review_is_revoked(
    conditional: ChangeRequest, release_cast: make.Cast, now: datetime
) -> None:
    cast = release_cast
    make.decide(conditional, cast.validator, now=now)
    make.revoke(conditional.decisions.get(stage__key="validation"), by=cast.validator, now=now)
    assert Condition.objects.get().state == Condition.State.OPEN
