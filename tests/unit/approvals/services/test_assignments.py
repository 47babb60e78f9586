"""Who takes a stage: they are told, and who may no longer fill it does not take it any more."""

from datetime import datetime, timedelta

import pytest

from approvals import services
from approvals.models import ChangeRequest, Stage
from mlops_portal.foundation.errors import NotAllowed
from mlops_portal.foundation.history import save_as
from mlops_portal.foundation.people.models import User
from mlops_portal.foundation.rules import RuleViolation
from mlops_portal.foundation.web.models import Notification
from tests.factories import approvals as make
from tests.kept import kept


@pytest.fixture
@kept
def at_risk(filed: ChangeRequest, release_cast: make.Cast, now: datetime) -> ChangeRequest:
    """Return the request at the risk officers, Ines and Rolf."""
    return make.approve_by(filed, [release_cast.owner, release_cast.validator], now=now)


def current(change: ChangeRequest) -> Stage:
    return change.stages.select_related("assigned_to").get(state="current")


def test_who_gets_a_stage_is_told_and_who_takes_it_themselves_is_not(
    at_risk: ChangeRequest, ines: User, rolf: User, now: datetime
) -> None:
    services.stages_assign(changes=[at_risk], to=ines, by=ines, now=now)
    assert not Notification.objects.filter(person=ines, text__contains="to take").exists()
    services.stages_assign(changes=[at_risk], to=rolf, by=ines, now=now)
    notice = Notification.objects.get(person=rolf, text__contains="to take")
    assert (notice.subject, notice.link) == (str(at_risk), at_risk.get_absolute_url())
    assert ines.name in notice.text


def test_who_recuses_themselves_takes_the_stage_no_longer(
    at_risk: ChangeRequest, ines: User, rolf: User, now: datetime
) -> None:
    services.stages_assign(changes=[at_risk], to=rolf, by=ines, now=now)
    make.decide(at_risk, rolf, now=now, verdict="recuse", rationale="I know the vendor.")
    stage = current(at_risk)
    assert stage.assigned_to is None
    newest = stage.history.latest("history_id")
    assert (newest.assigned_to_id, newest.history_change_reason) == (None, "Somebody recused themselves")


def test_who_leaves_takes_the_stage_no_longer(
    at_risk: ChangeRequest, ines: User, rolf: User, now: datetime
) -> None:
    services.stages_assign(changes=[at_risk], to=rolf, by=ines, now=now)
    later = now + timedelta(hours=1)
    services.change_refresh(change=at_risk, now=later)
    assert current(at_risk).assigned_to == rolf
    rolf.is_active = False
    save_as(rolf, by=None, now=later, reason="Left")
    services.change_refresh(change=at_risk, now=later)
    assert current(at_risk).assigned_to is None


def test_evidence_is_asked_by_those_who_may_comment_whatever_the_state(
    at_risk: ChangeRequest, dora: User, ines: User, ada: User, now: datetime
) -> None:
    stale = ChangeRequest.objects.get(pk=at_risk.pk)
    services.change_withdraw(change=at_risk, reason="Not now", by=ada, now=now)
    with pytest.raises(NotAllowed):
        services.evidence_ask(changes=[stale], text="What?", by=dora, now=now)
    with pytest.raises(RuleViolation):
        services.evidence_ask(changes=[stale], text="What?", by=ines, now=now)


def test_all_are_handed_over_or_none(
    at_risk: ChangeRequest, release_cast: make.Cast, ines: User, vera: User, now: datetime
) -> None:
    with pytest.raises(RuleViolation) as refusal:
        services.stages_assign(changes=[at_risk], to=vera, by=ines, now=now)
    assert at_risk.code in refusal.value.blockers[0].message
    assert current(at_risk).assigned_to is None
