"""A pipeline of Retail Lending that speaks the MLflow protocol."""

import json
from collections.abc import Callable, Iterator
from datetime import datetime
from typing import Any

import pytest
from django.test import Client
from django.utils import timezone

from mlops_portal.foundation.people import principals
from mlops_portal.foundation.people.models import BusinessUnit, User
from mlops_portal.foundation.people.services.grants import role_grant
from mlops_portal.foundation.people.services.tokens import NewToken, account_create, token_create

SCOPES = ["registry.view", "registry.register", "registry.edit", "registry.delete", "registry.set_alias"]
BASE = "/api/2.0/mlflow"


class Door:
    """Calls the protocol as a client with one token would."""

    def __init__(self, secret: str) -> None:
        self.client = Client()
        self.headers = {"Authorization": f"Bearer {secret}"}

    def send(self, method: str, path: str, body: Any = None, **query: Any) -> Any:
        """Send one call and return Django's answer."""
        if method == "GET":
            return self.client.get(f"{BASE}/{path}", query, headers=self.headers)
        return self.client.generic(
            method, f"{BASE}/{path}", json.dumps(body), content_type="application/json", headers=self.headers
        )

    def ok(self, method: str, path: str, body: Any = None, **query: Any) -> dict[str, Any]:
        """Send one call that has to succeed and return its JSON."""
        answer = self.send(method, path, body, **query)
        assert answer.status_code == 200, answer.content
        return answer.json()

    def refused(self, method: str, path: str, body: Any = None, **query: Any) -> tuple[int, str, str]:
        """Send one call that has to fail; return status, error code and message."""
        answer = self.send(method, path, body, **query)
        assert answer["Content-Type"] == "application/json"
        return answer.status_code, answer.json()["error_code"], answer.json()["message"]

    def model(self, name: str, versions: int = 0, **fields: Any) -> None:
        """Register a model with versions."""
        self.ok("POST", "registered-models/create", {"name": name, **fields})
        for number in range(1, versions + 1):
            self.ok("POST", "model-versions/create", {"name": name, "source": f"s3://models/{name}/{number}"})


@pytest.fixture(autouse=True)
def _no_cached_principals() -> Iterator[None]:
    principals.forget_principals()
    yield
    principals.forget_principals()


@pytest.fixture
def make_token(now: datetime) -> Callable[..., NewToken]:
    """Return a factory of tokens: ``make_token("ci", ada, retail, roles=("developer",))``."""

    def make(
        name: str, owner: User, unit: BusinessUnit, *, roles: tuple[str, ...], scopes: list[str] | None = None
    ) -> NewToken:
        at = timezone.now()
        account = account_create(name=name, unit=unit, owner=owner, by=None, now=at)
        for role in roles:
            role_grant(user=account.user, role=role, unit=unit, reason="test", by=None, now=at)
        return token_create(account=account, label=name, scopes=scopes or SCOPES, days=30, by=None, now=at)

    return make


@pytest.fixture
def pipeline(make_token: Callable[..., NewToken], ada: User, retail: BusinessUnit) -> NewToken:
    """Return the token of Ada's pipeline in Retail Lending."""
    return make_token("retail-ci", ada, retail, roles=("developer", "administrator"))


@pytest.fixture
def door(pipeline: NewToken) -> Door:
    """Return the door of Ada's pipeline."""
    return Door(pipeline.secret)


@pytest.fixture
def stranger_door(make_token: Callable[..., NewToken], dora: User, plant: BusinessUnit) -> Door:
    """Return the door of a pipeline in another unit."""
    return Door(make_token("plant-ci", dora, plant, roles=("developer", "administrator")).secret)


@pytest.fixture
def reader_door(make_token: Callable[..., NewToken], ada: User, retail: BusinessUnit) -> Door:
    """Return the door of a token that may only read."""
    return Door(
        make_token("retail-reader", ada, retail, roles=("developer",), scopes=["registry.view"]).secret
    )
