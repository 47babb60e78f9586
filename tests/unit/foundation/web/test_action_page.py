"""Acts: a form and one service call; each kind of refusal has its own answer, and what was typed is kept."""

import pytest
from django.contrib.messages import get_messages

HTMX = {"HX-Request": "true"}


@pytest.fixture
def url(ben) -> str:
    return f"/people/{ben.pk}/rename/"


@pytest.fixture
def ben(make_person):
    """Return a person to rename."""
    return make_person("Ben Reyl")


def test_the_button_names_the_object(as_adam, url):
    assert ">Rename Ben Reyl</button>" in as_adam.get(url).content.decode()


def test_a_done_act_says_so_and_goes_on_with_303(as_adam, url):
    response = as_adam.post(url, {"name": "Benedict"})
    assert (response.status_code, response.headers["Location"]) == (303, "/people/")
    assert [str(message) for message in get_messages(response.wsgi_request)] == ["Renamed."]


def test_a_done_act_moves_htmx_by_header(as_adam, url):
    response = as_adam.post(url, {"name": "Benedict"}, headers=HTMX)
    assert (response.status_code, response.headers["HX-Redirect"]) == (204, "/people/")


@pytest.mark.parametrize(
    ("name", "status", "words"),
    [
        pytest.param("", 400, "This field is required.", id="the form refuses an empty name"),
        pytest.param("taken", 400, "This name is taken.", id="the service refuses a field"),
        pytest.param("blocked", 409, "The head of unit can change that.", id="a rule says who can change it"),
        pytest.param(
            "stale",
            409,
            "Tomas Reyl changed it at 10:37. What you typed is kept.",
            id="a conflict keeps the text",
        ),
    ],
)
def test_a_refusal_stands_above_the_form_that_keeps_what_was_typed(as_adam, url, name, status, words):
    response = as_adam.post(url, {"name": name})
    html = response.content.decode()
    assert response.status_code == status
    assert words in html
    assert not name or f'value="{name}"' in html
    assert "<html" in html


def test_a_refusal_for_htmx_is_the_form_alone(as_adam, url):
    response = as_adam.post(url, {"name": "stale"}, headers=HTMX)
    html = response.content.decode()
    assert response.headers["HX-Retarget"] == "#action-form"
    assert "<html" not in html
    assert 'value="stale"' in html


def test_a_refused_button_goes_back_with_the_reason(as_adam, ben):
    response = as_adam.post(f"/people/{ben.pk}/press/")
    assert (response.status_code, response.headers["Location"]) == (303, "/people/")
    assert [str(message) for message in get_messages(response.wsgi_request)] == ["The window is closed."]


def test_a_refused_button_shows_htmx_the_reason_in_the_notice(as_adam, ben):
    response = as_adam.post(f"/people/{ben.pk}/press/", headers=HTMX)
    assert (response.status_code, response.headers["HX-Retarget"]) == (409, "#notice")
    assert "The window is closed." in response.content.decode()


def test_an_unknown_object_is_a_page_that_names_it(as_adam):
    response = as_adam.get("/people/99999/rename/")
    assert response.status_code == 404
    assert "There is no person 99999 that you can see." in response.content.decode()


def test_the_right_is_asked_for_before_anything_is_done(as_person, dora, url):
    assert as_person(dora).post(url, {"name": "Benedict"}).status_code == 403


@pytest.mark.parametrize("text", ["yesterday", "2026-13-40", "2999-01-01"])
def test_a_wrong_moment_is_refused(as_adam, ben, text):
    assert as_adam.get(f"/people/{ben.pk}/?as_of={text}").status_code == 400


def test_a_page_as_of_a_moment_says_so_in_the_zone_of_the_portal(as_adam, ben):
    html = as_adam.get(f"/people/{ben.pk}/?as_of=2026-10-06 09:00").content.decode()
    assert "You see the state as of" in html
    assert 'datetime="2026-10-06T09:00:00+02:00">6 Oct 2026 09:00</time>' in html
