"""The portfolio: counts behind its filters, columns, rows that are selected and given to another owner."""

import re
from datetime import timedelta

import pytest
from django.urls import reverse

from approvals.states import OPEN_STATES
from mlops_portal.foundation.history import save_as
from mlops_portal.foundation.people.services.grants import role_grant
from mlops_portal.foundation.web.models import Notification
from mlops_portal.foundation.web.pages import lists
from registry import tables
from registry.models import RegisteredModel
from registry.services.models import model_register
from registry.services.owners import models_assign_owner
from tests.factories.registry import DeploymentFactory, EnvironmentFactory, VersionFactory

pytestmark = pytest.mark.django_db
LIST = "/models/"


@pytest.fixture
def portfolio(retail, plant, olga, now):
    """Three models of Retail Lending, one of Plant Operations, of several kinds and tiers."""
    rows = [
        ("pd", retail, "analytical", 1),
        ("letters", retail, "generative", 2),
        ("churn", retail, "analytical", None),
    ]
    made = {}
    for name, unit, kind, tier in [*rows, ("pumps", plant, "analytical", 1)]:
        model = model_register(
            name=name, unit=unit, kind=kind, owner=olga if unit == retail else None, by=None, now=now
        )
        model.tier = tier
        save_as(model, by=None, now=now, reason="rated", fields=["tier"])
        made[name] = model
    return made


def counts(answer, facet):
    """Read the numbers beside the values of a filter."""
    found = next(one for one in answer.context["all_facets"] if one.name == facet)
    return {item.label: item.count for item in found.items if item.value}


def test_each_value_says_how_many_rows_it_would_show(portfolio, as_person, mona):
    answer = as_person(mona).get(LIST)
    assert counts(answer, "tier") == {"Tier 1": 1, "Tier 2": 1, "Tier 3": 0, "Tier 4": 0, "No tier": 1}
    assert counts(answer, "unit") == {"Retail Lending": 3}
    assert counts(answer, "owner") == {"Olga Moller": 3}
    assert 'id="n-kind-analytical">2</small>' in answer.content.decode()


def test_a_filter_narrows_the_others_and_not_its_own_counts(portfolio, as_person, cleo):
    answer = as_person(cleo).get(f"{LIST}?tier=1&kind=analytical&q=p")
    assert counts(answer, "tier") == {"Tier 1": 2, "Tier 2": 0, "Tier 3": 0, "Tier 4": 0, "No tier": 0}
    assert counts(answer, "kind") == {"Analytical": 2, "Generative": 0, "Agent": 0}
    assert counts(answer, "unit")["Plant Operations"] == 1
    assert [row.name for row in answer.context["rows_page"].rows] == ["pd", "pumps"]


def test_every_count_is_what_the_list_then_shows(portfolio, as_person, cleo):
    client = as_person(cleo)
    answer = client.get(LIST)
    tried = 0
    for facet in answer.context["all_facets"]:
        for item in facet.items:
            if item.value and item.count is not None:
                shown = client.get(LIST, {facet.name: item.value}).context["rows_page"].rows
                assert len(shown) == item.count, (facet.name, item.label)
                tried += 1
    assert tried > 20


def test_a_long_list_counts_a_filter_when_it_is_opened(portfolio, as_person, mona, monkeypatch):
    monkeypatch.setattr(lists, "COUNTED_AT_ONCE", 2)
    client = as_person(mona)
    assert counts(client.get(LIST), "kind") == {"Analytical": None, "Generative": None, "Agent": None}
    part = client.get(f"{LIST}?count_of=kind&tier=2", headers={"HX-Request": "true"}).content.decode()
    assert 'id="n-kind-generative" hx-swap-oob="true">1</small>' in part
    assert "n-tier-" not in part
    assert "<table" not in part


def test_filters_are_counted_in_one_statement(portfolio, as_person, mona, django_assert_num_queries, rf):
    from registry.filtersets import ModelFilters

    request = rf.get(f"{LIST}?tier=1")
    request.user = mona
    filters = ModelFilters(request.GET, queryset=RegisteredModel.objects.visible_to(mona), request=request)
    names = filters.countable
    with django_assert_num_queries(1):
        found = filters.counts(names)
    assert len(found) == len(names) == 11


