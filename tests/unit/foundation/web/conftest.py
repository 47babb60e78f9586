"""A toy list over people, so that the page classes are tested without any application."""

import pytest
from django.test import Client

from mlops_portal.foundation.people.models import User


@pytest.fixture(autouse=True)
def _toy_urls(settings) -> None:
    settings.ROOT_URLCONF = "tests.unit.foundation.web.toy_urls"


@pytest.fixture
def as_adam(adam: User) -> Client:
    """Return a browser in which Adam, an administrator, is signed in."""
    client = Client()
    client.force_login(adam)
    return client


@pytest.fixture
def nora(make_person) -> User:
    """Nora has no role anywhere."""
    return make_person("Nora Nobody")
