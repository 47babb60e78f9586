"""Exports: who may, what they hold, and that a stranger can verify a pack."""

import csv
import hashlib
import io
import json
import re
import subprocess
import sys
import zipfile
from pathlib import Path

import openpyxl
import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from django.utils import timezone

from approvals.models import ChangeRequest
from audits import events
from audits.checkpoints import Signer
from audits.exports.coverage import coverage_of
from audits.exports.scopes import Scope, What
from audits.models import LedgerEntry
from mlops_portal.foundation.files import services as files
from mlops_portal.foundation.files.models import StoredFile
from mlops_portal.foundation.history import save_as
from mlops_portal.foundation.people.services import grants
from mlops_portal.foundation.work.models import Job
from registry.services.models import model_register
from tests.packs import contents, packed

pytestmark = pytest.mark.django_db
STAMP = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ")


def content_of(job: Job) -> bytes:
    return files.read(StoredFile.objects.get(pk=job.result["file_id"]))


def start(client, what: str, **fields) -> Job:
    done = client.post(f"/exports/?what={what}", fields)
    assert done.status_code == 303, done.content.decode()[:3000]
    return Job.objects.latest("pk")


def run_verifier(directory: Path, data: bytes, *arguments: str) -> subprocess.CompletedProcess:
    """Run the verifier that is inside the pack, in another process, as a stranger would."""
    path = directory / "pack.zip"
    path.write_bytes(data)
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        (directory / "verify.py").write_bytes(archive.read("verify.py"))
    return subprocess.run(
        [sys.executable, "-I", "verify.py", "pack.zip", *arguments],
        cwd=directory,
        capture_output=True,
        text=True,
        check=False,
    )


@pytest.fixture
def pack(released, cleo, as_person, run_jobs) -> bytes:
    done = as_person(cleo).post(f"/changes/{released.pk}/evidence-pack/")
    assert done.status_code == 303
    run_jobs()
    job = Job.objects.latest("pk")
    assert job.state == "succeeded", job.error
    return content_of(job)


