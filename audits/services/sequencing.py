"""Numbering entries and signing the tree. Only the sequencer's process has the key.

One transaction under a lock takes what is pending, gives it the next numbers, lets the tiles grow and signs one
checkpoint. Row visibility alone decides what is committed: never pick by id, by time or by transaction id.
"""

import time
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any
from uuid import UUID

from django.conf import settings
from django.db import connection, transaction

from audits import events, keys
from audits.checkpoints import Signer, VerificationKey, sign_checkpoint
from audits.keys import load_signer
from audits.merkle import Tile, TreeBuilder
from audits.models import Checkpoint, LedgerLeaf, LedgerPending, LedgerTile, SigningKey
from audits.services import recording
from mlops_portal.foundation.db import database_now
from mlops_portal.foundation.errors import DomainError
from mlops_portal.foundation.events import DomainEvent, emit
from mlops_portal.foundation.operations import operation

BATCH = 20_000
LOCK = 0x6C656467  # the advisory lock of the sequencer on PostgreSQL
POLL_SECONDS = 0.1

UPSERT_TILE = (
    'INSERT INTO audits_ledgertile (level, "index", width, hashes) VALUES (%s, %s, %s, %s) '
    'ON CONFLICT (level, "index") DO UPDATE SET width = excluded.width, hashes = excluded.hashes'
)


class LedgerBroken(DomainError):
    """The stored tree is not the one that was signed last; signing on would cover it up."""

    status, code, title = 500, "ledger_broken", "The ledger does not continue its last checkpoint"


class KeyNotValid(DomainError):
    """The key file holds a key that is not the ledger's valid one."""

    status, code, title = 409, "ledger_key_not_valid", "Not the ledger's key"


@dataclass(frozen=True, slots=True)
class Taken:
    """An entry that just got its number."""

    entry_id: UUID
    row: int
    leaf: bytes


def signer_from_settings() -> Signer:
    """Read the key file that the settings name."""
    return load_signer(Path(settings.PORTAL_LEDGER_KEY_FILE), name=settings.PORTAL_LEDGER_ORIGIN)


def verification_key(key: SigningKey) -> VerificationKey:
    """Return the key in the form that verifies."""
    return VerificationKey(key.name, bytes(key.public_key))


@operation
def key_admit(*, signer: Signer, now: datetime) -> SigningKey:
    """Return the valid key row of ``signer``; the very first key is entered as such.

    Raises:
        KeyNotValid: the ledger has another valid key, or this one has ended.
    """
    known = SigningKey.objects.filter(pk=signer.key.fingerprint).first()
    if known is not None and known.valid_until is None:
        return known
    if SigningKey.objects.exists():
        raise KeyNotValid(
            f"{signer.key.fingerprint} is not the valid signing key; rotate with `ledger_key --rotate`."
        )
    return _enter_key(signer.key, verb=events.KEY_ADDED, now=now, data={})


@operation
def key_rotate(*, old: Signer, new: Signer, now: datetime) -> SigningKey:
    """End the old key and begin the new one; the entry carries the new key signed by the old.

    Raises:
        KeyNotValid: ``old`` is not the valid key.
    """
    _wait_for_turn()
    key_admit(signer=old, now=now)
    now = _not_before(now)
    SigningKey.objects.filter(pk=old.key.fingerprint).update(valid_until=now)
    statement = old.sign(f"{old.name}\nnext key {new.key}\n")
    return _enter_key(new.key, verb=events.KEY_ROTATED, now=now, data={"statement": statement})


def rotation_finish() -> bool:
    """Put the key that replaced an ended one into its place; True when the files had to be moved.

    A rotation is committed before its files are renamed, and its process may be killed in between. Whoever reads the
    key next finishes it, one process at a time; before the commit the new file is no key of the ledger and stays.

    Raises:
        KeyFileError: the files cannot be read or moved.
    """
    path = Path(settings.PORTAL_LEDGER_KEY_FILE)
    fresh = keys.replacement_of(path)
    if not fresh.exists():
        return False
    with transaction.atomic():
        _wait_for_turn()
        if not fresh.exists():  # another process finished it
            return False
        new = load_signer(fresh, name=settings.PORTAL_LEDGER_ORIGIN)
        if not SigningKey.objects.filter(pk=new.key.fingerprint, valid_until__isnull=True).exists():
            return False
        try:
            if path.exists():
                old = load_signer(path, name=settings.PORTAL_LEDGER_ORIGIN)
                path.rename(path.with_suffix(f"{path.suffix}.{old.key.hash.hex()}"))
            fresh.rename(path)
        except OSError as error:
            raise keys.KeyFileError(f"{fresh} cannot be moved to {path}: {error.strerror}") from error
    return True


def _not_before(now: datetime, *others: datetime) -> datetime:
    """Return ``now``, or the latest of what was signed before and ``others``.

    Processes read clocks of different machines, which differ by moments; in the ledger no time lies before its key's.
    """
    signed = Checkpoint.objects.order_by("-size").values_list("created_at", flat=True).first()
    return max([now, *others, *([signed] if signed else [])])


def _enter_key(key: VerificationKey, *, verb: str, now: datetime, data: dict[str, Any]) -> SigningKey:
    row = SigningKey.objects.create(
        fingerprint=key.fingerprint, name=key.name, public_key=key.public, valid_from=now
    )
    emit(
        DomainEvent(
            verb=verb,
            subject_label="audits.SigningKey",
            subject_id=key.fingerprint,
            actor_id=None,
            occurred_at=now,
            data={**data, "key": str(key), "valid_from": now},
        )
    )
    return row


