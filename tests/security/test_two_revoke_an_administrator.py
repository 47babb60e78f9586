"""One administrator alone does not become the only one, through whatever door, and so appoints nobody alone."""

import pytest
from django.core.management import CommandError, call_command
from django.urls import reverse

from audits.models import LedgerEntry
from mlops_portal.foundation.people.models import RoleGrant, User
from mlops_portal.foundation.people.services.grants import (
    grant_confirm,
    grant_revoke,
    revocation_decline,
    role_grant,
)
from mlops_portal.foundation.people.services.persons import person_deactivate, person_invite
from mlops_portal.foundation.rules import RuleViolation
from mlops_portal.foundation.web.models import Notification

pytestmark = pytest.mark.django_db


@pytest.fixture
def bea(make_person, group):
    """A second administrator of the group."""
    return make_person("Bea Second", "administrator", unit=group)


@pytest.fixture
def carl(make_person, group):
    """A third administrator of the group."""
    return make_person("Carl Third", "administrator", unit=group)


@pytest.fixture
def role(bea):
    return bea.grants.get()


def revoke(role, by, at):
    """Revoke, or ask for it."""
    return grant_revoke(grant=role, reason="Works elsewhere now", by=by, now=at)


def test_one_administrator_only_asks_and_still_appoints_nobody_alone(adam, role, make_person, group, now):
    asked = revoke(role, adam, now)
    assert asked.revoked_at is None
    assert asked.is_effective
    assert asked.revocation_asked_by == adam
    with pytest.raises(RuleViolation, match="You asked for this already"):
        revoke(role, adam, now)
    later = now.replace(minute=50)
    puppet = make_person("Paul Puppet")
    made = role_grant(user=puppet, role="administrator", unit=group, reason="help", by=adam, now=later)
    assert not made.is_effective


@pytest.mark.parametrize("second", ["bea", "carl"])
def test_another_administrator_or_the_holder_completes_it(second, adam, role, request, now):
    revoke(role, adam, now)
    ended = revoke(role, request.getfixturevalue(second), now)
    assert ended.revoked_at == now
    assert not ended.is_effective


def test_whoever_steps_down_needs_nobody(bea, adam, role, now):
    assert revoke(role, bea, now).revoked_at == now


def test_an_asker_who_left_does_not_count(adam, bea, carl, role, now):
    revoke(role, carl, now)
    revoke(carl.grants.get(), carl, now)
    assert revoke(role, adam, now).revoked_at is None


@pytest.mark.parametrize(
    ("ended_by", "holder_left", "told"),
    [
        pytest.param(
            "adam", True,
            "Adam Fischer ended the role of administrator on Aldermoor Group that Bea Second held, as you asked. "
            "It needed no second person.", id="the holder had left: one revokes it alone",
        ),
        pytest.param(
            "adam", False, "Adam Fischer agreed: Bea Second is no longer administrator on Aldermoor Group.",
            id="a second administrator",
        ),
        pytest.param(
            "bea", False, "Bea Second agreed: Bea Second is no longer administrator on Aldermoor Group.",
            id="the holder",
        ),
    ],
)  # fmt: skip
def test_the_asker_is_told_of_agreement_only_where_a_second_person_was_needed(
    ended_by, holder_left, told, adam, bea, carl, role, request, now
):
    revoke(role, carl, now)
    if holder_left:
        person_deactivate(person=bea, reason="Emergency", by=None, now=now)
    revoke(role, request.getfixturevalue(ended_by), now)
    assert Notification.objects.filter(person=carl).order_by("-pk").first().text == told


def test_the_role_is_kept_by_the_asker_or_another_not_by_the_holder(adam, bea, carl, role, now):
    revoke(role, adam, now)
    with pytest.raises(RuleViolation, match="may agree"):
        revocation_decline(grant=role, reason="I stay", by=bea, now=now)
    kept = revocation_decline(grant=role, reason="She stays", by=carl, now=now)
    assert kept.revocation_asked_by is None
    assert revoke(role, carl, now).revoked_at is None  # the earlier asking is spent
    with pytest.raises(RuleViolation, match="Nobody asks"):
        revocation_decline(grant=carl.grants.get(), reason="x", by=adam, now=now)


def test_a_role_that_waits_for_its_second_person_is_taken_back_alone(adam, bea, make_person, group, now):
    nils = make_person("Nils New")
    made = role_grant(
        user=nils, role="administrator", unit=group, reason="x", by=adam, now=now.replace(minute=50)
    )
    assert revoke(made, adam, now).revoked_at == now


def test_deactivating_an_administrator_is_no_way_round(adam, bea, role, now, as_person):
    with pytest.raises(RuleViolation, match="Revoke that role first"):
        person_deactivate(person=bea, reason="Left", by=adam, now=now)
    page = as_person(adam).get(reverse("administration:person-deactivate", args=[bea.pk])).content.decode()
    assert "Revoke that role first, which takes a second person" in page
    revoke(role, adam, now)
    revoke(role, bea, now)
    assert not person_deactivate(person=bea, reason="Left", by=adam, now=now).is_active


