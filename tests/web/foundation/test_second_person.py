"""The second person of a role: sees what it is before confirming, and may decline with a reason."""

import html
import re
from datetime import timedelta

import pytest
from django.urls import reverse
from django.utils import timezone

from audits.models import LedgerEntry
from mlops_portal.foundation.days import portal_day, portal_zone
from mlops_portal.foundation.errors import Invalid
from mlops_portal.foundation.history import history_model, save_as
from mlops_portal.foundation.people.models import RoleGrant
from mlops_portal.foundation.people.rights import rights_of
from mlops_portal.foundation.people.services.grants import (
    grant_confirm,
    grant_decline,
    grant_revoke,
    rederive,
    role_grant,
)
from mlops_portal.foundation.people.services.units import unit_create
from mlops_portal.foundation.rules import RuleViolation
from mlops_portal.foundation.web.models import Notification

pytestmark = pytest.mark.django_db


@pytest.fixture
def bea(make_person, group):
    return make_person("Bea Admin", "administrator", unit=group)


@pytest.fixture
def mona(make_person, retail):
    return make_person("Mona Maker", "change_manager", unit=retail)


@pytest.fixture
def given(mona, retail, adam, now):
    """A deciding role that Adam gave and that waits."""
    return role_grant(
        user=mona, role="auditor", unit=retail, valid_until=now + timedelta(days=200),
        reason="Covers the autumn audit", by=adam, now=now,
    )  # fmt: skip


def place(grant) -> str:
    return reverse("administration:grant-confirm", args=[grant.pk])


def held_besides(person, unit, now):
    """Let somebody hold a role that no service would give them beside the other."""
    beside = RoleGrant(
        user=person, role="administrator", unit=unit, valid_from=now, granted_at=now, is_effective=True
    )
    save_as(beside, by=None, now=now, reason="Arose since")
    rederive(person)


def words_of(client, url: str) -> str:
    found = re.sub(r"<[^>]+>", " ", client.get(url).content.decode())
    return re.sub(r"\s+", " ", html.unescape(found))


def test_every_fact_stands_on_the_page(given, bea, adam, retail, as_person, now):
    unit_create(code="cards", name="Cards", parent=retail, by=None, now=now)
    page = words_of(as_person(bea), place(given))
    for said in (
        "Confirm: auditor for Mona Maker",
        "Reads everything in scope, exports and verifies; changes nothing.",
        "Verify the ledger",
        f"{retail.name} and the 1 unit below it: Cards",
        "Covers the autumn audit",
        adam.name,
        "Valid until",
        f"{given.valid_until.astimezone(portal_zone()).year}",
        f"Change manager on {retail.name}",
        "none: this role may be held beside the others",
        "Decline the role",
    ):
        assert said in page, said


def test_a_conflict_that_arose_since_blocks_and_is_named(given, bea, mona, retail, as_person, now):
    held_besides(mona, retail, now)
    page = as_person(bea).get(place(given)).content.decode()
    assert "may not be held by one person" in page
    assert re.search(r'<button class="btn primary" aria-disabled="true"[^>]*>Confirm the role', page)
    assert re.search(r'<button class="btn" name="decline" value="1">Decline the role', page)


def test_declining_ends_the_grant_and_tells_the_granter_why(given, bea, adam, mona, as_person):
    client = as_person(bea)
    done = client.post(place(given), {"decline": "1", "reason": "She was on the team that is audited"})
    assert done.status_code == 303
    given.refresh_from_db()
    assert (given.is_effective, given.revoked_by, given.confirmed_at) == (False, bea, None)
    assert not rights_of(type(mona).objects.get(pk=mona.pk)).has("audits.verify")
    assert history_model(RoleGrant).objects.filter(id=given.pk).latest(
        "history_id"
    ).history_change_reason == ("She was on the team that is audited")
    assert LedgerEntry.objects.filter(verb="people.grant_declined", subject_id=str(given.pk)).count() == 1
    told = Notification.objects.get(person=adam)
    assert told.text.startswith("Bea Admin declined that Mona Maker is auditor on Retail Lending: She was on")
    person = words_of(as_person(adam), reverse("administration:person", args=[mona.pk]))
    assert "Declined" in person
    assert "She was on the team that is audited" in person


