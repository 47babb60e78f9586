"""Which change request stands behind a deployment, and who decided: known to an app above, which registers an answer."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from mlops_portal.foundation.people.models import User
from registry.models import Deployment


@dataclass(frozen=True, slots=True, kw_only=True)
class Decided:
    """One decision that stood: what, at which stage, by whom, with the address of its receipt."""

    verdict: str
    stage: str
    by: str
    at: datetime
    url: str


@dataclass(frozen=True, slots=True, kw_only=True)
class RequestBehind:
    """A change request as far as the reader may see it; ``url`` and the rest are empty where they may not.

    ``state``, ``phase`` and ``until`` are those of today, and empty where a past moment is told.
    """

    code: str
    title: str = ""
    url: str = ""
    state: str = ""
    requester: str = ""
    decided: Sequence[Decided] = ()
    phase: str = ""  # what of it is still going on where it was executed, and until when
    until: datetime | None = None

    @property
    def deciders(self) -> str:
        """Names of who decided, each once, in the order of the decisions."""
        return ", ".join(dict.fromkeys(one.by for one in self.decided))


Answer = Callable[[User, Sequence[Deployment], datetime | None], Mapping[int, RequestBehind]]
answers: list[Answer] = []


def tell_requests(user: User, deployments: Sequence[Deployment], at: datetime | None = None) -> None:
    """Put on each deployment the request behind it (`request_behind`, or None), with the decisions of today or of a moment."""
    found: dict[int, RequestBehind] = {}
    for answer in answers:
        found |= answer(user, deployments, at)
    for one in deployments:
        one.request_behind = found.get(one.change_id or 0)  # type: ignore[attr-defined]
