"""The form that registers a model: few fields first, the rest by sections; then the next step of the new model."""

import re

import pytest
from django.urls import reverse
from django.utils import timezone

from registry.models import RegisteredModel
from registry.services.custom_fields import custom_field_save
from registry.services.models import model_register
from registry.services.versions import version_register

pytestmark = pytest.mark.django_db
URL = "/models/register/"
SECTIONS = [
    "People",
    "Purpose",
    "Use and reach",
    "Governance facts",
    "EU AI Act, for high-risk uses",
    "Supplier",
]


def sections(html):
    """Return the sections of a page's form: title, whether it stands open, the names of its fields."""
    return [
        (
            re.search(r"<b>(.*?)</b>", part).group(1),
            part.startswith(" open"),
            re.findall(r'name="([^"]+)"', part),
        )
        for part in re.findall(r'<details class="form-section"(.*?)</details>', html, re.DOTALL)
    ]


def first_fields(html):
    """Return the fields that stand before any section."""
    form = html.partition('id="action-form"')[2].partition('<details class="form-section"')[0]
    return [name for name in re.findall(r'name="([^"]+)"', form) if name != "csrfmiddlewaretoken"]


def test_what_every_model_needs_stands_first_and_the_rest_folds_away(olga, as_person):
    html = as_person(olga).get(URL).content.decode()
    assert first_fields(html) == ["name", "unit", "title", "kind", "origin", "description"]
    assert [(title, is_open) for title, is_open, _ in sections(html)] == [
        (title, False) for title in SECTIONS
    ]
    assert html.count('<small class="muted">optional</small>') == len(SECTIONS) + 2


@pytest.mark.parametrize(
    ("typed", "opened"),
    [
        pytest.param({"vendor": "Acme"}, {"Supplier"}, id="a section with a value stands open"),
        pytest.param(
            {"decisions_per_day": "many"}, {"Use and reach"}, id="a section with an error stands open"
        ),
        pytest.param({"objective_baseline": "0"}, {"Purpose"}, id="nought is a value"),
        pytest.param({"no_regime_in_scope": "on"}, {"Governance facts"}, id="a tick is a value"),
    ],
)
def test_a_section_opens_when_it_holds_something(olga, as_person, typed, opened):
    html = as_person(olga).post(URL, {"name": "", **typed}).content.decode()
    assert {title for title, is_open, _ in sections(html) if is_open} == opened


def test_fields_that_the_unit_requires_stand_open(olga, retail, as_person):
    custom_field_save(
        unit=retail, label="Cost centre", type="number", required=True, by=None, now=timezone.now()
    )
    html = as_person(olga).post(URL, {"name": "", "unit": retail.pk}).content.decode()
    assert sections(html)[-1] == ("Fields of the unit", True, ["custom.cost-centre"])


def test_editing_shows_what_is_there_and_asks_for_the_reason_last(olga, retail, as_person, now):
    model = model_register(name="churn", unit=retail, vendor="Acme", owner=olga, by=None, now=now)
    html = as_person(olga).get(reverse("registry:model-edit", args=[model.pk])).content.decode()
    assert {title for title, is_open, _ in sections(html) if is_open} == {"People", "Supplier"}
    assert html.rindex('name="reason"') > html.rindex("form-section")


def test_the_next_step_of_a_model_is_its_first_version_and_then_a_change(olga, ada, retail, as_person, now):
    model = model_register(name="churn", unit=retail, by=None, now=now)
    page = as_person(ada).get(model.get_absolute_url()).content.decode()

    def primary(html):
        head = html.partition('<header class="page-head">')[2].partition("</header>")[0]
        return [
            re.sub("<.*?>", "", found)
            for found in re.findall(r'<a class="btn primary".*?</a>', head, re.DOTALL)
        ]

    assert primary(page) == ["Register a version"]
    version_register(model=model, source="s3://models/churn", by=None, now=now)
    page = as_person(ada).get(model.get_absolute_url()).content.decode()
    assert primary(page) == ["Request a change"]


def test_the_reason_of_the_adoption_stage_is_told_whole(ada, retail, as_person, now):
    model = model_register(name="churn", unit=retail, by=None, now=now)
    html = as_person(ada).get(model.get_absolute_url()).content.decode()
    assert len(RegisteredModel.objects.get().adoption_reason) > 90
    assert f"<small>{model.adoption_reason}</small>" in html