@pytest.fixture
def regulated(portfolio, now):
    """Models in scope of two regimes, one, and none; what Plant Operations names is not for readers elsewhere."""
    named = {"pd": ["EU AI Act", "SR 26-2"], "letters": ["EU AI Act"], "pumps": ["IEC 62443"]}
    for name, regimes in named.items():
        portfolio[name].regimes = regimes
        save_as(portfolio[name], by=None, now=now, reason="stated", fields=["regimes"])
    return portfolio


def test_a_model_stands_behind_each_of_its_regimes(regulated, as_person, mona):
    answer = as_person(mona).get(LIST)
    assert counts(answer, "regime") == {"EU AI Act": 2, "SR 26-2": 1, "None named": 1}
    both = as_person(mona).get(f"{LIST}?regime=SR+26-2&kind=analytical")
    assert counts(both, "regime") == {"EU AI Act": 1, "SR 26-2": 1, "None named": 1}
    assert counts(both, "tier") == {"Tier 1": 1, "Tier 2": 0, "Tier 3": 0, "Tier 4": 0, "No tier": 0}


@pytest.mark.parametrize(
    ("asked", "shown"),
    [
        pytest.param(["EU AI Act"], ["letters", "pd"], id="one regime"),
        pytest.param(["SR 26-2", "EU AI Act"], ["letters", "pd"], id="either of two, each model once"),
        pytest.param(["0"], ["churn"], id="none named"),
        pytest.param(["SR 26-2", "0"], ["churn", "pd"], id="one, or none named"),
    ],
)
def test_the_list_shows_models_of_a_regime(regulated, as_person, mona, asked, shown):
    answer = as_person(mona).get(LIST, {"regime": asked})
    assert [row.name for row in answer.context["rows_page"].rows] == shown
    assert answer.context["count_text"] == f"{len(shown)} model{'s' if len(shown) > 1 else ''}"


def test_the_number_of_a_regime_has_an_id_that_can_be_found(regulated, as_person, mona, monkeypatch):
    monkeypatch.setattr(lists, "COUNTED_AT_ONCE", 2)
    client = as_person(mona)
    ids = set(re.findall(r'id="(n-regime-[^"]*)"', client.get(LIST).content.decode()))
    part = client.get(f"{LIST}?count_of=regime", headers={"HX-Request": "true"}).content.decode()
    assert ids == set(re.findall(r'id="(n-regime-[^"]*)" hx-swap-oob="true">[0-9]', part))
    assert len(ids) == 3
    assert all(re.fullmatch(r"[-\w]+", one) for one in ids)


def test_the_head_counts_tiers_and_leads_to_them(portfolio, as_person, mona):
    answer = as_person(mona).get(f"{LIST}?kind=analytical")
    assert [(tier, number) for tier, number, _ in answer.context["tiers"]] == [
        (1, 1), (2, 0), (3, 0), (4, 0), (None, 1),
    ]  # fmt: skip
    assert answer.context["tiers"][0][2] == "kind=analytical&tier=1"


def test_more_than_six_filters_stand_behind_a_panel(portfolio, as_person, mona):
    answer = as_person(mona).get(f"{LIST}?governance=mandatory")
    assert [facet.name for facet in answer.context["facets"]] == [
        "unit", "tier", "kind", "state", "owner", "use_case",
    ]  # fmt: skip
    assert answer.context["more_on"] == 1
    assert "<legend>Governance</legend>" in answer.content.decode()


def test_the_portfolio_shows_what_runs_and_what_is_open(portfolio, as_person, mona, retail, now, no_gates):
    model = portfolio["pd"]
    version = VersionFactory(model=model, label="4.2.1")
    place = EnvironmentFactory(unit=retail, production=True)
    DeploymentFactory(
        version=version, environment=place, live=True, document_score=0.925, now=now + timedelta(hours=1)
    )
    page = as_person(mona).get(LIST).content.decode()
    assert "4.2.1</a>" in page
    assert "not yet" in page
    assert "92\u202f%" in page
    row = next(one for one in as_person(mona).get(LIST).context["rows_page"].rows if one.name == "pd")
    assert row.open_tasks == model.tasks.filter(closed_at__isnull=True).count() > 0
    assert row.open_requests == 0
    assert "open_requests" in [column.name for column in tables.ModelTable.declared]
    assert OPEN_STATES


