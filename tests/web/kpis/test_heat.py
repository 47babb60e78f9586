"""Unit by tier: shares pooled over the units below, equal to the rows each cell leads to."""

import csv
import io
from datetime import timedelta

import pytest
from django.urls import reverse
from django.utils import timezone

from kpis.models import KpiTarget
from kpis.services.snapshots import snapshot_take
from mlops_portal.foundation.history import save_as
from mlops_portal.foundation.people.services.units import unit_create
from registry.models import Environment
from tests.kept import kept
from tests.unit.kpis.rows import model_of, place_of, ran, version_of

pytestmark = pytest.mark.django_db
DAY = timedelta(days=1)
FAILURES, DOCUMENTS = "change_failure_rate", "documentation_completeness"
PERIOD = "period=90d"


@pytest.fixture(scope="module")
def present():
    return timezone.now()


@pytest.fixture
@kept
def world(group, retail, plant, present):
    """Deployments of Retail Lending, of two units below it, of the group itself and of Plant Operations."""
    begin = present - 300 * DAY
    place = place_of(group, now=begin)
    cards = unit_create(code="cards", name="Cards", parent=retail, by=None, now=begin)
    premium = unit_create(code="premium", name="Premium cards", parent=cards, by=None, now=begin)
    rows = [
        (retail, 1, 4, 1),
        (cards, 1, 3, 0),
        (premium, 1, 2, 1),
        (premium, 3, 6, 0),
        (plant, 3, 5, 2),
        (group, 2, 3, 0),
    ]
    for unit, tier, count, repaired in rows:
        model = model_of(unit, f"{unit.code}-{tier}", now=begin, tier=tier)
        for number in range(count):
            at = present - (60 - 5 * number) * DAY
            version = version_of(model, started_at=at - DAY)
            ran(version, place, at, document_score=1.0 - number % 2 / 2, document_threshold=0.9)
            if number < repaired:
                ran(version, place, at + DAY, kind="rollback")
    return {"group": group, "retail": retail, "plant": plant, "cards": cards, "premium": premium}


def heat_of(client, query=PERIOD, name=FAILURES):
    answer = client.get(f"{reverse('kpis:dashboard')}?{query}&heat={name}")
    assert answer.status_code == 200
    return answer.context["heat"]


def written(table):
    """Read the table as a person does."""
    return {row.name: [cell.value or "none" for cell in row.cells] for row in table.rows}


def test_a_row_counts_everything_under_its_unit(world, as_person, cleo):
    assert written(heat_of(as_person(cleo))) == {
        "Plant Operations": ["none", "none", "2 of 5", "none", "2 of 5"],
        "Retail Lending": ["2 of 9", "none", "0 of 6", "none", "2 of 15"],
        "Aldermoor Group itself": ["none", "0 of 3", "none", "none", "0 of 3"],
        "All units": ["2 of 9", "0 of 3", "2 of 11", "none", "4 of 23"],
    }


@pytest.mark.parametrize(
    ("asked", "shown"),
    [
        pytest.param(["retail"], ["Cards", "Retail Lending itself", "All of Retail Lending"], id="units below one"),
        pytest.param(["premium"], ["Premium cards", "All of Premium cards"], id="a unit without units below"),
        pytest.param(["retail", "plant"], ["Plant Operations", "Retail Lending", "All units"], id="two units"),
        pytest.param(["retail", "cards"], ["Cards", "Retail Lending itself", "All units"], id="one under the other"),
    ],
)  # fmt: skip
def test_the_rows_are_the_units_below_the_one_asked_for(world, as_person, cleo, asked, shown):
    query = "&".join(f"unit={world[name].pk}" for name in asked)
    assert [row.name for row in heat_of(as_person(cleo), f"{PERIOD}&{query}").rows] == shown


@pytest.mark.parametrize("is_kept", [False, True], ids=["from the rows", "from what was kept at night"])
@pytest.mark.parametrize("name", [FAILURES, DOCUMENTS])
@pytest.mark.parametrize("unit", ["", "retail"])
def test_each_cell_leads_to_exactly_its_rows(world, as_person, cleo, present, name, unit, is_kept):
    if is_kept:
        snapshot_take(now=present)
    client, followed = as_person(cleo), 0
    narrowed = f"{PERIOD}&unit={world[unit].pk}" if unit else PERIOD
    for row in heat_of(client, narrowed, name).rows:
        for cell in row.cells:
            assert bool(cell.url) == bool(cell.part.n), (row.name, cell)
            if not cell.url:
                continue
            page = client.get(cell.url)
            figure = page.context["figure"]
            assert (figure.numerator, figure.n) == (cell.part.numerator, cell.part.n), (row.name, cell)
            assert page.context["count_text"].split()[0] == str(cell.part.n)
            hits = client.get(
                cell.url.replace("show=counted", f"show={'hit' if name == FAILURES else 'complete'}")
            )
            assert hits.context["count_text"].split()[0] == f"{cell.part.numerator:g}"
            followed += 1
    assert followed >= 8


