"""The board of deployments: what stands in each environment now, for whom, in which order, and never too much of it."""

from datetime import timedelta

import pytest
from django.urls import reverse

from registry import behind
from registry.behind import RequestBehind
from registry.queries import board
from registry.services import operations
from tests.factories.registry import DeploymentFactory, EnvironmentFactory, ModelFactory, VersionFactory

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("no_gates")]
BOARD, LIST = "/deployments/board/", "/deployments/"


@pytest.fixture
def put(retail, now):
    """Return a factory of deployments, each of a model of its own."""

    def make(environment, name, *, unit=retail, live=True, age=0, **fields):
        version = VersionFactory(model=ModelFactory(unit=unit, name=name))
        at = now - timedelta(hours=age)
        return DeploymentFactory(version=version, environment=environment, live=live, now=at, **fields)

    return make


@pytest.fixture
def reader(make_person, retail, as_person):
    return as_person(make_person("Uma Reader", "viewer", unit=retail))


def columns_of(client, address=BOARD):
    """Return the names of the models in each column, by environment, as the page orders them."""
    answer = client.get(address)
    assert answer.status_code == 200
    return {
        column.lane.environment.name: [card.deployment.model.name for card in column.cards]
        for column in answer.context["columns"]
    }


def text_of(client, address=BOARD, **headers):
    answer = client.get(address, headers=headers)
    assert answer.status_code == 200
    return answer.content.decode()


def test_production_comes_first_then_names(reader, retail):
    for name, production in (("b-test", False), ("z-prod", True), ("a-test", False), ("m-prod", True)):
        EnvironmentFactory(unit=retail, name=name, production=production)
    assert list(columns_of(reader)) == ["m-prod", "z-prod", "a-test", "b-test"]


def test_the_board_leads_to_each_of_its_columns(reader, retail):
    only = EnvironmentFactory(unit=retail, name="prod", production=True)
    assert 'aria-label="Environments on the board"' not in text_of(reader)
    other = EnvironmentFactory(unit=retail, name="staging")
    page = text_of(reader)
    for place in (only, other):
        assert f'<a href="#at-{place.pk}">{place.name}</a>' in page
        assert f'<section class="lane" id="at-{place.pk}"' in page


def test_a_closed_environment_has_no_column(reader, retail, now):
    place = EnvironmentFactory(unit=retail, name="old")
    operations.environment_close(environment=place, by=None, now=now, reason="Replaced.")
    assert columns_of(reader) == {}
    assert "No environment yet" in text_of(reader)


def test_a_card_says_what_serves_since_when_and_with_how_much_traffic(reader, retail, put):
    deployment = put(EnvironmentFactory(unit=retail, name="prod", production=True), "pd")
    page = text_of(reader)
    for words in ("prod", "Production", "1 live", "100 % traffic", "New version", "Since", "no tier"):
        assert words in page, words
    for address in (deployment, deployment.model, deployment.version):
        assert f'href="{address.get_absolute_url()}"' in page
    assert "without a change request" in page


def test_what_is_executed_comes_first_then_what_is_suspended_then_the_newest(reader, retail, put, now):
    place = EnvironmentFactory(unit=retail, name="prod")
    put(place, "older", age=9)
    put(place, "newer", age=1)
    operations.deployment_suspend(deployment=put(place, "held", age=20), reason="Drift.", by=None, now=now)
    put(place, "starting", age=30, live=False)
    ended = put(place, "ended", live=False)
    operations.deployment_fail(deployment=ended, reason="No.", by=None, now=now)
    assert columns_of(reader) == {"prod": ["starting", "held", "newer", "older"]}
    page = text_of(reader)
    assert "1 in progress, 1 suspended, 2 live" in page
    assert page.index("In progress") < page.index("Suspended")


