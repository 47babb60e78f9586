"""People read a model's title first, everywhere, and find it by title and by registered name alike."""

import csv
import io
import re

import pytest
from django.urls import reverse

import kpis.tables
from approvals.tables import ChangeTable
from audits.queries import entries_visible_to
from audits.reading.entries import find
from registry import tables
from registry.services.record_tasks import task_open
from tests.factories.registry import DeploymentFactory, EnvironmentFactory, ModelFactory, VersionFactory

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("no_gates")]
TITLE, NAME = "Call summaries", "voice-summary"


@pytest.fixture
def served(retail, now):
    """Return a deployment of a titled model, beside one of a model without title."""
    place = EnvironmentFactory(unit=retail, name="prod", production=True)
    for values in ({"name": "aa-plain"}, {"name": NAME, "title": TITLE}):
        version = VersionFactory(model=ModelFactory(unit=retail, **values))
        deployment = DeploymentFactory(version=version, environment=place, live=True, now=now)
    return deployment


@pytest.fixture
def reader(make_person, retail, as_person):
    return as_person(make_person("Uma Reader", "auditor", "viewer", unit=retail))


def text_of(client, address):
    answer = client.get(address)
    assert answer.status_code == 200, address
    return answer.content.decode()


@pytest.mark.parametrize("words", [TITLE, "summaries call", NAME, "voice"])
@pytest.mark.parametrize("address", ["/deployments/", "/deployments/board/", "/models/"])
def test_lists_find_a_model_by_title_and_by_name(served, reader, address, words):
    page = text_of(reader, f"{address}?q={words}")
    assert f">{TITLE}</a>" in page
    assert f"<code>{NAME}</code>" in page
    assert "aa-plain" not in page


@pytest.mark.parametrize("words", [TITLE, NAME])
def test_the_ledger_finds_the_entries_of_a_model_by_title_and_by_name(served, cleo, words):
    found = find(entries_visible_to(cleo), words)
    assert {entry.model_id for entry in found} == {served.model_id}


def test_pages_about_a_model_are_headed_by_its_title(served, reader):
    model = served.model
    for name in ("model-detail", "version-list", "document-list", "evidence", "lineage", "compare"):
        page = text_of(reader, reverse(f"registry:{name}", args=[model.pk]))
        head = re.search(r"<title>(.*?)</title>", page, re.DOTALL)[1]
        assert TITLE in head, name
        crumbs = re.search(r'aria-label="Breadcrumb".*?</nav>', page, re.DOTALL)[0]
        assert TITLE in crumbs, name
        assert NAME not in head + crumbs, name


def test_the_portfolio_sorts_by_what_it_shows(served, reader, retail):
    ModelFactory(unit=retail, name="zz-last", title="A first title")
    page = text_of(reader, "/models/?sort=name")
    assert page.index("A first title</a>") < page.index("aa-plain</a>") < page.index(f"{TITLE}</a>")
    page = text_of(reader, "/models/?sort=-name")
    assert page.index(f"{TITLE}</a>") < page.index("aa-plain</a>") < page.index("A first title</a>")


@pytest.mark.parametrize(
    "table", [tables.DeploymentTable, kpis.tables.RolloutTable, kpis.tables.ChangeTable, ChangeTable]
)
def test_rows_name_the_model_by_title_with_its_name_and_unit_below(served, table):
    column = next(one for one in table.declared if one.name == "model")
    address = served.model.get_absolute_url()
    below = f"<code>{NAME}</code>, Retail Lending"
    assert column.html(served) == f'<a href="{address}">{TITLE}</a><small>{below}</small>'
    assert column.exported(served) == NAME


def test_records_that_need_somebody_are_named_by_title(retail, make_person, as_person, now):
    hanne = make_person("Hanne Owner", "model_owner", unit=retail)
    model = ModelFactory(unit=retail, name=NAME, title=TITLE, owner=hanne)
    task_open(model=model, kind="complete_record", text="Missing.", now=now)
    assert f'<a href="{model.get_absolute_url()}">{TITLE}</a>: ' in text_of(as_person(hanne), "/")


@pytest.mark.parametrize("address", ["/models/", "/deployments/"])
def test_files_hold_the_registered_name_and_the_title(served, reader, address):
    answer = reader.get(f"{address}?export=csv")
    rows = list(csv.DictReader(io.StringIO(b"".join(answer).decode("utf-8-sig"))))
    assert {(row["Model"], row["Title"]) for row in rows} == {(NAME, TITLE), ("aa-plain", "")}
