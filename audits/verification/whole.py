"""The whole ledger: every stored byte of entries, payloads, numbers, tiles, checkpoints and keys."""

import json
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from django.db import connection

from audits import events
from audits.checkpoints import BadCheckpoint, VerificationKey, open_checkpoint
from audits.merkle import HASH_SIZE, TILE_WIDTH, TiledTree
from audits.models import (
    AccessLog,
    Checkpoint,
    LedgerEntry,
    LedgerLeaf,
    LedgerPayload,
    LedgerPending,
    LedgerRemoval,
    LedgerTile,
    SigningKey,
)
from audits.processes import Spread, readers
from audits.services.accesses import batch_digest
from audits.verification import rows as row_check
from audits.verification.entries import check_pending, check_range, entry_columns, fetched
from audits.verification.report import Kind, Report
from audits.verification.tree import TreeCheck, check_checkpoints, check_keys

RANGE = 32_768  # a multiple of a tile, so that only the last range ends inside one
RANGES = 8  # at least so many, however small the ledger is, so that no worker waits for another
AFTER_THE_TREE = 1 << 60
NAMED = 100  # of each kind of stray row

Progress = Callable[[str, int, int], None]


def _silent(phase: str, done: int, total: int) -> None:
    """Report to nobody."""


def verify_ledger(
    *,
    since: int = 0,
    with_rows: bool = False,
    workers: int = 1,
    progress: Progress = _silent,
    known_checkpoint: str = "",
    fingerprint: str = "",
) -> Report:
    """Verify the ledger.

    ``since``: entries with a lower number are taken from the tree without being read. ``known_checkpoint``: a note
    kept elsewhere, of which this ledger must be a continuation. ``fingerprint``: the key that must have signed.
    ``workers`` above 1 read with connections of their own: not inside a transaction.
    """
    began, report = time.monotonic(), Report()
    keys = check_keys(report)
    if fingerprint and fingerprint not in keys:
        report.add(Kind.ALTERED, "keys", f"the ledger has no key {fingerprint}", -1)
    check_checkpoints(report, keys)
    size = _check_size(report)
    with readers(workers) as spread, _without_time_limit():
        results = _check_tree(report, size, since=since, spread=spread, progress=progress)
        _check_pending(report, results)
        _check_payloads(report, results)
        _check_strays(report)
        _check_key_entries(report)
        _check_accesses(report)
        if known_checkpoint:
            _check_known(report, known_checkpoint, keys)
        if with_rows:
            row_check.check_rows(report, progress=progress, spread=spread)
    report.seconds = time.monotonic() - began
    return report


@contextmanager
def _without_time_limit() -> Iterator[None]:
    """Let statements over whole tables take longer than a page may."""
    if connection.vendor != "postgresql":
        yield
        return
    with connection.cursor() as cursor:
        cursor.execute("SET statement_timeout = 0")
    yield
    with connection.cursor() as cursor:
        cursor.execute("RESET statement_timeout")


def _check_size(report: Report) -> int:
    """Compare how far the numbers go with how far they were signed; return how many to read."""
    newest = LedgerLeaf.objects.order_by("-index").values_list("index", flat=True).first()
    numbered = 0 if newest is None else newest + 1
    signed = Checkpoint.objects.order_by("-size").values_list("size", flat=True).first() or 0
    if numbered < signed:
        report.add(
            Kind.TRUNCATED,
            f"#{numbered}",
            f"{signed} entries were signed, {numbered} have a number",
            numbered,
        )
    elif numbered > signed:
        report.add(
            Kind.INSERTED, f"#{signed}", f"numbers {signed} to {numbered - 1} were never signed", signed
        )
    report.size = numbered if numbered <= 2 * LedgerLeaf.objects.count() + RANGE else signed
    return min(
        report.size, numbered
    )  # one forged number must not make the reader count to the end of the world


