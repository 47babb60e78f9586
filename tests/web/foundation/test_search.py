"""The search page: kinds with counts, words in bold, one kind at length, nothing of other units."""

import pytest

from mlops_portal.foundation.web import views
from mlops_portal.foundation.web.search import marked
from registry.services.evidence import document_save
from registry.services.models import model_register
from tests.factories.registry import EnvironmentFactory

pytestmark = pytest.mark.django_db
SECTIONS = [
    {"key": "purpose", "title": "Purpose", "text": "In words that are long enough to count as a text."}
]


@pytest.fixture
def names(retail, plant, now):
    """Five credit models here, one elsewhere, a document and an environment of the same word."""
    made = [model_register(name=f"credit-{n}", unit=retail, by=None, now=now) for n in range(5)]
    model_register(name="credit-hidden", unit=plant, by=None, now=now)
    document_save(model=made[0], kind="model_card", title="Credit card", sections=SECTIONS, by=None, now=now)
    EnvironmentFactory(unit=retail, name="credit-staging")


def kinds(answer):
    return {kind.name: kind.count for kind in answer.context["kinds"]}


def test_kinds_are_counted_within_the_readers_units(names, as_person, mona):
    answer = as_person(mona).get("/search/?q=credit")
    assert kinds(answer) == {"models": "5", "documents": "1", "environments": "1"}
    text = answer.content.decode()
    assert "credit-hidden" not in text
    assert "<b>credit</b>-0" in text


def test_a_long_kind_says_so_and_opens_alone(names, as_person, mona, monkeypatch):
    monkeypatch.setattr(views, "FOUND_OF_EACH", 3)
    client = as_person(mona)
    answer = client.get("/search/?q=credit")
    assert kinds(answer)["models"] == "3+"
    assert "More models" in answer.content.decode()
    alone = client.get("/search/?q=credit&kind=models")
    assert [kind.name for kind in alone.context["found"]] == ["models"]
    assert kinds(alone)["models"] == "5"
    assert client.get("/search/?q=credit&kind=nothing").context["kind"] == ""


def test_people_are_found_by_those_who_give_roles(as_person, adam, mona):
    assert "people" in kinds(as_person(adam).get("/search/?q=keller"))
    assert "people" not in kinds(as_person(mona).get("/search/?q=keller"))


def test_marking_escapes_what_it_marks():
    assert marked("<i>Pump & pump</i>", "pump &") == "&lt;i&gt;<b>Pump</b> <b>&amp;</b> <b>pump</b>&lt;/i&gt;"
    assert marked("a.c abc", "a.c") == "<b>a.c</b> abc"
    assert marked("plain", "") == "plain"


def test_the_palette_offers_what_enter_opens(names, as_person, mona):
    text = as_person(mona).get("/search/palette?q=credit-4", headers={"HX-Request": "true"}).content.decode()
    assert 'role="option"' in text
    assert 'aria-selected="true"' in text
    assert 'data-href="/models/' in text
