"""Checkpoints: what the ledger was at one size, as a C2SP signed note. Pure text and keys, no storage.

The signed text is origin, tree size, root (base64) and extension lines; ours says when it was signed:
``timestamp 2026-01-31T09:00:00.000000Z``. The signature line names the key by name and by the first four bytes of
SHA-256(name ‖ 0x0A ‖ 0x01 ‖ public key). The *fingerprint* is that whole digest: four bytes are too few to pin a key.
"""

import base64
import binascii
import hashlib
from dataclasses import dataclass
from datetime import UTC, datetime

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

ED25519 = b"\x01"
TIMESTAMP = "timestamp "
DASH = "\N{EM DASH} "


class BadCheckpoint(ValueError):
    """A note that is malformed or carries no valid signature of the key asked for."""


@dataclass(frozen=True, slots=True)
class VerificationKey:
    """A named public key."""

    name: str
    public: bytes

    @property
    def fingerprint(self) -> str:
        """The digest a person compares and pins."""
        return hashlib.sha256(self.name.encode() + b"\n" + ED25519 + self.public).hexdigest()

    @property
    def hash(self) -> bytes:
        """The four bytes that signature lines carry."""
        return bytes.fromhex(self.fingerprint)[:4]

    def __str__(self) -> str:
        return f"{self.name}+{self.hash.hex()}+{base64.b64encode(ED25519 + self.public).decode()}"

    @classmethod
    def parse(cls, text: str) -> "VerificationKey":
        """Read the note form ``name+hash+key``.

        Raises:
            BadCheckpoint: it is malformed or its hash is not that of the key.
        """
        name, _, rest = text.strip().partition("+")
        claimed, _, encoded = rest.partition("+")
        try:
            raw = base64.b64decode(encoded, validate=True)
        except binascii.Error as error:
            raise BadCheckpoint("the verification key is not base64") from error
        key = cls(name, raw[1:])
        if raw[:1] != ED25519 or len(raw) != 33 or claimed != key.hash.hex() or not _is_name(name):
            raise BadCheckpoint("the verification key does not have the form name+hash+key")
        return key


@dataclass(frozen=True, slots=True)
class Signer:
    """A named private key, held by the sequencer alone."""

    name: str
    private: Ed25519PrivateKey

    @property
    def key(self) -> VerificationKey:
        """The public half."""
        return VerificationKey(self.name, self.private.public_key().public_bytes_raw())

    def sign(self, text: str) -> str:
        """Return the signed note of ``text``, which ends in a newline."""
        signature = self.key.hash + self.private.sign(text.encode())
        return f"{text}\n{DASH}{self.name} {base64.b64encode(signature).decode()}\n"


@dataclass(frozen=True, slots=True)
class SignedCheckpoint:
    """The content of a note whose signature was verified."""

    origin: str
    size: int
    root: bytes
    signed_at: datetime | None


def _is_name(name: str) -> bool:
    return bool(name) and "+" not in name and not any(char.isspace() for char in name)


def checkpoint_text(*, origin: str, size: int, root: bytes, now: datetime) -> str:
    """Write the text to sign."""
    stamp = now.astimezone(UTC).isoformat(timespec="microseconds").replace("+00:00", "Z")
    return f"{origin}\n{size}\n{base64.b64encode(root).decode()}\n{TIMESTAMP}{stamp}\n"


def sign_checkpoint(signer: Signer, *, origin: str, size: int, root: bytes, now: datetime) -> str:
    """Write and sign a checkpoint."""
    return signer.sign(checkpoint_text(origin=origin, size=size, root=root, now=now))


def open_checkpoint(note: str, key: VerificationKey) -> SignedCheckpoint:
    """Return what ``note`` says if ``key`` signed it.

    Raises:
        BadCheckpoint: in words what is wrong.
    """
    text, found, signatures = note.rpartition("\n\n")
    if not found or not signatures.endswith("\n"):
        raise BadCheckpoint("the note has no signature")
    text += "\n"
    for line in signatures.rstrip("\n").split("\n"):
        if _signed_by(line, text, key):
            return _parse(text)
    raise BadCheckpoint(f"no signature of the key {key.fingerprint}")


def _signed_by(line: str, text: str, key: VerificationKey) -> bool:
    name, _, encoded = line.removeprefix(DASH).partition(" ")
    if not line.startswith(DASH) or name != key.name:
        return False
    try:
        raw = base64.b64decode(encoded, validate=True)
    except binascii.Error as error:
        raise BadCheckpoint("a signature is not base64") from error
    if raw[:4] != key.hash:
        return False
    try:
        Ed25519PublicKey.from_public_bytes(key.public).verify(raw[4:], text.encode())
    except InvalidSignature as error:
        raise BadCheckpoint("the signature does not fit the text") from error
    return True


def _parse(text: str) -> SignedCheckpoint:
    lines = text.removesuffix("\n").split("\n")
    if len(lines) < 3 or not lines[1].isascii() or not lines[1].isdigit() or lines[1] != str(int(lines[1])):
        raise BadCheckpoint("the text is not a checkpoint")
    try:
        root = base64.b64decode(lines[2], validate=True)
    except binascii.Error as error:
        raise BadCheckpoint("the root is not base64") from error
    if len(root) != 32:
        raise BadCheckpoint("the root is not 32 bytes long")
    stamps = [line.removeprefix(TIMESTAMP) for line in lines[3:] if line.startswith(TIMESTAMP)]
    return SignedCheckpoint(
        lines[0], int(lines[1]), root, datetime.fromisoformat(stamps[0]) if stamps else None
    )
