"""The list page over people: filters, sorting, paging both ways, export equal to the screen, flat queries."""

import csv
import io
import re
from datetime import UTC

import openpyxl
import pytest

from mlops_portal.foundation.history import save_as
from mlops_portal.foundation.people.models import User
from mlops_portal.foundation.people.services.persons import person_create

NAMES = re.compile(r'<th scope="row"><a href="/people/\d+/">([^<]+)</a>')
NEXT = re.compile(r'rel="next"[^>]*? href="([^"]+)"')
PREVIOUS = re.compile(r'rel="prev"[^>]*? href="([^"]+)"')


def names(response) -> list[str]:
    return NAMES.findall(response.content.decode())


def link(pattern: re.Pattern, response) -> str | None:
    found = pattern.search(response.content.decode())
    return found.group(1).replace("&amp;", "&") if found else None


@pytest.fixture
def crowd(db, now) -> list[str]:
    """Thirteen people; every third has no position, two share a name."""
    made = []
    for at in range(13):
        name = f"Person {'twin' if at in (4, 5) else f'{at:02d}'}"
        title = "" if at % 3 == 0 else f"Title {at % 2}"
        person_create(email=f"p{at}@example.org", name=name, job_title=title, by=None, now=now)
        made.append(name)
    return sorted(made)


def test_strangers_sign_in_first(client, db):
    assert client.get("/people/").status_code == 302


def test_an_expired_session_is_told_on_the_page_as_it_stands_and_ends_its_polling(client, db):
    headers = {"HX-Request": "true", "HX-Current-URL": "http://testserver/people/?q=ada"}
    response = client.get("/people/", headers=headers)
    html = response.content.decode()
    assert response.status_code == 286
    assert (response.headers["HX-Reswap"], response.headers["HX-Push-Url"]) == ("none", "false")
    assert "HX-Redirect" not in response.headers
    assert "Your session ended" in html
    assert "/accounts/login/?next=/people/%3Fq%3Dada" in html
    assert "<form" not in html


def test_an_expired_session_is_told_to_a_page_whose_address_is_none(client, db):
    headers = {"HX-Request": "true", "HX-Current-URL": "http://["}
    response = client.get("/people/", headers=headers)
    assert response.status_code == 286
    assert "/accounts/login/?next=/people/" in response.content.decode()


def test_people_without_the_right_get_a_page_that_says_who_grants_it(client, nora):
    client.force_login(nora)
    response = client.get("/people/")
    assert response.status_code == 403
    assert "grants it" in response.content.decode()


@pytest.mark.parametrize(
    "sort", ["name", "-name", "job_title", "-job_title", "deactivated_at", "manager", "-manager"]
)
def test_paging_visits_every_row_once_and_comes_back_the_same_way(as_adam, crowd, sort):
    url = f"/people/?sort={sort}"
    pages, responses = [], []
    while url:
        response = as_adam.get(url)
        assert response.status_code == 200
        pages.append(names(response))
        responses.append(response)
        url = link(NEXT, response)
        url = f"/people/{url}" if url else None
    seen = [name for page in pages for name in page]
    assert sorted(seen) == sorted(User.objects.values_list("name", flat=True))
    assert all(len(page) == 5 for page in pages[:-1])
    back, url = [pages[-1]], link(PREVIOUS, responses[-1])
    while url:
        response = as_adam.get(f"/people/{url}")
        back.insert(0, names(response))
        url = link(PREVIOUS, response)
    assert back == pages


def test_a_changed_page_token_is_refused_by_name(as_adam, crowd):
    response = as_adam.get("/people/?after=abc")
    assert response.status_code == 400
    assert "Start again from the first page" in response.content.decode()


def test_a_page_token_of_another_order_is_refused(as_adam, crowd):
    token = link(NEXT, as_adam.get("/people/?sort=name"))
    assert as_adam.get(f"/people/{token.replace('sort=name', 'sort=-name')}").status_code == 400


def test_an_unknown_sort_is_refused(as_adam, crowd):
    assert as_adam.get("/people/?sort=password").status_code == 400


def test_filters_show_their_value_and_a_chip_clears_them(as_adam, crowd):
    html = as_adam.get("/people/?q=twin&density=compact").content.decode()
    assert html.count('<th scope="row">') == 2
    assert 'href="/people/?density=compact">Clear search' in html
    assert 'href="/people/?q=twin">Clear density' in html
    assert "<b data-facet-value>Compact</b>" in html


def test_a_fragment_holds_the_list_the_chips_the_tabs_and_the_count_only(as_adam, crowd):
    html = as_adam.get("/people/?q=twin", headers={"HX-Request": "true"}).content.decode()
    assert "<html" not in html
    assert 'id="list"' in html
    assert 'hx-swap-oob="innerHTML:#list-count">2 people<' in html
    assert html.count('hx-swap-oob="true"') == 2


def test_a_page_restored_from_history_is_whole(as_adam, crowd):
    headers = {"HX-Request": "true", "HX-History-Restore-Request": "true"}
    assert "<html" in as_adam.get("/people/", headers=headers).content.decode()


