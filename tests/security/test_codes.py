"""A code of an authenticator serves once, for as long as it would be accepted."""

import time
from datetime import UTC, datetime

import pytest
from allauth.mfa.models import Authenticator
from django.core.cache import cache

from mlops_portal.foundation.errors import Invalid
from mlops_portal.foundation.people import credentials
from tests.conftest import PASSWORD

pytestmark = pytest.mark.django_db
AT = 1_800_000_000 - 1_800_000_000 % 30


@pytest.fixture(autouse=True)
def empty_cache():
    """Begin without failures and used codes."""
    cache.clear()


def at(monkeypatch, seconds):
    """Let it be so many seconds after the beginning of a code's period."""
    monkeypatch.setattr(time, "time", lambda: AT + seconds)


def code_in(person, second):
    return credentials.code_at(person, datetime.fromtimestamp(second, UTC))


def test_a_used_code_is_refused_until_it_is_no_longer_accepted(ines, monkeypatch):
    at(monkeypatch, -29)  # a clock that is ahead shows the code of the next period already
    code = code_in(ines, AT)
    credentials.check_password_and_code(ines, password=PASSWORD, code=code)
    authenticator = Authenticator.objects.get(user=ines, type=Authenticator.Type.TOTP).wrap()
    for seconds in (2, 31, 59):
        at(monkeypatch, seconds)
        with pytest.raises(Invalid, match="used already"):
            credentials.check_password_and_code(ines, password=PASSWORD, code=code)
        assert not authenticator.validate_code(code), "nor does it sign anybody in"
        cache.delete(credentials._failure_key(ines))


@pytest.mark.parametrize("typed", ["²" * 6, "１２３４５６"])
def test_characters_that_only_look_like_digits_are_a_wrong_code(ines, typed):
    with pytest.raises(Invalid):
        credentials.check_password_and_code(ines, password=PASSWORD, code=typed)


def test_a_full_cache_forgets_no_failed_attempt():
    assert settings_of_the_database_cache()["MAX_ENTRIES"] >= 100_000


def settings_of_the_database_cache():
    """Return the options that every mode but the tests uses."""
    from mlops_portal.settings import base

    return base.CACHES["default"]["OPTIONS"]


def test_the_authenticator_of_the_demonstration_shows_no_used_code(ines, monkeypatch):
    at(monkeypatch, 2)
    first = credentials.present_code(ines)
    assert first == code_in(ines, AT)
    credentials.check_password_and_code(ines, password=PASSWORD, code=first)
    second = credentials.present_code(ines)
    assert second == code_in(ines, AT + 30)
    credentials.check_password_and_code(ines, password=PASSWORD, code=second)
