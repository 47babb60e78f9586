"""Importing through the service: what is written, what a second time changes, and how it goes on."""

import io
import json
from datetime import timedelta
from pathlib import Path

import pytest
from django.core.management import CommandError, call_command
from django.db import connection
from django.test.utils import CaptureQueriesContext

from audits.models import LedgerEntry
from mlops_portal.foundation.errors import Conflict, Invalid, NotAllowed
from mlops_portal.foundation.files import services as files
from mlops_portal.foundation.history import history_model
from mlops_portal.foundation.people.models import BusinessUnit
from mlops_portal.foundation.web.models import Notification
from mlops_portal.foundation.work import running
from mlops_portal.foundation.work.models import Job
from registry.imports import mapping, service
from registry.models import (
    CustomField,
    ImportMapping,
    ImportRowError,
    ImportRun,
    ModelCounter,
    ModelVersion,
    RecordTask,
    RegisteredModel,
)
from registry.services.custom_fields import custom_field_save
from registry.services.models import model_register, model_rename, model_update
from registry.states import ImportState

pytestmark = pytest.mark.django_db

DATA = Path(__file__).parents[5] / "shared" / "data"
DOCUMENT = {
    "name": "bank",
    "source": "bank",
    "key": ["Id"],
    "unit": "Unit",
    "fields": {
        "name": "Model",
        "owner": "Owner",
        "lifecycle_state": "State",
        "decisions_per_day": "Volume",
    },
}
HEAD = "Id,Model,Unit,Owner,State,Volume,Colour\n"
CHURN = "1,churn,Retail Lending,ada@aldermoor.example,in production,1200,red\n"
FRAUD = "2,fraud,retail-lending,ghost@aldermoor.example,registered,50,\n"


@pytest.fixture
def importing(group, retail, now):
    """Return a function that imports a text as a file at once and returns its run."""

    def run(text, *, by=None, at=now, document=DOCUMENT, unit=group, adds_units=False):
        started = service.import_start(
            content=text.encode(),
            name="models.csv",
            mapping=mapping.build(document),
            unit=unit,
            by=by,
            now=at,
            adds_units=adds_units,
            in_background=False,
        )
        return service.import_run(run=started, by=by, clock=lambda: at, progress=ignore)

    return run


def ignore(done, total):
    """Take progress and do nothing."""


def errors(run, *, is_note=False):
    found = ImportRowError.objects.filter(run=run, is_note=is_note).order_by("row", "pk")
    return [(error.row, error.column, error.message) for error in found]


def entries(**where):
    """Count entries about single rows or acts; the ledger sums up each chunk in one more."""
    return LedgerEntry.objects.filter(**where).exclude(subject_id="").count()


def test_rows_become_models_with_units_people_facts_and_custom_fields(importing, retail, group, ada):
    run = importing(HEAD + CHURN + FRAUD)
    assert service.import_counts(run) == {
        "rows": 2, "blank_rows": 0, "created": 2, "updated": 0, "unchanged": 0, "failed": 0,
    }  # fmt: skip
    churn = RegisteredModel.objects.get(name="churn")
    assert (churn.unit, churn.owner, churn.decisions_per_day) == (retail, ada, 1200)
    assert (churn.lifecycle_state, churn.source_name, churn.external_id) == ("in_production", "bank", "1")
    assert churn.custom["colour"] == "red"
    assert churn.components.get().kind == "analytical"
    assert ModelCounter.objects.get(model=churn).last_number == 0
    fraud = RegisteredModel.objects.get(name="fraud")
    assert fraud.owner is None
    assert fraud.custom["owner"] == "ghost@aldermoor.example"
    assert errors(run, is_note=True) == [
        (3, "Owner", "nobody here has the e-mail address “ghost@aldermoor.example”; the owner stays a text")
    ]
    assert CustomField.objects.get(unit=group, key="colour").label == "Colour"


def test_columns_that_only_later_chunks_fill_are_custom_fields_too(importing, group, monkeypatch):
    monkeypatch.setattr(service, "CHUNK", 2)
    rows = "".join(f"{n},model {n},,,,,{'red' if n in (4, 6) else ''}\n" for n in range(1, 7))
    importing(HEAD + rows)
    assert CustomField.objects.get(unit=group, key="colour").label == "Colour"
    assert history_model(CustomField).objects.filter(key="colour").count() == 1


