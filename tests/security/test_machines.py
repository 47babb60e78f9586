"""A service account decides nothing: it holds no deciding role, and puts nobody into a role."""

import pytest
from django.urls import reverse

from mlops_portal.foundation.errors import NotAllowed
from mlops_portal.foundation.people.models import RoleGrant, User
from mlops_portal.foundation.people.roles import ROLES
from mlops_portal.foundation.people.services.grants import grant_confirm, grant_revoke, role_grant
from mlops_portal.foundation.people.services.tokens import account_create
from mlops_portal.foundation.rules import RuleViolation
from registry.services.models import model_delete, model_register

pytestmark = pytest.mark.django_db
DECIDING = [name for name, role in ROLES.items() if role.deciding]


@pytest.fixture
def pipeline(retail, olga, now):
    """Return the service account of a pipeline."""
    return account_create(name="retail-ci", unit=retail, owner=olga, by=None, now=now)


@pytest.mark.parametrize("role", DECIDING)
def test_no_deciding_role_is_granted_to_a_service_account(role, pipeline, retail, adam, now):
    for by in (adam, None):
        with pytest.raises(RuleViolation, match="does not decide"):
            role_grant(user=pipeline.user, role=role, unit=retail, reason="quicker", by=by, now=now)
    assert not RoleGrant.objects.filter(user=pipeline.user).exists()


def test_the_page_grants_a_service_account_none_either(pipeline, adam, as_person):
    place = reverse("administration:account-grant", args=[pipeline.pk])
    answer = as_person(adam).post(place, {"role": "risk_officer", "reason": "quicker"})
    assert answer.status_code == 400
    assert not RoleGrant.objects.filter(user=pipeline.user).exists()


def test_a_service_account_that_administers_is_no_second_person(
    pipeline, retail, group, adam, make_person, now
):
    role_grant(user=pipeline.user, role="administrator", unit=group, reason="deletes", by=None, now=now)
    machine = User.objects.get(pk=pipeline.user.pk)
    nils = make_person("Nils New")
    waiting = role_grant(user=nils, role="risk_officer", unit=retail, reason="joins", by=adam, now=now)
    with pytest.raises(NotAllowed, match="by people"):
        grant_confirm(grant=waiting, by=machine, now=now)
    with pytest.raises(NotAllowed, match="by people"):
        role_grant(user=nils, role="viewer", unit=retail, reason="x", by=machine, now=now)
    with pytest.raises(NotAllowed, match="by people"):
        grant_revoke(grant=waiting, reason="x", by=machine, now=now)
    waiting.refresh_from_db()
    assert waiting.confirmed_at is None


def test_who_grants_everywhere_grants_and_revokes_a_role_on_one_model(adam, olga, retail, make_person, now):
    model = model_register(name="churn", unit=retail, owner=olga, by=None, now=now)
    mila = make_person("Mila One")
    grant = role_grant(user=mila, role="viewer", model_id=model.pk, reason="helps", by=adam, now=now)
    assert grant.is_effective
    part = make_person("Pia Part", "administrator", unit=retail)
    with pytest.raises(NotAllowed):
        grant_revoke(grant=grant, reason="not mine", by=part, now=now)
    assert grant_revoke(grant=grant, reason="done", by=adam, now=now).revoked_at == now


def test_a_role_is_granted_on_a_model_that_is_there(adam, olga, retail, make_person, now):
    mila = make_person("Mila One")
    with pytest.raises(RuleViolation, match=r"There is no model 4711\."):
        role_grant(user=mila, role="viewer", model_id=4711, reason="helps", by=adam, now=now)
    model = model_register(name="churn", unit=retail, owner=olga, by=None, now=now)
    waiting = role_grant(user=mila, role="validator", model_id=model.pk, reason="helps", by=adam, now=now)
    model_delete(model=model, reason="never built", by=None, now=now)
    with pytest.raises(RuleViolation, match="churn was deleted"):
        role_grant(user=mila, role="viewer", model_id=model.pk, reason="helps", by=adam, now=now)
    second = make_person("Sven Second", "administrator", unit=retail.parent)
    with pytest.raises(RuleViolation, match="churn was deleted"):
        grant_confirm(grant=waiting, by=second, now=now)
