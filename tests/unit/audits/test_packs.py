"""Packs, verified as a stranger would: another process, another directory, no project."""

import base64
import hashlib
import io
import json
import subprocess
import sys
import zipfile
from pathlib import Path
from uuid import UUID

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from django.utils import timezone

from audits import events, packs
from audits.checkpoints import Signer, sign_checkpoint
from audits.keys import public_pem
from audits.models import Checkpoint, LedgerEntry
from audits.packfiles import verify
from audits.services.shredding import person_shred
from mlops_portal.foundation.canonical import canonical_bytes, sha256
from mlops_portal.foundation.events import DomainEvent, emit
from mlops_portal.foundation.people.services.persons import person_deactivate
from tests.packs import contents, packed

DECISION = canonical_bytes({"stage": "risk", "verdict": "approved"})


@pytest.fixture
def enter(ada, sequence):
    """Return a function that enters what a pack holds, as the job of an export does."""

    def entered(data) -> UUID:
        emit(
            DomainEvent(
                verb=events.EXPORT_WRITTEN,
                subject_label="foundation.Job",
                subject_id="1",
                actor_id=str(ada.pk),
                occurred_at=timezone.now(),
                data=dict(data),
            )
        )
        sequence()
        return LedgerEntry.objects.filter(verb=events.EXPORT_WRITTEN).latest("id").entry_id

    return entered


def every_entry() -> list[UUID]:
    """Every entry but those about other packs."""
    found = LedgerEntry.objects.exclude(verb=events.EXPORT_WRITTEN)
    return list(found.values_list("entry_id", flat=True))


@pytest.fixture
def pack(retail, ada, sequence, signer, enter) -> bytes:
    emit(
        DomainEvent(
            verb="people.grant_made",
            subject_label="foundation.RoleGrant",
            subject_id="1",
            actor_id=str(ada.pk),
            occurred_at=timezone.now(),
            data={"digest": sha256(DECISION), "reason": "Pasted:\u2028a line\u2029and\x85more."},
        )
    )
    sequence()
    decisions = [{"canonical": DECISION.decode(), "digest": sha256(DECISION)}]
    files = {"report.csv": b"model,tier\r\nchurn,2\r\n", "decisions.json": json.dumps(decisions).encode()}
    return packs.build_pack(
        files, every_entry(), kind="release_pack", now=timezone.now(), about={"change": 7}, enter=enter
    )


def run(directory: Path, data: bytes, *arguments: str, isolated: bool = False) -> subprocess.CompletedProcess:
    """Run the verifier that is inside the pack; isolated, it finds no installed packages."""
    path = directory / "pack.zip"
    path.write_bytes(data)
    (directory / "verify.py").write_bytes(packs.VERIFIER.read_bytes())
    flags = ["-I", "-S"] if isolated else ["-I"]
    return subprocess.run(
        [sys.executable, *flags, "verify.py", "pack.zip", *arguments],
        cwd=directory,
        capture_output=True,
        text=True,
        check=False,
    )


def entries(files: dict[str, bytes]) -> list[dict]:
    return [json.loads(line) for line in files["entries.jsonl"].splitlines()]  # of bytes: line feeds alone


def with_entries(files: dict[str, bytes], changed: list[dict], *, listed: bool = False) -> dict[str, bytes]:
    files = {**files, "entries.jsonl": "".join(json.dumps(entry) + "\n" for entry in changed).encode()}
    if listed:
        manifest = json.loads(files["manifest.json"])
        manifest["entries"] = [entry["entry_id"] for entry in changed]
        files["manifest.json"] = json.dumps(manifest).encode()
    return files


