"""Change log and inventory as packs: a stranger verifies them in another process, and what was altered is named."""

import base64
import csv
import io
import json
import subprocess
import sys
import zipfile
from datetime import timedelta
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from django.utils import timezone

from audits import events
from audits.checkpoints import Signer, sign_checkpoint
from audits.exports import change_log
from audits.keys import public_pem
from audits.models import Checkpoint, LedgerEntry, LedgerLeaf
from audits.services.shredding import person_shred
from mlops_portal.foundation.canonical import sha256
from mlops_portal.foundation.files import services as files
from mlops_portal.foundation.files.models import StoredFile
from mlops_portal.foundation.history import save_as
from mlops_portal.foundation.people.services.persons import person_deactivate
from mlops_portal.foundation.work.models import Job
from registry.services.models import model_register
from tests.packs import contents, packed

pytestmark = pytest.mark.django_db
HOSTILE = ["=1+1", "-x", "\tx", 'say "hi"', "a,b", "line\nbreak", "ret\r\nurn", "ünïcode 😀", "x" * 3000]


@pytest.fixture
def ledger(retail, plant, olga, ada, sequence, now):
    """Entries of two units, with names and reasons that mean something to a spreadsheet."""
    for number, name in enumerate(HOSTILE):
        retail.name = name[:100]
        save_as(retail, by=ada, now=timezone.now() + timedelta(seconds=number), reason=name)
    model_register(name="press-line", title="Press", unit=plant, owner=olga, by=None, now=now)
    model_register(name="credit-pd", title="Credit", unit=retail, owner=olga, by=None, now=now)
    sequence()


@pytest.fixture
def made(ledger, cleo, as_person, run_jobs):
    """Return a function that makes an export and returns its bytes."""

    def make(what: str, *, by=cleo, **fields) -> bytes:
        done = as_person(by).post(f"/exports/?what={what}", {"format": "zip", **fields})
        assert done.status_code == 303, done.content.decode()[:3000]
        job = Job.objects.latest("pk")
        run_jobs()
        job.refresh_from_db()
        assert job.state == "succeeded", job.error
        return files.read(StoredFile.objects.get(pk=job.result["file_id"]))

    return make


def run(folder: Path, data: bytes, *arguments: str) -> subprocess.CompletedProcess:
    """Run the verifier that the pack carries, in a process that finds no installed package."""
    (folder / "pack.zip").write_bytes(data)
    (folder / "verify.py").write_bytes(contents(data)["verify.py"])
    return subprocess.run(
        [sys.executable, "-I", "-S", "verify.py", "pack.zip", *arguments],
        cwd=folder, capture_output=True, text=True, check=False,
    )  # fmt: skip


def rows_of(data: bytes) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(contents(data)["change-log.csv"].decode(), newline="")))


def without(held: dict[str, bytes], *keys: str) -> dict[str, bytes]:
    """Take from the manifest what could switch a check on."""
    manifest = {key: value for key, value in json.loads(held["manifest.json"]).items() if key not in keys}
    return {**held, "manifest.json": json.dumps(manifest).encode()}


