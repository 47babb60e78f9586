"""Domain events: the words every app may speak and no app owns."""

from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from django.apps import apps
from django.dispatch import Signal

domain_event = Signal()  # event: DomainEvent; receivers run now, inside the caller's transaction
ROW_CHANGES = frozenset({"created", "changed", "deleted"})
accessed = Signal()  # access: Access; a read worth recording, never inside a write


@dataclass(frozen=True, slots=True, kw_only=True)
class DomainEvent:
    """Something that happened. ``data`` may hold personal data: it only ever reaches the ledger's payload."""

    verb: str
    subject_label: str
    subject_id: str
    actor_id: str | None
    occurred_at: datetime
    unit_id: int | None = None
    model_id: int | None = None
    data: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Access:
    """Somebody read something an auditor may ask about. ``client`` is an address or a token's name."""

    what: str
    subject_label: str
    subject_id: str
    actor_id: str | None
    at: datetime
    client: str = ""
    unit_id: int | None = None


@dataclass(frozen=True, slots=True)
class Verb:
    """A registered verb and the words it is shown with, e.g. ``Verb("approvals.change_filed", "filed")``."""

    name: str
    label: str


_verbs: dict[str, Verb] = {}


def register_verbs(verbs: Iterable[Verb]) -> None:
    """Make verbs known.

    Raises:
        ValueError: a name is taken.
    """
    for verb in verbs:
        if verb.name in _verbs and _verbs[verb.name] != verb:
            raise ValueError(f"The verb {verb.name} is registered twice")
        _verbs[verb.name] = verb


def verbs() -> list[Verb]:
    """All registered verbs by name."""
    return sorted(_verbs.values(), key=lambda verb: verb.name)


def verb_label(name: str) -> str:
    """Say a verb in words; row changes name the record in its own words: ``risk assessment created``."""
    if name in _verbs:
        return _verbs[name].label
    label, _, word = name.rpartition("_")
    try:
        kind = str(apps.get_model(label)._meta.verbose_name) if word in ROW_CHANGES else ""
    except (LookupError, ValueError):
        kind = ""
    return f"{kind} {word}" if kind else name.rpartition(".")[2].replace("_", " ")


def emit(event: DomainEvent) -> None:
    """Tell whoever listens.

    Raises:
        ValueError: the verb was never registered.
    """
    if event.verb not in _verbs:
        raise ValueError(f"The verb {event.verb} is not registered")
    domain_event.send(sender=DomainEvent, event=event)
