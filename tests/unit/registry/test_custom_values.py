"""Values of custom fields fit the declared type; errors name the field; imports keep what does not fit as text."""

import pytest
from django.urls import reverse

from mlops_portal.foundation.errors import Invalid
from mlops_portal.foundation.web.words import number
from registry.models import RegisteredModel
from registry.queries.custom import declared_for, shown
from registry.services.bulk import models_register_many
from registry.services.custom_fields import CHOICES_MAX, custom_field_save
from registry.services.custom_values import WHOLE_MAX, fitted
from registry.services.models import NewModel, model_register, model_update

pytestmark = pytest.mark.django_db


@pytest.fixture
def declared(retail, group, now):
    """One field of every type; the colour is declared above and again, as a choice, in Retail Lending."""
    save = {"by": None, "now": now}
    custom_field_save(unit=group, label="Colour", type="text", **save)
    custom_field_save(unit=retail, label="Colour", type="choice", choices=["red", "blue"], **save)
    custom_field_save(unit=group, label="Cost centre", type="number", **save)
    custom_field_save(unit=group, label="Bought on", type="date", **save)
    custom_field_save(unit=group, label="Is outsourced", type="boolean", **save)
    custom_field_save(unit=group, label="Nickname", type="text", **save)
    return declared_for(retail.pk)


def test_the_nearest_declaration_counts(declared, group, plant):
    assert declared["colour"].type == "choice"
    assert declared_for(plant.pk)["colour"].type == "text"


@pytest.mark.parametrize(
    ("key", "given", "stored"),
    [
        ("colour", "red", "red"),
        ("cost-centre", "4711", 4711),
        ("cost-centre", 2.5, 2.5),
        ("bought-on", "2026-11-17", "2026-11-17"),
        ("is-outsourced", "Yes", True),
        ("is-outsourced", False, False),
        ("nickname", "Bertha", "Bertha"),
        ("not-declared", ["as", "it", "comes"], ["as", "it", "comes"]),
    ],
)
def test_fitting_values_are_stored_in_their_type(declared, key, given, stored):
    assert fitted({key: given}, declared) == ({key: stored}, [])


@pytest.mark.parametrize(
    ("key", "given", "label"),
    [
        ("colour", "green", "Colour: “green” is not offered. Choose one of red, blue."),
        ("cost-centre", "many", "Cost centre: “many” is not a number."),
        ("cost-centre", True, "Cost centre: A number is expected."),
        ("cost-centre", "1e999", "Cost centre: It is not a finite number."),
        pytest.param(
            "cost-centre",
            10**400,
            f"Cost centre: A whole number lies between {number(-WHOLE_MAX)} and {number(WHOLE_MAX)}.",
            id="beyond-any-float",
        ),
        ("bought-on", "17.11.2026", "Bought on: “17.11.2026” is not a date. Write it as 2026-11-17."),
        ("is-outsourced", "perhaps", "Is outsourced: “perhaps” is neither yes nor no."),
        ("nickname", 7, "Nickname: A text is expected."),
        pytest.param(
            "nickname",
            "x" * 10_001,
            "Nickname: It has 10\u202f001 characters; at most 10\u202f000 are kept.",
            id="too long",
        ),
    ],
)
def test_other_values_are_refused_by_name(declared, key, given, label):
    _, errors = fitted({key: given}, declared)
    assert [(error.where, error.message) for error in errors] == [(f"custom.{key}", label)]


def test_counts_of_choices_are_written_as_numbers_are(group, now):
    offered = [f"choice {place}" for place in range(CHOICES_MAX + 1)]
    with pytest.raises(Invalid) as refusal:
        custom_field_save(unit=group, label="Town", type="choice", choices=offered, by=None, now=now)
    (error,) = refusal.value.errors
    told = f"These are {number(CHOICES_MAX + 1)} choices; at most {number(CHOICES_MAX)} are possible."
    assert error.message == told


def test_services_ask_for_fitting_values(declared, retail, now):
    with pytest.raises(Invalid, match="Cost centre"):
        model_register(name="pd", unit=retail, custom={"cost-centre": "many"}, by=None, now=now)
    model = model_register(name="pd", unit=retail, custom={"cost-centre": "12"}, by=None, now=now)
    assert model.custom == {"cost-centre": 12}
    with pytest.raises(Invalid, match="Colour"):
        model_update(model=model, custom={"colour": "green"}, by=None, now=now)
    days = {"a": "2026-01-01", "b": "soon"}
    rows = [
        NewModel(name=name, unit=retail, fields={"custom": {"bought-on": day}}) for name, day in days.items()
    ]
    with pytest.raises(Invalid, match=r"row 2, custom\.bought-on"):
        models_register_many(models=rows, by=None, now=now)
    assert set(RegisteredModel.objects.values_list("name", flat=True)) == {"pd"}


def test_a_required_field_must_be_filled_when_values_are_written(declared, retail, group, now):
    custom_field_save(unit=group, label="Nickname", type="text", required=True, by=None, now=now)
    model = model_register(name="pd", unit=retail, by=None, now=now)  # a pipeline knows nothing of it
    with pytest.raises(Invalid, match="Nickname: This is required"):
        model_update(model=model, custom={"colour": "red"}, by=None, now=now)


def test_they_are_shown_under_their_labels(declared):
    values = {"is-outsourced": True, "Bureau": "one", "colour": "red"}
    assert shown(values, declared) == [("Colour", "red"), ("Is outsourced", "yes"), ("Bureau", "one")]


def test_the_owner_edits_them_in_the_browser(declared, retail, olga, as_person, now):
    model = model_register(name="pd", unit=retail, owner=olga, custom={"Bureau": "one"}, by=None, now=now)
    client, url = as_person(olga), reverse("registry:model-edit", args=[model.pk])
    page = client.get(url).content.decode()
    assert '<option value="blue">' in page
    data = {"kind": "analytical", "origin": "in_house", "revision": 1, "reason": "More is known."}
    wrong = client.post(url, {**data, "custom.cost-centre": "many"})
    assert wrong.status_code == 400
    assert "is not a number" in wrong.content.decode()
    right = client.post(url, {**data, "custom.cost-centre": "12", "custom.is-outsourced": "no"})
    assert right.status_code == 303
    stored = RegisteredModel.objects.get(pk=model.pk).custom
    assert stored == {"Bureau": "one", "cost-centre": 12, "is-outsourced": False}
    assert "Cost centre" in client.get(model.get_absolute_url()).content.decode()
