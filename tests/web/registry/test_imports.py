"""Pages of an import: the preview can be judged, a hopeless import does not start, the run tells what happened."""

import json
import re

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.core.management import call_command
from django.urls import reverse

from mlops_portal.foundation.people.models import BusinessUnit
from mlops_portal.foundation.work import running
from mlops_portal.foundation.work.models import Job
from registry.models import ImportMapping, ImportRun, RegisteredModel
from registry.services.models import model_update
from registry.states import ImportState

pytestmark = pytest.mark.django_db

HEAD = "id,use_case_name,agency,stage,colour\n"
FLEET = HEAD + "".join(f"{n},model {n},{'Mars' if n < 4 else 'Moon'},Deployed,red\n" for n in range(1, 6))


@pytest.fixture
def upload(as_person, group):
    """Return a function that uploads a text as a file and returns the client and the preview's address."""

    def send(person, text=FLEET, unit=group, **given):
        client = as_person(person)
        file = SimpleUploadedFile("fleet.csv", text.encode())
        answer = client.post(
            reverse("registry:import-start"), {"file": file, "unit": unit.pk, "mapping": "suggest", **given}
        )
        assert answer.status_code == 303, answer.content.decode()[:3000]
        return client, answer["Location"]

    return send


def chosen(page):
    """Return what the form of a preview would send."""
    html = page.content.decode()
    found = {}
    for name, options in re.findall(r'<select name="(c\d+|v-[\w-]+)".*?>(.*?)</select>', html, re.DOTALL):
        on = re.search(r'<option value="([^"]*)" selected', options)
        found[name] = on.group(1) if on else ""
    return found


def test_a_preview_tells_columns_without_a_field_from_the_wording_of_mapped_ones(upload, adam):
    client, url = upload(adam)
    html = client.get(url).content.decode()
    assert "<b>2 new custom fields of Aldermoor Group</b>" in html
    assert "For columns that no field holds: id, colour." in html
    assert "with the file’s own wording kept, too, as custom fields: agency, stage." in html


def test_a_preview_says_why_nothing_would_be_written_and_what_helps(upload, adam):
    client, url = upload(adam)
    page = client.get(url)
    html = page.content.decode()
    assert "5 rows name 2 units that the portal lacks" in html
    assert "Mars (3), Moon (2)" in html
    assert "There is no unit" not in html
    assert "Nothing would be written: all 5 rows would fail." in html
    assert re.search(r'<button class="btn primary" aria-disabled="true"[^>]*>Start the import', html)
    refused = client.post(url, chosen(page))
    assert refused.status_code == 409
    assert not ImportRun.objects.exists()


def test_missing_units_are_added_from_the_preview_itself(upload, adam, group):
    client, url = upload(adam)
    looked = client.post(url, {**chosen(client.get(url)), "look": "add-units"})
    html = looked.content.decode()
    assert "Units to add" in html
    assert re.search(r"Mars.{0,60}3 models", html, re.DOTALL)
    assert "aria-disabled" not in html.partition('id="action-form"')[2].partition("</form>")[0]
    assert re.search(r'name="adds_units"[^>]*checked', html)
    started = client.post(url, {**chosen(looked), "adds_units": "on"})
    assert started.status_code == 303
    run = ImportRun.objects.get()
    running.run(run.job_number)
    assert RegisteredModel.objects.filter(unit__name="Mars").count() == 3


def test_who_manages_no_units_is_told_who_adds_them(upload, olga, retail):
    client, url = upload(olga, unit=retail, adds_units="on")
    html = client.get(url).content.decode()
    assert "Somebody who manages the units of Retail Lending can add them." in html
    assert "adds_units" not in html.partition('id="action-form"')[2]
    client.post(url, {**chosen(client.get(url)), "look": "add-units"})
    assert not BusinessUnit.objects.filter(name="Mars").exists()


def test_equal_errors_are_told_once_with_their_rows_and_their_column(upload, adam):
    client, url = upload(adam, HEAD + "1,,,,\n2,,,,\n3,,,,\n4,four,,,\n")
    html = client.get(url).content.decode()
    assert html.count("A model needs a name") == 1
    assert re.search(r"3</th><td>A model needs a name</td><td>use_case_name</td><td>2, 3, 4</td>", html)


