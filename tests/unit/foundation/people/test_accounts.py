"""How people get in: invitations, passwords, authenticators; secrets are kept sealed or not at all."""

import re

import pytest
from allauth.mfa.models import Authenticator
from cryptography.fernet import Fernet
from django.core.management import CommandError, call_command
from django.test import Client
from django.urls import reverse

from mlops_portal.foundation.errors import NotAllowed, Unavailable
from mlops_portal.foundation.people import credentials
from mlops_portal.foundation.people.models import RoleGrant, User
from mlops_portal.foundation.people.services.persons import person_create, person_deactivate, person_invite
from mlops_portal.foundation.rules import RuleViolation
from mlops_portal.foundation.secrets import seal, unseal

pytestmark = pytest.mark.django_db
WORDS = "four words make a password"


def test_an_invited_person_sets_a_password_once_and_signs_in(adam, now, as_person):
    newcomer = person_create(email="nora@aldermoor.example", name="Nora Lind", by=adam, now=now)
    page = as_person(adam).post(reverse("administration:person-invite", args=[newcomer.pk]))
    assert page.headers["Cache-Control"] == "no-store"
    path = re.search(r"/accounts/password/reset/key/[^\s\"<]+/", page.content.decode())[0]
    visitor = Client()
    form = visitor.get(path, follow=True)
    assert form.status_code == 200
    words = form.content.decode()
    assert '<h1 id="password-h">Set your password</h1>' in words
    assert "New password, again" in words
    form_url = form.redirect_chain[-1][0]
    done = visitor.post(form_url, {"password1": WORDS, "password2": WORDS})
    assert done.status_code == 302
    assert User.objects.get(pk=newcomer.pk).check_password(WORDS)
    assert "Sign in with your e-mail address" in visitor.get(done.url).content.decode()
    used = Client().get(path, follow=True).content.decode()
    assert "password1" not in used
    assert "This link is used up" in used
    signed_in = Client().post(reverse("account_login"), {"login": newcomer.email, "password": WORDS})
    assert (signed_in.status_code, signed_in.url) == (302, "/")


def test_nobody_else_and_no_departed_person_is_invited(ada, olga, adam, now):
    with pytest.raises(NotAllowed):
        person_invite(person=olga, by=ada, now=now)
    person_deactivate(person=olga, reason="left", by=adam, now=now)
    with pytest.raises(RuleViolation, match="deactivated"):
        person_invite(person=User.objects.get(pk=olga.pk), by=adam, now=now)


def test_a_password_link_for_a_decider_is_given_to_no_administrator(ines, adam, now):
    with pytest.raises(RuleViolation, match="could decide in their place"):
        person_invite(person=ines, by=adam, now=now)


def test_history_keeps_no_password(ada):
    assert "password" not in {field.name for field in User.history.model._meta.get_fields()}


def test_a_renewed_hash_is_saved_without_an_actor(ada):
    ada.set_password(WORDS)
    ada.save(update_fields=["password"])
    assert User.objects.get(pk=ada.pk).check_password(WORDS)


def test_an_authenticator_secret_is_sealed_in_the_database(ada):
    stored = Authenticator.objects.get(user=ada).data["secret"]
    assert re.fullmatch(r"[A-Z2-7]{32}", unseal(stored))
    assert unseal(stored) not in stored
    assert re.fullmatch(r"\d{6}", credentials.present_code(ada))


def test_keys_rotate_and_a_lost_key_is_named(settings):
    old, new = Fernet.generate_key().decode(), Fernet.generate_key().decode()
    settings.PORTAL_SECRETS_KEYS = [old]
    sealed = seal("otp")
    settings.PORTAL_SECRETS_KEYS = [new, old]
    assert unseal(sealed) == "otp"
    settings.PORTAL_SECRETS_KEYS = [new]
    with pytest.raises(Unavailable, match="PORTAL_SECRETS_KEYS"):
        unseal(sealed)


def test_the_first_administrator_is_made_once(capsys):
    arguments = {
        "unit": "Aldermoor",
        "code": "group",
        "name": "Edda Kranz",
        "email": "edda@aldermoor.example",
    }
    call_command("first_administrator", **arguments)
    assert "/accounts/password/reset/key/" in capsys.readouterr().out
    assert RoleGrant.objects.get().role == "administrator"
    with pytest.raises(CommandError, match="business units already"):
        call_command("first_administrator", **arguments)
