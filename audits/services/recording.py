"""Entering what happened. Entries of one act are kept until its end and written at once before commit."""

import json
import os
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import chain
from typing import Any
from uuid import UUID

from django.db import connection, models, transaction

from audits import events
from audits.envelope import SALT_SIZE, commitment, envelope_text, is_late
from audits.merkle import leaf_hash
from audits.models import FORMAT_VERSION
from audits.row_formats import row_payload, row_verb, scope
from mlops_portal.foundation.canonical import bytes_of_plain, canonical_bytes
from mlops_portal.foundation.db import database_now
from mlops_portal.foundation.events import DomainEvent
from mlops_portal.foundation.ids import uuid7
from mlops_portal.foundation.operations import Act, current_act

BUFFER = "audits.batches"
CHUNK = 1000
_encode = json.JSONEncoder(ensure_ascii=False, separators=(",", ":")).encode
ENTRY_COLUMNS = (
    "entry_id",
    "occurred_at",
    "recorded_at",
    "verb",
    "subject_label",
    "subject_id",
    "unit_id",
    "model_id",
    "actor_id",
    "act_id",
    "payload_commitment",
    "format_version",
    "is_flagged",
    "envelope",
    "leaf",
)

# PostgreSQL takes any number of entries with their payloads in one statement with one parameter, and reads an entry's
# columns from the envelope itself. Sending each column as a parameter cost a sixth of a governed write.
ENTER = """
WITH given AS MATERIALIZED (
  SELECT * FROM json_to_recordset(%s::json)
  AS g(envelope text, is_flagged boolean, leaf text, salt text, payload text)
), entries AS MATERIALIZED (
  SELECT e.*, given.* FROM given, json_to_record(envelope::json) AS e(
    entry_id uuid, occurred_at timestamptz, recorded_at timestamptz, verb text, subject_label text, subject_id text,
    unit_id bigint, model_id bigint, actor_id text, act_id uuid, payload_commitment text, format_version smallint)
), payloads AS (
  INSERT INTO audits_ledgerpayload (entry_id, salt, payload)
  SELECT entry_id, decode(salt, 'hex'), payload FROM entries
)
INSERT INTO audits_ledgerentry (entry_id, occurred_at, recorded_at, verb, subject_label, subject_id, unit_id, model_id,
  actor_id, act_id, payload_commitment, format_version, is_flagged, envelope, leaf)
SELECT entry_id, occurred_at, recorded_at, verb, subject_label, subject_id, unit_id, model_id,
  actor_id, act_id, decode(payload_commitment, 'hex'), format_version, is_flagged, envelope, decode(leaf, 'hex')
FROM entries
"""


@dataclass(frozen=True, slots=True)
class Draft:
    """An entry before its act ends; the payload is serialised at once, because rows go on changing."""

    verb: str
    subject_label: str
    subject_id: str
    unit_id: int | None
    model_id: int | None
    actor_id: str
    occurred_at: datetime
    payload: bytes


class Batch:
    """Drafts of one signal. Lives only as long as the savepoint in which its rows were written.

    A savepoint that is rolled back inside an operation takes its rows with it, but nobody tells the ledger; Django
    however forgets the on-commit hooks registered in it, so a batch whose hook is gone is not written.
    """

    def __init__(self, drafts: list[Draft], *, together: bool = False) -> None:
        self.drafts = drafts
        self.together = together
        transaction.on_commit(self.committed)

    def committed(self) -> None:
        """Mark this batch in the transaction; there is nothing left to do when it commits."""

    @staticmethod
    def living(batches: "Iterable[Batch]") -> "list[Batch]":
        """Return the batches whose rows were not rolled back."""
        asked = {id(batch): batch for batch in batches}
        known: set[int] = set()
        for _, hook, _ in reversed(transaction.get_connection().run_on_commit):  # the newest hooks come last
            if len(known) == len(asked):
                break
            known |= asked.keys() & {id(getattr(hook, "__self__", None))}
        return [batch for key, batch in asked.items() if key in known]


def row_draft(model: type[models.Model], row: Any) -> Draft:
    """Make the entry of one history row."""
    unit_id, model_id = scope(model, row)
    return Draft(
        verb=row_verb(model, row),
        subject_label=model._meta.label,
        subject_id=str(getattr(row, model._meta.pk.attname)),
        unit_id=unit_id,
        model_id=model_id,
        actor_id=row.history_user_id or "",
        occurred_at=row.history_date,
        payload=bytes_of_plain(row_payload(model, row)),  # its values are JSON types already
    )


def event_draft(event: DomainEvent) -> Draft:
    """Make the entry of one act."""
    return Draft(
        verb=event.verb,
        subject_label=event.subject_label,
        subject_id=str(event.subject_id),
        unit_id=event.unit_id,
        model_id=event.model_id,
        actor_id=event.actor_id or "",
        occurred_at=event.occurred_at,
        payload=canonical_bytes({"data": event.data}),
    )


