"""Who sees which entries, page by page, and what a record's history says."""

from datetime import timedelta

import pytest
from django.utils import timezone

from audits import queries
from audits.models import LedgerEntry
from mlops_portal.foundation.history import save_as
from mlops_portal.foundation.operations import operation
from mlops_portal.foundation.people.services.tokens import account_create, token_create

pytestmark = pytest.mark.django_db


@pytest.fixture
def renamed(retail, ada):
    for number in range(5):
        retail.name = f"Retail {number}"
        save_as(retail, by=ada, now=timezone.now() + timedelta(seconds=number), reason=f"Round {number}")
    return retail


def test_an_auditor_of_the_group_sees_all_entries(renamed, plant, cleo):
    assert queries.entries_visible_to(cleo).count() == LedgerEntry.objects.count()
    assert queries.entries_visible_to(cleo).filter(unit_id=None).exists()


def test_a_risk_officer_sees_only_her_unit(renamed, plant, ines):
    seen = queries.entries_visible_to(ines)
    assert {entry.unit_id for entry in seen} == {renamed.pk}
    assert queries.entries_of(renamed, user=ines).count() == 6
    assert not queries.entries_of(plant, user=ines).exists()


def test_a_developer_sees_none(renamed, ada):
    assert not queries.entries_visible_to(ada).exists()


def test_an_act_is_all_its_entries(retail, plant, cleo, ada):
    @operation
    def swap():
        for unit in (retail, plant):
            unit.name += " (old)"
            save_as(unit, by=ada, now=timezone.now())

    swap()
    newest = queries.entries_of(plant, user=cleo).first()
    assert {entry.subject_id for entry in queries.entries_of_act(newest.act_id, user=cleo)} == {
        str(retail.pk),
        str(plant.pk),
    }


def test_filters_narrow(renamed, cleo, ada):
    by_ada = queries.entries_filtered(
        user=cleo, actor_id=str(ada.pk), verb="foundation.businessunit_changed", unit_id=renamed.pk
    )
    assert by_ada.count() == 5
    assert (
        queries.entries_filtered(
            user=cleo, actor_id=str(ada.pk), since=timezone.now() + timedelta(days=1)
        ).count()
        == 0
    )
    assert (
        queries.entries_filtered(user=cleo, subject_label="foundation.User", subject_id=str(ada.pk)).count()
        >= 1
    )
    assert queries.entries_filtered(user=cleo, model_id=1, until=timezone.now()).count() == 0


def test_pages_join_without_gap_or_overlap(renamed, cleo, django_assert_num_queries):
    entries, seen, before = queries.entries_visible_to(cleo), [], None
    while True:
        page = queries.page_of(entries, before=before, size=4)
        seen += [entry.id for entry in page.entries]
        before = page.next_before
        if before is None:
            break
    assert seen == sorted(LedgerEntry.objects.values_list("id", flat=True), reverse=True)
    with django_assert_num_queries(1):
        queries.page_of(entries, before=seen[3], size=4)


def test_numbers_and_payloads_come_in_one_statement_each(renamed, cleo, sequence, django_assert_num_queries):
    assert queries.ledger_state() == queries.LedgerState(0, "", None, "", waiting=True)
    sequence()
    state = queries.ledger_state()
    assert state.size == LedgerEntry.objects.count()
    assert not state.waiting
    page = queries.page_of(queries.entries_of(renamed, user=cleo), size=3)
    with django_assert_num_queries(2):
        numbers, payloads = queries.numbers_of(page.entries), queries.payloads_of(page.entries)
    assert set(numbers) == set(payloads) == {entry.entry_id for entry in page.entries}
    assert payloads[page.entries[0].entry_id]["row"]["name"] == "Retail 4"


def test_history_names_each_field_before_and_after(renamed, ada, django_assert_num_queries):
    with django_assert_num_queries(2):
        steps = queries.history_of(renamed)
    assert [step.reason for step in steps][:2] == ["Round 4", "Round 3"]
    (change,) = steps[0].changes
    assert (change.name, change.before, change.after) == ("name", "Retail 3", "Retail 4")
    assert (steps[0].actor, steps[0].actor_id, steps[0].verb) == (
        ada.name,
        str(ada.pk),
        "business unit changed",
    )
    created = {change.name: change.after for change in steps[-1].changes}
    assert created["code"] == "retail-lending"
    assert steps[-1].actor == "The portal"


@pytest.mark.parametrize(
    ("name", "written"),
    [("eu ai class rationale", "EU AI class rationale"), ("api token", "API token"), ("aim", "aim")],
)
def test_names_of_fields_have_their_abbreviations_in_capitals(name, written):
    assert queries.in_words(name) == written


def test_history_goes_on_where_the_page_ended(renamed):
    whole = queries.history_of(renamed)
    top = queries.history_of(renamed, size=2)
    rest = queries.history_of(renamed, before=(top[-1].at, top[-1].history_id))
    assert top + rest == whole


def test_a_changed_secret_is_said_and_not_shown(ada, retail, now):
    account = account_create(name="ci", unit=retail, owner=ada, by=None, now=now)
    token = token_create(account=account, label="t", scopes=["registry.view"], days=1, by=None, now=now).token
    token.secret_sha256 = "b" * 64
    save_as(token, by=ada, now=timezone.now())
    (change,) = [one for one in queries.history_of(token)[0].changes if one.name == "secret_sha256"]
    assert (change.before, change.after) == ("(not shown)", "(not shown)")
