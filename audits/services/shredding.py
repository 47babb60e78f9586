"""Removing personal data for good, without breaking one proof.

Payload and salt are deleted; what remains of them in the tree is a commitment that nobody can open any more. A
tombstone entry names the entries whose payload went, so that a removal is told apart from a loss.
"""

import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from django.db import connection
from django.db.models import Q

from audits import events
from audits.models import LedgerPayload, LedgerRemoval
from audits.services import recording
from mlops_portal.foundation.events import DomainEvent
from mlops_portal.foundation.history import history_model, save_as
from mlops_portal.foundation.operations import current_act, operation
from mlops_portal.foundation.people.models import User
from mlops_portal.foundation.people.rights import require
from mlops_portal.foundation.rules import Blocker, refuse_if

CHUNK = 500
PERSONAL_FIELDS = ("name", "email", "job_title")


@dataclass(frozen=True, slots=True)
class Shredded:
    """What was removed."""

    person_id: int
    payloads: int


def shredding_blockers(person: User) -> list[Blocker]:
    """Why this person's data may not be removed now; empty when it may."""
    if person.is_active:
        return [
            Blocker(
                "still_active", "Deactivate the person first: an active account needs a name and an address."
            )
        ]
    return []


@operation
def person_shred(*, person: User, by: User | None, now: datetime, reason: str = "") -> Shredded:
    """Remove a person's name and address from ledger, history and account; the opaque id stays, so acts stay whole.

    Raises:
        RuleViolation: the person is still active.
    """
    require(by, "people.manage_accounts")
    refuse_if(shredding_blockers(person))
    words = [person.name, person.email, *_former_words(person)]
    entries = _entries_naming(person, words)
    person.name, person.email, person.job_title = (
        f"Former person {person.pk}",
        f"removed-{person.pk}@invalid",
        "",
    )
    save_as(person, by=by, now=now, reason="Personal data removed", fields=list(PERSONAL_FIELDS))
    history_model(User).objects.filter(id=person.pk).update(
        name=person.name, email=person.email, job_title="", history_change_reason="Personal data removed"
    )
    _purge(entries, subject=person, by=by, now=now, reason=reason)
    return Shredded(person.pk, len(entries))


def _former_words(person: User) -> set[str]:
    rows = history_model(User).objects.filter(id=person.pk).values_list("name", "email")
    return {word for row in rows for word in row if word}


def _entries_naming(person: User, words: Iterable[str]) -> list[UUID]:
    """Find payloads about the person, and others that hold their name or address in any text."""
    own = Q(entry__subject_label=User._meta.label, entry__subject_id=str(person.pk))
    for word in set(words):
        own |= Q(payload__contains=json.dumps(word, ensure_ascii=False)[1:-1])
    found: list[Any] = list(
        LedgerPayload.objects.filter(own).order_by("entry_id").values_list("entry_id", flat=True)
    )
    return found


def _tombstone(
    entries: Sequence[UUID], *, subject: User, by: User | None, now: datetime, reason: str
) -> UUID:
    """Enter at once, in the act under way, the entry that says which payloads went and why."""
    event = DomainEvent(
        verb=events.PURGED,
        subject_label=User._meta.label,
        subject_id=str(subject.pk),
        actor_id=None if by is None else str(by.pk),
        occurred_at=now,
        data={"entries": [str(entry_id) for entry_id in entries], "reason": reason},
    )
    act = current_act()
    (entry_id,) = recording.write([recording.event_draft(event)], act_id=act.id)
    return entry_id


def _purge(entries: Sequence[UUID], *, subject: User, by: User | None, now: datetime, reason: str) -> None:
    """Enter the tombstone, permit each removal by naming it, delete."""
    tombstone = _tombstone(entries, subject=subject, by=by, now=now, reason=reason)
    LedgerRemoval.objects.bulk_create(
        [LedgerRemoval(entry_id=entry_id, tombstone_id=tombstone) for entry_id in entries], batch_size=CHUNK
    )
    own_column = LedgerPayload._meta.pk
    with connection.cursor() as cursor:
        for start in range(0, len(entries), CHUNK):
            part = [
                own_column.get_db_prep_value(entry_id, connection)
                for entry_id in entries[start : start + CHUNK]
            ]
            marks = ", ".join(["%s"] * len(part))
            cursor.execute(f"DELETE FROM audits_ledgerpayload WHERE entry_id IN ({marks})", part)  # noqa: S608