def test_the_sorted_column_says_so_and_offers_the_other_direction(as_adam, crowd):
    html = as_adam.get("/people/?sort=name").content.decode()
    assert (
        'aria-sort="ascending"><button class="sort" type="submit" form="list-form" name="sort" value="-name"'
        in html
    )


@pytest.mark.parametrize("query", ["", "?sort=-name&q=person", "?col=zone&col=manager"])
def test_csv_has_the_columns_and_rows_of_the_screen(as_adam, crowd, query):
    page = as_adam.get(f"/people/{query}")
    heads = re.findall(r"<th scope=\"col\"[^>]*>(?:<button[^>]*>)?([^<]+?) ?<", page.content.decode())
    response = as_adam.get(f"/people/{query}{'&' if query else '?'}export=csv")
    rows = list(csv.reader(io.StringIO(b"".join(response.streaming_content).decode())))
    assert rows[0] == heads
    assert [row[0] for row in rows[1:6]] == names(page)
    assert len(rows) - 1 == User.objects.filter(name__icontains="person" if "q=" in query else "").count()


def test_xlsx_holds_the_same_rows_and_no_formulas(as_adam, crowd, now):
    person_create(email="evil@example.org", name="=1+1", job_title="@sum", by=None, now=now)
    response = as_adam.get("/people/?export=xlsx")
    sheet = openpyxl.load_workbook(io.BytesIO(b"".join(response.streaming_content))).active
    values = [[cell.value for cell in row] for row in sheet.iter_rows()]
    assert values[0] == ["Name", "Position", "Left", "Manager"]
    assert ["'=1+1", "'@sum", None, None] in values
    assert not any(cell.data_type == "f" for row in sheet.iter_rows() for cell in row)


def test_xlsx_has_typed_times_and_widths_that_fit(as_adam, crowd, now):
    person = User.objects.get(email="p1@example.org")
    person.deactivated_at = now
    save_as(person, by=None, now=now)
    response = as_adam.get("/people/?export=xlsx&q=p1@")
    sheet = openpyxl.load_workbook(io.BytesIO(b"".join(response.streaming_content))).active
    (row,) = sheet.iter_rows(min_row=2)
    assert row[2].value == now.astimezone(UTC).replace(tzinfo=None, microsecond=row[2].value.microsecond)
    assert sheet.column_dimensions["C"].width > 20
    assert sheet.freeze_panes == "A2"


def test_a_format_the_page_does_not_offer_is_refused(as_adam, crowd):
    assert as_adam.get("/people/?export=pdf").status_code == 400


def test_exports_need_the_right_of_the_page(client, nora):
    client.force_login(nora)
    assert client.get("/people/?export=csv").status_code == 403


def test_the_number_of_queries_does_not_grow_with_rows(as_adam, crowd, now, assert_flat_queries):
    manager = User.objects.get(email="p1@example.org")

    def add_rows() -> None:
        for at in range(3):
            person_create(
                email=f"a{at}@example.org",
                name=f"A {at}",
                job_title="x",
                line_manager=manager,
                by=None,
                now=now,
            )

    assert_flat_queries(act=lambda: as_adam.get("/people/"), add_rows=add_rows, budget=16)


def test_a_saved_view_becomes_a_tab_and_can_be_removed(as_adam, crowd):
    saved = {"page": "people", "name": "Twins", "query": "q=twin&after=xyz", "next": "/people/?q=twin"}
    assert as_adam.post("/views/save/", saved).headers["Location"] == "/people/?q=twin"
    html = as_adam.get("/people/?q=twin").content.decode()
    assert '<a href="/people/?q=twin" aria-current="page">Twins</a>' in html
    pk = re.search(r"/views/(\d+)/delete/", html).group(1)
    as_adam.post(f"/views/{pk}/delete/")
    assert "Twins" not in as_adam.get("/people/").content.decode()


def test_a_view_shared_with_a_unit_is_a_tab_of_its_people_only(as_person, ines, olga, dora, retail, crowd):
    shared = {"page": "people", "name": "Twins of retail", "query": "q=twin", "unit": retail.pk}
    assert as_person(ines).post("/views/save/", shared).status_code == 303
    assert "shared by Ines Halvorsen" in as_person(olga).get("/people/").content.decode()
    assert "Twins of retail" not in as_person(dora).get("/people/").content.decode()


def test_a_view_is_not_shared_with_somebody_elses_unit(as_person, dora, retail):
    shared = {"page": "people", "name": "Intruder", "query": "", "unit": retail.pk}
    assert as_person(dora).post("/views/save/", shared).status_code == 404


def test_a_saved_view_never_sends_anybody_elsewhere(as_adam, crowd):
    saved = {"page": "people", "name": "Out", "query": "", "next": "https://elsewhere.example/"}
    assert as_adam.post("/views/save/", saved).headers["Location"].startswith("/?")


def test_somebody_elses_view_cannot_be_removed(as_adam, client, dora, crowd):
    as_adam.post("/views/save/", {"page": "people", "name": "Mine", "query": "q=twin"})
    client.force_login(dora)
    assert client.post("/views/1/delete/").status_code == 404