def test_the_column_of_the_unit_is_shown_as_such_and_can_be_chosen(upload, adam):
    client, url = upload(adam)
    page = client.get(url)
    fields = chosen(page)
    columns = {name: value for name, value in fields.items() if name.startswith("c")}
    assert columns == {"c0": "", "c1": "name", "c2": "unit", "c3": "lifecycle_state", "c4": ""}
    assert "A row is found again by id" in page.content.decode()
    looked = client.post(url, {**fields, "c2": "", "look": "1"}).content.decode()
    assert "that the portal lacks" not in looked


def test_the_order_is_summary_mapping_errors_samples(upload, adam):
    client, url = upload(adam, FLEET + "6,,,,\n", adds_units="on")
    html = client.get(url).content.decode()
    assert "new custom field" in html
    places = [html.index(text) for text in ("Models to create", "Units to add", "What each column holds",
              "A model needs a name", "The first rows as they would be read")]  # fmt: skip
    assert places == sorted(places)
    assert re.search(r"<b>model 1</b>", html)


class TestRun:
    """The page of one import."""

    def started(self, upload, person, text=FLEET, **given):
        client, url = upload(person, text, **given)
        answer = client.post(url, {**chosen(client.get(url)), **given})
        assert answer.status_code == 303, answer.content.decode()[-3000:]
        return client, answer["Location"], ImportRun.objects.get()

    def test_it_follows_its_job_and_then_tells_the_truth(self, upload, adam):
        text = FLEET + "6,,Mars,,\n"
        client, url, run = self.started(upload, adam, text, adds_units="on")
        html = client.get(url).content.decode()
        assert "Queued" in html
        assert "portal:job-ended from:body" in html
        assert "Every row" not in html
        assert "No error so far" in html
        running.run(run.job_number)
        told = client.get(url, headers={"HX-Request": "true", "HX-Target": "import-outcome"}).content.decode()
        assert "Finished, 1 failed" in told
        assert 'id="list"' in told
        assert 'id="import-outcome"' in told
        assert "job-ended" not in told
        assert "Finished, 1 failed" in client.get(reverse("registry:import-list")).content.decode()
        assert 'href="/models/?source=fleet">Models of this source</a>' in told
        assert "5 models" in client.get("/models/?source=fleet").content.decode()

    def test_a_filter_of_the_list_answers_with_the_list_alone(self, upload, adam):
        client, url, _ = self.started(upload, adam, adds_units="on")
        part = client.get(url, headers={"HX-Request": "true", "HX-Target": "list"}).content.decode()
        assert "import-outcome" not in part

    def test_somebody_else_follows_it_without_its_job(self, upload, adam, as_person, make_person, group):
        _, url, _ = self.started(upload, adam, adds_units="on")
        other = as_person(make_person("Bea Stone", "administrator", unit=group))
        html = other.get(url).content.decode()
        assert "every 5s" in html
        assert "/jobs/" not in html

    def test_an_import_that_lost_its_job_is_no_longer_under_way(self, upload, adam, now):
        client, url, run = self.started(upload, adam, adds_units="on")
        Job.objects.filter(pk=run.job_number).update(state="failed", error="The process stopped answering.")
        html = client.get(url).content.decode()
        assert "The process stopped answering." in html
        assert ">Go on</a>" in html
        assert "Queued" not in html

    def test_an_import_that_wrote_nothing_failed(self, upload, adam):
        client, url, run = self.started(upload, adam, adds_units="on")
        ImportRun.objects.filter(pk=run.pk).update(
            state=ImportState.FAILED,
            rows=5,
            failed=5,
            resume_row=6,
            message="None of the 5 rows could be imported.",
        )
        Job.objects.filter(pk=run.job_number).update(state="failed")
        html = client.get(url).content.decode()
        assert "None of the 5 rows could be imported." in html
        assert ">Go on</a>" not in html
        assert ">Import again</a>" in html


