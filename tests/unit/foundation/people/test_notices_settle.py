"""Roles and access that wait for a second person ask every one of them until one has decided."""

from collections.abc import Callable
from datetime import datetime

import pytest

from mlops_portal.foundation.people.models import BusinessUnit, RoleGrant, User
from mlops_portal.foundation.people.services.access import access_ask, access_decline, access_grant
from mlops_portal.foundation.people.services.grants import (
    grant_confirm,
    grant_decline,
    grant_revoke,
    revocation_decline,
    role_grant,
)
from mlops_portal.foundation.web.models import Notification


@pytest.fixture
def others(make_person: Callable[..., User], adam: User, group: BusinessUnit) -> tuple[User, User]:
    """Return two administrators beside Adam."""
    return (
        make_person("Bea Second", "administrator", unit=group),
        make_person("Cid Third", "administrator", unit=group),
    )


def asked(person: User) -> list[str]:
    return list(Notification.objects.asking().filter(person=person).values_list("text", flat=True))


def settled(person: User) -> list[str]:
    rows = Notification.objects.filter(person=person, settled_at__isnull=False).order_by("-pk")
    return [f"{row.outcome} by {row.settled_by}" for row in rows.select_related("settled_by")]


@pytest.fixture
def waiting(
    adam: User,
    others: tuple[User, User],
    make_person: Callable[..., User],
    retail: BusinessUnit,
    now: datetime,
) -> RoleGrant:
    """Return a validator's role that waits for its second person."""
    nora = make_person("Nora Reader", "viewer", unit=retail)
    Notification.objects.all().delete()
    return role_grant(user=nora, role="validator", unit=retail, reason="She validates.", by=adam, now=now)


def test_a_role_waits_for_whoever_confirms_it_first(
    waiting: RoleGrant, others: tuple[User, User], now: datetime
) -> None:
    bea, cid = others
    assert len(asked(bea)) == len(asked(cid)) == 1
    grant_confirm(grant=waiting, by=bea, now=now)
    assert settled(bea) == settled(cid) == ["Confirmed by Bea Second"]


def test_a_role_that_was_declined_waits_for_nobody(
    waiting: RoleGrant, others: tuple[User, User], now: datetime
) -> None:
    bea, cid = others
    grant_decline(grant=waiting, reason="Not needed there.", by=bea, now=now)
    assert settled(cid) == ["Declined by Bea Second"]


def test_access_that_somebody_asks_for_is_settled_by_whoever_decides(
    adam: User, others: tuple[User, User], mona: User, retail: BusinessUnit, now: datetime
) -> None:
    bea, cid = others
    why = "I maintain the churn model from December."
    for decide, outcome in (("grant", "Granted by Bea Second"), ("decline", "Declined by Bea Second")):
        right = "registry.edit" if decide == "grant" else "registry.delete"
        access = access_ask(right=right, unit=retail, reason=why, by=mona, now=now)
        assert len(asked(cid)) == 1
        if decide == "grant":
            access_grant(access=access, role="model_owner", by=bea, now=now)
        else:
            access_decline(access=access, note="Ask your head.", by=bea, now=now)
        assert asked(cid) == []
        assert settled(cid)[0] == outcome


def test_a_revocation_settles_whether_the_role_ends_or_is_kept(
    adam: User, others: tuple[User, User], now: datetime
) -> None:
    bea, cid = others
    for act, outcome in (
        (revocation_decline, "Declined by Bea Second"),
        (grant_revoke, "Revoked by Bea Second"),
    ):
        Notification.objects.all().delete()
        grant = RoleGrant.objects.get(user=adam)
        grant_revoke(grant=grant, reason="He moved on.", by=cid, now=now)
        assert len(asked(bea)) == len(asked(adam)) == 1
        act(grant=RoleGrant.objects.get(user=adam), reason="Agreed among us.", by=bea, now=now)
        assert asked(bea) == []
        assert settled(bea) == [outcome]