class TestPack:
    def test_a_stranger_verifies_it_with_the_right_key(self, pack, signer, tmp_path):
        done = run_verifier(tmp_path, pack, "--key", signer.key.fingerprint)
        assert done.returncode == 0, done.stdout + done.stderr
        assert "VERIFIED" in done.stdout
        assert "5 have the digest of their content" in done.stdout  # four decisions and one validation

    def test_without_a_key_the_first_line_warns(self, pack, tmp_path):
        done = run_verifier(tmp_path, pack)
        assert done.returncode == 3
        assert "proves nothing yet" in done.stdout.splitlines()[0]

    def test_a_wrong_key_fails(self, pack, tmp_path):
        other = Signer("mlops-portal.local/ledger", Ed25519PrivateKey.generate())
        assert run_verifier(tmp_path, pack, "--key", other.key.fingerprint).returncode == 1

    @pytest.mark.parametrize(
        "name", ["release.pdf", "dossier.json", "decisions.json", "gates.csv", "entries.jsonl"]
    )
    def test_after_mutation_of_any_file_it_fails(self, pack, signer, tmp_path, name):
        source, target = zipfile.ZipFile(io.BytesIO(pack)), io.BytesIO()
        with zipfile.ZipFile(target, "w") as archive:
            for one in source.namelist():
                data = source.read(one)
                changed = data[:-9] + bytes([data[-9] ^ 1]) + data[-8:]
                archive.writestr(one, changed if one == name else data)
        done = run_verifier(tmp_path, target.getvalue(), "--key", signer.key.fingerprint)
        assert done.returncode == 1
        assert name in done.stdout

    @pytest.mark.parametrize("name", ["release.pdf", "gates.csv", "record.json", "README.txt"])
    def test_a_file_altered_together_with_the_manifest_is_not_what_was_entered(
        self, pack, signer, tmp_path, name
    ):
        source, target = zipfile.ZipFile(io.BytesIO(pack)), io.BytesIO()
        manifest = json.loads(source.read("manifest.json"))
        altered = source.read(name) + b" "
        manifest["files"][name] = hashlib.sha256(altered).hexdigest()
        with zipfile.ZipFile(target, "w") as archive:
            for one in source.namelist():
                data = json.dumps(manifest).encode() if one == "manifest.json" else source.read(one)
                archive.writestr(one, altered if one == name else data)
        done = run_verifier(tmp_path, target.getvalue(), "--key", signer.key.fingerprint)
        assert done.returncode == 1
        assert f"{name}: altered: it is not what entry #" in done.stdout

    @pytest.mark.parametrize(
        ("lost", "words"),
        [
            ((), "inserted.txt: inserted"),
            (("decisions.json",), "decisions.json: missing"),
            (("decisions.json", "dossier_parts.json", "gates.csv"), "decisions.json: missing"),
        ],
    )
    def test_files_forged_lost_and_inserted_while_the_manifest_names_no_export(
        self, pack, signer, tmp_path, lost, words
    ):
        held = {name: data for name, data in contents(pack).items() if name not in lost}
        forged = {
            "release.pdf": b"%PDF",
            "record.json": b"{}",
            "decisions.csv": b"",
            "inserted.txt": b"Trust me.",
        }
        manifest = json.loads(held["manifest.json"])
        for key in ("exported", "kind"):
            manifest.pop(key, None)
        held = {**held, **forged, "manifest.json": json.dumps(manifest).encode()}
        done = run_verifier(tmp_path, packed(held), "--key", signer.key.fingerprint)
        assert done.returncode == 1, done.stdout
        assert words in done.stdout

    @pytest.mark.parametrize("name", ["release.pdf", "record.json", "decisions.csv"])
    def test_a_file_forged_while_the_manifest_names_no_export(self, pack, signer, tmp_path, name):
        held = contents(pack)
        manifest = json.loads(held["manifest.json"])
        manifest.pop("exported", None)
        held = {**held, name: b"forged", "manifest.json": json.dumps(manifest).encode()}
        done = run_verifier(tmp_path, packed(held), "--key", signer.key.fingerprint)
        assert (done.returncode, f"{name}: altered" in done.stdout) == (1, True)

    def test_an_entry_left_out_is_named(self, pack, signer, tmp_path):
        held = contents(pack)
        lines = held["entries.jsonl"].split(b"\n")
        manifest = json.loads(held["manifest.json"])
        lost = json.loads(lines.pop(0))["entry_id"]
        manifest["entries"].remove(lost)
        held = {**held, "entries.jsonl": b"\n".join(lines), "manifest.json": json.dumps(manifest).encode()}
        done = run_verifier(tmp_path, packed(held), "--key", signer.key.fingerprint)
        assert (done.returncode, "entries.jsonl: missing: " in done.stdout) == (1, True)

    def test_it_holds_dossier_decisions_gates_and_entries(self, pack, released):
        archive = zipfile.ZipFile(io.BytesIO(pack))
        assert archive.read("dossier.json").decode() == released.dossiers.get().content
        decisions = json.loads(archive.read("decisions.json"))
        assert released.decisions.first().decision_digest in {one["digest"] for one in decisions}
        parts = json.loads(archive.read("dossier_parts.json"))
        assert parts[-1]["digest"] == released.dossier_digest
        gates = list(csv.DictReader(io.StringIO(archive.read("gates.csv").decode())))
        assert len(gates) == released.gate_results.filter(is_current=True).count()
        history = list(csv.DictReader(io.StringIO(archive.read("history.csv").decode())))
        assert all(row["Entry number"] for row in history)
        record = json.loads(archive.read("record.json"))
        assert [one["meaning"] for one in record["signatures"]] == [
            "validate",
            "attest",
            "validate",
            "approve",
            "approve",
        ]
        assert record["executions"][0]["state"] == "Succeeded"
        assert "not witnessed" in json.loads(archive.read("manifest.json"))["witnessed"]

    def test_times_carry_their_zone_in_summer_and_in_winter(self, pack, released):
        archive = zipfile.ZipFile(io.BytesIO(pack))
        record = json.loads(archive.read("record.json"))
        facts = dict(record["facts"])
        assert record["zone"] == "UTC"
        assert facts["Filed"] == f"{released.submitted_at:%-d %b %Y %H:%M} UTC"
        for name, head in (
            ("decisions.csv", "Signed at"),
            ("gates.csv", "Evaluated at"),
            ("history.csv", "At"),
        ):
            rows = list(csv.DictReader(io.StringIO(archive.read(name).decode())))
            assert all(STAMP.fullmatch(row[head]) for row in rows), name

    def test_the_readme_names_what_is_there_and_nothing_else(self, pack):
        archive = zipfile.ZipFile(io.BytesIO(pack))
        readme = archive.read("README.txt").decode()
        listed = {line.split()[0] for line in readme.split("\n\n")[1].splitlines()}
        assert listed == {*archive.namelist()} - {"README.txt"}

    def test_outcomes_of_gates_have_one_word(self, pack):
        archive = zipfile.ZipFile(io.BytesIO(pack))
        words = {row["Outcome"] for row in csv.DictReader(io.StringIO(archive.read("gates.csv").decode()))}
        words |= {one["outcome"] for one in json.loads(archive.read("record.json"))["gates"]}
        assert "pass" in words
        assert words <= {"pass", "fail", "waived", "no data", "not applicable"}

    def test_its_name_says_that_the_time_is_utc(self, pack):
        assert re.fullmatch(
            r"release-pack-CR-\d+-\d{4}-\d\d-\d\d-\d{4}Z\.zip", Job.objects.latest("pk").result["name"]
        )

    def test_the_report_is_pdf_a_with_names_and_digests(self, pack, tmp_path):
        archive = zipfile.ZipFile(io.BytesIO(pack))
        data = archive.read("release.pdf")
        assert data.startswith(b"%PDF-1.7")
        assert b"<pdfaid:part>2</pdfaid:part>" in data
        assert b"<pdfaid:conformance>B</pdfaid:conformance>" in data
        record = json.loads(archive.read("record.json"))
        assert {"Vera Osei", "Ines Halvorsen", "Carl Jansen", "Olga Moller"} <= {
            one["name"] for one in record["signatures"]
        }

    def test_started_made_and_downloaded_are_entries(self, pack, cleo, as_person):
        job = Job.objects.latest("pk")
        done = as_person(cleo).get(job.result["url"])
        assert b"".join(done.streaming_content) == pack
        about = LedgerEntry.objects.filter(subject_label="foundation.Job", subject_id=str(job.pk))
        assert list(about.order_by("id").values_list("verb", flat=True)) == [
            events.EXPORT_STARTED,
            events.EXPORT_WRITTEN,
            events.EXPORT_MADE,
            events.EXPORT_TAKEN,
        ]

    @pytest.mark.parametrize("when", ["before it is read", "while it is made"])
    def test_a_change_request_that_is_gone_fails_the_job_once_with_a_sentence(
        self, released, cleo, as_person, run_jobs, monkeypatch, when
    ):
        as_person(cleo).post(f"/changes/{released.pk}/evidence-pack/")
        none = ChangeRequest.objects.none()
        reader = (
            "release_content.CHANGES" if when == "before it is read" else "coverage.ChangeRequest.objects"
        )
        monkeypatch.setattr(f"audits.exports.{reader}", none)
        run_jobs()
        job = Job.objects.latest("pk")
        assert (job.state, job.attempt) == ("failed", 1)
        assert job.error.startswith(f"There is no change request {released.pk} ")

    def test_without_a_sequencer_it_fails_and_says_why(self, released, cleo, as_person, monkeypatch):
        monkeypatch.setattr("audits.tasks.PATIENCE_SECONDS", 0)
        as_person(cleo).post(f"/changes/{released.pk}/evidence-pack/")
        from mlops_portal.foundation.work.worker import run_pending

        run_pending(clock=timezone.now)
        job = Job.objects.latest("pk")
        assert job.state == "failed"
        assert "sequencer does not run" in job.error