class TestGood:
    @pytest.mark.parametrize("with_content", ["", "on"])
    def test_the_whole_log_verifies_and_is_said_to_be_whole(self, made, signer, tmp_path, with_content):
        data = made("change_log", with_content=with_content)
        done = run(tmp_path, data, "--key", signer.key.fingerprint)
        assert done.returncode == 0, done.stdout + done.stderr
        count = len(rows_of(data))
        assert f"{count} lines say what their entries say" in done.stdout
        assert f"every entry from #0 to #{count - 1}" in done.stdout
        assert "change-log.csv, log.jsonl, verify.py: what the portal entered as #" in done.stdout
        assert "VERIFIED" in done.stdout
        assert len(contents(data)["proof.bin"]) <= 64 * 32, (
            "the proof of every entry is no longer than the tail"
        )
        unproved = "Actor, What, Unit, Model" if with_content else "Actor, What, Record name, Reason"
        assert f"in no entry: {unproved}" in done.stdout

    def test_a_whole_log_begins_with_the_checkpoint_that_was_kept(self, made, signer, tmp_path):
        note = Checkpoint.objects.earliest("size")
        data = made("change_log")
        kept = tmp_path / "kept.txt"
        arguments = ("--key", signer.key.fingerprint, "--checkpoint", "kept.txt")
        kept.write_text(note.note)
        done = run(tmp_path, data, *arguments)
        assert done.returncode == 0, done.stdout
        assert (
            f"begins with the {note.size} entries of the checkpoint kept elsewhere, unchanged" in done.stdout
        )
        kept.write_text(
            sign_checkpoint(signer, origin=signer.name, size=note.size, root=b"\x01" * 32, now=timezone.now())
        )
        done = run(tmp_path, data, *arguments)
        assert (done.returncode, "two ledgers were signed" in done.stdout) == (1, True)

    def test_a_part_of_it_verifies_and_is_said_to_be_a_part(
        self, made, rita, plant, signer, tmp_path, monkeypatch
    ):
        monkeypatch.setattr(change_log, "CHUNK", 3)
        monkeypatch.setattr("audits.exports.log_pack.CHUNK", 3)
        monkeypatch.setattr("audits.exports.log_pack.COPIED", 4)
        data = made("change_log", by=rita)
        assert "press-line" not in data.decode("latin-1")
        rows = rows_of(data)
        assert 0 < len(rows) < LedgerLeaf.objects.count()
        done = run(tmp_path, data, "--key", signer.key.fingerprint)
        assert done.returncode == 0, done.stdout + done.stderr
        assert "a part of the ledger" in done.stdout
        assert f"{len(rows)} lines say" in done.stdout

    def test_a_log_without_a_line_verifies(self, made, signer, tmp_path):
        data = made("change_log", since="2020-01-01", until="2020-01-02")
        done = run(tmp_path, data, "--key", signer.key.fingerprint)
        assert done.returncode == 0, done.stdout + done.stderr
        assert "0 lines" in done.stdout

    def test_the_inventory_verifies(self, made, signer, tmp_path, now):
        data = made("inventory", at=f"{now:%Y-%m-%d}")
        assert b"credit-pd" in contents(data)["inventory.csv"]
        done = run(tmp_path, data, "--key", signer.key.fingerprint)
        assert done.returncode == 0, done.stdout + done.stderr
        number = LedgerLeaf.objects.get(
            entry_id=LedgerEntry.objects.get(verb=events.EXPORT_WRITTEN).entry_id
        ).index
        assert f"inventory.csv, verify.py: what the portal entered as #{number}" in done.stdout

    @pytest.mark.parametrize("what", ["change_log", "inventory"])
    def test_without_a_key_nothing_is_proved(self, made, tmp_path, now, what):
        data = made(what, **({"at": f"{now:%Y-%m-%d}"} if what == "inventory" else {}))
        done = run(tmp_path, data)
        assert done.returncode == 3
        assert "proves nothing yet" in done.stdout.splitlines()[0]

    def test_the_unpacked_folder_verifies(self, made, signer, tmp_path):
        folder = tmp_path / "unpacked"
        zipfile.ZipFile(io.BytesIO(made("change_log"))).extractall(folder)
        done = subprocess.run(
            [sys.executable, "-I", "verify.py", ".", "--key", signer.key.fingerprint],
            cwd=folder, capture_output=True, text=True, check=False,
        )  # fmt: skip
        assert done.returncode == 0, done.stdout

    def test_a_shredded_person_is_gone_from_it_and_it_verifies(
        self, made, dora, adam, sequence, signer, tmp_path
    ):
        before = made("change_log", with_content="on")
        gone = person_deactivate(person=dora, reason="Left", by=adam, now=timezone.now())
        name = dora.name
        person_shred(person=gone, by=adam, now=timezone.now())
        sequence()
        after = made("change_log", with_content="on")
        assert name in contents(before)["log.jsonl"].decode()
        assert name not in "".join(data.decode("latin-1") for data in contents(after).values())
        done = run(tmp_path, after, "--key", signer.key.fingerprint)
        assert done.returncode == 0, done.stdout
        assert "payloads were lawfully removed" in done.stdout
        assert run(tmp_path, before, "--key", signer.key.fingerprint).returncode == 0

    def test_without_content_the_entries_hold_commitments_only(self, made):
        held = contents(made("change_log"))
        line = json.loads(held["log.jsonl"].splitlines()[0])
        assert set(line) == {"index", "envelope"}
        assert "payload_commitment" in line["envelope"]


def _line(held, number, **changed):
    lines = held["log.jsonl"].splitlines(keepends=True)
    line = json.loads(lines[number])
    lines[number] = json.dumps({**line, **changed}).encode() + b"\n"
    return packed({**held, "log.jsonl": b"".join(lines)})


def _cell(held):
    """A cell that an entry holds."""
    rows = held["change-log.csv"].split(b"\n")
    rows[3] = rows[3].replace(b"Z,yes,", b"Z,maybe,", 1).replace(b"Z,no,", b"Z,maybe,", 1)
    return packed({**held, "change-log.csv": b"\n".join(rows)})


