"""The ledger and exports over REST."""

import json

import pytest
from django.utils import timezone
from rest_framework.test import APIClient

from audits import keys
from audits.models import LedgerEntry
from audits.services import sequencing
from mlops_portal.foundation.work.models import Job
from mlops_portal.foundation.work.worker import run_pending
from registry.services.models import model_register

pytestmark = pytest.mark.django_db
SCOPES = ["audits.view_ledger", "audits.export"]


@pytest.fixture
def number(tmp_path, settings):
    """Number what is committed, as the sequencer's process would."""
    path = tmp_path / "ledger.key"
    keys.create_key_file(path)
    settings.PORTAL_LEDGER_KEY_FILE = str(path)
    signer = sequencing.signer_from_settings()
    return lambda: sequencing.sequence_all(
        signer=signer, key=sequencing.key_admit(signer=signer, now=timezone.now())
    )


@pytest.fixture
def credit(retail, olga, now):
    return model_register(name="credit-pd", title="Credit", unit=retail, owner=olga, by=None, now=now)


def test_entries_proof_and_checkpoint(credit, plant, retail, olga, make_person, number, now):
    model_register(name="press-line", title="Press", unit=plant, owner=olga, by=None, now=now)
    client = APIClient()
    client.force_authenticate(make_person("Rita Sand", "auditor", unit=retail))
    assert client.get("/api/v1/ledger/checkpoint/").status_code == 404
    number()
    listed = client.get(
        "/api/v1/ledger/entries/", {"record": "registry.RegisteredModel", "nature": "row"}
    ).json()["results"]
    assert [one["payload"]["subject"] for one in listed] == ["credit-pd"]
    assert isinstance(listed[0]["number"], int)
    proof = client.get(f"/api/v1/ledger/entries/{listed[0]['id']}/proof/").json()
    assert proof["holds"]
    assert proof["checkpoint"] == client.get("/api/v1/ledger/checkpoint/").json()
    hidden = LedgerEntry.objects.filter(unit_id=plant.pk).first()
    assert client.get(f"/api/v1/ledger/entries/{hidden.pk}/proof/").status_code == 404


def test_a_manager_reads_no_ledger(mona):
    client = APIClient()
    client.force_authenticate(mona)
    assert client.get("/api/v1/ledger/entries/").status_code == 403
    assert client.get("/api/v1/ledger/checkpoint/").status_code == 403


def test_exports_start_tell_and_download(credit, retail, olga, as_pipeline, number):
    caller = as_pipeline(retail, olga, "manager", SCOPES)
    body = {"what": "change_log", "format": "csv", "unit": retail.pk}
    started = caller.call("POST", "/exports/", body)
    assert started.status_code == 201, started.content
    number()
    run_pending(clock=timezone.now)
    told = caller.call("GET", f"/exports/{started.json()['id']}/").json()
    assert told["state"] == "succeeded", told
    file = caller.call("GET", f"/exports/{told['id']}/download/")
    assert b"credit-pd" in b"".join(file.streaming_content)
    assert LedgerEntry.objects.filter(verb="audits.export_downloaded").exists()


def test_wrong_scopes_are_named(credit, retail, plant, olga, as_pipeline):
    caller = as_pipeline(retail, olga, "manager", SCOPES)
    for body, status in (
        ({"what": "nonsense", "format": "csv"}, 400),
        ({"what": "release_pack", "format": "csv", "change": 1}, 400),
        ({"what": "change_log", "format": "csv", "unit": plant.pk}, 403),
        ({"what": "release_pack", "format": "zip", "change": 99}, 404),
    ):
        refused = caller.call("POST", "/exports/", body)
        assert refused.status_code == status, json.dumps(refused.json())
    assert not Job.objects.exists()