class TestWho:
    def test_an_auditor_of_another_unit_exports_nothing_of_this_one(
        self, released, make_person, plant, as_person
    ):
        stranger = as_person(make_person("Sten Other", "auditor", unit=plant))
        assert stranger.get(f"/changes/{released.pk}/evidence-pack/").status_code == 404
        assert stranger.post(f"/changes/{released.pk}/evidence-pack/").status_code == 404
        refused = stranger.post("/exports/?what=release_pack", {"change": released.code})
        assert refused.status_code == 400
        assert "no such change request" in refused.content.decode()
        refused = stranger.post("/exports/?what=change_log", {"unit": released.unit_id, "format": "csv"})
        assert refused.status_code == 400
        assert not Job.objects.filter(kind__startswith="audits.").exists()

    def test_exports_of_others_are_not_there(self, pack, rita, as_person):
        job = Job.objects.latest("pk")
        assert as_person(rita).get(job.result["url"]).status_code == 404
        assert as_person(rita).post(f"/exports/{job.pk}/again/").status_code == 404

    def test_a_developer_may_not_export(self, ada, as_person):
        assert as_person(ada).get("/exports/").status_code == 403

    def test_the_change_log_of_one_unit_holds_only_its_entries(
        self, released, plant, olga, rita, as_person, run_jobs, now
    ):
        model_register(name="press-line", title="Press", unit=plant, owner=olga, by=None, now=now)
        job = start(as_person(rita), "change_log", format="csv")
        run_jobs()
        job.refresh_from_db()
        rows = list(csv.DictReader(io.StringIO(content_of(job).decode())))
        assert rows
        assert {row["Unit"] for row in rows} == {"Retail Lending"}
        assert "press-line" not in content_of(job).decode()

    def test_a_right_that_ended_since_stops_download_and_job(self, retail, rita, as_person, run_jobs, adam):
        client = as_person(rita)
        done = start(client, "change_log", format="csv", unit=retail.pk)
        run_jobs()
        waiting = start(client, "change_log", format="csv", unit=retail.pk)
        grants.grant_revoke(grant=rita.grants.get(), reason="Left audit", by=adam, now=timezone.now())
        run_jobs()
        waiting.refresh_from_db()
        assert waiting.state == "failed"
        assert client.get(f"/exports/{done.pk}/download/").status_code == 403

    @pytest.mark.parametrize(("what", "more"), [("change_log", {}), ("inventory", {"at": "2026-11-18"})])
    def test_an_export_of_all_ones_units_is_not_taken_after_one_moved_elsewhere(
        self, what, more, retail, plant, rita, as_person, run_jobs, adam, make_person
    ):
        """The export names no unit: what it covers is what its maker held when it was made."""
        client = as_person(rita)
        made = start(client, what, format="csv", **more)
        run_jobs()
        grants.grant_revoke(grant=rita.grants.get(), reason="Moves", by=adam, now=timezone.now())
        grants.role_grant(user=rita, role="manager", unit=plant, reason="Moves", by=adam, now=timezone.now())
        refused = client.get(f"/exports/{made.pk}/download/")
        assert refused.status_code == 403
        assert "it covers Retail Lending" in refused.content.decode()
        assert not LedgerEntry.objects.filter(verb=events.EXPORT_TAKEN).exists()
        fresh = start(client, what, format="csv", **more)
        run_jobs()
        assert client.get(f"/exports/{fresh.pk}/download/").status_code == 200

    def test_an_export_of_everything_is_not_taken_by_who_was_narrowed_to_a_part(
        self, retail, cleo, as_person, run_jobs, adam
    ):
        client = as_person(cleo)
        made = start(client, "change_log", format="csv")
        run_jobs()
        assert client.get(f"/exports/{made.pk}/download/").status_code == 200
        grants.grant_revoke(grant=cleo.grants.get(), reason="Moves", by=adam, now=timezone.now())
        grants.role_grant(user=cleo, role="manager", unit=retail, reason="Moves", by=adam, now=timezone.now())
        refused = client.get(f"/exports/{made.pk}/download/")
        assert refused.status_code == 403
        assert "it covers every unit" in refused.content.decode()

    def test_an_export_that_notes_nothing_is_taken_only_by_who_may_export_everything(
        self, rita, cleo, as_person, run_jobs
    ):
        made = start(as_person(rita), "change_log", format="csv")
        run_jobs()
        made.refresh_from_db()
        del made.result["covers"]  # as those made before coverage was noted
        made.save()
        assert as_person(rita).get(f"/exports/{made.pk}/download/").status_code == 403
        assert as_person(cleo).get(f"/exports/{made.pk}/download/").status_code == 200

    @pytest.mark.parametrize(
        ("what", "surplus"), [(What.INVENTORY, "model_id"), (What.INVENTORY, "change_id"), (What.CHANGE_LOG, "change_id")]
    )  # fmt: skip
    def test_what_does_not_narrow_the_content_does_not_narrow_what_is_covered(
        self, released, plant, make_person, what, surplus, adam
    ):
        reader = make_person("Rhea Two", "auditor", unit=released.unit)
        grants.role_grant(user=reader, role="manager", unit=plant, reason="Both", by=adam, now=timezone.now())
        value = released.pk if surplus == "change_id" else released.model_id
        covered = coverage_of(Scope(what, "csv", **{surplus: value}), reader)
        assert covered == coverage_of(Scope(what, "csv"), reader)
        assert plant.pk in covered["units"]

    def test_an_export_of_which_too_little_was_noted_is_taken_only_by_who_may_export_everything(
        self, released, rita, cleo, as_person, run_jobs
    ):
        made = start(as_person(rita), "inventory", format="csv", at="2026-11-18")
        run_jobs()
        made.refresh_from_db()
        made.params["model_id"] = released.model_id  # as those made before surplus choices were refused
        made.result["covers"] = {"units": [], "models": [], "everything": False}
        made.save()
        assert as_person(rita).get(f"/exports/{made.pk}/download/").status_code == 403
        assert as_person(cleo).get(f"/exports/{made.pk}/download/").status_code == 200

    def test_a_role_on_one_model_takes_the_pack_of_that_model_and_no_other(
        self, released, make_person, adam, as_person, run_jobs
    ):
        mila = make_person("Mila One")
        grant = grants.role_grant(
            user=mila, role="manager", model_id=released.model_id, reason="Helps", by=None, now=timezone.now()
        )
        client = as_person(mila)
        assert client.post(f"/changes/{released.pk}/evidence-pack/").status_code == 303
        job = Job.objects.latest("pk")
        run_jobs()
        assert client.get(f"/exports/{job.pk}/download/").status_code == 200
        grants.grant_revoke(grant=grant, reason="Done", by=adam, now=timezone.now())
        assert client.get(f"/exports/{job.pk}/download/").status_code == 403