def _check_tree(
    report: Report, size: int, *, since: int, spread: Spread, progress: Progress
) -> list[tuple[int, str]]:
    """Check all numbered entries and the tree over them; return those without payload."""
    tree, without = TreeCheck(report), []
    for start in range(0, min(since, size), RANGE):
        tree.append(_stored_hashes(start, min(start + RANGE, since, size)))
    first = min(since, size)
    width = min(RANGE, max(1, (size - first) // RANGES // TILE_WIDTH) * TILE_WIDTH)
    bounds = [(start, min(start + width, size)) for start in range(first, size, width)]
    for result in spread(check_range, bounds):
        report.extend(result.flaws)
        tree.append(result.hashes)
        without.extend(result.without_payload)
        report.count("entries", result.entries)
        report.count("payloads", result.payloads)
        progress("entries", result.first + len(result.hashes) // HASH_SIZE, size)
    tree.finish()
    report.root = tree.builder.root().hex()
    return without


def _stored_hashes(first: int, end: int) -> bytes:
    leaves = LedgerLeaf.objects.filter(index__gte=first, index__lt=end).order_by("index")
    return b"".join(map(bytes, leaves.values_list("leaf", flat=True).iterator(chunk_size=5000)))


def _check_pending(report: Report, without: list[tuple[int, str]]) -> None:
    text = "::text" if connection.vendor == "postgresql" else ""
    statement = (
        f"SELECT q.entry_id{text}, {entry_columns()} FROM audits_ledgerpending q "  # noqa: S608
        "LEFT JOIN audits_ledgerentry e ON e.entry_id = q.entry_id "
        "LEFT JOIN audits_ledgerpayload p ON p.entry_id = q.entry_id"
    )
    result = check_pending(fetched(statement, []))
    report.extend(result.flaws)
    report.count("entries without number", result.entries)
    without.extend(result.without_payload)
    both = LedgerPending.objects.filter(entry_id__in=LedgerLeaf.objects.values("entry_id"))
    for entry_id in both.values_list("entry_id", flat=True)[:NAMED]:
        report.add(Kind.INSERTED, f"entry {entry_id}", "it waits for a number and has one", AFTER_THE_TREE)


def _check_payloads(report: Report, without: list[tuple[int, str]]) -> None:
    """Tell lawful removals, which a tombstone names, from payloads that are simply gone."""
    lawful = _tombstones()
    for order, entry_id in without:
        place = f"#{order}" if order < AFTER_THE_TREE else f"entry {entry_id}"
        if entry_id in lawful:
            report.removed_count += 1
            if len(report.removed) < NAMED:
                report.removed.append(f"{place}: payload lawfully removed by entry {lawful[entry_id]}")
        else:
            report.add(
                Kind.MISSING, place, f"the payload of entry {entry_id} is gone, no entry says why", order
            )
    for removal in LedgerRemoval.objects.all().iterator(chunk_size=5000):
        if lawful.get(str(removal.entry_id), ("", ""))[1] != str(removal.tombstone_id):
            place = f"removal of {removal.entry_id}"
            report.add(Kind.INSERTED, place, "the tombstone entry does not name it", AFTER_THE_TREE)


class _Tombstone(tuple):
    """Number (or short id) and id of a tombstone entry; reads as ``#12``."""

    __slots__ = ()

    def __str__(self) -> str:
        return str(self[0])


def _tombstones() -> dict[str, _Tombstone]:
    purges = LedgerEntry.objects.filter(verb=events.PURGED).order_by("id")
    numbers = dict(
        LedgerLeaf.objects.filter(entry_id__in=purges.values("entry_id")).values_list("entry_id", "index")
    )
    result = {}
    for entry_id, payload in purges.values_list("entry_id", "payload__payload"):
        name = f"#{numbers[entry_id]}" if entry_id in numbers else str(entry_id)
        for removed in json.loads(payload or "{}").get("data", {}).get("entries", []):
            result[removed] = _Tombstone((name, str(entry_id)))
    return result


def _check_strays(report: Report) -> None:
    """Look for rows that nothing covers. Counts first: the joins are only needed when those do not add up."""
    entries, leaves = LedgerEntry.objects.count(), LedgerLeaf.objects.count()
    if entries != leaves + LedgerPending.objects.count() or not report.ok:
        strays = LedgerEntry.objects.exclude(entry_id__in=LedgerLeaf.objects.values("entry_id"))
        strays = strays.exclude(entry_id__in=LedgerPending.objects.values("entry_id")).order_by("id")
        for entry_id in strays.values_list("entry_id", flat=True)[:NAMED]:
            message = "it has no number and does not wait for one"
            report.add(Kind.INSERTED, f"entry {entry_id}", message, AFTER_THE_TREE)
    if LedgerPayload.objects.count() != entries - report.removed_count or not report.ok:
        orphans = LedgerPayload.objects.exclude(entry__in=LedgerEntry.objects.values("entry_id"))
        for orphan in orphans.values_list("entry_id", flat=True)[:NAMED]:
            report.add(Kind.INSERTED, f"payload of {orphan}", "there is no such entry", AFTER_THE_TREE)


def _check_key_entries(report: Report) -> None:
    """Every key must have been entered, with the beginning of its validity."""
    begun = {}
    added = LedgerEntry.objects.filter(verb__in=[events.KEY_ADDED, events.KEY_ROTATED])
    ends = []
    for fingerprint, at in added.order_by("id").values_list("subject_id", "occurred_at"):
        begun[fingerprint] = at
        ends.append(at)
    keys = list(SigningKey.objects.order_by("valid_from"))
    for position, key in enumerate(keys):
        end = ends[position + 1] if position + 1 < len(ends) else None
        if begun.get(key.fingerprint) != key.valid_from:
            kind = Kind.ALTERED if key.fingerprint in begun else Kind.INSERTED
            report.add(kind, f"key {key.fingerprint[:16]}", "no entry names it with this beginning", -1)
        elif key.valid_until != end:
            report.add(Kind.ALTERED, f"key {key.fingerprint[:16]}", "its end is not that of the rotation", -1)
    for fingerprint in begun.keys() - {key.fingerprint for key in keys}:
        report.add(Kind.MISSING, f"key {fingerprint[:16]}", "it was entered, but is gone", -1)


def _check_accesses(report: Report) -> None:
    """Compare each batch of accesses with the digest in its entry."""
    covered = 0
    batches = LedgerEntry.objects.filter(verb=events.ACCESSES).order_by("id")
    for batch_id, payload in batches.values_list("subject_id", "payload__payload").iterator(chunk_size=500):
        if payload is None:
            continue
        stated = json.loads(payload)["data"]
        rows = list(AccessLog.objects.filter(batch_id=batch_id).order_by("id"))
        covered += len(rows)
        if len(rows) != stated["count"]:
            kind = Kind.MISSING if len(rows) < stated["count"] else Kind.INSERTED
            message = f"{len(rows)} rows instead of {stated['count']}"
            report.add(kind, f"accesses {batch_id}", message, AFTER_THE_TREE)
        elif batch_digest(rows) != stated["sha256"]:
            report.add(
                Kind.ALTERED, f"accesses {batch_id}", "the rows do not give the digest", AFTER_THE_TREE
            )
    if AccessLog.objects.count() != covered:
        report.add(Kind.INSERTED, "accesses", "there are rows that no entry covers", AFTER_THE_TREE)
    report.count("accesses", covered)


def _check_known(report: Report, note: str, keys: dict[str, VerificationKey]) -> None:
    """Show that this ledger continues a checkpoint kept elsewhere."""
    for key in keys.values():
        try:
            known = open_checkpoint(note, key)
        except BadCheckpoint:
            continue
        if known.size > report.size:
            message = f"a checkpoint over {known.size} entries was signed, {report.size} are here"
            report.add(Kind.TRUNCATED, f"#{report.size}", message, report.size)
        elif TiledTree(report.size, _tile).root(known.size) != known.root:
            message = "the checkpoint kept elsewhere has another root: this is another ledger"
            report.add(Kind.ALTERED, f"checkpoint {known.size}", message, known.size)
        return
    report.add(Kind.ALTERED, "known checkpoint", "no key of this ledger signed it", -1)


def _tile(level: int, index: int) -> bytes:
    return bytes(LedgerTile.objects.values_list("hashes", flat=True).get(level=level, index=index))
