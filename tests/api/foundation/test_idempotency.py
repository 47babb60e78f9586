"""A repeated create answers what the first one answered, to the same credential, and creates nothing more."""

import json

import pytest
from django.utils import timezone

from mlops_portal.foundation.people.models import ServiceAccount
from mlops_portal.foundation.people.principals import forget_principals
from mlops_portal.foundation.people.services.tokens import token_create
from registry.models import RegisteredModel
from tests.api.conftest import Caller

pytestmark = pytest.mark.django_db
KEY = {"Idempotency-Key": "run-17"}


def create(caller, body, path="/models/"):
    return caller.call("POST", path, body, **KEY)


@pytest.fixture
def body(retail):
    return {"name": "churn", "unit": retail.code}


def test_a_repetition_creates_nothing_and_answers_the_same(retail, ada, as_pipeline, body):
    caller = as_pipeline(retail, ada)
    first, second = create(caller, body), create(caller, body)
    assert (first.status_code, second.status_code) == (201, 201)
    assert first.json() == second.json()
    assert second.headers["Idempotent-Replay"] == "true"
    assert RegisteredModel.objects.count() == 1


def test_another_body_under_the_same_key_is_refused(retail, ada, as_pipeline, body):
    caller = as_pipeline(retail, ada)
    create(caller, body)
    other = create(caller, {**body, "title": "Other"})
    assert (other.status_code, other.json()["code"]) == (409, "conflict")
    assert RegisteredModel.objects.count() == 1


def test_the_same_key_at_another_address_is_another_key(retail, ada, as_pipeline, body):
    caller = as_pipeline(retail, ada)
    assert create(caller, body).status_code == 201
    answer = create(caller, {"name": "applications", "unit": retail.code}, "/datasets/")
    assert answer.status_code == 201
    assert "Idempotent-Replay" not in answer.headers


def test_another_token_of_the_account_is_told_nothing_of_what_the_first_created(
    retail, ada, as_pipeline, body
):
    """A token that may not register repeats the request of one that may."""
    assert create(as_pipeline(retail, ada), body).status_code == 201
    forget_principals()
    narrow = token_create(
        account=ServiceAccount.objects.get(), label="narrow", scopes=["kpis.view"], days=1, by=None,
        now=timezone.now(),
    )  # fmt: skip
    answer = create(Caller(narrow.secret), body)
    assert answer.status_code == 403
    assert "churn" not in answer.content.decode()


def test_a_refused_create_keeps_no_key(retail, ada, as_pipeline, body):
    caller = as_pipeline(retail, ada)
    assert create(caller, {**body, "name": ""}).status_code == 400
    assert create(caller, body).status_code == 201


@pytest.mark.parametrize("key", ["x" * 201, "a\x7fb", "a\nb"])
def test_a_key_that_none_can_be_is_refused_by_name(key, retail, ada, as_pipeline, body):
    answer = as_pipeline(retail, ada).generic(
        "POST", "/api/v1/models/", json.dumps(body), "application/json", headers={"Idempotency-Key": key}
    )
    assert answer.status_code == 400
    assert [error["where"] for error in answer.json()["errors"]] == ["Idempotency-Key"]
    assert not RegisteredModel.objects.exists()