class TestChangeLog:
    def test_hostile_cells_are_inert_in_csv_and_xlsx(self, retail, ada, cleo, as_person, run_jobs):
        retail.name = '=HYPERLINK("http://x","y"),\n+1'
        save_as(retail, by=ada, now=timezone.now(), reason="@SUM(A1)")
        client = as_person(cleo)
        log = start(client, "change_log", format="csv", unit=retail.pk, with_content="on")
        book = start(client, "change_log", format="xlsx", unit=retail.pk)
        run_jobs()
        log.refresh_from_db()
        book.refresh_from_db()
        rows = list(csv.DictReader(io.StringIO(content_of(log).decode())))
        renamed = next(row for row in rows if "SUM" in row["Reason"])
        assert renamed["Reason"] == "'@SUM(A1)"
        assert renamed["Unit"].startswith("'=HYPERLINK")
        assert json.loads(renamed["Content as recorded"])["row"]["name"] == retail.name
        sheet = openpyxl.load_workbook(io.BytesIO(content_of(book))).active
        cells = [cell for line in sheet.iter_rows() for cell in line]
        assert not [cell for cell in cells if cell.data_type == "f"]
        assert "'@SUM(A1)" in {cell.value for cell in cells}

    def test_it_ends_at_the_checkpoint_and_keeps_the_order(
        self, retail, ada, cleo, as_person, sequence, run_jobs, monkeypatch
    ):
        monkeypatch.setattr("audits.exports.change_log.CHUNK", 3)
        monkeypatch.setattr("audits.exports.change_log.COPIED", 4)
        for number in range(7):
            retail.name = f"Retail {number}"
            save_as(retail, by=ada, now=timezone.now())
        job = start(as_person(cleo), "change_log", format="csv")
        run_jobs()
        job.refresh_from_db()
        rows = list(csv.DictReader(io.StringIO(content_of(job).decode())))
        assert [int(row["Number"]) for row in rows] == list(range(len(rows)))
        assert len(rows) == job.result["ledger_size"]

    def test_a_period_that_ends_before_it_begins_is_refused(self, cleo, as_person):
        fields = {"format": "csv", "since": "2026-11-10", "until": "2026-11-01"}
        refused = as_person(cleo).post("/exports/?what=change_log", fields)
        assert refused.status_code == 400
        assert "ends before it begins" in refused.content.decode()

    def test_again_makes_it_again(self, cleo, as_person, run_jobs, retail):
        client = as_person(cleo)
        first = start(client, "change_log", format="csv.gz")
        run_jobs()
        assert client.post(f"/exports/{first.pk}/again/").status_code == 303
        again = Job.objects.latest("pk")
        assert again.pk != first.pk
        assert again.params == first.params