@pytest.mark.django_db
class TestGood:
    @pytest.mark.parametrize("isolated", [False, True], ids=["with cryptography", "standard library only"])
    def test_a_good_pack_verifies_against_a_fingerprint(self, pack, signer, tmp_path, isolated):
        done = run(tmp_path, pack, "--key", signer.key.fingerprint, isolated=isolated)
        assert done.returncode == 0, done.stdout + done.stderr
        assert "VERIFIED" in done.stdout
        assert f"{LedgerEntry.objects.count()} are in the signed tree" in done.stdout
        assert "1 have the digest of their content" in done.stdout

    def test_the_folder_it_was_unpacked_to_verifies_as_the_pack_does(self, pack, signer, tmp_path):
        folder = tmp_path / "unpacked"
        zipfile.ZipFile(io.BytesIO(pack)).extractall(folder)

        def verified() -> subprocess.CompletedProcess:
            return subprocess.run(
                [sys.executable, "verify.py", ".", "--key", signer.key.fingerprint],
                cwd=folder, capture_output=True, text=True, check=False,
            )  # fmt: skip

        assert verified().returncode == 0, verified().stdout
        (folder / "notes.txt").write_text("mine")
        assert (verified().returncode, "notes.txt: inserted" in verified().stdout) == (1, True)
        (folder / "notes.txt").unlink()
        (folder / "link.txt").symlink_to("report.csv")
        assert (verified().returncode, "link.txt: inserted" in verified().stdout) == (1, True)
        (folder / "link.txt").unlink()
        (folder / "entries.jsonl").write_text("{}")
        assert (verified().returncode, "malformed" in verified().stdout) == (1, True)

    def test_without_a_key_the_first_line_warns_and_the_code_is_3(self, pack, tmp_path):
        done = run(tmp_path, pack)
        assert done.returncode == 3
        assert "proves nothing yet" in done.stdout.splitlines()[0]

    def test_a_key_file_in_either_form(self, pack, signer, tmp_path):
        for text in (public_pem(signer.key), f"{signer.key}\n"):
            (tmp_path / "trusted.key").write_text(text)
            assert run(tmp_path, pack, "--key", "trusted.key").returncode == 0

    def test_a_checkpoint_kept_elsewhere(self, pack, signer, tmp_path):
        note = Checkpoint.objects.order_by("-size").first()
        (tmp_path / "kept.txt").write_text(note.note)
        done = run(tmp_path, pack, "--key", signer.key.fingerprint, "--checkpoint", "kept.txt")
        assert done.returncode == 0
        assert "is that of the pack" in done.stdout
        forked = sign_checkpoint(
            signer, origin=signer.name, size=note.size, root=b"\x01" * 32, now=timezone.now()
        )
        (tmp_path / "kept.txt").write_text(forked)
        done = run(tmp_path, pack, "--key", signer.key.fingerprint, "--checkpoint", "kept.txt")
        assert done.returncode == 1
        assert "two ledgers were signed" in done.stdout

    def test_a_pack_after_shredding_says_what_was_withheld_and_one_before_still_verifies(
        self, pack, ada, adam, sequence, signer, enter, tmp_path
    ):
        gone = person_deactivate(person=ada, reason="Left", by=adam, now=timezone.now())
        person_shred(person=gone, by=adam, now=timezone.now())
        sequence()
        after = packs.build_pack(
            {}, every_entry(), kind="release_pack", now=timezone.now(), about={}, enter=enter
        )
        done = run(tmp_path, after, "--key", signer.key.fingerprint)
        assert done.returncode == 0, done.stdout
        assert "the payload was lawfully removed" in done.stdout
        assert b"Brandt" not in b"".join(contents(after).values())
        assert run(tmp_path, pack, "--key", signer.key.fingerprint).returncode == 0

    def test_an_entry_without_number_is_refused(self, pack, retail):
        entered = LedgerEntry.objects.get(verb=events.EXPORT_WRITTEN).entry_id
        asked = {"kind": "release_pack", "now": timezone.now(), "about": {}, "enter": lambda data: entered}
        emit(
            DomainEvent(
                verb="people.grant_made",
                subject_label="x",
                subject_id="1",
                actor_id=None,
                occurred_at=timezone.now(),
            )
        )
        with pytest.raises(packs.NotNumbered, match="1 entries"):
            packs.build_pack({}, every_entry(), **asked)
        with pytest.raises(ValueError, match=r"manifest\.json"):
            packs.build_pack({"manifest.json": b""}, **asked)


def _altered_file(files):
    return packed({**files, "report.csv": b"model,tier\r\nchurn,4\r\n"}, honest_manifest=False)


def _inserted_file(files):
    return packed({**files, "extra.csv": b""}, honest_manifest=False)


def _missing_file(files):
    return packed({name: data for name, data in files.items() if name != "report.csv"}, honest_manifest=False)


def _other_envelope(files):
    changed = entries(files)
    changed[1]["envelope"] = changed[1]["envelope"].replace("created", "changed")
    return packed(with_entries(files, changed))


def _other_payload(files):
    changed = entries(files)
    changed[1]["payload"] = changed[1]["payload"].replace("e", "a", 1)
    return packed(with_entries(files, changed))


def _other_salt(files):
    changed = entries(files)
    changed[1]["salt"] = base64.b64encode(b"\x00" * 16).decode()
    return packed(with_entries(files, changed))


def _other_proof(files):
    changed = entries(files)
    changed[1]["proof"] = changed[2]["proof"]
    return packed(with_entries(files, changed))


def _short_proof(files):
    changed = entries(files)
    changed[1]["proof"] = changed[1]["proof"][:-1]
    return packed(with_entries(files, changed))


