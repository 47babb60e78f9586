"""What a browser's session and a token may do at the API: no write without the page's own token, none beyond the scopes."""

import json

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from mlops_portal.foundation.people.models import ApiToken, TokenUse
from mlops_portal.foundation.people.principals import forget_principals
from mlops_portal.foundation.people.services.grants import role_grant
from mlops_portal.foundation.people.services.tokens import account_create, token_create, token_revoke
from registry.models import RegisteredModel
from tests.contracts.expectations import READS, SURROUNDINGS, WRITES_AT_THE_UNIT
from tests.contracts.test_access import Writes
from tests.contracts.test_hostile_input import addresses, place  # noqa: F401  (a fixture)

pytestmark = pytest.mark.django_db
JSON = "application/json"


@pytest.fixture
def strict(make_person, group):
    """Return a signed-in client whose requests are checked for the page's token, as those of a browser."""
    person = make_person("Ed Everything", "model_owner", "administrator", "operator", unit=group)
    client = Client(enforce_csrf_checks=True)
    client.force_login(person, backend="allauth.account.auth_backends.AuthenticationBackend")
    return client


def token_of(client):
    """Return what the page sends along."""
    return client.get("/").content.decode().partition('"X-CSRFToken": "')[2].partition('"')[0]


def test_no_write_of_a_session_is_taken_without_the_pages_token(strict, place):  # noqa: F811
    """Another site makes the browser send the cookie, but not the token."""
    wrong = []
    for method, where in addresses(place):
        with Writes() as writes:
            answer = strict.generic(method, where, "{}", JSON)
        if (answer.status_code, writes.tables) != (403, set()):
            wrong.append(f"{method} {where}: {answer.status_code}, {writes.tables}")
    assert wrong == []


def test_an_upload_of_a_session_needs_the_pages_token(strict, retail):
    sent = {"file": SimpleUploadedFile("m.csv", b"Name\nchurn\n"), "unit": retail.code}
    assert strict.post(reverse("registry-api:imports"), sent).status_code == 403
    sent["file"].seek(0)
    headers = {"X-CSRFToken": token_of(strict)}
    assert strict.post(reverse("registry-api:imports"), sent, headers=headers).status_code == 201


def test_with_the_pages_token_a_session_writes(strict, retail):
    body = json.dumps({"name": "churn", "unit": retail.code})
    answer = strict.post(
        reverse("registry-api:models"), body, JSON, headers={"X-CSRFToken": token_of(strict)}
    )
    assert answer.status_code == 201, answer.content
    wrong = strict.post(reverse("registry-api:models"), body, JSON, headers={"X-CSRFToken": "x" * 64})
    assert wrong.status_code == 403


def test_a_token_beside_a_session_counts_and_a_wrong_one_is_no_session(strict, retail):
    """Whoever sends a header is judged by it: a broken token falls back to nothing."""
    headers = {"Authorization": "Bearer mlp_0000_wrong", "X-CSRFToken": token_of(strict)}
    assert strict.get("/api/v1/models/", headers=headers).status_code == 401


@pytest.fixture
def token_for(retail, olga, now):
    """Return a factory of callers with a token of some scopes; their account holds two roles."""
    account = account_create(name="retail-ci", unit=retail, owner=olga, by=None, now=now)
    for role in ("developer", "administrator"):
        role_grant(user=account.user, role=role, unit=retail, reason="ci", by=None, now=now)

    def make(*scopes, **other):
        forget_principals()
        made = token_create(
            account=account, label="t", scopes=list(scopes), days=30, by=None, now=timezone.now()
        )
        return Client(headers={"authorization": f"Bearer {made.secret}"})

    return make


def test_a_scope_that_opens_nothing_here_opens_nothing(token_for, place):  # noqa: F811
    """The account may register and delete; the token may read figures."""
    client, wrong = token_for("kpis.view"), []
    open_to_all = {"api-schema", "api-docs", "foundation-api:me", "kpis-api:numbers"}
    for name, needs in {**READS, **SURROUNDINGS}.items():
        if "-api:" in name and not needs.subject and name not in open_to_all:
            status = client.get(reverse(name)).status_code
            wrong += [f"GET {name}: {status}"] if status != 403 else []
    for method, where in addresses(place):
        with Writes() as writes:
            status = client.generic(method, where, "{}", JSON).status_code
        if status not in (400, 403, 404) or writes.tables:
            wrong.append(f"{method} {where}: {status}, {writes.tables}")
    assert wrong == []


def test_valid_bodies_are_refused_for_the_scope_and_not_for_their_form(token_for):
    client = token_for("registry.view", "kpis.view", "approvals.view")
    for name, (right, body) in WRITES_AT_THE_UNIT.items():
        answer = client.post(reverse(name), json.dumps(body), JSON)
        assert (answer.status_code, answer.json()["code"]) == (403, "not_allowed"), f"{name} {right}"
    assert not RegisteredModel.objects.exists()


def test_each_scope_alone_is_enough_for_its_own_write(token_for):
    for name, (right, body) in WRITES_AT_THE_UNIT.items():
        answer = token_for(right).post(reverse(name), json.dumps(body), JSON)
        assert answer.status_code == 201, f"{name}: {answer.content[:300]!r}"


def test_a_revoked_or_expired_token_is_no_caller_within_seconds(token_for, now):
    client = token_for("registry.view")
    assert client.get("/api/v1/models/").status_code == 200
    token_revoke(token=ApiToken.objects.get(), reason="leaked", by=None, now=timezone.now())
    forget_principals()
    assert client.get("/api/v1/models/").status_code == 401
    assert TokenUse.objects.count() == 1