def _name(held):
    """A cell that only the digest of the export holds."""
    return packed({**held, "change-log.csv": held["change-log.csv"].replace(b"The portal", b"Nobody", 1)})


def _lost_line(held):
    rows = held["change-log.csv"].split(b"\n")
    lines = held["log.jsonl"].splitlines(keepends=True)
    return packed(
        {**held, "change-log.csv": b"\n".join(rows[:-2]) + b"\n", "log.jsonl": b"".join(lines[:-1])}
    )


def _line_more(held):
    return packed(
        {**held, "change-log.csv": held["change-log.csv"] + held["change-log.csv"].split(b"\n")[1] + b"\n"}
    )


def _both(held):
    """An entry and its line together: consistent, and not in the tree."""
    lines = held["log.jsonl"].splitlines(keepends=True)
    lines[0] = lines[0].replace(b"_created", b"_deleted", 1)
    csv_ = held["change-log.csv"].replace(b"_created", b"_deleted", 1)
    return packed({**held, "log.jsonl": b"".join(lines), "change-log.csv": csv_})


def _envelope(held):
    line = json.loads(held["log.jsonl"].splitlines()[2])
    return _line(held, 2, envelope=line["envelope"].replace('"unit_id":', '"unit_id": '))


def _number(held):
    return _line(held, 2, index=1)


def _payload(held):
    line = json.loads(held["log.jsonl"].splitlines()[2])
    return _line(held, 2, payload=line["payload"].replace("e", "a", 1))


def _hidden_payload(held):
    return _line(held, 2, payload=None, salt=None)


def _proof(held):
    proof = bytearray(held["proof.bin"])
    proof[5] ^= 1
    return packed({**held, "proof.bin": bytes(proof)})


def _short_proof(held):
    return packed({**held, "proof.bin": held["proof.bin"][:-32]})


def _long_proof(held):
    return packed({**held, "proof.bin": held["proof.bin"] + b"\x00" * 32})


def _checkpoint(held):
    return packed({**held, "checkpoint.txt": held["checkpoint.txt"].replace(b"\n", b"\n1", 1)})


def _own_key(held):
    forger = Signer("mlops-portal.local/ledger", Ed25519PrivateKey.generate())
    lines = held["checkpoint.txt"].decode().split("\n")
    root = base64.b64decode(lines[2])
    note = sign_checkpoint(forger, origin=lines[0], size=int(lines[1]), root=root, now=timezone.now())
    return packed(
        {**held, "checkpoint.txt": note.encode(), "public_key.pem": public_pem(forger.key).encode()}
    )


def _forged_with(*lost):
    """Forge a cell that no entry holds, take away what could be compared, and name nothing in the manifest."""

    def forge(held):
        left = {name: data for name, data in held.items() if name not in lost}
        left["change-log.csv"] = held["change-log.csv"].replace(b"The portal", b"Nobody", 1)
        return packed(without(left, "exported", "log", "kind"))

    return forge


def _readme(held):
    return packed({**held, "README.txt": b"Trust me."})


@pytest.mark.parametrize(
    ("forge", "words"),
    [
        (_cell, "line 4 of the CSV: altered: Late is 'maybe', its entry says"),
        (_name, "change-log.csv: altered: it is not what entry #"),
        (_lost_line, "do not lead to the signed root"),
        (_line_more, "do not have the same number of lines"),
        (_both, "do not lead to the signed root"),
        (_envelope, "do not lead to the signed root"),
        (_number, "line 4 of the CSV: altered: Number is '2', its entry says '1'"),
        (_payload, "entry #2: altered: the payload is not the committed one"),
        (_hidden_payload, "line 4 of the CSV: altered: Payload is 'kept', its entry says 'lawfully removed'"),
        (_proof, "do not lead to the signed root"),
        (_short_proof, "do not lead to the signed root"),
        (_long_proof, "do not lead to the signed root"),
        (_checkpoint, "not signed by this key"),
        (_own_key, "not the key you gave"),
        (_readme, "README.txt: altered: it is not what entry #"),
        (_forged_with(), "change-log.csv: altered"),
        (_forged_with("log.jsonl"), "log.jsonl: missing"),
        (_forged_with("log.jsonl", "proof.bin"), "log.jsonl: missing"),
        (_forged_with("proof.bin"), "proof.bin: missing"),
    ],
)
def test_a_forged_log_is_refused_and_the_forgery_named(made, signer, tmp_path, forge, words):
    data = made("change_log", with_content="on")
    done = run(tmp_path, forge(contents(data)), "--key", signer.key.fingerprint)
    assert done.returncode == 1, done.stdout + done.stderr
    assert words in done.stdout
    assert "VERIFIED" not in done.stdout


