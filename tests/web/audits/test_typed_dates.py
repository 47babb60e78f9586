"""A date that is none: the form again with the message beside the field, and what was typed kept."""

import re

import pytest

pytestmark = pytest.mark.django_db
WRONG = [
    ("/audit/as-of/?at=2026-13-45", "at", "2026-13-45", "is no date"),
    ("/audit/as-of/?at=2999-01-01&tier=1", "at", "2999-01-01", "is in the future"),
    ("/ledger/?since=2026-13-45", "since", "2026-13-45", "Write the day as 2026-11-17"),
    ("/ledger/?since=2026-11-01&until=soon", "until", "soon", "Write the day as 2026-11-17"),
    ("/ledger/?since=0001-01-01", "since", "0001-01-01", ""),
    ("/kpis/?from=2026-13-01&to=2026-11-30", "from", "2026-13-01", ""),
    ("/kpis/?from=2026-11-20&to=2026-11-10", "to", "2026-11-10", "is before"),
]


@pytest.fixture
def client(cleo, as_person, sequence):
    sequence()
    return as_person(cleo)


@pytest.mark.parametrize(("address", "name", "typed", "words"), WRONG)
def test_the_field_is_marked_and_keeps_what_was_typed(client, address, name, typed, words):
    answer = client.get(address)
    page = answer.content.decode()
    assert answer.status_code == 400
    [field] = [one for one in re.findall(r"<input[^>]*>", page) if f'name="{name}"' in one]
    assert f'value="{typed}"' in field
    assert 'aria-invalid="true"' in field
    [described] = re.findall(r'aria-describedby="([^"]+)"', field)
    [message] = re.findall(rf'id="{described}".*?</span></span>', page)
    assert words in message
    assert "<form" in page


def test_what_else_was_asked_is_kept(client):
    page = client.get("/kpis/?from=2026-13-01&to=2026-11-30&period=custom&tier=1").content.decode()
    assert '<input type="hidden" name="tier" value="1">' in page
    assert 'name="to" value="2026-11-30"' in page


def test_no_row_is_shown_for_a_date_that_is_none(client):
    assert client.get("/ledger/").context["rows_page"].rows
    answer = client.get("/ledger/?since=2026-13-45")
    assert not answer.context["rows_page"].rows
    assert "Correct what is marked above." in answer.content.decode()


def test_a_part_of_the_page_and_a_file_are_refused_in_words(client):
    part = client.get("/ledger/?since=2026-13-45", headers={"HX-Request": "true"})
    assert (part.status_code, part["HX-Retarget"]) == (400, "#notice")
    assert client.get("/audit/as-of/?at=2026-13-45&export=csv").status_code == 400


def test_an_export_of_the_inventory_says_how_a_moment_is_written(client):
    typed = {"at": "31.03.2026", "format": "csv"}
    answer = client.post("/exports/?what=inventory", typed)
    page = answer.content.decode()
    assert answer.status_code == 400
    assert "31.03.2026 is no date. Write it as 2026-11-17 or 2026-11-17 10:40." in page
    assert 'value="31.03.2026"' in page


def test_another_mistake_has_no_date_to_correct(client):
    page = client.get("/kpis/?tier=9").content.decode()
    assert "typed-" not in page
