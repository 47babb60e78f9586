"""What the apps above object to when a role is granted; they register their answers in `ready()`."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from mlops_portal.foundation.people.models import BusinessUnit, User
from mlops_portal.foundation.rules import Blocker


@dataclass(frozen=True, slots=True, kw_only=True)
class Granting:
    """A role is about to be held on a unit or on one model. ``identities`` are the person and their accounts."""

    person: User
    identities: frozenset[int]
    role: str
    unit: BusinessUnit | None
    model_id: int | None


grant_gates: list[Callable[[Granting], Sequence[Blocker]]] = []