def sequence(*, signer: Signer, key: SigningKey, limit: int = BATCH) -> int:
    """Number at most ``limit`` entries and sign the tree; return how many.

    Raises:
        LedgerBroken: the stored tiles do not give the root signed last.
        KeyNotValid: the key was ended meanwhile.
    """
    with transaction.atomic():
        _wait_for_turn()
        taken = _take(limit)
        if not taken:
            return 0
        if not SigningKey.objects.filter(pk=key.pk, valid_until__isnull=True).exists():
            raise KeyNotValid(f"{key.fingerprint} was ended.")
        builder = _continued_tree()
        _insert_leaves(builder.size, taken)
        _write_tiles(builder.append(b"".join(entry.leaf for entry in taken)))
        now = _not_before(database_now(), key.valid_from)
        root = builder.root()
        note = sign_checkpoint(signer, origin=signer.name, size=builder.size, root=root, now=now)
        Checkpoint(size=builder.size, root=root, note=note, created_at=now, key=key).save()
    return len(taken)


def _wait_for_turn() -> None:
    """Let one process at a time sign or change the key; SQLite lets only one write anyway."""
    if connection.vendor == "postgresql":
        with connection.cursor() as cursor:
            cursor.execute("SELECT pg_advisory_xact_lock(%s)", [LOCK])


def sequence_all(*, signer: Signer, key: SigningKey) -> int:
    """Number everything that is pending now."""
    total = 0
    while count := sequence(signer=signer, key=key):
        total += count
    return total


def sequence_now(timeout: float = 5) -> bool:
    """Wait until the sequencer's process has numbered what is committed by now; say whether it did in time.

    What others commit meanwhile is not waited for: on a busy portal something always is on its way.
    """
    deadline = time.monotonic() + timeout
    newest = LedgerPending.objects.order_by("-pk").values_list("pk", flat=True).first()
    while newest is not None and LedgerPending.objects.filter(pk__lte=newest).exists():
        if time.monotonic() > deadline:
            return False
        time.sleep(POLL_SECONDS)
    return True


def read_tile(level: int, index: int) -> bytes:
    """Return the hashes of a stored tile; none when it does not exist."""
    found = LedgerTile.objects.filter(level=level, index=index).values_list("hashes", flat=True).first()
    return b"" if found is None else bytes(found)


def _continued_tree() -> TreeBuilder:
    last = Checkpoint.objects.order_by("-size").first()
    size = 0 if last is None else last.size
    newest = LedgerLeaf.objects.order_by("-index").values_list("index", flat=True).first()
    if (newest is None and size) or (newest is not None and newest + 1 != size):
        raise LedgerBroken(f"{size} entries were signed, but the last number is {newest}.")
    try:
        builder = TreeBuilder.resume(size, read_tile)
    except ValueError as error:
        raise LedgerBroken(f"The tree cannot go on: {error}.") from error
    if last is not None and builder.root() != bytes(last.root):
        raise LedgerBroken(f"The tiles do not give the root that was signed at size {size}.")
    return builder


def _take(limit: int) -> list[Taken]:
    if connection.vendor == "postgresql":
        return _take_postgresql(limit)
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT p.entry_id, e.id, e.leaf FROM audits_ledgerpending p "
            "JOIN audits_ledgerentry e ON e.entry_id = p.entry_id ORDER BY e.id LIMIT %s",
            [limit],
        )
        rows = cursor.fetchall()
        cursor.executemany(
            "DELETE FROM audits_ledgerpending WHERE entry_id = %s", [(row[0],) for row in rows]
        )
    return [Taken(UUID(entry_id), row, bytes(leaf)) for entry_id, row, leaf in rows]


def _take_postgresql(limit: int) -> list[Taken]:
    with connection.cursor() as cursor:
        cursor.execute(
            "WITH taken AS (DELETE FROM audits_ledgerpending WHERE ctid = ANY(ARRAY("
            "SELECT ctid FROM audits_ledgerpending LIMIT %s)) RETURNING entry_id) "
            "SELECT e.entry_id, e.id, e.leaf FROM taken JOIN audits_ledgerentry e USING (entry_id) ORDER BY e.id",
            [limit],
        )
        return [Taken(entry_id, row, bytes(leaf)) for entry_id, row, leaf in cursor.fetchall()]


def _insert_leaves(first: int, taken: Sequence[Taken]) -> None:
    if connection.vendor == "postgresql":
        with connection.cursor() as cursor:
            statement = (
                'COPY audits_ledgerleaf ("index", entry_id, entry_row, leaf) FROM STDIN WITH (FORMAT BINARY)'
            )
            with cursor.cursor.copy(statement) as copy:
                copy.set_types(["int8", "uuid", "int8", "bytea"])
                for number, entry in enumerate(taken, first):
                    copy.write_row((number, entry.entry_id, entry.row, entry.leaf))
        return
    rows = [(number, entry.entry_id, entry.row, entry.leaf) for number, entry in enumerate(taken, first)]
    recording.insert("audits_ledgerleaf", ('"index"', "entry_id", "entry_row", "leaf"), rows)


def _write_tiles(tiles: Sequence[Tile]) -> None:
    with connection.cursor() as cursor:
        cursor.executemany(UPSERT_TILE, [(tile.level, tile.index, tile.width, tile.hashes) for tile in tiles])
