"""The ledger's key file: one Ed25519 private key (PEM) that only its owner may read."""

import os
from pathlib import Path

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
    load_pem_private_key,
)

from audits.checkpoints import Signer, VerificationKey


class KeyFileError(Exception):
    """The key file is missing, readable by others, or no key."""


def create_key_file(path: Path) -> None:
    """Write a new private key with mode 0600.

    Raises:
        KeyFileError: something is there already; a key is never overwritten.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    pem = Ed25519PrivateKey.generate().private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    try:
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    except FileExistsError as error:
        raise KeyFileError(f"{path} exists; a key is never overwritten") from error
    with os.fdopen(descriptor, "wb") as file:
        os.fchmod(file.fileno(), 0o600)
        file.write(pem)


def replacement_of(path: Path) -> Path:
    """Return where a rotation keeps the new key until it is the ledger's."""
    return path.with_suffix(f"{path.suffix}.new")


def load_signer(path: Path, *, name: str) -> Signer:
    """Read the private key.

    Raises:
        KeyFileError: in words what is wrong.
    """
    try:
        if path.stat().st_mode & 0o077:
            raise KeyFileError(f"{path} can be read by others; its mode must be 0600")
        private = load_pem_private_key(path.read_bytes(), password=None)
    except FileNotFoundError as error:
        raise KeyFileError(f"{path} does not exist; `manage.py ledger_key` makes one") from error
    except ValueError as error:
        raise KeyFileError(f"{path} holds no private key") from error
    if not isinstance(private, Ed25519PrivateKey):
        raise KeyFileError(f"{path} holds a key that is not Ed25519")
    return Signer(name, private)


def public_pem(key: VerificationKey) -> str:
    """Return the public key in the form that other tools read."""
    public = Ed25519PublicKey.from_public_bytes(key.public)
    return public.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo).decode()
