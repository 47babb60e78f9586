"""Signed notes, keys and what is refused."""

import base64
from datetime import UTC, datetime

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from audits import checkpoints
from audits.checkpoints import BadCheckpoint, Signer, VerificationKey

NOW = datetime(2026, 1, 31, 9, tzinfo=UTC)
ROOT = bytes(range(32))


@pytest.fixture
def signer() -> Signer:
    return Signer("example.org/ledger", Ed25519PrivateKey.from_private_bytes(b"\x07" * 32))


@pytest.fixture
def note(signer: Signer) -> str:
    return checkpoints.sign_checkpoint(signer, origin="example.org/ledger", size=42, root=ROOT, now=NOW)


def test_the_text_is_the_one_of_the_specification(note):
    lines = note.split("\n")
    assert lines[:5] == [
        "example.org/ledger",
        "42",
        base64.b64encode(ROOT).decode(),
        "timestamp 2026-01-31T09:00:00.000000Z",
        "",
    ]
    assert lines[5].startswith("\u2014 example.org/ledger ")
    assert lines[6:] == [""]


def test_a_checkpoint_opens_with_its_key(note, signer):
    opened = checkpoints.open_checkpoint(note, signer.key)
    assert (opened.origin, opened.size, opened.root, opened.signed_at) == (
        "example.org/ledger",
        42,
        ROOT,
        NOW,
    )


def test_the_key_hash_of_the_go_checksum_database():
    """A published key: its name, hash and bytes belong together."""
    known = "sum.golang.org+033de0ae+Ac4zctda0e5eza+HJyk9SxEdh+s3Ux18htTTAD8OuAn8"
    assert str(VerificationKey.parse(known)) == known


@pytest.mark.parametrize(
    "change",
    [
        pytest.param(lambda note: note.replace("\n42\n", "\n43\n"), id="another size"),
        pytest.param(lambda note: note.replace("09:00", "08:00"), id="another time"),
        pytest.param(
            lambda note: note.replace("example.org/ledger\n42", "example.com/ledger\n42"), id="another origin"
        ),
        pytest.param(
            lambda note: note.replace("\u2014 example.org", "\u2014 example.com"), id="another key's name"
        ),
        pytest.param(lambda note: note[:-6] + "AAA=\n", id="another signature"),
        pytest.param(lambda note: note[:-3] + "*=\n", id="a signature that is not base64"),
        pytest.param(lambda note: note.partition("\n\n")[0], id="no signature"),
        pytest.param(lambda note: "extra\n" + note, id="a line in front"),
    ],
)
def test_a_changed_note_is_refused(note, signer, change):
    with pytest.raises(BadCheckpoint):
        checkpoints.open_checkpoint(change(note), signer.key)


def test_another_key_of_the_same_name_is_refused(note):
    other = Signer("example.org/ledger", Ed25519PrivateKey.from_private_bytes(b"\x08" * 32))
    with pytest.raises(BadCheckpoint, match=other.key.fingerprint):
        checkpoints.open_checkpoint(note, other.key)


@pytest.mark.parametrize("text", ["origin\n1\n", "origin\n01\nAAAA\n", "origin\n1\nAAAA\n", "origin\n1\n*\n"])
def test_a_signed_text_that_is_no_checkpoint_is_refused(signer, text):
    with pytest.raises(BadCheckpoint):
        checkpoints.open_checkpoint(signer.sign(text), signer.key)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "name",
        "name+00000000+AAAA",
        "name+033de0ae+*",
        "sum.golang.org+033de0af+Ac4zctda0e5eza+HJyk9SxEdh+s3Ux18htTTAD8OuAn8",
    ],
)
def test_a_malformed_verification_key_is_refused(text):
    with pytest.raises(BadCheckpoint):
        VerificationKey.parse(text)
