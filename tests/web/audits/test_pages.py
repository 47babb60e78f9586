"""Pages of audits: who sees what, what they say, and that they stay cheap."""

from datetime import timedelta

import pytest
from django.utils import timezone

from audits.models import LedgerEntry
from audits.reading import workspace
from audits.services.shredding import person_shred
from mlops_portal.foundation.history import save_as
from mlops_portal.foundation.people.services.persons import person_deactivate
from mlops_portal.foundation.work.models import Job
from mlops_portal.foundation.work.worker import run_pending
from registry.services.models import model_register
from registry.services.versions import version_register

pytestmark = pytest.mark.django_db


@pytest.fixture
def credit(retail, olga, ada, now):
    model = model_register(name="credit-pd", title="Credit PD", unit=retail, owner=olga, by=ada, now=now)
    model.title = "Credit PD, renamed"
    model.owner = ada
    return save_as(model, by=olga, now=now + timedelta(days=1), reason="New <b>owner</b>")


def text_of(client, url: str) -> str:
    response = client.get(url)
    assert response.status_code == 200, response.content.decode()[:2000]
    return response.content.decode()


@pytest.mark.parametrize("url", ["/audit/", "/ledger/", "/audit/as-of/", "/audit/public-key/"])
def test_a_manager_without_the_right_is_refused(url, mona, as_person):
    assert as_person(mona).get(url).status_code == 403


@pytest.mark.parametrize("url", ["/audit/", "/ledger/", "/exports/", "/audit/as-of/", "/models/1/history/"])
def test_strangers_sign_in_first(url, client, db):
    assert client.get(url).status_code == 302


class TestWorkspace:
    def test_before_any_checkpoint_it_says_so(self, credit, cleo, as_person):
        page = text_of(as_person(cleo), "/audit/")
        assert "No entry is signed yet" in page
        assert "not connected" in page

    def test_signed_but_not_verified_then_verified(self, credit, cleo, as_person, sequence):
        sequence()
        client = as_person(cleo)
        page = text_of(client, "/audit/")
        assert "signed by this portal, not witnessed" in page
        assert "Nobody has verified the ledger yet" in page
        assert client.post("/audit/verify/").status_code == 303
        run_pending(clock=timezone.now)
        page = text_of(client, "/audit/")
        assert "No mismatch" in page
        assert "Cleo Marchetti" in page

    def test_late_entries_are_named(self, credit, cleo, as_person, sequence):
        sequence()
        page = text_of(as_person(cleo), "/audit/")
        newest = LedgerEntry.objects.filter(is_flagged=True).latest("id")
        assert f'href="/ledger/{newest.pk}/">#' in page

    def test_the_key_and_the_verifier_can_be_taken(self, credit, cleo, as_person, sequence):
        sequence()
        assert "BEGIN PUBLIC KEY" in text_of(as_person(cleo), "/audit/public-key/")
        assert "def verify(" in text_of(as_person(cleo), "/audit/verifier/")

    def test_the_ledger_box_stands_in_the_navigation(self, credit, cleo, as_person, sequence):
        sequence()
        page = text_of(as_person(cleo), "/models/")
        assert "nav-ledger is-info" in page
        assert "never verified" in page

    def test_the_box_and_the_printed_line_claim_no_more_than_was_verified(
        self, credit, retail, ada, cleo, as_person, sequence
    ):
        checked = sequence()
        client = as_person(cleo)
        client.post("/audit/verify/")
        run_pending(clock=timezone.now)
        verified = workspace.integrity()
        assert (verified.last.size, verified.since) == (checked, 0)
        assert "none since" in text_of(client, "/models/")
        for number in range(3):
            retail.name = f"Retail {number}"
            save_as(retail, by=ada, now=timezone.now())
        sequence()
        after = workspace.integrity()
        assert after.state.size == checked + after.since > checked + 3
        page = text_of(client, "/models/")
        box = page[page.index("nav-ledger") :]
        printed = page[page.index("Printed by") :]
        for claim in (box[: box.index("</a>")], printed[: printed.index("</p>")]):
            assert f"Ledger, first {checked} entries verified" in claim
            assert f"{after.since} since" in claim
            assert f"first {after.state.size} entries" not in claim
        assert after.state.root in printed

    def test_a_finished_verification_states_its_result(self, credit, cleo, as_person, sequence):
        checked = sequence()
        client = as_person(cleo)
        client.post("/audit/verify/")
        run_pending(clock=timezone.now)
        job = Job.objects.get(kind="audits.verify")
        row = client.get(f"/jobs/{job.pk}/", headers={"HX-Request": "true"})
        assert job.result["size"] == checked
        assert "No mismatch" in job.result["text"]
        assert job.result["text"] in row.content.decode()
        assert "portal:job-ended" in row.headers["HX-Trigger"]
        assert 'hx-trigger="portal:job-ended from:body" hx-select="#integrity"' in text_of(client, "/audit/")


