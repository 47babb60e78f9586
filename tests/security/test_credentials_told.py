"""Whatever happens to somebody's means of signing in is entered in the ledger and told to that person."""

import pytest
from allauth.mfa.models import Authenticator
from allauth.mfa.totp.internal import auth as totp
from django.urls import reverse

from audits.models import LedgerEntry
from mlops_portal.foundation.people import credentials
from mlops_portal.foundation.people.services.persons import person_create, person_invite
from mlops_portal.foundation.web.models import Notification
from tests.conftest import PASSWORD

pytestmark = pytest.mark.django_db


@pytest.fixture
def signed_in(client, dora):
    """Dora signs in and proves herself once more, as changes of one's sign-in ask for."""
    assert (
        client.post(reverse("account_login"), {"login": dora.email, "password": PASSWORD}).status_code == 302
    )
    assert client.post(reverse("account_reauthenticate"), {"password": PASSWORD}).status_code == 302
    return client


def told(person, verb):
    """Return what the person was told, having found the entry."""
    entry = LedgerEntry.objects.get(verb=verb, subject_id=str(person.pk))
    notice = Notification.objects.filter(person=person).latest("pk")
    return entry.actor_id, notice.text


def test_an_authenticator_and_new_codes(signed_in, dora, django_capture_on_commit_callbacks):
    page = signed_in.get(reverse("mfa_activate_totp"))
    assert page.status_code == 200, page.headers
    secret = page.context["form"].secret
    code = totp.format_hotp_value(totp.hotp_value(secret, next(iter(totp.yield_hotp_counters_from_time()))))
    with django_capture_on_commit_callbacks(execute=True):
        done = signed_in.post(reverse("mfa_activate_totp"), {"code": code})
    assert done.status_code == 302, done.content.decode()[:2000]
    assert credentials.has_authenticator(dora)
    actor, text = told(dora, "people.authenticator_added")
    assert actor == str(dora.pk)
    assert text.startswith("An authenticator was set up for you.")
    with django_capture_on_commit_callbacks(execute=True):
        assert signed_in.post(reverse("mfa_generate_recovery_codes")).status_code == 302
    assert "recovery codes" in told(dora, "people.recovery_codes_made")[1]
    with django_capture_on_commit_callbacks(execute=True):
        assert signed_in.post(reverse("mfa_deactivate_totp")).status_code == 302
    assert not Authenticator.objects.filter(user=dora).exists()
    assert told(dora, "people.authenticator_removed")[1].startswith("Your authenticator was removed.")
    assert "/profile/" in Notification.objects.filter(person=dora).latest("pk").link


def test_a_new_password(signed_in, dora):
    sent = {
        "oldpassword": PASSWORD,
        "password1": "another correct horse",
        "password2": "another correct horse",
    }
    assert signed_in.post(reverse("account_change_password"), sent).status_code == 302
    assert told(dora, "people.password_set")[1].startswith("Your password was set.")


def test_a_link_that_somebody_made(adam, now):
    nils = person_create(email="nils@aldermoor.example", name="Nils New", by=adam, now=now)
    person_invite(person=nils, by=adam, now=now)
    actor, text = told(nils, "people.person_invited")
    assert actor == str(adam.pk)
    assert text.startswith("Adam Fischer made a link that sets your password.")