class TestValues:
    """What the texts of a choice mean is asked, prefilled and saved."""

    HEAD = "id,model name,classification,contracting_usage\n"
    TEXT = HEAD + "1,one,Generative AI,Vendor Purchased\n2,two,NLP,\n3,three,NLP,In-house\n"

    def question(self, page, label):
        found = re.search(rf'for="id_(v-[\w-]+)"[^>]*>\s*{label}', page.content.decode())
        assert found, label
        return found.group(1)

    def test_the_values_are_asked_and_prefilled_and_what_is_open_is_counted(self, upload, adam):
        client, url = upload(adam, self.TEXT)
        page = client.get(url)
        fields = chosen(page)
        assert fields[self.question(page, "Generative AI")] == "generative"
        assert fields[self.question(page, "NLP")] == ""
        assert fields[self.question(page, "Vendor Purchased")] == "third_party"
        html = page.content.decode()
        assert "Kind: 2 models would be recorded as analytical. The file says “NLP” (2)." in html
        assert "default, the file says “NLP”" in html

    def test_an_answer_is_imported_and_saved_with_the_mapping(self, upload, adam):
        client, url = upload(adam, self.TEXT)
        page = client.get(url)
        fields = {**chosen(page), self.question(page, "NLP"): "generative", "save_as": "fleet"}
        assert "Kind:" not in client.post(url, {**fields, "look": "1"}).content.decode()
        assert client.post(url, fields).status_code == 303
        run = ImportRun.objects.get()
        running.run(run.job_number)
        assert set(RegisteredModel.objects.values_list("kind", flat=True)) == {"generative"}
        saved = ImportMapping.objects.get().document["fields"]["kind"]["values"]
        assert saved["NLP"] == "generative"
        client, url = upload(adam, self.TEXT + "4,four,Quantum,\n", mapping="saved:fleet")
        page = client.get(url)
        fields = chosen(page)
        assert fields[self.question(page, "NLP")] == "generative"
        assert fields[self.question(page, "Quantum")] == ""

    def test_a_column_chosen_anew_asks_first_and_a_kind_may_be_said_for_every_row(self, upload, adam):
        client, url = upload(adam, self.TEXT)
        fields = {**chosen(client.get(url)), "c2": ""}
        refused = client.post(url, fields)
        assert refused.status_code == 400
        assert "Look first at what the texts of kind mean" in refused.content.decode()
        every = self.question(refused, "Every row")
        assert client.post(url, {**fields, **chosen(refused), every: "agent"}).status_code == 303
        running.run(ImportRun.objects.get().job_number)
        assert set(RegisteredModel.objects.values_list("kind", flat=True)) == {"agent"}

    def test_a_kind_that_is_not_offered_is_refused(self, upload, adam):
        client, url = upload(adam, self.TEXT)
        page = client.get(url)
        answer = client.post(url, {**chosen(page), self.question(page, "NLP"): "oracle"})
        assert answer.status_code == 400
        assert not ImportRun.objects.exists()


