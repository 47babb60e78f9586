"""Entries, their columns and their payloads, over a range of numbers. Hashes stored bytes; nothing is rebuilt.

Plain cursors and bytes: model instances, or reading every envelope as JSON, would cost more than the hashing.
"""

import hashlib
import json
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, NamedTuple

from django.db import connection

from audits.envelope import FLAG_SECONDS
from audits.verification.report import Flaw, Kind

CHUNK = 8_192

POSTGRESQL = {
    "id": "{}::text",
    "time": "to_char({} AT TIME ZONE 'UTC', 'YYYY-MM-DD\"T\"HH24:MI:SS.US\"Z\"')",
    "bytes": "convert_to({}, 'UTF8')",
    "hex": "encode({}, 'hex')",
}
SQLITE = {
    "id": (
        "substr({0}, 1, 8) || '-' || substr({0}, 9, 4) || '-' || substr({0}, 13, 4) || '-' || substr({0}, 17, 4) "
        "|| '-' || substr({0}, 21)"
    ),
    "time": (
        "substr({0}, 1, 10) || 'T' || substr({0}, 12) || CASE length({0}) WHEN 26 THEN 'Z' ELSE '.000000Z' END"
    ),
    "bytes": "CAST({} AS BLOB)",
    "hex": "lower(hex({}))",
}


class Entry(NamedTuple):
    """An entry and its payload as they are stored: ids and times in the form of the envelope, texts as bytes."""

    row: int | None
    envelope: bytes
    leaf: bytes
    salt: bytes | None
    payload: bytes | None
    is_flagged: bool
    act_id: str
    actor_id: str
    entry_id: str
    format_version: int
    model_id: int | None
    occurred_at: str
    payload_commitment: str
    recorded_at: str
    subject_id: str
    subject_label: str
    unit_id: int | None
    verb: str


STATED = Entry._fields[6:]  # the columns that the envelope repeats, in its order


@dataclass
class RangeResult:
    """What a range of numbers gave: its leaf hashes as stored, flaws, and entries without payload."""

    first: int
    hashes: bytes = b""
    flaws: list[Flaw] = field(default_factory=list)
    without_payload: list[tuple[int, str]] = field(default_factory=list)
    entries: int = 0
    payloads: int = 0


def entry_columns() -> str:
    """Return the select list of `Entry` from an entry (alias ``e``) and its payload (``p``) for this engine."""
    written = POSTGRESQL if connection.vendor == "postgresql" else SQLITE
    return ", ".join(
        (
            "e.id",
            written["bytes"].format("e.envelope"),
            "e.leaf",
            "p.salt",
            written["bytes"].format("p.payload"),
            "e.is_flagged",
            written["id"].format("e.act_id"),
            "e.actor_id",
            written["id"].format("e.entry_id"),
            "e.format_version",
            "e.model_id",
            written["time"].format("e.occurred_at"),
            written["hex"].format("e.payload_commitment"),
            written["time"].format("e.recorded_at"),
            "e.subject_id",
            "e.subject_label",
            "e.unit_id",
            "e.verb",
        )
    )


@contextmanager
def reading_in_order() -> Iterator[None]:
    """Keep PostgreSQL from sorting wide rows on disk: by the indexes they come in order, and nothing is read twice."""
    if connection.vendor != "postgresql":
        yield
        return
    switches = ("enable_hashjoin", "enable_mergejoin", "enable_seqscan", "enable_sort", "jit")
    with connection.cursor() as cursor:
        cursor.execute("; ".join(f"SET {name} = off" for name in switches))
    try:
        yield
    finally:
        with connection.cursor() as cursor:
            cursor.execute("; ".join(f"RESET {name}" for name in switches))


def fetched(statement: str, params: Sequence[Any]) -> list[tuple]:
    """Return rows; from PostgreSQL in its binary form, in which bytes need no decoding."""
    if connection.vendor == "postgresql":
        from psycopg import Cursor  # noqa: PLC0415  (only where PostgreSQL is used)

        connection.ensure_connection()
        with Cursor(connection.connection) as cursor:
            cursor.execute(statement, params, binary=True)
            return cursor.fetchall()
    with connection.cursor() as cursor:
        cursor.execute(statement, params)
        return cursor.fetchall()


def read_range(first: int, end: int) -> Iterator[list[tuple]]:
    """Read numbered entries in chunks: index, entry id, entry row, leaf, then `entry_columns`."""
    text = "::text" if connection.vendor == "postgresql" else ""
    statement = (
        f'SELECT l."index", l.entry_id{text}, l.entry_row, l.leaf, {entry_columns()} FROM audits_ledgerleaf l '  # noqa: S608
        "LEFT JOIN audits_ledgerentry e ON e.entry_id = l.entry_id "
        "LEFT JOIN audits_ledgerpayload p ON p.entry_id = l.entry_id "
        'WHERE l."index" >= %s AND l."index" < %s ORDER BY l."index"'
    )
    for start in range(first, end, CHUNK):
        yield fetched(statement, [start, min(start + CHUNK, end)])


