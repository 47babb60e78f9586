"""Ledger numbers beside what pages tell: the application that keeps the ledger offers them, others show them."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any


@dataclass(frozen=True, slots=True)
class ActKey:
    """What tells one act from all others: any of `verbs`, done to a record at a moment.

    A record has many entries, and the first says that it was created; so its id alone would cite another's act.
    """

    verbs: tuple[str, ...]
    subject_label: str
    subject_id: str
    at: datetime


Provider = Callable[[Iterable[ActKey]], Mapping[ActKey, int]]

_provider: list[Provider] = []


def act_key(subject: Any, at: datetime, *verbs: str) -> ActKey:
    """Return the key of an act on a row."""
    return ActKey(verbs, subject._meta.label, str(subject.pk), at)


def register(provider: Provider) -> None:
    """Set who knows the numbers."""
    _provider[:] = [provider]


def numbers_of(acts: Iterable[ActKey]) -> Mapping[ActKey, int]:
    """Return the ledger number of each act that has one; nothing while no ledger is installed."""
    return _provider[0](acts) if _provider else {}
