"""What a persona is told to try can be tried."""

from datetime import timedelta

import pytest

from approvals import services
from approvals.models import ChangeRequest
from mlops_portal.demonstration import hints
from tests.factories import approvals as make
from tests.factories.registry import ModelFactory, VersionFactory

pytestmark = pytest.mark.django_db


@pytest.fixture
def release_cast(ada, olga, vera, ines, rolf, carl, omar, make_person, group, now):
    """The people around a model, with the shipped policy in force."""
    paula = make_person("Paula Publisher", "policy_publisher", unit=group)
    services.install_default_policy(by=None, second=paula, now=now - timedelta(days=365))
    return make.Cast(ada, olga, vera, ines, rolf, carl, omar)


@pytest.fixture
def developer(release_cast, monkeypatch):
    """The developer of the cast, as a persona."""
    person = release_cast.developer
    monkeypatch.setitem(hints.ROLES_BY_EMAIL, person.email, frozenset({"developer"}))
    return person


def test_a_model_with_two_versions_and_no_open_request_is_named(developer, release_cast, retail, now):
    ready = make.complete_model(unit=retail, cast=release_cast, tier=1, now=now, name="ready")
    for _ in range(2):
        VersionFactory(model=ready, now=now)
    ModelFactory(unit=retail, name="newest", developer=developer, now=now)
    found = hints.read(developer)
    assert found is not None
    (hint,) = found["hints"]
    assert (hint.text, hint.url) == ("Compare two versions, then file a change.", ready.get_absolute_url())
    assert not ChangeRequest.objects.exists()


def test_without_one_nothing_is_named(developer, release_cast, retail, now):
    alone = make.complete_model(unit=retail, cast=release_cast, tier=1, now=now, name="alone")
    VersionFactory(model=alone, now=now)
    assert hints.read(developer) is None