def check_range(bound: tuple[int, int]) -> RangeResult:
    """Check the entries numbered from the first of ``bound`` to the one before its second."""
    with reading_in_order():
        return _check_numbered(*bound)


def _check_numbered(first: int, end: int) -> RangeResult:
    result, hashes, expected = RangeResult(first), [], first
    for rows in read_range(first, end):
        for row in rows:
            index, entry_id, entry_row, leaf = row[:4]
            while expected < index:
                result.flaws.append(
                    Flaw(Kind.MISSING, f"#{expected}", "the number is not in the tree", expected)
                )
                hashes.append(bytes(32))
                expected += 1
            expected += 1
            hashes.append(leaf)
            entry = Entry._make(row[4:])
            if entry.row == entry_row and entry.leaf == leaf and _is_sound(entry):
                result.entries += 1
                result.payloads += 1
            else:
                _check_entry(result, f"#{index}", index, entry_id, entry, (entry_row, leaf))
    for lost in range(expected, end):
        result.flaws.append(Flaw(Kind.MISSING, f"#{lost}", "the number is not in the tree", lost))
        hashes.append(bytes(32))
    result.hashes = b"".join(hashes)
    return result


def check_pending(rows: Iterable[tuple]) -> RangeResult:
    """Check entries that have no number yet; rows are the pending entry id and `entry_columns`."""
    result = RangeResult(-1)
    for entry_id, *columns in rows:
        _check_entry(result, f"entry {entry_id}", 1 << 62, entry_id, Entry._make(columns), None)
    return result


def _is_sound(entry: Entry) -> bool:
    """Tell at once what is true of nearly every entry; whatever else is the case is looked at part by part.

    An envelope without a backslash has no escaped quote, so it equals what its columns give only when every value
    does, quotes in a column included.
    """
    (_, envelope, leaf, salt, payload, flagged, act, actor, entry_id, version, model, occurred, commitment, recorded,
     subject, label, unit, verb) = entry  # fmt: skip
    if salt is None or payload is None or b"\\" in envelope:
        return False
    stated = (
        f'{{"act_id":"{act}","actor_id":"{actor}","entry_id":"{entry_id}","format_version":{version},'
        f'"model_id":{"null" if model is None else model},"occurred_at":"{occurred}",'
        f'"payload_commitment":"{commitment}","recorded_at":"{recorded}","subject_id":"{subject}",'
        f'"subject_label":"{label}","unit_id":{"null" if unit is None else unit},"verb":"{verb}"}}'
    )
    return (
        stated.encode() == envelope
        and hashlib.sha256(b"\x00" + envelope).digest() == leaf
        and hashlib.sha256(salt + payload).hexdigest() == commitment
        and bool(flagged) == _is_late(occurred, recorded)
    )


def _is_late(occurred: str, recorded: str) -> bool:
    if occurred[:16] == recorded[:16]:
        return False
    difference = datetime.fromisoformat(recorded) - datetime.fromisoformat(occurred)
    return abs(difference.total_seconds()) > FLAG_SECONDS


def _check_entry(
    result: RangeResult,
    place: str,
    order: int,
    entry_id: str,
    entry: Entry,
    numbered: tuple[int, bytes] | None,
) -> None:
    if entry.row is None:
        result.flaws.append(Flaw(Kind.MISSING, place, f"entry {entry_id} does not exist", order))
        return
    result.entries += 1
    wrong = _wrong_parts(entry, numbered)
    if entry.salt is None or entry.payload is None:
        result.without_payload.append((order, entry.entry_id))
    else:
        result.payloads += 1
        if hashlib.sha256(entry.salt + entry.payload).hexdigest() != entry.payload_commitment:
            wrong.append("payload")
    if wrong:
        result.flaws.append(Flaw(Kind.ALTERED, place, f"entry {entry.entry_id}: {', '.join(wrong)}", order))


def _wrong_parts(entry: Entry, numbered: tuple[int, bytes] | None) -> list[str]:
    """Name what contradicts the envelope or the leaf."""
    wrong = []
    hashed = hashlib.sha256(b"\x00" + entry.envelope).digest()
    if hashed != entry.leaf:
        wrong.append("leaf" if numbered and hashed == numbered[1] else "envelope")
    if numbered and numbered[1] != hashed and "envelope" not in wrong:
        wrong.append("number's leaf")
    if numbered and numbered[0] != entry.row:
        wrong.append("id")
    wrong.extend(_wrong_columns(entry))
    if bool(entry.is_flagged) != _is_late(entry.occurred_at, entry.recorded_at):
        wrong.append("is_flagged")
    return wrong


def _wrong_columns(entry: Entry) -> list[str]:
    columns: dict[str, Any] = dict(zip(STATED, entry[6:], strict=True))
    try:
        stated = json.loads(entry.envelope)
    except ValueError:
        return ["envelope is not JSON"]
    if stated == columns:
        return []
    if not isinstance(stated, dict):
        return ["envelope is no object"]
    return [name for name in sorted({*columns, *stated}) if columns.get(name) != stated.get(name)] or [
        "envelope"
    ]