def _other_number(files):
    changed = entries(files)
    changed[1]["index"] = 0
    return packed(with_entries(files, changed))


def _lost_entry(files):
    return packed(with_entries(files, entries(files)[1:], listed=True))


def _no_anchor(files):
    return packed(with_entries(files, entries(files)[:-1], listed=True))


def _no_entries(files):
    """A forged table, and nothing left that could speak against it."""
    files = {**with_entries(files, [], listed=True), "report.csv": b"model,tier\r\nchurn,4\r\n"}
    return packed(files)


def _two_anchors(files):
    changed = entries(files)
    return packed(with_entries(files, [*changed, changed[-1]], listed=True))


def _hidden_anchor(files):
    changed = entries(files)
    changed[-1] = {
        **changed[-1],
        "payload": None,
        "salt": None,
        "withheld": "the payload was lawfully removed",
    }
    return packed(with_entries(files, changed))


def _hidden_payload(files):
    changed = entries(files)
    changed[0] = {**changed[0], "payload": None, "salt": None, "withheld": "the payload was lawfully removed"}
    return packed(with_entries(files, changed))


def _altered_file_and_manifest(files):
    return packed({**files, "report.csv": b"model,tier\r\nchurn,4\r\n"})


def _inserted_file_and_manifest(files):
    return packed({**files, "extra.csv": b""})


def _missing_decisions_and_manifest(files):
    return packed({name: data for name, data in files.items() if name != "decisions.json"})


def _other_verifier(files):
    return packed({**files, "verify.py": b"print('VERIFIED')"})


def _missing(name):
    def forge(files):
        return packed({one: data for one, data in files.items() if one != name})

    return forge


def _other_manifest(**changed):
    def forge(files):
        manifest = {**json.loads(files["manifest.json"]), **changed}
        return packed({**files, "manifest.json": json.dumps(manifest).encode()})

    return forge


def _split_salt(files):
    """The commitment is over salt and payload: what is taken from the one must not be given to the other."""
    changed = entries(files)
    salt = base64.b64decode(changed[1]["salt"])
    changed[1]["salt"] = base64.b64encode(salt + changed[1]["payload"][:1].encode()).decode()
    changed[1]["payload"] = changed[1]["payload"][1:]
    return packed(with_entries(files, changed))


def _swapped_entries(files):
    changed = entries(files)
    return packed(with_entries(files, [changed[1], changed[0], *changed[2:]]))


def _invented_entry(files):
    changed = entries(files)
    return packed(with_entries(files, [*changed, {**changed[0], "entry_id": "0" * 8}], listed=True))


def _other_size(files):
    note = files["checkpoint.txt"].split(b"\n")
    note[1] = str(int(note[1]) + 1).encode()
    return packed({**files, "checkpoint.txt": b"\n".join(note)})


def _own_key(files):
    """Sign everything again with a key of one's own: consistent, and worthless."""
    forger = Signer("mlops-portal.local/ledger", Ed25519PrivateKey.generate())
    lines = files["checkpoint.txt"].decode().split("\n")
    note = sign_checkpoint(
        forger, origin=lines[0], size=int(lines[1]), root=base64.b64decode(lines[2]), now=timezone.now()
    )
    return packed(
        {**files, "checkpoint.txt": note.encode(), "public_key.pem": public_pem(forger.key).encode()}
    )


def _other_decision(files):
    forged = canonical_bytes({"stage": "risk", "verdict": "rejected"}).decode()
    return packed(
        {**files, "decisions.json": json.dumps([{"canonical": forged, "digest": sha256(DECISION)}]).encode()}
    )


def _invented_decision(files):
    forged = canonical_bytes({"stage": "risk", "verdict": "rejected"})
    decision = {"canonical": forged.decode(), "digest": sha256(forged)}
    return packed({**files, "decisions.json": json.dumps([decision]).encode()})


