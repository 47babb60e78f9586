"""The report of a validation as a file: attached by its validator, signed with the conclusion, read by who may see it."""

import hashlib
import json
from collections.abc import Callable
from datetime import datetime

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client
from django.test.client import BOUNDARY, MULTIPART_CONTENT, encode_multipart
from django.utils import timezone

from approvals import services
from approvals.models import ChangeRequest, Validation
from approvals.services.validations import report_attach
from audits.exports.release_content import release_of
from audits.exports.release_report import report_of
from audits.queries import ledger_state
from mlops_portal.foundation.people.models import BusinessUnit, User
from registry.models import ModelVersion
from tests.web.approvals.test_signing_records import carried, proof, reviewed, words

SignIn = Callable[[User], Client]
TEXT = b"The windows leave out 2020; the cut-off was repeated on our own sample."
DIGEST = hashlib.sha256(TEXT).hexdigest()


def upload(content: bytes = TEXT) -> SimpleUploadedFile:
    return SimpleUploadedFile("My own report.txt", content)


@pytest.fixture
def opened(version: ModelVersion, vera: User, now: datetime) -> Validation:
    """Return Vera's second validation of the version, open."""
    return services.validation_open(version=version, kind="periodic", by=vera, now=now)


def test_the_validator_attaches_the_report_and_who_may_see_the_validation_downloads_it(
    opened: Validation, vera: User, olga: User, dora: User, as_person: SignIn
) -> None:
    client, page = as_person(vera), f"/validations/{opened.pk}/"
    assert client.get(f"{page}report/").status_code == 404
    assert f"{page}report/attach/" in client.get(page).content.decode()
    assert client.post(f"{page}report/attach/", {"upload": upload()}).status_code == 303
    opened.refresh_from_db()
    assert (opened.report.sha256, opened.history.first().history_user_id) == (DIGEST, str(vera.pk))
    reader = as_person(olga)
    shown = reader.get(page).content.decode()
    assert DIGEST[:8] in shown
    assert f"{page}report/attach/" not in shown
    file = reader.get(f"{page}report/")
    assert b"".join(file.streaming_content) == TEXT
    assert f"Validation report {opened.pk}.txt" in file["Content-Disposition"]
    assert as_person(dora).get(f"{page}report/").status_code in (403, 404)


def test_its_digest_is_signed_and_a_concluded_validation_keeps_its_report(
    opened: Validation, vera: User, now: datetime, as_person: SignIn
) -> None:
    report_attach(validation=opened, upload=upload(), by=vera, now=now)
    client, page = as_person(vera), f"/validations/{opened.pk}/"
    second = reviewed(client, f"{page}conclude/", words())
    assert f"Validation report {opened.pk}.txt, digest {DIGEST}" in second
    sent = {**carried(second, "read", "part", "digest"), **words(), **proof(vera), "step": "sign"}
    report_attach(validation=opened, upload=upload(b"Another report."), by=vera, now=now)
    refused = client.post(f"{page}conclude/", sent)
    assert (refused.status_code, "Changed: report." in refused.content.decode()) == (409, True)
    report_attach(validation=opened, upload=upload(), by=vera, now=now)
    second = reviewed(client, f"{page}conclude/", words())
    sent = {**carried(second, "read", "part", "digest"), **words(), **proof(vera), "step": "sign"}
    assert client.post(f"{page}conclude/", sent).status_code == 303
    assert client.post(f"{page}report/attach/", {"upload": upload()}).status_code == 409
    assert "Report" in client.get(f"{page}receipt/").content.decode()


def test_nobody_attaches_a_report_to_the_validation_of_another(
    opened: Validation, ada: User, make_person: Callable[..., User], retail: BusinessUnit, as_person: SignIn
) -> None:
    victor = make_person("Victor Blom", "validator", unit=retail)
    place = f"/validations/{opened.pk}/"
    page, door = f"{place}report/attach/", f"/api/v1/validations/{opened.pk}/report/"
    assert as_person(ada).post(page, {"upload": upload()}).status_code == 403
    other = as_person(victor)
    for act, told in (
        ("report/attach", "attaches the report"),
        ("finding", "raises findings"),
        ("challenge", "asks challenges"),
    ):
        shown = other.get(f"{place}{act}/").content.decode()
        assert f"Only its validator {told}." in shown
        assert 'aria-disabled="true"' in shown
        own = as_person(opened.validator).get(f"{place}{act}/").content.decode()
        assert 'aria-disabled="true"' not in own
    body = encode_multipart(BOUNDARY, {"file": upload()})
    answers = (
        other.post(page, {"upload": upload()}),
        other.put(door, body, content_type=MULTIPART_CONTENT),
    )
    assert [one.status_code for one in answers] == [409, 409]
    assert all("Only its validator attaches the report." in one.content.decode() for one in answers)
    opened.refresh_from_db()
    assert opened.report is None


def test_the_api_attaches_names_and_hands_out_the_report(
    opened: Validation, vera: User, as_person: SignIn
) -> None:
    client, address = as_person(vera), f"/api/v1/validations/{opened.pk}/"
    assert client.put(f"{address}report/", "{}", content_type="application/json").status_code == 400
    body = encode_multipart(BOUNDARY, {"file": upload()})
    answer = client.put(f"{address}report/", body, content_type=MULTIPART_CONTENT)
    assert answer.status_code == 200, answer.content
    found = json.loads(client.get(address).content)
    assert (found["report_sha256"], found["report_size"]) == (DIGEST, len(TEXT))
    assert b"".join(client.get(f"{address}report/").streaming_content) == TEXT


def test_the_evidence_of_a_release_names_the_report_with_its_digest(
    filed: ChangeRequest, vera: User, cleo: User, now: datetime
) -> None:
    again = services.validation_open(version=filed.version, kind="periodic", by=vera, now=now)
    report_attach(validation=again, upload=upload(), by=vera, now=now)
    release = release_of(filed.pk, user=cleo, at=timezone.now())
    found = report_of(release, history=(), ledger=ledger_state(), by=cleo, now=timezone.now())["validations"]
    told = [row["report"] for row in found]
    assert told == ["no file", f"Validation report {again.pk}.txt, digest {DIGEST}"]