def test_the_inventory_is_that_of_the_day(retail, olga, ada, cleo, as_person, run_jobs, now):
    from datetime import timedelta

    model = model_register(name="credit-pd", title="Credit", unit=retail, owner=olga, by=None, now=now)
    model.title = "Credit, renamed"
    save_as(model, by=ada, now=now + timedelta(days=2))
    model_register(name="later", title="Later", unit=retail, owner=olga, by=None, now=now + timedelta(days=2))
    job = start(as_person(cleo), "inventory", format="csv", at="2026-11-18")
    run_jobs()
    job.refresh_from_db()
    assert job.state == "succeeded", job.error
    rows = list(csv.DictReader(io.StringIO(content_of(job).decode())))
    assert [(row["Name"], row["Title"]) for row in rows] == [("credit-pd", "Credit")]


class TestChoosingAChange:
    def test_a_link_fills_the_request_in_and_words_find_others(self, released, cleo, as_person):
        client = as_person(cleo)
        for address in (f"?what=pack&change={released.pk}", f"?what=release_pack&change={released.code}"):
            page = client.get(f"/exports/{address}").content.decode()
            first = page.split('type="radio"')[1].split(">")[0]
            assert f'value="{released.pk}"' in first, address
            assert "checked" in first, address
        found = client.get("/exports/", {"what": "pack", "find": released.model.name}).content.decode()
        assert released.title in found
        none = client.get("/exports/", {"what": "pack", "find": "no such words"}).content.decode()
        assert "No change request holds these words." in none

    def test_nothing_chosen_is_said(self, released, cleo, as_person):
        refused = as_person(cleo).post("/exports/?what=pack", {})
        assert refused.status_code == 400
        assert "Choose a change request." in refused.content.decode()