def _malformed(files):
    return packed({**files, "entries.jsonl": b"[1]\n"})


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("forge", "words"),
    [
        (_altered_file, "report.csv: altered"),
        (_inserted_file, "extra.csv: inserted"),
        (_missing_file, "report.csv: missing"),
        (_other_envelope, "does not lead to the signed root"),
        (_other_payload, "not the committed one"),
        (_other_salt, "not the committed one"),
        (_other_proof, "does not lead to the signed root"),
        (_short_proof, "the proof is too short"),
        (_other_number, "does not lead to the signed root"),
        (_lost_entry, "entries.jsonl: missing"),
        (_no_anchor, "missing: the one entry, with payload, of the files"),
        (_no_entries, "missing: the one entry, with payload, of the files"),
        (_two_anchors, "reordered"),
        (_hidden_anchor, "missing: the one entry, with payload, of the files"),
        (_hidden_payload, "missing: the payload of"),
        (_altered_file_and_manifest, "report.csv: altered"),
        (_inserted_file_and_manifest, "extra.csv: inserted"),
        (_missing_decisions_and_manifest, "decisions.json: missing"),
        (_other_verifier, "verify.py: altered"),
        (_missing("entries.jsonl"), "entries.jsonl: missing"),
        (_missing("checkpoint.txt"), "checkpoint.txt: missing"),
        (_missing("public_key.pem"), "public_key.pem: missing"),
        (_other_manifest(about={"change": 8}), "manifest.json: altered: about"),
        (_other_manifest(kind="inventory"), "manifest.json: altered: kind"),
        (_other_manifest(note="Trust me."), "manifest.json: altered: note"),
        (_other_manifest(entries=[]), "manifest.json: altered: entries"),
        (_split_salt, "not the committed one"),
        (_swapped_entries, "reordered"),
        (_invented_entry, "the envelope is of another entry"),
        (_other_size, "not signed by this key"),
        (_own_key, "not the key you gave"),
        (_other_decision, "its digest is not that of its content"),
        (_invented_decision, "no entry of the ledger holds its digest"),
        (_malformed, "malformed"),
    ],
)
def test_a_forged_pack_is_refused_and_the_forgery_named(pack, signer, tmp_path, forge, words):
    done = run(tmp_path, forge(contents(pack)), "--key", signer.key.fingerprint)
    assert done.returncode == 1, done.stdout + done.stderr
    assert words in done.stdout
    assert "VERIFIED" not in done.stdout


@pytest.mark.django_db
class TestOlder:
    """Packs whose entry names digests only, some of them not of every file."""

    @pytest.fixture
    def older(self, pack, enter) -> bytes:
        def entered(data) -> UUID:
            return enter({"files": {"report.csv": data["files"]["report.csv"]}})

        files = {"report.csv": contents(pack)["report.csv"], "README.txt": b"Read me."}
        return packs.build_pack(
            files, every_entry(), kind="inventory", now=timezone.now(), about={}, enter=entered
        )

    def test_what_its_entry_is_silent_on_is_named_and_the_code_is_3(self, older, signer, tmp_path):
        done = run(tmp_path, older, "--key", signer.key.fingerprint)
        assert done.returncode == 3, done.stdout
        assert "report.csv: what the portal entered as #" in done.stdout
        assert "Not verified: README.txt, verify.py, manifest.json, that no entry or payload" in done.stdout
        assert "VERIFIED" not in done.stdout

    def test_what_it_names_is_verified(self, older, signer, tmp_path):
        forged = _altered_file_and_manifest(contents(older))
        done = run(tmp_path, forged, "--key", signer.key.fingerprint)
        assert (done.returncode, "report.csv: altered" in done.stdout) == (1, True)


def test_what_is_no_pack_exits_2(tmp_path):
    assert run(tmp_path, b"not a zip", "--key", "0" * 64).returncode == 2


def test_ed25519_by_hand_agrees_with_the_library():
    private = Ed25519PrivateKey.from_private_bytes(hashlib.sha256(b"seed").digest())
    public, signature = private.public_key().public_bytes_raw(), private.sign(b"message")
    assert verify.ed25519_by_hand(public, signature, b"message")
    assert not verify.ed25519_by_hand(public, signature, b"massage")
    assert not verify.ed25519_by_hand(
        public, signature[:32] + bytes([signature[32] ^ 1]) + signature[33:], b"message"
    )


def test_ed25519_by_hand_on_the_first_vector_of_rfc_8032():
    public = bytes.fromhex("d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a")
    signature = bytes.fromhex(
        "e5564300c360ac729086e2cc806e828a84877f1eb8e5d974d873e065224901555fb8821590a33bacc61e39701cf9b46bd25bf5f0595bbe24655141438e7a100b"
    )
    assert verify.ed25519_by_hand(public, signature, b"")
    high = int.from_bytes(signature[32:], "little") + verify.ORDER
    assert not verify.ed25519_by_hand(public, signature[:32] + high.to_bytes(32, "little"), b"")


@pytest.mark.parametrize("number", range(20))
def test_ed25519_by_hand_accepts_and_refuses_like_the_library(number):
    private = Ed25519PrivateKey.from_private_bytes(hashlib.sha256(str(number).encode()).digest())
    public, message = private.public_key().public_bytes_raw(), bytes([number]) * number
    signature = bytearray(private.sign(message))
    assert verify.ed25519_by_hand(public, bytes(signature), message)
    signature[number * 3] ^= 1 << number % 8
    assert not verify.ed25519_by_hand(public, bytes(signature), message)