@pytest.mark.parametrize(
    "name",
    ["change-log.csv", "log.jsonl", "proof.bin", "entries.jsonl", "checkpoint.txt", "public_key.pem", "manifest.json"],
)  # fmt: skip
def test_one_byte_of_any_file_is_noticed(made, signer, tmp_path, name):
    held = contents(made("change_log"))
    data = held[name]
    held[name] = data[:-9] + bytes([data[-9] ^ 1]) + data[-8:]
    done = run(tmp_path, packed(held, honest_manifest=False), "--key", signer.key.fingerprint)
    assert done.returncode == 1, done.stdout + done.stderr
    assert "BROKEN" in done.stdout


@pytest.mark.parametrize("keys", [(), ("exported",), ("exported", "kind")], ids=str)
def test_an_altered_inventory_is_noticed_whatever_the_manifest_says(made, signer, tmp_path, now, keys):
    held = contents(made("inventory", at=f"{now:%Y-%m-%d}"))
    held["inventory.csv"] = held["inventory.csv"].replace(b"credit-pd", b"credit-qd", 1)
    done = run(tmp_path, packed(without(held, *keys)), "--key", signer.key.fingerprint)
    assert (done.returncode, "inventory.csv: altered: it is not what entry #" in done.stdout) == (1, True)


def test_an_inventory_without_its_entry_is_refused(made, signer, tmp_path, now):
    held = contents(made("inventory", at=f"{now:%Y-%m-%d}"))
    manifest = {**json.loads(held["manifest.json"]), "entries": []}
    held = without({**held, "manifest.json": json.dumps(manifest).encode()}, "exported", "kind")
    held = {**held, "entries.jsonl": b"", "inventory.csv": b"Name\r\n"}
    done = run(tmp_path, packed(held), "--key", signer.key.fingerprint)
    assert (done.returncode, "entries.jsonl: missing" in done.stdout) == (1, True)


def test_files_and_entry_of_another_pack_do_not_fit(made, signer, tmp_path, now):
    log, inventory = contents(made("change_log")), contents(made("inventory", at=f"{now:%Y-%m-%d}"))
    mixed = {
        **log,
        "entries.jsonl": inventory["entries.jsonl"],
        "checkpoint.txt": inventory["checkpoint.txt"],
    }
    done = run(tmp_path, packed(without(mixed, "exported", "log")), "--key", signer.key.fingerprint)
    assert (done.returncode, "BROKEN" in done.stdout) == (1, True)


def test_bytes_damaged_on_the_way_are_noticed(made, signer, tmp_path):
    data = made("change_log")
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        at = archive.getinfo("change-log.csv").header_offset + 200
    damaged = data[:at] + bytes([data[at] ^ 0xFF]) + data[at + 1 :]
    (tmp_path / "pack.zip").write_bytes(damaged)
    (tmp_path / "verify.py").write_bytes(contents(data)["verify.py"])
    done = subprocess.run(
        [sys.executable, "-I", "verify.py", "pack.zip", "--key", signer.key.fingerprint],
        cwd=tmp_path, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 1, done.stderr
    assert "change-log.csv: altered" in done.stdout


def test_what_the_export_recorded_is_an_entry_with_the_digests_of_the_files(made):
    held = contents(made("change_log"))
    entry = json.loads(held["entries.jsonl"])
    stated = json.loads(entry["payload"])["data"]
    named = ("change-log.csv", "log.jsonl", "README.txt", "verify.py")
    assert stated["kind"] == "change_log"
    assert stated["files"] == {name: sha256(held[name]) for name in named}
    assert entry["index"] < Checkpoint.objects.latest("size").size


def test_the_page_names_the_entry_that_the_verifier_names(made, cleo, as_person, sequence):
    pack = made("change_log", with_content="on")
    sequence()
    job = Job.objects.latest("pk")
    entry = LedgerEntry.objects.get(verb=events.EXPORT_WRITTEN, subject_id=str(job.pk))
    number = LedgerLeaf.objects.get(entry_id=entry.entry_id).index
    shown = [json.loads(line) for line in contents(pack)["entries.jsonl"].decode().split("\n") if line]
    assert number in {one["index"] for one in shown}
    client = as_person(cleo)
    page = client.get("/exports/").content.decode()
    link = f"/ledger/?record=foundation.Job&amp;subject={job.pk}"
    assert f'<a href="{link}">Entry #{number}</a>' in page
    listed = client.get("/ledger/", {"record": "foundation.Job", "subject": job.pk}).content.decode()
    assert "wrote the files of an export" in listed
    assert "registered a model" not in listed
