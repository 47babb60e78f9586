"""Entries, their columns and their payloads, over a range of numbers. Hashes stored bytes; nothing is rebuilt.

Plain cursors and text: model instances would cost more than the hashing.
"""

import hashlib
import json
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from django.db import connection

from audits.envelope import FLAG_SECONDS
from audits.verification.report import Flaw, Kind

CHUNK = 10_000

ENTRY_POSTGRESQL = (
    "e.id, e.entry_id::text, to_char(e.occurred_at AT TIME ZONE 'UTC', 'YYYY-MM-DD\"T\"HH24:MI:SS.US\"Z\"'), "
    "to_char(e.recorded_at AT TIME ZONE 'UTC', 'YYYY-MM-DD\"T\"HH24:MI:SS.US\"Z\"'), e.verb, e.subject_label, "
    "e.subject_id, e.unit_id, e.model_id, e.actor_id, e.act_id::text, e.format_version, e.is_flagged, "
    "encode(e.payload_commitment, 'hex'), e.envelope, e.leaf, p.salt, p.payload"
)
ENTRY_SQLITE = (
    "e.id, e.entry_id, e.occurred_at || '', e.recorded_at || '', e.verb, e.subject_label, e.subject_id, e.unit_id, e.model_id, "
    "e.actor_id, e.act_id, e.format_version, e.is_flagged, lower(hex(e.payload_commitment)), e.envelope, e.leaf, "
    "p.salt, p.payload"
)
NAMES = (
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
    "format_version",
)


@dataclass
class RangeResult:
    """What a range of numbers gave: its leaf hashes as stored, flaws, and entries without payload."""

    first: int
    hashes: bytes = b""
    flaws: list[Flaw] = field(default_factory=list)
    without_payload: list[tuple[int, str]] = field(default_factory=list)
    entries: int = 0
    payloads: int = 0


def _sqlite_row(row: tuple) -> tuple:
    """Write ids and times of an SQLite row the way PostgreSQL was asked to."""
    (row_id, entry_id, occurred, recorded, *facts) = row
    if row_id is None:
        return row
    facts[6] = _dashed(facts[6])
    return (row_id, _dashed(entry_id), _stamp(occurred), _stamp(recorded), *facts)


def _dashed(value: str) -> str:
    return f"{value[:8]}-{value[8:12]}-{value[12:16]}-{value[16:20]}-{value[20:]}"


def _stamp(value: str) -> str:
    return f"{value[:10]}T{value[11:]}Z" if len(value) == 26 else f"{value[:10]}T{value[11:]}.000000Z"


def _is_late(occurred: str, recorded: str) -> bool:
    if occurred[:16] == recorded[:16]:
        return False
    difference = datetime.fromisoformat(recorded) - datetime.fromisoformat(occurred)
    return abs(difference.total_seconds()) > FLAG_SECONDS


def entry_columns() -> str:
    """Return the select list of an entry (alias ``e``) and its payload (``p``) for this engine."""
    return ENTRY_POSTGRESQL if connection.vendor == "postgresql" else ENTRY_SQLITE


def normalised(row: tuple) -> tuple:
    """Return a row of `entry_columns` in the form of either engine."""
    return row if connection.vendor == "postgresql" else _sqlite_row(row)


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
        with connection.cursor() as cursor:
            cursor.execute(statement, [start, min(start + CHUNK, end)])
            yield cursor.fetchall()


def check_range(first: int, end: int) -> RangeResult:
    """Check the entries numbered ``first`` to ``end - 1``."""
    with reading_in_order():
        return _check_numbered(first, end)


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
            _check_entry(result, f"#{index}", index, entry_id, row, (entry_row, leaf))
    for lost in range(expected, end):
        result.flaws.append(Flaw(Kind.MISSING, f"#{lost}", "the number is not in the tree", lost))
        hashes.append(bytes(32))
    result.hashes = b"".join(hashes)
    return result


def check_pending(rows: Iterable[tuple]) -> RangeResult:
    """Check entries that have no number yet; rows are the pending entry id and `entry_columns`."""
    result = RangeResult(-1)
    for entry_id, *entry in rows:
        row = (0, entry_id, 0, b"", *entry)
        _check_entry(result, f"entry {entry_id}", 1 << 62, entry_id, row, None)
    return result


def _check_entry(
    result: RangeResult, place: str, order: int, entry_id: str, row: tuple, numbered: tuple[int, bytes] | None
) -> None:
    entry = normalised(row[4:])
    if entry[0] is None:
        result.flaws.append(Flaw(Kind.MISSING, place, f"entry {entry_id} does not exist", order))
        return
    result.entries += 1
    wrong = _wrong_parts(entry, numbered)
    if entry[16] is None:
        result.without_payload.append((order, entry[1]))
    else:
        result.payloads += 1
        if hashlib.sha256(bytes(entry[16]) + entry[17].encode()).hexdigest() != entry[13]:
            wrong.append("payload")
    if wrong:
        result.flaws.append(Flaw(Kind.ALTERED, place, f"entry {entry[1]}: {', '.join(wrong)}", order))


def _wrong_parts(entry: tuple, numbered: tuple[int, bytes] | None) -> list[str]:
    """Name what contradicts the envelope or the leaf."""
    envelope, leaf = entry[14], entry[15]
    wrong = []
    hashed = hashlib.sha256(b"\x00" + envelope.encode()).digest()
    if hashed != leaf:
        wrong.append("leaf" if numbered and hashed == numbered[1] else "envelope")
    if numbered and numbered[1] != hashed and "envelope" not in wrong:
        wrong.append("number's leaf")
    if numbered and numbered[0] != entry[0]:
        wrong.append("id")
    wrong.extend(_wrong_columns(entry))
    if bool(entry[12]) != _is_late(entry[2], entry[3]):
        wrong.append("is_flagged")
    return wrong


def _wrong_columns(entry: tuple) -> list[str]:
    columns: dict[str, Any] = dict(zip(NAMES, entry[1:12], strict=True))
    columns["payload_commitment"] = entry[13]
    try:
        stated = json.loads(entry[14])
    except ValueError:
        return ["envelope is not JSON"]
    if stated == columns:
        return []
    if not isinstance(stated, dict):
        return ["envelope is no object"]
    return [name for name in sorted({*columns, *stated}) if columns.get(name) != stated.get(name)] or [
        "envelope"
    ]