def test_a_column_that_is_left_out_is_named_with_its_values_and_changes_nothing_it_left(
    importing, group, now
):
    importing(HEAD + CHURN + FRAUD, document={**DOCUMENT, "leave_out": ["Colour"]})
    run = importing(HEAD + CHURN + FRAUD, document={**DOCUMENT, "leave_out": ["Colour"]})
    assert (run.created, run.updated, run.unchanged) == (0, 0, 2)
    assert run.left_out == {"Colour": 1}
    assert "colour" not in RegisteredModel.objects.get(name="churn").custom
    assert not CustomField.objects.filter(key="colour").exists()
    summary = LedgerEntry.objects.filter(verb="registry.inventory_imported").latest("id")
    assert json.loads(summary.payload.payload)["data"]["left_out"] == {"Colour": 1}

    importing(HEAD + CHURN + FRAUD)
    run = importing(
        HEAD + CHURN.replace("red", "blue") + FRAUD, document={**DOCUMENT, "leave_out": ["Colour"]}
    )
    assert run.created == 0
    assert RegisteredModel.objects.get(name="churn").custom["colour"] == "red"


def test_an_import_that_goes_on_counts_what_the_whole_file_leaves_out(importing, group, now, monkeypatch):
    monkeypatch.setattr(service, "CHUNK", 1)
    rows = "".join(f"{n},model {n},,,,,red\n" for n in range(1, 5))

    def stopping(done, total):
        if done == 2:
            raise service.jobs.JobStopped

    document = {**DOCUMENT, "leave_out": ["Colour"]}
    run = service.import_start(
        content=(HEAD + rows).encode(),
        name="models.csv",
        mapping=mapping.build(document),
        unit=group,
        by=None,
        now=now,
        in_background=False,
    )
    with pytest.raises(service.jobs.JobStopped):
        service.import_run(run=run, by=None, clock=lambda: now, progress=stopping)
    run = ImportRun.objects.get(pk=run.pk)
    run.state = ImportState.QUEUED
    run.save()
    run = service.import_run(run=run, by=None, clock=lambda: now, progress=ignore)
    assert (run.created, run.left_out) == (4, {"Colour": 4})


def test_values_fit_the_declared_field_or_stay_the_text_of_the_file(importing, retail, group, ada, now):
    custom_field_save(unit=group, label="Colour", type="choice", choices=["red"], by=None, now=now)
    run = importing(HEAD + CHURN + CHURN.replace("1,churn", "2,churn-too").replace("red", "green"))
    colours = RegisteredModel.objects.order_by("name").values_list("custom__colour", flat=True)
    assert list(colours) == ["red", "green"]
    note = "Colour: “green” is not offered. Choose one of red. The text is kept."
    assert errors(run, is_note=True) == [(3, "Colour", note)]
    assert service.import_counts(run)["failed"] == 0


def test_one_ledger_entry_per_row_and_one_summary_with_the_counts(importing, ada):
    importing(HEAD + CHURN + FRAUD)
    assert entries(subject_label="registry.RegisteredModel") == 2
    assert entries(verb="registry.inventory_imported") == 1


def test_an_imported_model_is_governed_and_gets_its_tasks_as_one_registered_by_hand(
    importing, retail, group, ada, now
):
    document = {**DOCUMENT, "fields": {**DOCUMENT["fields"], "regimes": "Regimes"}}
    importing(HEAD.replace("Colour", "Regimes") + CHURN.replace("red", "SR 26-2"), document=document)
    churn = RegisteredModel.objects.get(name="churn")
    by_hand = model_register(
        name="by hand", unit=retail, owner=ada, decisions_per_day=1200, regimes=["SR 26-2"], by=None, now=now
    )
    same = (
        "governance",
        "governance_rationale",
        "governance_evaluated_at",
        "adoption_stage",
        "adoption_reason",
    )
    assert {name: getattr(churn, name) for name in same} == {name: getattr(by_hand, name) for name in same}
    assert churn.governance == "mandatory"

    def tasks(model):
        found = RecordTask.objects.filter(model=model).order_by("kind")
        return [(task.kind, task.owner, task.unit_id, task.opened_at) for task in found]

    assert [kind for kind, *_ in tasks(churn)] == ["complete_record", "rating_missing"]
    assert tasks(churn) == tasks(by_hand)