@pytest.mark.parametrize("name", ["lead_time", "deployment_frequency"])
def test_what_cannot_be_pooled_stands_for_each_unit_alone(world, as_person, cleo, name):
    client = as_person(cleo)
    table = heat_of(client, PERIOD, name)
    assert [row.name for row in table.rows] == [
        "Aldermoor Group itself", "Cards itself", "Plant Operations", "Premium cards", "Retail Lending itself", "All units",
    ]  # fmt: skip
    for row in table.rows:
        page = client.get(row.cells[-1].url)
        assert page.context["figure"].n == row.cells[-1].part.n, row.name


def test_fewer_than_five_are_grey_and_nothing_is_hatched(world, as_person, cleo):
    rows = {row.name: row.cells for row in heat_of(as_person(cleo)).rows}
    assert [cell.heat for cell in rows["Aldermoor Group itself"]] == ["0", "n", "0", "0", "n"]
    assert (rows["Plant Operations"][2].heat, rows["Plant Operations"][2].note) == ("5", "off target")
    page = as_person(cleo).get(reverse("kpis:dashboard") + f"?{PERIOD}").content.decode()
    assert '<td data-heat="0"><span>none</span></td>' in page
    assert "2 of 9 <small>off target</small>" in page
    assert "0 of 6 <small>on target</small>" in page


def test_what_to_ask_about_first_is_a_row_of_the_table(world, as_person, cleo):
    client = as_person(cleo)
    items = client.get(f"{reverse('kpis:dashboard')}?{PERIOD}").context["first"]["items"]
    tables = [heat_of(client, PERIOD, name) for name in (FAILURES, DOCUMENTS)]
    cells = {
        f"{row.name}: {table.kpi.label.lower()}": row.cells[-1] for table in tables for row in table.rows[:-1]
    }
    assert items
    for one in items:
        cell = next(cell for text, cell in cells.items() if one["text"].startswith(text))
        assert (one["url"], cell.verdict) == (cell.url, "Off target")
        assert client.get(one["url"]).context["figure"].n == cell.part.n


def test_a_target_of_the_unit_judges_its_row(world, as_person, cleo, make_person, present):
    first, second = (make_person(name, "manager", unit=world["group"]) for name in ("Mona One", "Max Two"))
    target = KpiTarget(
        kpi=FAILURES, unit=world["plant"], value=0.5, green_limit=0.5, amber_limit=0.6,
        valid_from=timezone.localdate() - 80 * DAY, proposed_by=first, proposed_at=present,
        approved_by=second, approved_at=present,
    )  # fmt: skip
    save_as(target, by=second, now=present, reason="Many trials.")
    rows = {row.name: row.cells for row in heat_of(as_person(cleo)).rows}
    assert rows["Plant Operations"][2].heat == "1"
    assert rows["Retail Lending"][0].heat == "5"


def test_each_sees_only_their_units(world, as_person, mona):
    table = heat_of(as_person(mona))
    assert [row.name for row in table.rows] == ["Cards", "Retail Lending itself", "All units"]
    assert table.rows[-1].cells[-1].value == "2 of 15"


def test_the_file_holds_the_cells_of_the_page(world, as_person, cleo):
    client = as_person(cleo)
    answer = client.get(reverse("kpis:dashboard") + f"?{PERIOD}&heat={DOCUMENTS}")
    table = answer.context["heat"]
    file = client.get(reverse("kpis:dashboard") + answer.context["heat_file"])
    lines = list(csv.DictReader(io.StringIO(b"".join(file.streaming_content).decode())))
    assert [(line["Unit"], line["Tier"]) for line in lines] == [
        (row.name, str(cell.tier or "all")) for row in table.rows for cell in row.cells
    ]
    assert [line["Counted"] for line in lines] == [
        str(cell.part.n) for row in table.rows for cell in row.cells
    ]
    assert client.get(reverse("kpis:dashboard") + "?table=weather&export=csv").status_code == 400


def test_only_the_unit_itself_can_be_asked_for_and_left_again(world, as_person, cleo):
    client, unit = as_person(cleo), world["retail"].pk
    page = client.get(reverse("kpis:dashboard") + f"?{PERIOD}&unit={unit}&own=1")
    tile = next(one for one in page.context["tiles"] if one.kpi.name == FAILURES)
    assert (tile.figure.numerator, tile.figure.n) == (1, 4)
    assert "Without units below" in page.content.decode()
    assert "own=1" in tile.url
    assert "own" not in page.context["ask"].with_below
    assert client.get(reverse("kpis:dashboard") + "?own=x").status_code == 400
    assert client.get(reverse("kpis:dashboard") + "?own=1").status_code == 200


def test_many_units_cost_no_more_statements(world, as_person, cleo, present, assert_flat_queries):
    client = as_person(cleo)
    place = Environment.objects.get()

    def more():
        for number in range(12):
            unit = unit_create(
                code=f"line-{number}", name=f"Line {number}", parent=world["group"], by=None, now=present
            )
            model = model_of(unit, f"line-{number}", now=present - 300 * DAY, tier=2)
            ran(version_of(model, started_at=present - 40 * DAY), place, present - 20 * DAY)

        client.get(url)  # the tree of units is read once more after units were added

    for name in (FAILURES, DOCUMENTS):
        url = f"{reverse('kpis:dashboard')}?{PERIOD}&heat={name}"
        add_rows = more if name == FAILURES else int
        assert_flat_queries(act=lambda url=url: client.get(url), add_rows=add_rows, budget=40)
    assert len(heat_of(client).rows) == 16
