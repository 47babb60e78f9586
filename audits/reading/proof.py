"""One entry, proved step by step from its stored bytes to the signed checkpoint."""

import hashlib
import hmac
import json
from dataclasses import dataclass, field

from audits.checkpoints import BadCheckpoint, open_checkpoint
from audits.envelope import commitment, instant
from audits.merkle import TiledTree, leaf_hash, verify_inclusion
from audits.models import Checkpoint, LedgerEntry, LedgerLeaf, LedgerRemoval
from audits.services.sequencing import read_tile, verification_key
from mlops_portal.foundation.web.words import number, plural


@dataclass(frozen=True, slots=True)
class Check:
    """One step of the proof. ``tone`` is ok, fail, or mute for what cannot be said yet."""

    title: str
    tone: str
    detail: str


@dataclass
class EntryProof:
    """The result for one entry, and what is needed to repeat it elsewhere."""

    checks: list[Check] = field(default_factory=list)
    number: int | None = None
    leaf: str = ""
    path: list[str] = field(default_factory=list)
    checkpoint: Checkpoint | None = None

    @property
    def tone(self) -> str:
        """The worst of the steps."""
        tones = {check.tone for check in self.checks}
        return "fail" if "fail" in tones else "mute" if "mute" in tones else "ok"

    @property
    def verdict(self) -> str:
        """The result in one sentence."""
        if self.tone == "fail":
            first = next(check for check in self.checks if check.tone == "fail")
            return f"This entry does not verify: {first.title.lower()}"
        if self.number is None:
            return "This entry is intact and waits for its number"
        return "This entry verifies"

    def add(self, title: str, passed: bool, good: str, bad: str) -> None:
        """Note a step."""
        self.checks.append(Check(title, "ok" if passed else "fail", good if passed else bad))


def prove(entry: LedgerEntry) -> EntryProof:
    """Verify ``entry`` in a fixed number of statements."""
    proof = EntryProof(leaf=bytes(entry.leaf).hex())
    hashed = leaf_hash(entry.envelope.encode())
    proof.add(
        "Envelope",
        hashed == bytes(entry.leaf),
        "The stored bytes hash to the leaf.",
        "The stored bytes do not hash to the leaf.",
    )
    wrong = _contradictions(entry)
    proof.add(
        "Columns",
        not wrong,
        "Every column says what the envelope says.",
        f"These columns contradict the envelope: {', '.join(wrong)}.",
    )
    _check_payload(proof, entry)
    _check_place(proof, entry)
    return proof


def _contradictions(entry: LedgerEntry) -> list[str]:
    stated = json.loads(entry.envelope)
    columns = {
        "act_id": str(entry.act_id),
        "actor_id": entry.actor_id,
        "entry_id": str(entry.entry_id),
        "format_version": entry.format_version,
        "model_id": entry.model_id,
        "occurred_at": instant(entry.occurred_at),
        "payload_commitment": bytes(entry.payload_commitment).hex(),
        "recorded_at": instant(entry.recorded_at),
        "subject_id": entry.subject_id,
        "subject_label": entry.subject_label,
        "unit_id": entry.unit_id,
        "verb": entry.verb,
    }
    return sorted(name for name in {*columns, *stated} if columns.get(name) != stated.get(name))


def _check_payload(proof: EntryProof, entry: LedgerEntry) -> None:
    payload = getattr(entry, "payload", None)
    if payload is not None:
        bound = commitment(bytes(payload.salt), payload.payload.encode())
        proof.add(
            "Payload",
            hmac.compare_digest(bound, bytes(entry.payload_commitment)),
            "The payload is the committed one.",
            "The payload is not the committed one.",
        )
        return
    removal = LedgerRemoval.objects.filter(entry_id=entry.entry_id).first()
    tombstone = LedgerLeaf.objects.filter(entry_id=removal.tombstone_id).first() if removal else None
    told = f"entry #{number(tombstone.index)}" if tombstone else "an entry that waits for its number"
    proof.add(
        "Payload",
        removal is not None,
        f"Lawfully removed by {told}; the commitment stays and the entry still verifies.",
        "The payload is gone, and nothing says that it was lawfully removed.",
    )


def _check_place(proof: EntryProof, entry: LedgerEntry) -> None:
    leaf = LedgerLeaf.objects.filter(entry_id=entry.entry_id).first()
    checkpoint = Checkpoint.objects.select_related("key").order_by("-size").first()
    if leaf is None or checkpoint is None or leaf.index >= checkpoint.size:
        proof.checks.append(
            Check("Place in the tree", "mute", "The sequencer gives it a number in a moment.")
        )
        return
    proof.number, proof.checkpoint = leaf.index, checkpoint
    path = TiledTree(checkpoint.size, read_tile).inclusion_proof(leaf.index)
    proof.path = [part.hex() for part in path]
    included = verify_inclusion(
        index=leaf.index,
        size=checkpoint.size,
        leaf=hashlib.sha256(b"\x00" + entry.envelope.encode()).digest(),
        proof=path,
        root=bytes(checkpoint.root),
    )
    proof.add(
        "Place in the tree",
        included,
        f"{plural(len(path), 'hash,hashes')} lead from the leaf to the tree head over {plural(checkpoint.size, 'entry,entries')}.",
        "The proof does not lead to the tree head.",
    )
    proof.add(
        "Checkpoint",
        _is_signed(checkpoint),
        "The tree head is signed by this portal, not witnessed.",
        "The signature of the checkpoint is not valid.",
    )


def _is_signed(checkpoint: Checkpoint) -> bool:
    try:
        opened = open_checkpoint(checkpoint.note, verification_key(checkpoint.key))
    except BadCheckpoint:
        return False
    return opened.size == checkpoint.size and opened.root == bytes(checkpoint.root)