@pytest.mark.parametrize("known_by", ["password", "sign-in", "confirmation"])
def test_nobody_takes_over_the_account_of_another_administrator(
    known_by, adam, group, make_person, now, request
):
    nils = make_person("Nils New")
    nils.set_unusable_password()
    if known_by == "password":
        nils.set_password("kept to himself")
    if known_by == "sign-in":
        nils.last_login = now
    nils.save(update_fields=["password", "last_login"])
    second = request.getfixturevalue("carl") if known_by == "confirmation" else None
    later = now.replace(minute=50)
    made = role_grant(user=nils, role="administrator", unit=group, reason="x", by=adam, now=later)
    if second:
        grant_confirm(grant=made, by=second, now=later)
    with pytest.raises(RuleViolation, match="Forgot your password"):
        person_invite(person=nils, by=adam, now=later)


def test_the_first_administrator_invites_the_second(adam, group, make_person, now):
    nils = make_person("Nils New")
    nils.set_unusable_password()
    nils.save(update_fields=["password"])
    later = now.replace(minute=50)
    role_grant(user=nils, role="administrator", unit=group, reason="x", by=adam, now=later)
    assert "/accounts/password/reset/key/" in person_invite(person=nils, by=adam, now=later)


def test_the_page_says_before_the_click_that_two_are_needed(adam, bea, carl, role, as_person):
    place = reverse("administration:grant-revoke", args=[role.pk])
    before = as_person(adam).get(place).content.decode()
    assert "Ask for the revocation" in before
    assert "Bea Second or Carl Third revokes it, too" in before
    told = as_person(adam).post(place, {"reason": "Moves to audit"}, follow=True).content.decode()
    assert "The role ends when a second person revokes it, too." in told
    assert "Adam Fischer asked for the revocation" in told
    assert (
        "You asked for this; a second person revokes the role." in as_person(adam).get(place).content.decode()
    )
    assert place in as_person(carl).get(reverse("administration:people")).content.decode()
    assert place in as_person(carl).get(reverse("home")).content.decode()
    second = as_person(carl).get(place).content.decode()
    assert "Adam Fischer asked for this revocation" in second
    assert "Moves to audit" in second
    assert "Keep the role" in second
    assert "Keep the role" not in as_person(bea).get(place).content.decode()
    assert (
        "The role is revoked."
        in as_person(carl).post(place, {"reason": "Agreed"}, follow=True).content.decode()
    )


def test_the_page_keeps_the_role(adam, carl, role, as_person, now):
    revoke(role, adam, now)
    place = reverse("administration:grant-revoke", args=[role.pk])
    answer = as_person(carl).post(place, {"reason": "She stays", "keep": "1"}, follow=True)
    assert "The role is kept." in answer.content.decode()
    assert RoleGrant.objects.get(pk=role.pk).revocation_reason == ""


def test_whoever_runs_the_portal_can_help_in_an_emergency(adam, bea, make_person, group, capsys):
    nils = make_person("Nils New")
    call_command("emergency_administrator", deactivate=bea.email, appoint=nils.email, unit=group.code,
                 reason="Bea's laptop was stolen")  # fmt: skip
    assert not User.objects.get(pk=bea.pk).is_active
    assert nils.grants.get(role="administrator").is_effective
    assert "Nils New administers" in capsys.readouterr().out
    verbs = set(LedgerEntry.objects.values_list("verb", flat=True))
    assert {"people.person_deactivated", "people.grant_made"} <= verbs


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({}, "Say whom"),
        ({"deactivate": "nobody@aldermoor.example"}, "no active person"),
        ({"appoint": "ada", "unit": "nowhere"}, "no unit nowhere"),
    ],
)
def test_the_emergency_command_says_what_is_missing(options, said, ada):
    if "appoint" in options:
        options = {**options, "appoint": ada.email}
    with pytest.raises(CommandError, match=said):
        call_command("emergency_administrator", reason="x", **options)


def test_an_emergency_that_fails_halfway_says_that_nothing_was_done(adam, bea, ada, capsys):
    with pytest.raises(CommandError, match=r"no unit nowhere\. Nothing was done\."):
        call_command("emergency_administrator", deactivate=bea.email, appoint=ada.email, unit="nowhere",
                     reason="Bea's laptop was stolen")  # fmt: skip
    assert User.objects.get(pk=bea.pk).is_active
    assert "deactivated" not in capsys.readouterr().out


def test_a_deactivated_administrator_is_no_second_person(adam, bea, make_person, group, now):
    person_deactivate(person=bea, reason="Emergency", by=None, now=now)
    nils = make_person("Nils New")
    later = now.replace(minute=50)
    assert role_grant(
        user=nils, role="administrator", unit=group, reason="x", by=adam, now=later
    ).is_effective
