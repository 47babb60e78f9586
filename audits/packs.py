"""Building a pack: files, entries with their proofs, the checkpoint and the tool that verifies them elsewhere.

What is inside is the caller's; that it can be proved is this module's. Before a pack is closed its kind, the digests
of its files and the entries it shows are entered in the ledger. That entry goes into the pack with its proof, and
verify.py takes from it, not from the manifest, what has to be there. A file ``decisions.json`` (a list of objects with
``canonical`` and ``digest``) is checked against the entries as well.
"""

import base64
import hashlib
import io
import json
import zipfile
from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import IO, Any
from uuid import UUID

from audits.keys import public_pem
from audits.merkle import TiledTree
from audits.models import Checkpoint, LedgerEntry, LedgerLeaf
from audits.services.sequencing import read_tile, verification_key
from mlops_portal.foundation.errors import DomainError

VERIFIER = Path(__file__).parent / "packfiles" / "verify.py"
RESERVED = frozenset({"manifest.json", "entries.jsonl", "checkpoint.txt", "public_key.pem", "verify.py"})
FORMAT = "mlops-portal-pack/2"
QUICK = 1  # of zlib's levels: half the time of the usual one for a fifth more bytes


# Enters what a pack holds, and returns that entry once it has its number.
Enter = Callable[[Mapping[str, Any]], UUID]


class NotNumbered(DomainError):
    """An entry has no place in a signed tree yet."""

    status, code, title = 409, "not_numbered", "Not in a signed checkpoint yet"


class PackWriter:
    """Writes a pack file by file; what is written is not held, so a pack may be larger than memory."""

    def __init__(self, target: IO[bytes], now: datetime) -> None:
        self._archive = zipfile.ZipFile(target, "w")
        self._now = now
        self._files: dict[str, str] = {}
        self._head: dict[str, Any] = {}
        self._shown: list[UUID] = []

    def add(self, name: str, parts: Iterable[bytes]) -> str:
        """Write a file; return its SHA-256."""
        digest = hashlib.sha256()
        with self._archive.open(self._info(name), "w", force_zip64=True) as member:
            for part in parts:
                digest.update(part)
                member.write(part)
        self._files[name] = digest.hexdigest()
        return self._files[name]

    def enter(
        self, enter: Enter, *, kind: str, about: Mapping[str, Any], entry_ids: Iterable[UUID] = ()
    ) -> None:
        """Enter the kind, what was written so far and the entries to show; only what proves itself may follow."""
        self.add("verify.py", [VERIFIER.read_bytes()])
        self._head = {"kind": kind, "about": dict(about)}
        shown = list(entry_ids)
        removed = LedgerEntry.objects.filter(entry_id__in=shown, payload=None)
        entered = enter(
            {
                **self._head,
                "files": dict(self._files),
                "entries": sorted(map(str, shown)),
                "withheld": sorted(map(str, removed.values_list("entry_id", flat=True))),
            }
        )
        self._shown = [*shown, entered]

    def finish(self, checkpoint: Checkpoint | None) -> None:
        """Add the entries with their proofs, the checkpoint, the key, and the manifest over everything.

        Raises:
            NotNumbered: an entry is not covered by the checkpoint; `sequence_now` and try again.
        """
        entries = _proved_entries(self._shown, checkpoint)
        key = verification_key(checkpoint.key) if checkpoint else None
        lines = (f"{json.dumps(entry, ensure_ascii=False)}\n".encode() for entry in entries)
        self.add("entries.jsonl", lines)
        self.add("checkpoint.txt", [checkpoint.note.encode() if checkpoint else b""])
        self.add("public_key.pem", [public_pem(key).encode() if key else b""])
        manifest = {
            "format": FORMAT,
            "signed_with": key.fingerprint if key else "",
            "witnessed": "signed by this portal, not witnessed",
            **self._head,
            "entries": [entry["entry_id"] for entry in entries],
            "files": dict(sorted(self._files.items())),
        }
        self.add("manifest.json", [json.dumps(manifest, indent=2, ensure_ascii=False).encode()])
        self._archive.close()

    def _info(self, name: str) -> zipfile.ZipInfo:
        info = zipfile.ZipInfo(name, self._now.astimezone(UTC).timetuple()[:6])
        info.compress_type = zipfile.ZIP_DEFLATED
        info._compresslevel = QUICK  # type: ignore[attr-defined]  # public only from Python 3.13
        info.external_attr = 0o644 << 16
        return info


def last_checkpoint() -> Checkpoint | None:
    """Return the newest signed state of the ledger with its key."""
    return Checkpoint.objects.select_related("key").order_by("-size").first()


def build_pack(
    files: Mapping[str, bytes],
    entry_ids: Iterable[UUID] = (),
    *,
    kind: str,
    now: datetime,
    about: Mapping[str, Any],
    enter: Enter,
) -> bytes:
    """Return the ZIP of ``files``, entered, with proofs of the entries in the order of the ledger.

    Raises:
        NotNumbered: an entry is not covered by a checkpoint; `sequence_now` and try again.
        ValueError: a file has a name that the pack itself uses.
    """
    if taken := RESERVED & files.keys():
        raise ValueError(f"The pack itself has a file {min(taken)}")
    buffer = io.BytesIO()
    pack = PackWriter(buffer, now)
    for name, data in files.items():
        pack.add(name, [data])
    pack.enter(enter, kind=kind, about=about, entry_ids=entry_ids)
    pack.finish(last_checkpoint())
    return buffer.getvalue()


def _proved_entries(entry_ids: Sequence[UUID], checkpoint: Checkpoint | None) -> list[dict[str, Any]]:
    size = checkpoint.size if checkpoint else 0
    leaves = LedgerLeaf.objects.filter(entry_id__in=entry_ids, index__lt=size).order_by("index")
    numbers = {entry_id: index for index, entry_id in leaves.values_list("index", "entry_id")}
    if checkpoint is None or len(numbers) < len(set(entry_ids)):
        raise NotNumbered(f"{len(set(entry_ids)) - len(numbers)} entries are not in a signed checkpoint yet.")
    found = {
        entry.entry_id: entry
        for entry in LedgerEntry.objects.filter(entry_id__in=entry_ids).select_related("payload")
    }
    tree = TiledTree(size, read_tile)
    return [_proved(found[entry_id], index, tree) for entry_id, index in numbers.items()]


def _proved(entry: LedgerEntry, index: int, tree: TiledTree) -> dict[str, Any]:
    payload = getattr(entry, "payload", None)
    return {
        "index": index,
        "entry_id": str(entry.entry_id),
        "envelope": entry.envelope,
        "payload": None if payload is None else payload.payload,
        "salt": None if payload is None else base64.b64encode(bytes(payload.salt)).decode(),
        "withheld": "the payload was lawfully removed" if payload is None else "",
        "proof": [base64.b64encode(part).decode() for part in tree.inclusion_proof(index)],
    }
