"""Values that a file does not state: mapped by a person, or recorded by default and named as open."""

from datetime import timedelta

import pytest

from audits.models import LedgerEntry, LedgerPayload
from mlops_portal.foundation.errors import Invalid
from registry.imports import mapping, service
from registry.models import ImportRowError, RecordTask, RegisteredModel
from registry.queries.facts import facts_of, gaps_from, unstated_gaps
from registry.services.governance import governance_evaluate
from registry.services.models import model_attest, model_update
from registry.services.versions import version_register

pytestmark = pytest.mark.django_db

HEAD = "Id,Model,Kind,Made,State,Owner\n"
ROWS = "1,a,Generative AI,bought,Live,ada@aldermoor.example\n2,b,Other,,Pilot,ada@aldermoor.example\n3,c,,bought,,\n"
KIND = {"column": "Kind", "values": {"generative ai": "generative", "Other": None}, "otherwise": "note"}
DOCUMENT = {
    "name": "fleet",
    "source": "fleet",
    "key": ["Id"],
    "fields": {
        "name": "Model",
        "owner": "Owner",
        "kind": KIND,
        "origin": {"column": "Made", "values": {"bought": "third_party"}},
        "lifecycle_state": {"column": "State", "values": {"Live": "in_production"}, "otherwise": "note"},
    },
}


@pytest.fixture
def importing(retail, ada, now):
    """Return a function that imports rows at once."""

    def run(rows=ROWS, *, document=DOCUMENT, at=now):
        started = service.import_start(
            content=(HEAD + rows).encode(), name="fleet.csv", mapping=mapping.build(document), unit=retail,
            by=None, now=at, in_background=False,
        )  # fmt: skip
        return service.import_run(run=started, by=None, clock=lambda: at, progress=lambda *_: None)

    return run


def _payload(entry):
    return str(LedgerPayload.objects.get(entry_id=entry.entry_id).payload).replace(" ", "")


def models():
    return {model.name: model for model in RegisteredModel.objects.all()}


def test_what_a_mapping_states_stands_and_what_nobody_states_is_named_as_open(importing, now):
    run = importing()
    a, b, c = models().values()
    assert [(one.kind, one.origin, one.lifecycle_state) for one in (a, b, c)] == [
        ("generative", "third_party", "in_production"),
        ("analytical", "in_house", "registered"),
        ("analytical", "third_party", "registered"),
    ]
    assert [one.unstated for one in (a, b, c)] == [
        {},
        {"kind": "Other", "origin": "", "lifecycle_state": "Pilot"},
        {"kind": "", "lifecycle_state": ""},
    ]
    assert (b.custom["kind"], b.custom["state"]) == ("Other", "Pilot")
    assert run.defaults == {"kind": 2, "origin": 1, "lifecycle_state": 2}
    summary = LedgerEntry.objects.get(verb="registry.inventory_imported")
    assert '"defaults":{"kind":2,"lifecycle_state":2,"origin":1}' in _payload(summary)


def test_each_model_with_a_default_gets_the_task_that_names_it(importing, now):
    importing()
    b = models()["b"]
    task = RecordTask.objects.get(model=b, kind="complete_record")
    assert "statement of the kind (analytical by default, the inventory says “Other”)" in task.text
    assert "statement of the origin (in house by default)" in task.text
    governance_evaluate(model=b, now=now)
    assert RecordTask.objects.get(model=b, kind="complete_record", closed_at__isnull=True).text == task.text
    assert gaps_from(b, facts_of([b], now=now)[b.pk], now=now)[0].startswith("statement of the kind")


def test_whoever_names_a_field_states_it_with_the_same_value_too(importing, now, ada):
    importing()
    b = model_update(model=models()["b"], by=ada, now=now, kind="analytical", reason="Looked at it")
    assert b.unstated == {"origin": "", "lifecycle_state": "Pilot"}
    b = model_update(model=b, by=ada, now=now, title="B")
    assert b.unstated == {"origin": "", "lifecycle_state": "Pilot"}
    b = model_attest(model=b, by=ada, now=now)
    assert (b.unstated, unstated_gaps(b)) == ({}, [])


