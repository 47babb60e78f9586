"""The explorer in words: who did what to which record, filters in the address, a file; and exports by choice."""

import csv
import io
import re
from datetime import timedelta

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from approvals import services
from approvals.models import ChangeRequest, Stage, Waiver
from approvals.models.parts import PARTS
from audits.models import LedgerEntry
from audits.queries import FieldChange, entries_visible_to
from audits.reading.entries import find, record_of, subject_of
from audits.reading.records import changes_in_words
from audits.reading.records import text_of as text_of_value
from audits.reading.workspace import reach_of
from mlops_portal.foundation.history import AuditedModel, bulk_save_as, save_as
from mlops_portal.foundation.operations import operation
from mlops_portal.foundation.people.models import UnitUserRight
from mlops_portal.foundation.people.rights import label_of
from registry.models import ModelVersion
from registry.services.models import model_register

pytestmark = pytest.mark.django_db


def text_of(client, url: str) -> str:
    answer = client.get(url)
    assert answer.status_code == 200, answer.status_code
    return b"".join(answer).decode() if answer.streaming else answer.content.decode()


@pytest.fixture
def press(retail, ada, olga):
    return model_register(
        name="press-line", title="Press", unit=retail, owner=olga, by=ada, now=timezone.now()
    )


def test_sentences_name_person_act_and_record_with_a_link(press, ada, cleo, as_person):
    page = text_of(as_person(cleo), "/ledger/?q=press-line")
    assert ada.name in page
    assert f'<a href="/models/{press.pk}/">' in page
    assert "registered the model" in page
    assert "&lt;a" not in page


def test_rows_written_at_once_are_counted(press, retail, plant, ada, cleo, as_person):
    @operation
    def both():
        for unit in (retail, plant):
            unit.name += " (old)"
        bulk_save_as([retail, plant], by=ada, now=timezone.now(), reason="Renamed", fields=["name"])

    both()
    page = text_of(as_person(cleo), "/ledger/")
    assert "changed 2 business units in one act" in page


def test_person_model_verb_and_day_stand_in_the_address(press, ada, cleo, as_person):
    client = as_person(cleo)
    address = f"/ledger/?actor={ada.pk}&model={press.pk}&verb=registry.registeredmodel_created"
    page = text_of(client, address)
    assert "press-line" in page
    assert f"Clear person: {ada.name}" in page
    assert "Clear model: Press" in page
    assert "<tbody>" not in text_of(client, f"/ledger/?model={press.pk}&until=2001-01-01")


def test_names_outside_of_ones_units_are_not_told(press, plant, olga, rita, as_person):
    other = model_register(
        name="secret-press", title="X", unit=plant, owner=olga, by=None, now=timezone.now()
    )
    assert "secret-press" not in text_of(as_person(rita), f"/ledger/?model={other.pk}")


def test_a_file_holds_the_filtered_entries_in_words(press, ada, cleo, as_person):
    rows = list(
        csv.DictReader(io.StringIO(text_of(as_person(cleo), f"/ledger/?model={press.pk}&export=csv")))
    )
    assert rows
    assert {"Entry", "Occurred", "Who", "Did what"} <= rows[0].keys()
    assert any(row["Who"] == ada.name and "press-line" in row["Did what"] for row in rows)


def test_reading_the_ledger_is_not_yet_taking_it_out_of_the_portal(press, make_person, as_person):
    reader = make_person("Rob Reader", "auditor", unit=press.unit)
    granted = UnitUserRight.objects.filter(user=reader, permission__codename="audits.export")
    assert "export=csv" in text_of(as_person(reader), "/ledger/")
    assert granted.delete()[0]
    client = as_person(reader)
    assert "export=csv" not in text_of(client, "/ledger/")
    assert client.get("/ledger/?export=csv").status_code == 403


def test_a_file_of_the_ledger_holds_what_may_be_exported(press, group, plant, make_person, as_person):
    reader = make_person("Rob Reader", "auditor", unit=group)
    granted = UnitUserRight.objects.get(user=reader, permission__codename="audits.export")
    granted.content_object = plant
    granted.save()
    client = as_person(reader)
    assert "press-line" in text_of(client, f"/ledger/?model={press.pk}")
    assert "press-line" not in text_of(client, f"/ledger/?model={press.pk}&export=csv")


def test_the_payload_is_there_but_folded(press, cleo, as_person):
    client = as_person(cleo)
    found = LedgerEntry.objects.filter(model_id=press.pk).latest("pk")
    entry = text_of(client, f"/ledger/{found.pk}/")
    assert "The raw payload</summary>" in entry


def test_a_part_of_a_request_names_and_links_it(released, cleo, as_person):
    page = text_of(as_person(cleo), "/ledger/?record=approvals.GateResult")
    assert f'of <a href="/changes/{released.pk}/">{released.code}</a>' in page
    assert "&lt;a" not in page


@pytest.fixture
def waived(released, ada, now):
    """Return the request with a waiver that was asked for after its four decisions, and a comment."""
    services.comment_add(change=released, text="Who watches the young?", by=ada, now=now)
    waiver = Waiver(
        change=released, model=released.model, version=released.version, unit=released.unit, gate="PERF-01",
        authority="risk_officer", reason="Thin files", compensating_control="A person reviews",
        valid_until=now + timedelta(days=20), requested_by=ada, requested_at=now,
    )  # fmt: skip
    save_as(waiver, by=ada, now=now, reason="Thin files")
    return released


