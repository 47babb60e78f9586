"""The explorer shows one row for each act; nothing is hidden from filters, searches and files."""

import csv
import io
import re

import pytest
from django.utils import timezone

from audits.models import LedgerEntry
from audits.reading.acts import page_of_acts
from mlops_portal.foundation.history import bulk_save_as, save_as
from mlops_portal.foundation.operations import operation
from mlops_portal.foundation.web.paging import Order, page_of
from registry.services.models import model_register

pytestmark = pytest.mark.django_db

NEWEST = Order("number", "id", is_descending=True)
OLDEST = Order("number", "id")


def text_of(client, url: str) -> str:
    answer = client.get(url)
    assert answer.status_code == 200, answer.status_code
    return b"".join(answer).decode() if answer.streaming else answer.content.decode()


def rows_of(page: str) -> list[str]:
    return re.findall(r'<tr><th scope="row">.*?</tr>', page, re.DOTALL)


@pytest.fixture
def press(retail, ada, olga):
    return model_register(
        name="press-line", title="Press", unit=retail, owner=olga, by=ada, now=timezone.now()
    )


@pytest.fixture
def rename(retail, plant, ada):
    """Rename both units in one act: a change of each and no word of its own."""

    @operation
    def both(word: str) -> None:
        for unit in (retail, plant):
            unit.name = f"{unit.name} {word}"
            save_as(unit, by=ada, now=timezone.now())

    return both


def test_an_act_is_one_row_that_says_what_was_done_and_opens_to_all_entries(press, cleo, as_person):
    client = as_person(cleo)
    entries = LedgerEntry.objects.filter(model_id=press.pk)
    (act,) = set(entries.values_list("act_id", flat=True))
    count = LedgerEntry.objects.filter(act_id=act).count()
    assert count > 1
    (row,) = rows_of(text_of(client, f"/ledger/?model={press.pk}"))
    assert "registered the model" in row
    (address,) = re.findall(rf'<a href="([^"]+)">and {entries.count() - 1} more entr(?:y|ies)</a>', row)
    opened = text_of(client, f"/ledger/{address.replace('&amp;', '&')}")
    assert len(rows_of(opened)) == entries.count()
    assert "more entr" not in "".join(rows_of(opened))
    assert "Clear act" in opened
    assert len(rows_of(text_of(client, f"/ledger/?act={act}"))) == count


def test_an_act_without_words_of_its_own_is_told_by_its_summary(retail, plant, ada, cleo, as_person):
    @operation
    def both():
        for unit in (retail, plant):
            unit.name += " (old)"
        bulk_save_as([retail, plant], by=ada, now=timezone.now(), reason="Renamed", fields=["name"])

    both()
    row = rows_of(text_of(as_person(cleo), "/ledger/"))[0]
    assert "changed 2 business units in one act" in row
    assert "and 2 more entries" in row


def test_an_entry_that_is_an_act_of_its_own_says_nothing_of_others(retail, ada, cleo, as_person):
    retail.name = "Retail, renamed"
    save_as(retail, by=ada, now=timezone.now())
    assert "more entr" not in rows_of(text_of(as_person(cleo), "/ledger/"))[0]


def test_a_search_finds_each_entry_of_an_act(press, cleo, as_person):
    client = as_person(cleo)
    for entry in LedgerEntry.objects.filter(model_id=press.pk):
        assert f"/ledger/{entry.pk}/" in text_of(client, f"/ledger/?q={entry.entry_id}")
        kind = f"/ledger/?verb={entry.verb}&subject={entry.subject_id}&record={entry.subject_label}"
        assert f"/ledger/{entry.pk}/" in text_of(client, kind)


def test_others_are_counted_as_far_as_the_reader_and_the_filter_go(
    rename, retail, plant, cleo, rita, as_person
):
    rename("(old)")
    assert "and 1 more entry<" in rows_of(text_of(as_person(cleo), "/ledger/"))[0]
    assert "more entr" not in text_of(as_person(rita), "/ledger/").split("<tbody>")[1].split("</tr>")[0]
    one = text_of(as_person(cleo), f"/ledger/?record=foundation.BusinessUnit&subject={plant.pk}")
    assert "more entr" not in rows_of(one)[0]


def test_a_file_holds_every_entry(press, cleo, as_person):
    text = text_of(as_person(cleo), f"/ledger/?model={press.pk}&export=csv")
    assert (
        len(list(csv.DictReader(io.StringIO(text)))) == LedgerEntry.objects.filter(model_id=press.pk).count()
    )


@pytest.mark.parametrize("order", [NEWEST, OLDEST], ids=["newest first", "oldest first"])
def test_paging_visits_every_act_once_and_comes_back_the_same_way(rename, press, order):
    for number in range(5):
        rename(str(number))
    entries = LedgerEntry.objects.all()
    acts = list(dict.fromkeys(row.act_id for row in page_of(entries, order, size=500).rows))
    page = page_of_acts(entries, order, size=2)
    forth, back = [[row.act_id for row in page.rows]], []
    while page.after:
        page = page_of_acts(entries, order, size=2, after=page.after)
        forth.append([row.act_id for row in page.rows])
    assert [act for part in forth for act in part] == acts
    while page.before:
        page = page_of_acts(entries, order, size=2, before=page.before)
        back.append([row.act_id for row in page.rows])
    assert [act for part in reversed(back) for act in part] == acts[: len(acts) - len(forth[-1])]


def test_an_act_longer_than_what_is_read_ahead_goes_on_and_hides_no_other(rename, press, monkeypatch):
    monkeypatch.setattr("audits.reading.acts.ENTRIES_AN_ACT", 1)
    rename("(old)")
    entries = LedgerEntry.objects.all()
    page = page_of_acts(entries, NEWEST, size=1)
    seen = {row.act_id for row in page.rows}
    while page.after:
        page = page_of_acts(entries, NEWEST, size=1, after=page.after)
        seen |= {row.act_id for row in page.rows}
    assert seen == set(entries.values_list("act_id", flat=True))


def test_statements_do_not_grow_with_the_entries_of_an_act(
    rename, press, cleo, as_person, assert_flat_queries
):
    client = as_person(cleo)
    rename("(old)")

    def more():
        for number in range(10):
            rename(str(number))

    assert_flat_queries(act=lambda: client.get("/ledger/"), add_rows=more, budget=45)