def test_the_component_that_a_model_got_by_itself_follows_the_kind_that_is_stated(importing, now, ada):
    importing()
    b = model_update(model=models()["b"], by=ada, now=now, kind="agent")
    assert b.components.get().kind == "agent"


def test_a_better_mapping_states_what_an_earlier_import_left_open(importing, now):
    importing()
    better = {
        **DOCUMENT["fields"],
        "kind": {**KIND, "values": {"generative ai": "generative", "Other": "agent"}},
    }
    run = importing(document={**DOCUMENT, "fields": better}, at=now + timedelta(days=1))
    assert (run.created, run.updated, run.unchanged) == (0, 1, 2)
    b = models()["b"]
    assert (b.kind, b.unstated, b.components.get().kind) == (
        "agent",
        {"origin": "", "lifecycle_state": "Pilot"},
        "agent",
    )


def test_what_a_later_file_leaves_open_changes_nothing_that_was_stated(importing, now, ada):
    importing()
    model_update(model=models()["b"], by=ada, now=now, kind="generative", origin="third_party")
    importing(ROWS.replace("2,b,Other", "2,b,Unknown"), at=now + timedelta(days=1))
    b = models()["b"]
    assert (b.kind, b.origin, b.unstated) == ("generative", "third_party", {"lifecycle_state": "Pilot"})
    assert b.custom["kind"] == "Unknown"


def test_without_a_note_a_text_that_is_not_mapped_fails_its_row(importing):
    run = importing("1,a,,sometimes,,\n")
    assert run.failed == 1
    assert "“sometimes” is none of in house, third party" in ImportRowError.objects.get(is_note=False).message


def test_the_values_of_a_mapping_are_checked(importing):
    wrong = {
        "kind": {"column": "Kind", "values": {"x": "oracle"}},
        "title": {"column": "Model", "values": {"x": "y"}},
    }
    with pytest.raises(Invalid) as refusal:
        mapping.build({**DOCUMENT, "fields": {**DOCUMENT["fields"], **wrong}})
    assert [error.where for error in refusal.value.errors] == ["fields.kind.values.x", "fields.title.values"]


def test_a_preview_counts_defaults_and_marks_them_in_the_first_rows(retail, ada, now):
    preview = service.import_preview(
        content=(HEAD + ROWS).encode(), name="fleet.csv", mapping=mapping.build(DOCUMENT), unit=retail, by=None, now=now
    )  # fmt: skip
    told = [(one.field, one.value, one.rows, one.texts, one.empty) for one in preview.defaults]
    assert told == [
        ("kind", "Analytical", 2, (("Other", 1),), 1),
        ("origin", "In house", 1, (), 1),
        ("lifecycle_state", "Registered", 2, (("Pilot", 1),), 1),
    ]
    facts = [(one.label, one.value, one.default) for one in preview.samples[1].facts[:3]]
    assert facts == [
        ("Kind", "Analytical", "default, the file says “Other”"),
        ("Origin", "In house", "default, the file does not say"),
        ("Lifecycle state", "Registered", "default, the file says “Pilot”"),
    ]
    assert [one.default for one in preview.samples[0].facts] == ["", "", "", ""]


def test_a_state_that_is_not_taken_over_stays_unstated(importing, ada, now):
    importing()
    b = RegisteredModel.objects.get(name="b")
    version_register(model=b, by=ada, now=now)
    run = importing(ROWS.replace("Pilot", "Live"), at=now + timedelta(days=1))
    notes = ImportRowError.objects.filter(run=run, is_note=True).values_list("message", flat=True)
    assert any("the state is not taken over" in note for note in notes)
    b.refresh_from_db()
    assert "lifecycle_state" in b.unstated
