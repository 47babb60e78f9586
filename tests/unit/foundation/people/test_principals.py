"""A machine's rights are kept in the process for a few seconds, and never longer than they last."""

import threading
from datetime import timedelta

import pytest
from django.utils import timezone

from mlops_portal.foundation.people import principals
from mlops_portal.foundation.people.services.grants import role_grant
from mlops_portal.foundation.people.services.tokens import account_create, token_create
from registry.services.models import model_register

pytestmark = pytest.mark.django_db
REGISTER = "registry.register"


@pytest.fixture(autouse=True)
def nothing_cached():
    principals.forget_principals()
    yield
    principals.forget_principals()


@pytest.fixture
def pipeline(retail, olga):
    """A service account and the header of its token, which lasts a day."""
    now = timezone.now()
    account = account_create(name="retail-ci", unit=retail, owner=olga, by=None, now=now)
    made = token_create(account=account, label="ci", scopes=[REGISTER], days=1, by=None, now=now)
    return account.user, f"Bearer {made.secret}"


def rights_now(header):
    return principals.principal_of(header, now=timezone.now()).rights


@pytest.mark.parametrize("scope", ["unit", "model"])
def test_a_role_that_ends_by_date_ends_at_once_though_nothing_changed(scope, pipeline, retail):
    user, header = pipeline
    now = timezone.now()
    where = (
        {"unit": retail}
        if scope == "unit"
        else {"model_id": model_register(name="churn", unit=retail, by=None, now=now).pk}
    )
    ends = timezone.now() + timedelta(seconds=0.5)
    role_grant(user=user, role="developer", valid_until=ends, reason="a trial", by=None, now=now, **where)
    assert rights_now(header).has(REGISTER)
    threading.Event().wait(max((ends - timezone.now()).total_seconds(), 0) + 0.01)
    assert not rights_now(header).has(REGISTER)


def test_rights_that_last_are_read_once_also_beside_one_that_is_over(
    pipeline, retail, plant, django_assert_num_queries
):
    user, header = pipeline
    now = timezone.now()
    ends, over = now + timedelta(hours=1), now - timedelta(hours=1)
    role_grant(user=user, role="developer", unit=retail, valid_until=ends, reason="x", by=None, now=now)
    began = over - timedelta(hours=1)
    role_grant(user=user, role="developer", unit=plant, valid_until=over, reason="x", by=None, now=began)
    found = rights_now(header)
    assert found.ends_at == ends
    assert (found.has(REGISTER, unit_id=retail.pk), found.has(REGISTER, unit_id=plant.pk)) == (True, False)
    with django_assert_num_queries(0):
        assert rights_now(header) is found
