"""Parts that other applications add to every signature form, such as the demonstration's authenticator.

Nothing is registered in production: an application that is not installed cannot add anything.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from django.http import HttpRequest


@dataclass(frozen=True, slots=True)
class SigningAid:
    """A template under the fields of the proof. `read(request)` returns its variables, or None to stay away."""

    name: str
    template: str
    read: Callable[[HttpRequest], Mapping[str, Any] | None]


_aids: dict[str, SigningAid] = {}


def register(aid: SigningAid) -> None:
    """Add a part to the signature forms."""
    _aids[aid.name] = aid


def aids_for(request: HttpRequest) -> list[tuple[str, Mapping[str, Any]]]:
    """Return template and variables of every part that has something to say to this person."""
    found = [(aid.template, aid.read(request)) for _, aid in sorted(_aids.items())]
    return [(template, values) for template, values in found if values is not None]