def test_what_an_app_above_still_watches_comes_first_and_its_change_is_linked(
    reader, retail, put, monkeypatch
):
    place = EnvironmentFactory(unit=retail, name="prod")
    watched = put(place, "watched", age=9, change_id=7)
    put(place, "settled", age=1)
    told = RequestBehind(code="CR-7", url="/changes/7/", phase="Verifying", until=watched.started_at)
    monkeypatch.setattr(behind, "answers", [lambda user, rows, at: {7: told}])
    assert columns_of(reader) == {"prod": ["watched", "settled"]}
    page = text_of(reader)
    assert 'href="/changes/7/">CR-7</a>' in page
    assert "Verifying" in page


def test_the_column_of_a_shared_environment_holds_only_what_the_reader_may_see(
    reader, group, retail, plant, put
):
    shared, foreign = (
        EnvironmentFactory(unit=group, name="shared"),
        EnvironmentFactory(unit=plant, name="plant"),
    )
    put(shared, "pd")
    put(shared, "pumps", unit=plant)
    put(foreign, "valves", unit=plant)
    assert columns_of(reader) == {"shared": ["pd"]}
    assert "1 live" in text_of(reader)


def test_an_empty_column_says_that_nothing_serves(reader, retail):
    EnvironmentFactory(unit=retail, name="prod")
    assert "Nothing that you may see serves here." in text_of(reader)


def test_what_serves_unseen_is_neither_named_nor_denied(reader, group, plant, put):
    shared = EnvironmentFactory(unit=group, name="shared")
    put(shared, "pumps", unit=plant)
    for url in (BOARD, f"/environments/{shared.pk}/"):
        page = text_of(reader, url)
        assert "Nothing that you may see serves here" in page
        assert "Nothing serves here" not in page
        assert "pumps" not in page


def test_a_column_is_cut_and_leads_to_the_list_of_all(reader, retail, put):
    place = EnvironmentFactory(unit=retail, name="prod", production=True)
    for number in range(board.CARDS + 3):
        put(place, f"model-{number:02}", age=number)
    column = reader.get(BOARD, {"production": "true"}).context["columns"][0]
    assert [card.deployment.model.name for card in column.cards] == [
        f"model-{n:02}" for n in range(board.CARDS)
    ]
    assert f"All {board.CARDS + 3}<" in text_of(reader)
    assert "production=true" in column.every
    assert f"{board.CARDS + 3} deployments" in text_of(reader, column.every)


def test_columns_are_cut_and_the_page_leads_to_others(reader, retail):
    for number in range(board.COLUMNS + 1):
        EnvironmentFactory(unit=retail, name=f"cloud-{number:02}", provider="aws")
    EnvironmentFactory(unit=retail, name="robot", provider="edge")
    assert len(columns_of(reader, f"{BOARD}?kind=normal")) == board.COLUMNS
    page = text_of(reader, f"{BOARD}?kind=normal")
    assert f"{board.COLUMNS} of {board.COLUMNS + 2} environments are shown" in page
    assert f'href="{BOARD}?kind=normal&amp;provider=edge">Edge</a> 1' in page
    assert list(columns_of(reader, f"{BOARD}?kind=normal&provider=edge")) == ["robot"]


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        pytest.param("q=pd", {"prod": ["pd"], "robot": [], "shared": []}, id="words narrow cards"),
        pytest.param("production=true", {"prod": ["lgd", "pd"]}, id="production narrows columns"),
        pytest.param("provider=edge", {"robot": []}, id="where they run narrows columns"),
        pytest.param("unit={retail}", {"prod": ["lgd", "pd"], "robot": [], "shared": ["ead"]}, id="a unit keeps what serves it"),
        pytest.param("unit={group}", {"shared": []}, id="the unit above keeps its own environments"),
        pytest.param("environment={shared}", {"shared": ["ead"]}, id="an environment by itself"),
        pytest.param("environment=x&production=true", {"prod": ["lgd", "pd"]}, id="an unknown one leaves the others"),
        pytest.param("environment=0&environment=x", {"prod": ["lgd", "pd"], "robot": [], "shared": ["ead"]}, id="an unknown one is ignored"),
    ],
)  # fmt: skip
def test_filters_of_the_list_narrow_the_board(query, expected, group, retail, put, make_person, as_person):
    prod = EnvironmentFactory(unit=retail, name="prod", production=True)
    EnvironmentFactory(unit=retail, name="robot", provider="edge")
    shared = EnvironmentFactory(unit=group, name="shared")
    put(prod, "pd", age=2)
    put(prod, "lgd", age=1)
    put(shared, "ead")
    client = as_person(make_person("Vic Reader", "viewer", unit=group))
    given = query.format(retail=retail.pk, group=group.pk, shared=shared.pk)
    assert columns_of(client, f"{BOARD}?{given}") == expected


