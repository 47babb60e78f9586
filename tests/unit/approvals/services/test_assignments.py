"""Who takes a stage: they are told, and who may no longer fill it does not take it any more."""

from datetime import datetime, timedelta

import pytest

from approvals import services
from approvals.models import ChangeRequest, Stage
from mlops_portal.foundation.history import save_as
from mlops_portal.foundation.people.models import User
from mlops_portal.foundation.web.models import Notification
from tests.factories import approvals as make


@pytest.fixture
def at_risk(filed: ChangeRequest, release_cast: make.Cast, now: datetime) -> ChangeRequest:
    """Return the request at the risk officers, Ines and Rolf."""
    return make.approve_by(filed, [release_cast.owner, release_cast.validator], now=now)


def current(change: ChangeRequest) -> Stage:
    return change.stages.select_related("assigned_to").get(state="current")


def test_who_gets_a_stage_is_told_and_who_takes_it_themselves_is_not(
    at_risk: ChangeRequest, ines: User, rolf: User, now: datetime
) -> None:
    services.stage_assign(change=at_risk, to=ines, by=ines, now=now)
    assert not Notification.objects.filter(person=ines).exists()
    services.stage_assign(change=at_risk, to=rolf, by=ines, now=now)
    notice = Notification.objects.get(person=rolf)
    assert (notice.subject, notice.link) == (at_risk.code, at_risk.get_absolute_url())
    assert ines.name in notice.text


def test_who_recuses_themselves_takes_the_stage_no_longer(
    at_risk: ChangeRequest, ines: User, rolf: User, now: datetime
) -> None:
    services.stage_assign(change=at_risk, to=rolf, by=ines, now=now)
    make.decide(at_risk, rolf, now=now, verdict="recuse", rationale="I know the vendor.")
    stage = current(at_risk)
    assert stage.assigned_to is None
    newest = stage.history.latest("history_id")
    assert (newest.assigned_to_id, newest.history_change_reason) == (None, "Somebody recused themselves")


def test_who_leaves_takes_the_stage_no_longer(
    at_risk: ChangeRequest, ines: User, rolf: User, now: datetime
) -> None:
    services.stage_assign(change=at_risk, to=rolf, by=ines, now=now)
    later = now + timedelta(hours=1)
    services.change_refresh(change=at_risk, now=later)
    assert current(at_risk).assigned_to == rolf
    rolf.is_active = False
    save_as(rolf, by=None, now=later, reason="Left")
    services.change_refresh(change=at_risk, now=later)
    assert current(at_risk).assigned_to is None