def record(drafts: list[Draft], *, together: bool = False) -> None:
    """Enter ``drafts`` at the end of the act under way, or now when there is none.

    ``together`` says that one service wrote these rows as a bulk: a summary follows them.
    """
    act = current_act()
    if act is not None:
        act.buffer(BUFFER).append(Batch(drafts, together=together))
        return
    with transaction.atomic():
        write([*drafts, *(_summaries(drafts) if together else [])], act_id=uuid7())


def flush(act: Act) -> None:
    """Write what the act entered; called inside its transaction, just before commit."""
    batches = Batch.living(act.buffer(BUFFER))
    drafts = [draft for batch in batches for draft in batch.drafts]
    bulk = [draft for batch in batches if batch.together for draft in batch.drafts]
    act.buffers[BUFFER] = []
    write([*drafts, *_summaries(bulk)], act_id=act.id)


def _summaries(drafts: Iterable[Draft]) -> list[Draft]:
    """Say once per verb how many rows were written together."""
    groups: dict[tuple[str, str], list[Draft]] = {}
    for draft in drafts:
        groups.setdefault((draft.subject_label, draft.verb), []).append(draft)
    return [_summary(label, verb, members) for (label, verb), members in groups.items()]


def _summary(label: str, verb: str, members: Sequence[Draft]) -> Draft:
    units = {draft.unit_id for draft in members}
    return Draft(
        verb=events.BULK,
        subject_label=label,
        subject_id="",
        unit_id=units.pop() if len(units) == 1 else None,
        model_id=None,
        actor_id=members[0].actor_id,
        occurred_at=members[-1].occurred_at,
        payload=canonical_bytes({"data": {"verb": verb, "count": len(members)}}),
    )


@dataclass(frozen=True, slots=True)
class Entry:
    """An entry as it is stored, with its payload."""

    facts: dict[str, Any]
    envelope: str
    leaf: bytes
    salt: bytes
    payload: str

    @property
    def is_flagged(self) -> bool:
        """Whether the two times differ so much that a reader must be told."""
        return is_late(self.facts["occurred_at"], self.facts["recorded_at"])


def write(drafts: Sequence[Draft], *, act_id: UUID) -> list[UUID]:
    """Insert entries and payloads; the caller holds the transaction. Returns the entries' ids in order."""
    recorded_at = database_now()
    entries = [_entry(draft, act_id, recorded_at) for draft in drafts]
    for start in range(0, len(entries), CHUNK):
        part = entries[start : start + CHUNK]
        (_enter_together if connection.vendor == "postgresql" else _enter_in_columns)(part)
    return [entry.facts["entry_id"] for entry in entries]


def _entry(draft: Draft, act_id: UUID, recorded_at: datetime) -> Entry:
    salt = os.urandom(SALT_SIZE)
    facts: dict[str, Any] = {
        "entry_id": uuid7(),
        "occurred_at": draft.occurred_at,
        "recorded_at": recorded_at,
        "verb": draft.verb,
        "subject_label": draft.subject_label,
        "subject_id": draft.subject_id,
        "unit_id": draft.unit_id,
        "model_id": draft.model_id,
        "actor_id": draft.actor_id,
        "act_id": act_id,
        "payload_commitment": commitment(salt, draft.payload),
        "format_version": FORMAT_VERSION,
    }
    envelope = envelope_text(**facts)
    return Entry(facts, envelope, leaf_hash(envelope.encode()), salt, draft.payload.decode())


def _enter_together(entries: Sequence[Entry]) -> None:
    given = [
        {
            "envelope": entry.envelope,
            "is_flagged": entry.is_flagged,
            "leaf": entry.leaf.hex(),
            "salt": entry.salt.hex(),
            "payload": entry.payload,
        }
        for entry in entries
    ]
    with connection.cursor() as cursor:
        cursor.execute(ENTER, [_encode(given)])


def _enter_in_columns(entries: Sequence[Entry]) -> None:
    rows = [(*entry.facts.values(), entry.is_flagged, entry.envelope, entry.leaf) for entry in entries]
    insert("audits_ledgerentry", ENTRY_COLUMNS, rows)
    payloads = [(entry.facts["entry_id"], entry.salt, entry.payload) for entry in entries]
    insert("audits_ledgerpayload", ("entry_id", "salt", "payload"), payloads)


def insert(table: str, columns: Sequence[str], rows: Sequence[tuple]) -> None:
    """Insert plain values: building model instances would double what a governed write costs."""
    names, marks = ", ".join(columns), f"({', '.join(['%s'] * len(columns))})"
    with connection.cursor() as cursor:
        if connection.vendor == "sqlite":
            values = [tuple(map(_for_sqlite, row)) for row in rows]
            cursor.executemany(f"INSERT INTO {table} ({names}) VALUES {marks}", values)  # noqa: S608
            return
        for start in range(0, len(rows), CHUNK):
            part = rows[start : start + CHUNK]
            statement = f"INSERT INTO {table} ({names}) VALUES {', '.join([marks] * len(part))}"  # noqa: S608
            cursor.execute(statement, list(chain.from_iterable(part)))


def _for_sqlite(value: Any) -> Any:
    if isinstance(value, UUID):
        return value.hex
    if isinstance(value, datetime):
        return connection.ops.adapt_datetimefield_value(value)
    return value
