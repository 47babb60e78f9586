"""One administrator alone puts nobody into a deciding role, whatever accounts they make."""

from datetime import timedelta

import pytest
from django.urls import reverse
from django.utils import timezone

from mlops_portal.foundation.administration.queries import grants_to_confirm
from mlops_portal.foundation.people.models import RoleGrant
from mlops_portal.foundation.people.rights import rights_of
from mlops_portal.foundation.people.services.grants import (
    grant_confirm,
    grant_decline,
    grants_refresh,
    role_grant,
)
from mlops_portal.foundation.people.services.persons import person_create, person_deactivate
from mlops_portal.foundation.rules import RuleViolation

pytestmark = pytest.mark.django_db


@pytest.fixture
def puppet(adam, now):
    """A second account that Adam made for himself."""
    return person_create(email="puppet@aldermoor.example", name="Paul Puppet", by=adam, now=now)


def administrator(person, unit, by, at):
    """Grant the role of an administrator."""
    return role_grant(user=person, role="administrator", unit=unit, reason="help", by=by, now=at)


def test_the_second_administrator_comes_from_the_first_alone(adam, puppet, group, now):
    assert administrator(puppet, group, adam, now.replace(minute=50)).is_effective


def test_a_further_administrator_waits_for_another_one(
    retail, adam, puppet, make_person, group, now, as_person
):
    bea = make_person("Bea Second", "administrator", unit=group)
    later = now.replace(minute=50)
    for unit in (group, retail):
        made = administrator(puppet, unit, adam, later)
        assert not made.is_effective
    assert not rights_of(puppet).has("people.grant")
    page = as_person(bea).get(reverse("administration:people")).content.decode()
    assert reverse("administration:grant-confirm", args=[made.pk]) in page
    waiting = as_person(adam).get(reverse("administration:person", args=[puppet.pk])).content.decode()
    assert "Waits for a second person" in waiting
    assert grant_confirm(grant=made, by=bea, now=later).is_effective


def test_a_date_on_the_grant_is_no_way_round(adam, puppet, make_person, group, now):
    make_person("Bea Second", "administrator", unit=group)
    later = now + timedelta(minutes=10)
    role_grant(user=puppet, role="administrator", unit=group, reason="help", by=adam, now=later,
               valid_until=later + timedelta(days=2))  # fmt: skip
    grants_refresh(now=later + timedelta(hours=1))
    assert not RoleGrant.objects.get(user=puppet).is_effective


def test_a_role_that_waits_past_its_last_day_is_confirmed_by_nobody(adam, puppet, make_person, group, now):
    bea = make_person("Bea Second", "administrator", unit=group)
    last = timezone.now() + timedelta(days=2)
    waits = role_grant(user=puppet, role="risk_officer", unit=group, reason="help", by=adam, now=now,
                       valid_until=last)  # fmt: skip
    assert [one.pk for one in grants_to_confirm(bea)] == [waits.pk]
    for act in (
        lambda: grant_confirm(grant=waits, by=bea, now=last),
        lambda: grant_decline(grant=waits, reason="late", by=bea, now=last),
    ):
        with pytest.raises(RuleViolation, match="last day of this role has passed"):
            act()


def test_a_waiting_administrator_stays_waiting_when_the_other_one_goes(adam, puppet, make_person, group, now):
    bea = make_person("Bea Second", "administrator", unit=group)
    later = now + timedelta(minutes=10)
    waits = role_grant(user=puppet, role="administrator", unit=group, reason="help", by=adam, now=later,
                       valid_until=later + timedelta(days=2))  # fmt: skip
    person_deactivate(person=bea, reason="left", by=None, now=later)
    grants_refresh(now=later + timedelta(hours=1))
    assert not RoleGrant.objects.get(pk=waits.pk).is_effective
    third = make_person("Cara Third", "administrator", unit=group)
    assert grant_confirm(grant=waits, by=third, now=later + timedelta(hours=2)).is_effective


def test_people_are_listed_with_what_waits_named_so_and_without_what_ended(
    adam, puppet, make_person, group, now, as_person
):
    make_person("Bea Second", "administrator", unit=group)
    past = now - timedelta(days=9)
    role_grant(user=puppet, role="developer", unit=group, reason="x", by=adam, now=past,
               valid_until=now - timedelta(days=1))  # fmt: skip
    role_grant(user=puppet, role="validator", unit=group, reason="x", by=adam, now=now)
    lines = as_person(adam).get(reverse("administration:people"), {"export": "csv"})
    text = b"".join(lines.streaming_content).decode()
    (line,) = [line for line in text.splitlines() if puppet.name in line]
    assert f"Validator on {group}, waits for a second person" in line
    assert "Developer" not in line