def test_rows_cost_no_statement_each(importing, retail, group, ada, django_assert_max_num_queries):
    def rows(first, last):
        return HEAD + "".join(
            f"{n},model {n},Unit {n},ada@aldermoor.example,,9999999,\n" for n in range(first, last)
        )

    with CaptureQueriesContext(connection) as few:
        importing(rows(1, 4), adds_units=True)
    with django_assert_max_num_queries(len(few) + 86 // 4):  # SQLite takes about nine wide rows a statement
        importing(rows(4, 90), adds_units=True)


def test_an_import_tells_whoever_started_it_once_and_nobody_of_its_rows(importing, adam, ada, olga, now):
    importing(HEAD + CHURN + FRAUD, by=adam)
    handed = CHURN.replace("ada@", "olga@")
    importing(HEAD + handed + FRAUD, by=adam, at=now + timedelta(days=1))
    assert RegisteredModel.objects.get(name="churn").owner == olga
    rows = list(Notification.objects.order_by("pk"))
    assert [row.person for row in rows] == [adam, adam]
    assert (
        rows[0].text
        == "The import is finished: 2 models added, 0 changed, 0 refused. Look through what was added."
    )
    assert rows[0].link == f"/imports/{ImportRun.objects.earliest('pk').pk}/"


def test_a_second_import_of_the_same_file_changes_nothing(importing, ada):
    importing(HEAD + CHURN + FRAUD)
    before = history_model(RegisteredModel).objects.count(), entries(subject_label="registry.RegisteredModel")
    run = importing(HEAD + CHURN + FRAUD)
    assert (run.created, run.updated, run.unchanged) == (0, 0, 2)
    assert (
        history_model(RegisteredModel).objects.count(),
        entries(subject_label="registry.RegisteredModel"),
    ) == before


def test_a_changed_row_updates_its_model_and_nothing_else(importing, now, ada):
    importing(HEAD + CHURN + FRAUD)
    churn = RegisteredModel.objects.get(name="churn")
    model_rename(model=churn, name="churn scoring", by=None, now=now)
    custom = CHURN.replace("1200,red", "1300,blue")
    run = importing(HEAD + custom + FRAUD, at=now + timedelta(days=1))
    assert (run.created, run.updated, run.unchanged) == (0, 1, 1)
    churn.refresh_from_db()
    assert (churn.decisions_per_day, churn.custom["colour"]) == (1300, "blue")
    assert churn.history.count() == 3


def test_regimes_that_an_inventory_names_end_the_statement_that_there_is_none(importing, now, ada):
    document = {**DOCUMENT, "fields": {**DOCUMENT["fields"], "regimes": "Regimes"}}
    head = HEAD.replace("Colour", "Regimes")
    importing(head + CHURN.replace("red", ""), document=document)
    churn = RegisteredModel.objects.get(name="churn")
    model_update(model=churn, by=ada, now=now, no_regime_in_scope=True)
    importing(head + CHURN.replace("red", "GDPR"), document=document, at=now + timedelta(days=1))
    churn.refresh_from_db()
    assert churn.regimes == ["GDPR"]
    assert (churn.no_regime_in_scope, churn.no_regime_stated_by, churn.no_regime_stated_at) == (
        False,
        None,
        None,
    )


def test_an_import_makes_nobody_the_owner_of_what_they_decide_on(importing, ines):
    run = importing(HEAD + CHURN.replace("ada@", "ines@"))
    assert "Ines Halvorsen decides there as risk officer" in errors(run)[0][2]


def test_who_decides_above_owns_nothing_in_a_unit_that_the_import_adds(importing, make_person, group):
    hugo = make_person("Hugo Head", "risk_officer", unit=group)
    run = importing(f"{HEAD}1,rover,Mars Office,{hugo.email},,,\n", adds_units=True)
    assert "Hugo Head decides there as risk officer" in errors(run)[0][2]
    assert not RegisteredModel.objects.exists()


def test_the_state_of_a_model_with_versions_is_its_own(importing, now, ada):
    importing(HEAD + CHURN)
    ModelCounter.objects.update(last_number=1)
    run = importing(HEAD + CHURN.replace("in production", "retired"))
    assert RegisteredModel.objects.get(name="churn").lifecycle_state == "in_production"
    assert "has versions" in errors(run, is_note=True)[0][2]
    ModelCounter.objects.update(last_number=0)
    importing(HEAD + CHURN.replace("in production", "suspended"))
    assert RegisteredModel.objects.get(name="churn").lifecycle_state == "suspended"


def test_a_bad_row_is_named_and_the_others_are_imported(importing):
    run = importing(
        HEAD + CHURN + "2,fraud,Retail Lending,,quantum,many,\n3,,Retail Lending,,,,\n4,risk,Mars,,,1,\n5,x\n"
    )
    assert (run.created, run.failed) == (1, 4)
    assert [(row, column) for row, column, _ in errors(run)] == [
        (3, "State"), (3, "Volume"), (4, "Model"), (5, "Unit"), (6, ""),
    ]  # fmt: skip
    assert errors(run)[3][2] == "there is no unit “Mars”"


def test_missing_units_are_added_where_the_import_may(importing, group):
    run = importing(HEAD + "1,rover,Mars Office,,,,\n2,lander,Mars Office,,,,\n", adds_units=True)
    assert run.created == 2
    mars = BusinessUnit.objects.get(code="mars-office")
    assert (mars.name, mars.parent) == ("Mars Office", group)


def test_taken_names_get_a_longer_one(importing, retail):
    document = DOCUMENT | {"alternatives": [["Unit"]]}
    rows = "".join(f"{n},churn,Retail Lending,,,,\n" for n in range(1, 4))
    importing(HEAD + rows, document=document)
    assert sorted(RegisteredModel.objects.values_list("name", flat=True)) == [
        "churn",
        "churn (Retail Lending)",
        "churn [3]",
    ]
    assert importing(HEAD + rows, document=document).unchanged == 3


def test_an_import_that_stopped_goes_on_after_its_last_row(group, now, monkeypatch):
    monkeypatch.setattr(service, "CHUNK", 2)
    text = HEAD + "".join(f"{n},model {n},,,,,\n" for n in range(1, 8))
    run = service.import_start(
        content=text.encode(), name="m.csv", mapping=mapping.build(DOCUMENT), unit=group, by=None, now=now, in_background=False,
    )  # fmt: skip

    def stop(done, total):
        if done == 4:
            raise service.jobs.JobStopped("stopped")

    with pytest.raises(service.jobs.JobStopped):
        service.import_run(run=run, by=None, clock=lambda: now, progress=stop)
    run.refresh_from_db()
    assert (run.state, run.created, run.resume_row) == ("stopped", 4, 5)
    run = service.import_resume(run=run, by=None, now=now)
    assert run.job_number
    seen = []
    run = service.import_run(
        run=run, by=None, clock=lambda: now, progress=lambda done, total: seen.append((done, total))
    )
    assert (run.state, run.created, run.unchanged) == ("finished", 7, 0)
    assert seen == [(4, 7), (6, 7), (7, 7)]
    with pytest.raises(Conflict, match="finished"):
        service.import_resume(run=run, by=None, now=now)


def test_a_chunk_is_written_whole_or_not_at_all(importing, monkeypatch, group, now):
    def fail(*args, **kwargs):
        raise RuntimeError("the disk is full")

    monkeypatch.setattr(service.ImportRowError.objects, "bulk_create", fail)
    with pytest.raises(RuntimeError, match="disk is full"):
        importing(HEAD + CHURN)
    run = ImportRun.objects.get()
    assert (run.state, run.created, run.resume_row, run.message) == ("failed", 0, 0, "the disk is full")
    assert not RegisteredModel.objects.exists()
    assert entries(subject_label="registry.RegisteredModel") == 0


def test_two_imports_from_one_source_do_not_run_at_once(group, now):
    common = {"name": "m.csv", "mapping": mapping.build(DOCUMENT), "unit": group, "by": None, "now": now}
    service.import_start(content=(HEAD + CHURN).encode(), **common)
    with pytest.raises(Conflict, match="under way"):
        service.import_start(content=(HEAD + FRAUD).encode(), **common)


@pytest.mark.parametrize(
    ("job_state", "error", "left", "message"),
    [
        pytest.param("failed", "The process stopped answering.", "failed", "The process stopped answering.",
                     id="a worker that was killed leaves a failed import"),
        pytest.param("stopped", "", "stopped", "The process that ran this import ended before it was done.",
                     id="a job stopped while it waited leaves a stopped import"),
    ],
)  # fmt: skip
def test_an_import_whose_job_ended_alone_does_not_keep_its_source(
    group, now, job_state, error, left, message
):
    common = {"name": "m.csv", "mapping": mapping.build(DOCUMENT), "unit": group, "by": None, "now": now}
    lost = service.import_start(content=(HEAD + CHURN).encode(), **common)
    Job.objects.filter(pk=lost.job_number).update(state=job_state, error=error, finished_at=now)
    service.import_start(content=(HEAD + FRAUD).encode(), **common)
    lost.refresh_from_db()
    assert (lost.state, lost.message) == (left, message)


def test_an_import_that_is_tried_again_by_itself_is_not_resumed_beside(group, now):
    common = {"name": "m.csv", "mapping": mapping.build(DOCUMENT), "unit": group, "by": None, "now": now}
    run = service.import_start(content=(HEAD + CHURN).encode(), **common)
    ImportRun.objects.filter(pk=run.pk).update(state="failed")
    with pytest.raises(Conflict):
        service.import_resume(run=run, by=None, now=now)


def test_an_import_that_read_every_row_does_not_go_on(importing, now):
    run = importing(HEAD + "1,churn,Mars,,,,\n")
    assert run.state == "failed"
    with pytest.raises(Conflict, match="Every row was read"):
        service.import_resume(run=run, by=None, now=now)


def test_a_stranger_neither_imports_nor_previews(importing, retail, dora, now):
    with pytest.raises(NotAllowed):
        importing(HEAD + CHURN, by=dora, unit=retail)
    with pytest.raises(NotAllowed):
        service.import_preview(
            content=HEAD.encode(),
            name="m.csv",
            mapping=mapping.build(DOCUMENT),
            unit=retail,
            by=dora,
            now=now,
        )
    assert not ImportRun.objects.exists()


def test_rows_of_a_unit_in_which_the_person_may_not_import_are_refused_one_by_one(
    importing, retail, plant, olga
):
    run = importing(HEAD + CHURN + "2,press,Plant Operations,,,,\n", by=olga, unit=retail)
    assert (run.created, run.failed) == (1, 1)
    assert errors(run) == [(3, "Unit", "you have no right to import into Plant Operations")]


def test_units_are_added_only_by_who_manages_units(importing, retail, olga):
    with pytest.raises(NotAllowed, match="units"):
        importing(HEAD + CHURN, by=olga, unit=retail, adds_units=True)


def test_a_preview_tells_what_would_happen_and_writes_nothing(importing, group, now, ada):
    importing(HEAD + CHURN)
    preview = service.import_preview(
        content=(HEAD + CHURN + FRAUD + "3,risk,Mars,,,,\n\n").encode(), name="m.csv",
        mapping=mapping.build(DOCUMENT), unit=group, by=None, now=now,
    )  # fmt: skip
    assert preview.counts == {"created": 1, "updated": 0, "unchanged": 1, "failed": 1}
    assert preview.blank_rows == 1
    assert [str(problem) for problem in preview.problems] == ["row 4, column Unit: there is no unit “Mars”"]
    assert preview.samples[0].name == "churn"
    assert RegisteredModel.objects.count() == 1


def test_a_preview_tells_equal_problems_once_with_the_texts_that_fail_alike(group, now):
    document = {
        **DOCUMENT,
        "fields": {**DOCUMENT["fields"], "lifecycle_state": {"column": "State", "otherwise": "note"}},
    }
    rows = "1,,,,,1,\n2,a,,,Live,1,\n3,,,,Live,1,\n4,b,,,Pilot,1,\n5,c,,,registered,many,\n"
    preview = service.import_preview(
        content=(HEAD + rows).encode(), name="m.csv", mapping=mapping.build(document), unit=group, by=None, now=now
    )  # fmt: skip
    told = [(one.rows, one.column, one.message, one.first) for one in preview.problem_groups]
    assert told == [
        (2, "Model", "a model needs a name", (2, 4)),
        (1, "Volume", "“many” is no whole number", (6,)),
    ]
    noted = next(one for one in preview.note_groups if one.column == "State")
    assert (noted.rows, noted.first) == (3, (3, 4, 5))
    assert noted.message.endswith("retired, rejected: “Live” (2), “Pilot” (1)")


def test_an_unreadable_file_starts_nothing(importing):
    with pytest.raises(Invalid, match="no such column"):
        importing("Name\nchurn\n")
    assert not ImportRun.objects.exists()


def test_a_mapping_is_saved_by_its_name(group, now):
    service.mapping_save(document=DOCUMENT, unit=group, by=None, now=now)
    service.mapping_save(document=DOCUMENT | {"label": "Bank"}, unit=group, by=None, now=now)
    assert ImportMapping.objects.get().document["label"] == "Bank"
    with pytest.raises(Invalid, match="fields"):
        service.mapping_save(document={"name": "x", "source": "x"}, unit=group, by=None, now=now)


def test_the_file_is_kept_as_it_came(importing):
    run = importing(HEAD + CHURN)
    assert files.read(run.file) == (HEAD + CHURN).encode()


# The command


def command(*arguments):
    out = io.StringIO()
    call_command("import_inventory", *map(str, arguments), stdout=out, stderr=io.StringIO())
    return out.getvalue()


def test_the_command_imports_and_tells_counts(tmp_path, group, retail, now):
    service.mapping_save(document=DOCUMENT, unit=group, by=None, now=now)
    path = tmp_path / "models.csv"
    path.write_text(HEAD + CHURN)
    assert "1 created" in command(path, "--mapping", "bank", "--dry-run")
    assert not RegisteredModel.objects.exists()
    assert "1 rows, 0 blank rows, 1 created, 0 updated, 0 unchanged, 0 failed" in command(
        path, "--mapping", "bank"
    )
    assert "1 unchanged" in command(path, "--mapping", "bank")


def test_the_command_names_bad_rows_and_fails(tmp_path, group):
    path = tmp_path / "models.csv"
    path.write_text(HEAD + "1,churn,,,quantum,,\n")
    mapping_path = tmp_path / "bank.yaml"
    mapping_path.write_text("name: b\nsource: b\nkey: [Id]\nfields: {name: Model, lifecycle_state: State}\n")
    with pytest.raises(CommandError, match="1 row could not be imported"):
        command(path, "--mapping", mapping_path)
    with pytest.raises(CommandError, match="shipped are"):
        command(path, "--mapping", "nowhere")
    with pytest.raises(CommandError, match="column Nope: the file has no such column"):
        command(path, "--mapping", mapping_path, "--unit-column", "Nope")


@pytest.mark.skipif(not DATA.exists(), reason="shared/data is not beside the checkout")
@pytest.mark.parametrize(
    ("path", "name", "column", "count", "units"),
    [
        pytest.param("inventory-us-federal/2024_consolidated_ai_inventory_raw_v2.csv", "us-federal-2024", "Agency", 2133, 41, id="us"),
        pytest.param("inventory-nl-algorithm-register/algoritmes.json", "nl-algorithm-register", "organisatie", 875, 204, id="nl"),
    ],
)  # fmt: skip
def test_the_published_inventories_are_imported_whole_and_only_once(group, path, name, column, count, units):
    told = command(DATA / path, "--mapping", name, "--unit-column", column)
    print(told)  # noqa: T201
    assert f"{count:,} created, 0 updated, 0 unchanged, 0 failed" in told
    assert RegisteredModel.objects.count() == count
    assert BusinessUnit.objects.filter(parent=group).count() == units
    assert entries(subject_label="registry.RegisteredModel") == count
    assert not ModelVersion.objects.exists()
    again = command(DATA / path, "--mapping", name, "--unit-column", column)
    print(again)  # noqa: T201
    assert f"0 created, 0 updated, {count:,} unchanged, 0 failed" in again
    assert entries(subject_label="registry.RegisteredModel") == count


def test_a_worker_runs_a_queued_import_and_its_job_tells_the_counts(group, retail, now):
    run = service.import_start(
        content=(HEAD + CHURN).encode(), name="m.csv", mapping=mapping.build(DOCUMENT), unit=group, by=None, now=now
    )  # fmt: skip
    running.run(run.job_number)
    run.refresh_from_db()
    job = Job.objects.get(pk=run.job_number)
    assert (run.state, run.created) == ("finished", 1)
    assert (job.state, job.error, job.result["created"], job.total) == ("succeeded", "", 1, 1)