class TestExplorer:
    def test_an_auditor_of_one_unit_sees_only_its_entries(self, credit, plant, olga, rita, as_person, now):
        other = model_register(name="press-line", title="Press", unit=plant, owner=olga, by=None, now=now)
        client = as_person(rita)
        page = text_of(client, "/ledger/")
        assert "credit-pd" in page
        assert "press-line" not in page
        hidden = LedgerEntry.objects.filter(model_id=other.pk).first()
        assert client.get(f"/ledger/{hidden.pk}/").status_code == 404

    @pytest.mark.parametrize(
        "query",
        [
            "q=credit-pd",
            "record=registry.RegisteredModel",
            "nature=row",
            "q=Ada",
            "since=2026-11-17&until=2026-11-18",
        ],
    )
    def test_filters_find_it(self, credit, cleo, as_person, query):
        assert "credit-pd" in text_of(as_person(cleo), f"/ledger/?{query}")

    def test_numbers_and_ids_are_understood(self, credit, cleo, as_person, sequence):
        sequence()
        entry = LedgerEntry.objects.filter(subject_label="registry.RegisteredModel").latest("id")
        client = as_person(cleo)
        for typed in (entry.short_id, str(entry.entry_id)):
            assert f"/ledger/{entry.pk}/" in text_of(client, f"/ledger/?q={typed}")
        assert "#0" in text_of(client, "/ledger/?q=%230")
        assert f"/ledger/{entry.pk}/" in text_of(client, f"/search/?q={entry.short_id}")

    def test_statements_do_not_grow_with_entries(
        self, credit, retail, ada, cleo, as_person, sequence, assert_flat_queries
    ):
        client = as_person(cleo)

        def more():
            for number in range(40):
                retail.name = f"Retail {number}"
                save_as(retail, by=ada, now=timezone.now())
            sequence()

        more()
        more()
        assert_flat_queries(act=lambda: client.get("/ledger/"), add_rows=more, budget=30)
        entry = LedgerEntry.objects.latest("id")
        assert_flat_queries(act=lambda: client.get(f"/ledger/{entry.pk}/"), add_rows=lambda: None, budget=45)


class TestEntry:
    def test_it_verifies_and_shows_before_and_after(self, credit, cleo, as_person, sequence):
        sequence()
        entry = LedgerEntry.objects.filter(verb="registry.registeredmodel_changed").latest("id")
        page = text_of(as_person(cleo), f"/ledger/{entry.pk}/")
        assert "This entry verifies" in page
        assert "Credit PD, renamed" in page
        assert "Olga Moller" in page
        assert "Ada Brandt" in page
        assert "New &lt;b&gt;owner&lt;/b&gt;" in page
        assert "Proof of inclusion" in page

    def test_one_that_waits_says_so(self, credit, cleo, as_person):
        entry = LedgerEntry.objects.latest("id")
        assert "waits for its number" in text_of(as_person(cleo), f"/ledger/{entry.pk}/")

    def test_an_altered_payload_is_named(self, credit, cleo, as_person, sequence):
        from django.db import connection

        from audits import triggers

        sequence()
        entry = LedgerEntry.objects.filter(verb="registry.registeredmodel_changed").latest("id")
        triggers.drop()
        with connection.cursor() as cursor:
            key = entry.entry_id.hex if connection.vendor == "sqlite" else str(entry.entry_id)
            cursor.execute(
                "UPDATE audits_ledgerpayload SET payload = replace(payload, 'renamed', 'forged') WHERE entry_id = %s",
                [key],
            )
        page = text_of(as_person(cleo), f"/ledger/{entry.pk}/")
        triggers.install()
        assert "This entry does not verify: payload" in page

    def test_a_removed_payload_is_shown_as_such(self, credit, dora, cleo, adam, as_person, sequence):
        gone = person_deactivate(person=dora, reason="Left", by=adam, now=timezone.now())
        person_shred(person=gone, by=adam, now=timezone.now())
        sequence()
        entry = LedgerEntry.objects.filter(payload__isnull=True).first()
        client = as_person(cleo)
        page = text_of(client, f"/ledger/{entry.pk}/")
        assert "Lawfully removed by entry #" in page
        assert "This entry verifies" in page


