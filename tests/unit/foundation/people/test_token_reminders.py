"""Whoever answers for a service account is told that a token is about to end: in time, once, and never of what ended."""

from collections.abc import Callable
from datetime import datetime, timedelta

import pytest

from mlops_portal.foundation.history import save_as
from mlops_portal.foundation.people.models import ApiToken, BusinessUnit, ServiceAccount, User
from mlops_portal.foundation.people.services.token_reminders import tokens_remind
from mlops_portal.foundation.people.services.tokens import account_create, token_create, token_revoke
from mlops_portal.foundation.web.models import Notification
from mlops_portal.foundation.work import housekeeping


@pytest.fixture
def owner(make_person: Callable[..., User], retail: BusinessUnit, now: datetime) -> User:
    """Return who answers for the account; their zone is far from the portal's."""
    person = make_person("Mona Keller", "manager", unit=retail)
    person.time_zone = "Asia/Tokyo"
    return save_as(person, by=None, now=now, reason="Moved", fields=["time_zone"])


@pytest.fixture
def account(owner: User, retail: BusinessUnit, now: datetime) -> ServiceAccount:
    """Return the account of a pipeline."""
    return account_create(name="retail-ci", unit=retail, owner=owner, by=None, now=now)


def make(account: ServiceAccount, days: int, now: datetime) -> ApiToken:
    token = token_create(
        account=account, label="nightly", scopes=["registry.view"], days=days, by=None, now=now
    ).token
    Notification.objects.all().delete()
    return token


def told(owner: User) -> list[str]:
    rows = Notification.objects.filter(person=owner).order_by("pk")
    return list(rows.values_list("text", flat=True))


def test_the_owner_is_told_fourteen_days_and_one_day_before_once_each(
    account: ServiceAccount, owner: User, now: datetime
) -> None:
    token = make(account, 90, now)
    for day in range(91):
        tokens_remind(now=now + timedelta(days=day))
        tokens_remind(now=now + timedelta(days=day, seconds=1))  # the night was repeated
    rows = Notification.objects.filter(person=owner).order_by("pk")
    assert [(token.expires_at - row.created_at).days for row in rows] == [14, 1]
    assert "“nightly” of retail-ci ends on 15 Feb 2027 18:40 JST." in told(owner)[0]


def test_a_night_that_was_missed_is_made_up_for(account: ServiceAccount, owner: User, now: datetime) -> None:
    make(account, 90, now)
    assert tokens_remind(now=now + timedelta(days=80)) == 1
    assert tokens_remind(now=now + timedelta(days=89, hours=3)) == 1
    assert len(told(owner)) == 2


@pytest.mark.parametrize(("days", "count"), [(14, 1), (15, 2), (1, 0)])
def test_a_short_token_is_not_told_of_when_it_has_just_been_made(
    account: ServiceAccount, owner: User, now: datetime, days: int, count: int
) -> None:
    make(account, days, now)
    for hour in range(24 * days):
        tokens_remind(now=now + timedelta(hours=hour, minutes=1))
    assert len(told(owner)) == count


def test_what_is_revoked_or_has_ended_is_not_told_of(
    account: ServiceAccount, owner: User, now: datetime
) -> None:
    token = make(account, 30, now)
    assert tokens_remind(now=now + timedelta(days=31)) == 0
    token_revoke(token=token, reason="Not used.", by=None, now=now)
    Notification.objects.all().delete()
    assert tokens_remind(now=now + timedelta(days=29)) == 0
    assert told(owner) == []


def test_the_night_looks_for_them(account: ServiceAccount, owner: User, now: datetime) -> None:
    make(account, 30, now)
    housekeeping.nightly(now + timedelta(days=20))
    assert len(told(owner)) == 1