def test_selected_rows_are_exported_alone(portfolio, as_person, mona):
    client = as_person(mona)
    keys = [portfolio["pd"].pk, portfolio["pumps"].pk]
    answer = client.get(LIST, {"export": "csv", "pk": keys})
    lines = b"".join(answer.streaming_content).decode("utf-8-sig").splitlines()
    assert len(lines) == 2
    assert lines[1].startswith("pd,")
    assert client.get(LIST, {"export": "csv", "pk": "x"}).status_code == 400


def test_a_reader_selects_nothing(portfolio, as_person, mona, olga):
    assert 'id="bulk-form"' not in as_person(mona).get(LIST).content.decode()
    assert 'id="bulk-form"' in as_person(olga).get(LIST).content.decode()


def test_selected_models_get_an_owner_who_is_told(portfolio, as_person, olga, ada, now):
    client = as_person(olga)
    url = reverse("registry:models-assign-owner")
    keys = [portfolio["pd"].pk, portfolio["churn"].pk]
    shown = client.get(url, {"pk": keys}).content.decode()
    assert "Change the owner of 2 models" in shown
    assert "Owner now: Olga Moller" in shown
    assert client.post(url, {"pk": keys, "owner": ada.pk}).status_code == 400
    answer = client.post(url, {"pk": keys, "owner": ada.pk, "reason": "Olga moves on."})
    assert (answer.status_code, answer.url) == (303, f"{LIST}?owner={ada.pk}")
    assert set(RegisteredModel.objects.filter(owner=ada).values_list("name", flat=True)) == {"pd", "churn"}
    notice = Notification.objects.get(person=ada)
    assert "pd" in notice.text or "churn" in notice.text
    assert RegisteredModel.objects.get(pk=keys[0]).history.count() == 3


def test_what_is_refused_says_why_and_the_rest_is_done(
    portfolio, as_person, make_person, group, retail, olga, ada, now
):
    person = make_person("Nora Both", "viewer", unit=group)
    role_grant(user=person, role="model_owner", unit=retail, reason="test", by=None, now=now)
    client = as_person(person)
    url = reverse("registry:models-assign-owner")
    portfolio["churn"].owner = ada
    save_as(portfolio["churn"], by=None, now=now, reason="moved", fields=["owner"])
    keys = [one.pk for one in portfolio.values()]
    shown = client.get(url, {"pk": keys}).content.decode()
    assert "Your roles do not edit records of Plant Operations." in shown
    assert "Change the owner of 3 models" in shown
    answer = client.post(url, {"pk": keys, "owner": ada.pk, "reason": "Reorganised."})
    text = answer.content.decode()
    assert answer.status_code == 200
    assert "Ada Brandt owns it already." in text
    assert RegisteredModel.objects.get(pk=portfolio["pumps"].pk).owner is None
    assert RegisteredModel.objects.filter(owner=ada).count() == 3


def test_the_service_asks_for_the_right_on_each_model(portfolio, ada, olga, now):
    found = models_assign_owner(
        models=[portfolio["pumps"], portfolio["pd"]], owner=ada, reason="New desk", by=olga, now=now
    )
    assert [bool(one.refused) for one in found] == [True, False]
    assert "no right" in found[0].refused


def test_the_portfolio_costs_the_same_with_more_rows(
    portfolio, as_person, mona, retail, now, assert_flat_queries
):
    client = as_person(mona)

    def add():
        for number in range(15):
            model = model_register(name=f"more-{number}", unit=retail, by=None, now=now)
            VersionFactory(model=model)

    assert_flat_queries(act=lambda: client.get(LIST), add_rows=add, budget=40)