def test_what_was_declined_waits_nowhere(given, bea, adam, as_person, now):
    assert "Roles that wait for you" in words_of(as_person(bea), "/")
    grant_decline(grant=given, reason="No", by=bea, now=now)
    assert "Roles that wait for you" not in words_of(as_person(bea), "/")
    assert "Roles you gave that wait" not in words_of(as_person(adam), "/")
    assert "Roles that wait" not in words_of(as_person(bea), "/admin/people/")
    page = words_of(as_person(bea), place(given))
    assert "This role was declined." in page
    assert "Decline the role" not in page


def test_declining_needs_words(given, bea, as_person):
    answer = as_person(bea).post(place(given), {"decline": "1", "reason": "  "})
    assert answer.status_code == 400
    assert "Say why you decline" in answer.content.decode()
    given.refresh_from_db()
    assert given.revoked_at is None


def test_confirming_needs_none(given, bea, as_person):
    assert as_person(bea).post(place(given)).status_code == 303
    given.refresh_from_db()
    assert given.is_effective


@pytest.mark.parametrize("who", ["adam", "mona"])
def test_neither_granter_nor_holder_declines(given, who, adam, mona, make_person, group, now):
    if who == "mona":
        held_besides(mona, group, now)
        mona = type(mona).objects.get(pk=mona.pk)
    with pytest.raises(RuleViolation, match="Somebody other than the granter and the holder"):
        grant_decline(grant=given, reason="No", by={"adam": adam, "mona": mona}[who], now=now)


def test_what_is_settled_is_not_declined(given, bea, adam, mona, retail, now):
    grant_confirm(grant=given, by=bea, now=now)
    with pytest.raises(RuleViolation, match="confirmed already"):
        grant_decline(grant=given, reason="No", by=bea, now=now)
    alone = role_grant(user=mona, role="developer", unit=retail, reason="Work", by=adam, now=now)
    with pytest.raises(RuleViolation, match="needs no second person"):
        grant_decline(grant=alone, reason="No", by=bea, now=now)
    grant_revoke(grant=alone, reason="Left", by=adam, now=now)
    with pytest.raises(RuleViolation, match="was revoked"):
        grant_decline(grant=alone, reason="No", by=bea, now=now)


def test_no_reason_declines_nothing(given, bea, now):
    with pytest.raises(Invalid, match="Say why"):
        grant_decline(grant=given, reason=" ", by=bea, now=now)


class TestLastDay:
    def test_a_day_counts_to_its_end_where_the_portal_is_at_home(self, adam, mona, retail, as_person, now):
        url = reverse("administration:person-grant", args=[mona.pk])
        page = as_person(adam).get(url).content.decode()
        assert f"The day counts as a whole, to its end in {portal_zone().key}." in page
        day = portal_day(now) + timedelta(days=30)
        given = {"role": "viewer", "unit": retail.pk, "valid_until": f"{day}", "reason": "Visit"}
        assert as_person(adam).post(url, given).status_code == 303
        until = RoleGrant.objects.get(user=mona, role="viewer").valid_until
        assert f"{until.astimezone(portal_zone()):%Y-%m-%d %H:%M}" == f"{day} 23:59"

    def test_today_is_not_over(self, adam, mona, retail, as_person):
        url = reverse("administration:person-grant", args=[mona.pk])
        given = {
            "role": "viewer",
            "unit": retail.pk,
            "valid_until": f"{portal_day(timezone.now())}",
            "reason": "Visit",
        }
        assert as_person(adam).post(url, given).status_code == 303