class TestHistory:
    def test_a_model_tells_field_by_field_with_numbers(self, credit, ada, cleo, as_person, sequence):
        sequence()
        page = text_of(as_person(cleo), f"/models/{credit.pk}/history/")
        assert '<span class="was">Credit PD</span>' in page
        assert '<span class="was">Olga Moller</span>' in page
        number = LedgerEntry.objects.filter(verb="registry.registeredmodel_changed").latest("id").pk
        assert f'href="/ledger/{number}/"' in page
        assert 'name="as_of"' in page
        assert "History" in text_of(as_person(ada), f"/models/{credit.pk}/")

    def test_what_the_portal_did_by_itself_reads_as_one_sentence(self, credit, cleo, as_person, now):
        save_as(credit, by=None, now=now + timedelta(days=2), reason="Follows what runs in production")
        page = text_of(as_person(cleo), f"/models/{credit.pk}/history/")
        assert "<b>The portal</b> changed: follows what runs in production" in page
        assert "changed: New &lt;b&gt;owner" in page, "what a person wrote stays as written"

    def test_who_may_not_see_the_model_sees_no_history(self, credit, dora, as_person):
        assert as_person(dora).get(f"/models/{credit.pk}/history/").status_code == 404

    def test_versions_have_one(self, credit, ada, as_person, now):
        version = version_register(model=credit, by=ada, now=now)
        assert "created" in text_of(as_person(ada), f"/versions/{version.pk}/history/")

    def test_long_histories_are_paged_by_key(self, credit, olga, as_person, now):
        for number in range(60):
            credit.title = f"Title {number}"
            save_as(credit, by=olga, now=now + timedelta(days=2, minutes=number))
        client = as_person(olga)
        first = text_of(client, f"/models/{credit.pk}/history/")
        assert "Title 59" in first
        assert "Title 2</dd>" not in first
        token = first.split('rel="next" href="')[1].split('"')[0]
        assert "Title 2</dd>" in text_of(client, f"/models/{credit.pk}/history/{token}")
        assert client.get(f"/models/{credit.pk}/history/?before=forged").status_code == 400


class TestPastInventory:
    def test_it_shows_the_day_and_todays_rights_on_the_unit_then(
        self, credit, plant, rita, cleo, as_person, now
    ):
        credit.unit = plant
        save_as(credit, by=None, now=now + timedelta(days=3))
        day = "/audit/as-of/?at=2026-11-17"
        assert "Credit PD" in text_of(as_person(rita), day)
        assert "renamed" not in text_of(as_person(cleo), day)
        later = "/audit/as-of/?at=2026-11-21" if timezone.now() > now + timedelta(days=5) else "/audit/as-of/"
        assert "credit-pd" not in text_of(as_person(rita), later)

    def test_csv_of_that_day(self, credit, cleo, as_person):
        response = as_person(cleo).get("/audit/as-of/?at=2026-11-17&export=csv")
        assert b"credit-pd" in b"".join(response.streaming_content)

    @pytest.mark.parametrize("moment", ["nonsense", "2999-01-01", "2026-13-45"])
    def test_a_wrong_moment_is_named(self, cleo, as_person, moment):
        assert as_person(cleo).get(f"/audit/as-of/?at={moment}").status_code == 400