def test_no_match_and_nothing_yet_are_told_apart(reader, retail, put):
    assert "No environment yet" in text_of(reader)
    put(EnvironmentFactory(unit=retail, name="prod", provider="aws"), "pd")
    EnvironmentFactory(unit=retail, name="spare", provider="aws")
    assert "No environments match these filters" in text_of(reader, f"{BOARD}?provider=edge")
    assert "No deployments match these filters" in text_of(reader, f"{BOARD}?q=nothing")
    assert "Nothing here matches the filters." in text_of(reader, f"{BOARD}?q=pd")
    assert "Nothing that you may see serves here." in text_of(reader, f"{BOARD}?provider=aws")


@pytest.mark.parametrize(("at", "other"), [(BOARD, LIST), (LIST, BOARD)])
def test_the_other_view_keeps_the_address(reader, at, other):
    page = text_of(reader, f"{at}?q=pd&production=true")
    assert f'href="{other}?q=pd&amp;production=true"' in page
    assert f'href="{at}?q=pd&amp;production=true" aria-current="page"' in page


def test_a_filter_swaps_the_board_its_links_and_what_is_announced(reader, retail):
    EnvironmentFactory(unit=retail, name="prod")
    part = text_of(reader, f"{BOARD}?q=pd", **{"HX-Request": "true"})
    assert "<html" not in part
    assert 'id="list"' in part
    assert 'id="list-headline" hx-swap-oob="true"' in part
    assert "1 environment, 0 deployments" in part


def test_acts_are_offered_to_whoever_may_do_them(retail, put, make_person, as_person, reader):
    deployment = put(EnvironmentFactory(unit=retail, name="prod"), "pd")
    suspend = reverse("approvals:suspend", args=[deployment.pk])
    assert suspend not in text_of(reader)
    assert suspend in text_of(as_person(make_person("Odo Operator", "operator", unit=retail)))


def test_a_blocked_act_says_why_where_it_stands(retail, put, make_person, as_person):
    deployment = put(EnvironmentFactory(unit=retail, name="prod"), "pd")
    page = text_of(as_person(make_person("Odo Operator", "operator", unit=retail)))
    why = f'aria-disabled="true" aria-describedby="why-roll-back-{deployment.pk}"'
    assert why in page
    assert f'id="why-roll-back-{deployment.pk}">No way back was approved' in page
    instead = f'<a href="{reverse("approvals:roll-back", args=[deployment.pk])}">What you can do instead'
    assert instead in page


def test_statements_do_not_grow_with_environments_or_deployments(reader, retail, put, assert_flat_queries):
    def more():
        for _ in range(7):
            place = EnvironmentFactory(unit=retail)
            for number in range(3):
                put(place, f"{place.name}-{number}", live=number > 0)

    more()
    assert_flat_queries(act=lambda: text_of(reader), add_rows=more, budget=25)


@pytest.mark.parametrize(
    "query",
    ["environment=%00", "environment=" + "9" * 40, "unit=" + "9" * 40, "model=" + "9" * 40, "model=x", "provider=%FF",
     "production=maybe", "q=" + "x" * 5000, "state=nonsense"],
)  # fmt: skip
def test_hostile_addresses_are_no_server_errors(reader, retail, put, query):
    put(EnvironmentFactory(unit=retail, name="prod"), "pd")
    assert reader.get(f"{BOARD}?{query}").status_code in (200, 400)
    assert reader.get(f"{LIST}?{query}").status_code in (200, 400)
