"""Callers of the API."""

from collections.abc import Callable
from typing import Any

import pytest
from django.test import Client

from mlops_portal.foundation.people.principals import forget_principals
from mlops_portal.foundation.people.services.grants import role_grant
from mlops_portal.foundation.people.services.tokens import account_create, token_create


class Caller(Client):
    """Sends and reads JSON with a token."""

    def __init__(self, secret: str) -> None:
        super().__init__(headers={"authorization": f"Bearer {secret}"})

    def call(self, method: str, path: str, body: Any = None, **headers: str) -> Any:
        """Call and return the response."""
        return self.generic(
            method,
            f"/api/v1{path}",
            data="" if body is None else __import__("json").dumps(body),
            content_type="application/json",
            headers=headers or None,
        )


@pytest.fixture
def as_pipeline(db: None, now: Any) -> Callable[..., Caller]:
    """Return a factory: ``as_pipeline(unit, owner, "developer", scopes=[…])``."""

    def make(unit: Any, owner: Any, role: str = "developer", scopes: list[str] | None = None) -> Caller:
        forget_principals()
        account = account_create(name=f"ci-{unit.code}-{role}", unit=unit, owner=owner, by=None, now=now)
        role_grant(user=account.user, role=role, unit=unit, reason="test", by=None, now=now)
        wanted = scopes or ["registry.view", "registry.register", "registry.edit", "registry.set_alias"]
        from django.utils import timezone

        new = token_create(account=account, label="t", scopes=wanted, days=30, by=None, now=timezone.now())
        return Caller(new.secret)

    return make
