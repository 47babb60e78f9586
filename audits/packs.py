"""Building a pack: files, entries with their proofs, the checkpoint and the tool that verifies them elsewhere.

What is inside is the caller's; that it can be proved is this module's. A file ``decisions.json`` (a list of objects
with ``canonical`` and ``digest``) is checked by verify.py against the entries.
"""

import base64
import io
import json
import zipfile
from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from uuid import UUID

from audits.checkpoints import VerificationKey
from audits.keys import public_pem
from audits.merkle import TiledTree
from audits.models import Checkpoint, LedgerEntry, LedgerLeaf
from audits.services.sequencing import read_tile, verification_key
from mlops_portal.foundation.canonical import sha256
from mlops_portal.foundation.errors import DomainError

VERIFIER = Path(__file__).parent / "packfiles" / "verify.py"
RESERVED = frozenset({"manifest.json", "entries.jsonl", "checkpoint.txt", "public_key.pem", "verify.py"})
FORMAT = "mlops-portal-pack/1"


class NotNumbered(DomainError):
    """An entry has no place in a signed tree yet."""

    status, code, title = 409, "not_numbered", "Not in a signed checkpoint yet"


def build_pack(
    files: Mapping[str, bytes],
    entry_ids: Iterable[UUID],
    *,
    now: datetime,
    about: Mapping[str, Any] | None = None,
) -> bytes:
    """Return the ZIP of ``files`` with proofs of the entries, in the order of the ledger.

    Raises:
        NotNumbered: an entry is not covered by a checkpoint; `sequence_now` and try again.
        ValueError: a file has a name that the pack itself uses.
    """
    if taken := RESERVED & files.keys():
        raise ValueError(f"The pack itself has a file {min(taken)}")
    checkpoint = Checkpoint.objects.select_related("key").order_by("-size").first()
    entries = _proved_entries(list(entry_ids), checkpoint)
    key = verification_key(checkpoint.key) if checkpoint else None
    content = {
        **files,
        "entries.jsonl": "".join(f"{json.dumps(entry, ensure_ascii=False)}\n" for entry in entries).encode(),
        "checkpoint.txt": checkpoint.note.encode() if checkpoint else b"",
        "public_key.pem": _pem(key),
        "verify.py": VERIFIER.read_bytes(),
    }
    manifest = {
        "format": FORMAT,
        "made_at": now.astimezone(UTC).isoformat(timespec="seconds"),
        "signed_with": key.fingerprint if key else "",
        "witnessed": "signed by this portal, not witnessed",
        "about": dict(about or {}),
        "entries": [entry["entry_id"] for entry in entries],
        "files": {name: sha256(data) for name, data in sorted(content.items())},
    }
    return _zip(
        {"manifest.json": json.dumps(manifest, indent=2, ensure_ascii=False).encode(), **content}, now
    )


def _pem(key: VerificationKey | None) -> bytes:
    return public_pem(key).encode() if key else b""


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


def _zip(content: Mapping[str, bytes], now: datetime) -> bytes:
    buffer, stamp = io.BytesIO(), now.astimezone(UTC).timetuple()[:6]
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, data in content.items():
            info = zipfile.ZipInfo(name, stamp)
            info.compress_type = zipfile.ZIP_DEFLATED
            info.external_attr = 0o644 << 16
            archive.writestr(info, data)
    return buffer.getvalue()