def test_a_request_is_found_with_everything_that_belongs_to_it(waived, cleo):
    found = find(entries_visible_to(cleo), f"CR-{waived.pk}")
    labels = set(found.values_list("subject_label", flat=True))
    assert labels >= {
        "approvals.ChangeRequest", "approvals.Waiver", "approvals.Decision", "approvals.Signature",
        "approvals.Comment", "approvals.Stage", "approvals.GateResult", "approvals.ExecutionStep",
    }  # fmt: skip
    signatures = found.filter(subject_label="approvals.Signature").values_list("subject_id", flat=True)
    assert {int(key) for key in signatures} == set(waived.decisions.values_list("signature_id", flat=True))
    assert not find(entries_visible_to(cleo), "CR-999999").exists()


def test_a_search_by_request_reads_no_payload_and_grows_with_its_parts_only(waived, cleo):
    with CaptureQueriesContext(connection) as read:
        list(find(entries_visible_to(cleo), f"CR-{waived.pk}").values_list("pk", flat=True))
    statements = [one["sql"] for one in read.captured_queries]
    assert not any("ledgerpayload" in sql for sql in statements)
    entries = [sql for sql in statements if '"audits_ledgerentry"."subject_label" =' in sql]
    assert entries
    assert all('"subject_id" IN' in sql for sql in entries)
    assert len(statements) <= 2 * len(PARTS) + 8


def test_every_part_of_a_request_is_known():
    pointing = {
        related.related_model
        for related in ChangeRequest._meta.related_objects
        if related.field.name == "change" and issubclass(related.related_model, AuditedModel)
    }
    assert pointing - {ChangeRequest} <= set(PARTS)


def test_the_entry_of_a_signature_leads_to_request_and_receipt(released, cleo, as_person):
    decision = released.decisions.order_by("pk").first()
    entry = LedgerEntry.objects.filter(
        subject_label="approvals.Signature", subject_id=str(decision.signature_id)
    ).first()
    page = text_of(as_person(cleo), f"/ledger/{entry.pk}/")
    assert f'<a href="/decisions/{decision.pk}/">Receipt</a>' in page
    assert f'<a href="/changes/{released.pk}/">CR-{released.pk}</a>' in page
    table = page[page.index("What changed, table") : page.index("Proof, step by step")]
    assert "approvals.ChangeRequest" not in table
    assert f'<a href="/changes/{released.pk}/">CR-{released.pk}</a></td>' in table


def test_an_export_says_how_many_entries_it_looked_at_and_their_numbers():
    assert reach_of(24_152) == ("made over the first 24\u202f152 entries (numbers 0 to 24\u202f151)")
    assert (reach_of(1), reach_of(None)) == ("made over the first 1 entry (number 0)", "")


@pytest.mark.parametrize(
    ("label", "row", "words"),
    [
        pytest.param("approvals.Waiver", {"gate": "FAIR-01", "number": 4}, "FAIR-01", id="a waiver by its gate"),
        pytest.param("approvals.Decision", {"verdict": "approve"}, "approve", id="a decision by its verdict"),
        pytest.param("approvals.Signature", {"meaning": "accept_risk"}, "accept risk", id="a signature by its meaning"),
        pytest.param("approvals.Dossier", {"number": 7}, "revision 7", id="a dossier by its revision"),
        pytest.param("registry.RecordTask", {"kind": "complete_record"}, "complete", id="a task by its kind"),
        pytest.param("approvals.Validation", {"kind": "initial"}, "initial", id="a validation by its kind"),
        pytest.param("gone.Kind", {"kind": "some_thing"}, "some thing", id="a kind that is gone"),
        pytest.param("approvals.Waiver", {}, "", id="nothing is better than the number of a row"),
    ],
)  # fmt: skip
def test_a_record_without_a_name_is_told_apart_in_words(label, row, words):
    entry = LedgerEntry(subject_label=label, subject_id="4", verb="approvals.waiver_created")
    assert subject_of(entry, {"row": row}).startswith(words)
    assert "4" not in subject_of(entry, {"row": {key: row[key] for key in row if key != "number"}})
    assert record_of(entry) == f"{label} 4"


@pytest.mark.parametrize(
    ("label", "row", "words"),
    [
        pytest.param(
            "approvals.Decision", {"kind": "left_over"}, "left over", id="a field that there is no more"
        ),
        pytest.param("gone.Record", {"kind": "left_over"}, "left over", id="a record that there is no more"),
        pytest.param("approvals.Decision", {"verdict": {"salted": 1}}, "", id="a value that is no text"),
    ],
)
def test_the_ledger_reads_what_a_later_release_no_longer_knows(label, row, words):
    assert subject_of(LedgerEntry(subject_label=label, subject_id="4"), {"row": row}) == words


def test_a_code_of_a_policy_is_told_in_words_and_a_machine_name_stays():
    told = changes_in_words(
        Waiver, [FieldChange("authority", "authority", None, "head_of_model_risk")], user=None
    )
    assert told[0].after == "head of model risk"
    assert text_of_value(Stage, "right", "approvals.approve_light", {}) == label_of("approvals.approve_light")
    assert text_of_value(ModelVersion, "label", "nightly_build", {}) == "nightly_build"


def test_no_entry_of_a_release_is_told_by_the_number_of_a_row(waived, cleo, as_person):
    page = text_of(as_person(cleo), "/ledger/?nature=all")
    said = re.findall(r'<span class="said">(.*?)</span>', page, re.DOTALL)
    assert said
    kinds = "waiver|decision|signature|dossier|validation|task|stage"
    assert not [one for one in said if re.search(rf">(?:[a-z ]* )?(?:{kinds}) \d+<", one)]
