"""Of the sign-in library exactly the pages that the portal uses exist."""

import pytest
from django.contrib.auth.hashers import make_password
from django.core import mail
from django.urls import Resolver404, get_resolver, resolve, reverse

from tests.conftest import PASSWORD
from tests.contracts.test_access import named

pytestmark = pytest.mark.django_db
PAGES = {
    "account_login", "account_logout", "account_inactive", "account_reauthenticate",
    "account_change_password", "account_set_password", "account_reset_password", "account_reset_password_done",
    "account_reset_password_from_key", "account_reset_password_from_key_done",
    "mfa_index", "mfa_authenticate", "mfa_reauthenticate", "mfa_activate_totp", "mfa_deactivate_totp",
    "mfa_view_recovery_codes", "mfa_generate_recovery_codes", "mfa_download_recovery_codes",
}  # fmt: skip
GONE = (
    "signup/", "email/", "confirm-email/", "confirm-email/abc/", "login/code/", "login/code/confirm/", "sessions/",
    "3rdparty/", "social/signup/", "2fa/webauthn/", "2fa/trust/", "phone/verify/", "",
)  # fmt: skip


def test_these_pages_are_mounted_and_no_other():
    found = {
        name
        for name in named(get_resolver())
        if name.startswith(("account_", "mfa_", "usersessions_", "socialaccount_"))
    }
    assert found == PAGES


@pytest.mark.parametrize("rest", GONE)
def test_the_others_do_not_exist(rest, client, ada, as_person):
    with pytest.raises(Resolver404):
        resolve(f"/accounts/{rest}")
    for caller in (client, as_person(ada)):
        for method in ("get", "post"):
            assert getattr(caller, method)(f"/accounts/{rest}").status_code == 404


def test_every_page_that_is_there_works(ada, olga, client, as_person):
    for name in (
        "account_login",
        "account_inactive",
        "account_reset_password",
        "account_reset_password_done",
    ):
        assert client.get(reverse(name)).status_code == 200, name
    signed_in = as_person(ada)
    for name in ("account_logout", "account_change_password", "mfa_index"):
        assert signed_in.get(reverse(name)).status_code == 200, name
    session = client.post(reverse("account_login"), {"login": olga.email, "password": PASSWORD})
    assert session["Location"] == reverse("mfa_authenticate")
    assert client.get(reverse("mfa_authenticate")).status_code == 200


def test_a_password_is_asked_for_by_an_address_nobody_has_as_by_one_that_somebody_has(ada, client):
    answers = [
        client.post(reverse("account_reset_password"), {"email": address})
        for address in (ada.email, "nobody@aldermoor.example")
    ]
    assert [(answer.status_code, answer["Location"]) for answer in answers] == [
        (302, reverse("account_reset_password_done"))
    ] * 2
    assert [message.to for message in mail.outbox] == [[ada.email]]


def test_who_has_no_password_yet_is_sent_to_prove_the_address(ada, as_person):
    ada.password = make_password(None)
    ada.save(update_fields=["password"])
    client = as_person(ada)
    answer = client.get(reverse("account_change_password"))
    assert answer["Location"] == reverse("account_set_password")
    assert client.get(answer["Location"])["Location"] == reverse("account_reset_password")
