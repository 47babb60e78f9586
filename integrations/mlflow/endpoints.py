"""The table of endpoints: path and method, declared parameters, and the function that answers."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from integrations.mlflow.reading import Param
from mlops_portal.foundation.people.models import User
from mlops_portal.foundation.people.principals import Principal


@dataclass(frozen=True, slots=True)
class Call:
    """One call: who, when, with which parameters."""

    principal: Principal
    now: datetime
    params: dict[str, Any]

    @property
    def user(self) -> User:
        """The actor."""
        return self.principal.user

    def __getitem__(self, name: str) -> Any:
        return self.params[name]


Answer = Callable[[Call], dict[str, Any]]


@dataclass(frozen=True, slots=True)
class Endpoint:
    """What one method of one path does."""

    answer: Answer
    params: tuple[Param, ...]


TABLE: dict[str, dict[str, Endpoint]] = {}


def endpoint(path: str, *methods: str, params: tuple[Param, ...]) -> Callable[[Answer], Answer]:
    """Register the decorated function under path and methods."""

    def register(answer: Answer) -> Answer:
        for method in methods:
            TABLE.setdefault(path, {})[method] = Endpoint(answer, params)
        return answer

    return register