class TestUndo:
    """An import is undone from its page, and one of a killed command is given up there."""

    def imported(self, upload, adam):
        client, url = upload(adam, adds_units="on")
        answer = client.post(url, {**chosen(client.get(url)), "adds_units": "on"})
        run = ImportRun.objects.get()
        running.run(run.job_number)
        return client, answer["Location"], run

    def test_it_says_before_what_goes_what_stays_and_why_and_after_what_became_of_it(self, upload, adam, now):
        client, url, run = self.imported(upload, adam)
        first = RegisteredModel.objects.order_by("pk").first()
        model_update(model=first, by=adam, now=now, title="Kept")
        assert f'href="{url}undo/">Undo this import</a>' in client.get(url).content.decode()
        html = client.get(f"{url}undo/").content.decode()
        assert "Withdraw 4 models" in html
        assert re.search(r"Somebody changed it since.{0,60}1 model", html, re.DOTALL)
        rows = b"".join(client.get(f"{url}models/?export=csv").streaming_content).decode().splitlines()
        assert rows[1].split(",")[-2:] == ["stays", "somebody changed it since"]
        assert [row.split(",")[-2] for row in rows[2:]] == ["goes"] * 4
        assert client.post(f"{url}undo/").status_code == 303
        assert "Undoing</h2>" in client.get(url).content.decode()
        run.refresh_from_db()
        running.run(run.undo_job_number)
        told = client.get(url).content.decode()
        assert "4 models were withdrawn, 1 stays" in told
        assert ">Go on</a>" not in told
        assert client.get(f"{url}models/").content.decode().count("Withdrawn") == 4

    def test_a_second_press_says_that_nothing_is_left(self, upload, adam):
        client, url, run = self.imported(upload, adam)
        client.post(f"{url}undo/")
        run.refresh_from_db()
        running.run(run.undo_job_number)
        assert "Nothing is left to undo" in client.get(f"{url}undo/").content.decode()
        assert "Nothing is left to undo" in client.post(f"{url}undo/", follow=True).content.decode()
        assert "Undo this import</a>" not in client.get(url).content.decode()

    def test_a_second_press_while_it_waits_says_that_it_is_being_undone(self, upload, adam):
        client, url, run = self.imported(upload, adam)
        client.post(f"{url}undo/")
        run.refresh_from_db()
        told = client.post(f"{url}undo/", follow=True)
        assert [str(one) for one in told.context["messages"]] == ["The import is being undone."]
        number = run.undo_job_number
        run.refresh_from_db()
        assert run.undo_job_number == number

    def test_an_import_of_a_killed_command_offers_both_ways_on(self, upload, adam):
        client, url, run = self.imported(upload, adam)
        ImportRun.objects.filter(pk=run.pk).update(state=ImportState.RUNNING, job_number=None, resume_row=3)
        html = client.get(url).content.decode()
        assert "A command runs this import" in html
        assert ">Go on</a>" in html
        assert ">Give up</a>" in html
        assert client.post(f"{url}give-up/").status_code == 303
        assert "It was given up." in client.get(url).content.decode()


def test_a_column_is_left_out_in_the_form_named_with_its_values_and_stays_so_in_the_saved_mapping(
    upload, adam
):
    client, url = upload(adam, adds_units="on")
    fields = {**chosen(client.get(url)), "c4": "leave-out", "adds_units": "on"}
    looked = client.post(url, {**fields, "look": "1"})
    html = looked.content.decode()
    assert "<b>Left out</b>" in html
    assert "colour: 5 values not taken." in html
    assert chosen(looked)["c4"] == "leave-out"
    assert "<b>1 new custom field of Aldermoor Group</b>" in html
    assert client.post(url, {**fields, "save_as": "fleet"}).status_code == 303
    run = ImportRun.objects.get()
    running.run(run.job_number)
    page = client.get(reverse("registry:import-run", args=[run.pk])).content.decode()
    assert "colour: 5 values not taken." in page
    assert "colour" not in RegisteredModel.objects.get(name="model 1").custom
    assert ImportMapping.objects.get(name="fleet").document["leave_out"] == ["colour"]
    client, url = upload(adam, mapping="saved:fleet")
    page = client.get(url).content.decode()
    assert re.search(r"colour</th><td>left out</td>", page)
    assert "colour: 5 values not taken." in page


def test_the_column_by_which_a_row_is_found_again_cannot_be_left_out(upload, adam):
    client, url = upload(adam, adds_units="on")
    answer = client.post(url, {**chosen(client.get(url)), "c0": "leave-out", "look": "1"})
    assert answer.status_code == 400
    assert "A row is found again by this column. It cannot be left out." in answer.content.decode()


def test_a_command_names_what_it_leaves_out(group, tmp_path, capsys):
    (tmp_path / "fleet.csv").write_text(FLEET)
    document = {
        "name": "fleet", "source": "fleet", "key": ["id"], "leave_out": ["colour"],
        "fields": {"name": "use_case_name"},
    }  # fmt: skip
    (tmp_path / "fleet.json").write_text(json.dumps(document))
    given = (str(tmp_path / "fleet.csv"), "--mapping", str(tmp_path / "fleet.json"))
    call_command("import_inventory", *given, "--dry-run")
    assert "colour is left out: 5 values not taken" in capsys.readouterr().out
    call_command("import_inventory", *given)
    assert "colour is left out: 5 values not taken" in capsys.readouterr().out
    assert "colour" not in RegisteredModel.objects.get(name="model 1").custom
