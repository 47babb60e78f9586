"""What surrounds every page: navigation, notices, jobs, profile, search, kit, errors, headers, assets."""

import json
import re
from pathlib import Path

import pytest
from django.conf import settings
from django.contrib.staticfiles import finders
from django.template import Context, Template
from django.test import Client

from mlops_portal.foundation.errors import NotAllowed, Unavailable
from mlops_portal.foundation.people.models import User
from mlops_portal.foundation.web import navigation, notifications, panels, search
from mlops_portal.foundation.web.middleware import DomainErrorMiddleware
from mlops_portal.foundation.web.models import Notification
from mlops_portal.foundation.web.preferences import preferences_change
from mlops_portal.foundation.work.models import Job

TEMPLATES = list(Path(settings.BASE_DIR, "templates").rglob("*.html"))
INLINE = re.compile(r"\sstyle=|\son[a-z]+=|<style|javascript:|<script(?![^>]*\bsrc=)", re.IGNORECASE)


@pytest.fixture
def nav_items(monkeypatch):
    """Begin with an empty navigation."""
    monkeypatch.setattr(navigation, "_items", {})
    monkeypatch.setattr(navigation, "_ledger_box", [])
    return navigation


@pytest.mark.parametrize("path", TEMPLATES, ids=lambda path: str(path.relative_to(settings.BASE_DIR)))
def test_templates_hold_nothing_inline(path):
    assert not INLINE.search(path.read_text())


def test_pages_send_a_strict_policy(as_adam):
    response = as_adam.get("/people/")
    policy = response.headers["Content-Security-Policy"]
    assert "default-src 'none'" in policy
    assert "unsafe-inline" not in policy
    assert "unsafe-eval" not in policy
    assert "camera=()" in response.headers["Permissions-Policy"]


def test_navigation_hides_what_a_role_can_never_use(nav_items, rf, adam, nora):
    nav_items.register(navigation.NavItem("System", "Administration", "admin", "people", right="people.view"))
    nav_items.register(
        navigation.NavItem("Work", "Notifications", "bell", "web:notifications", count=lambda user: 3)
    )
    request = rf.get("/people/7/")
    request.user = adam
    groups = dict(navigation.groups_for(request))
    assert [link.label for link in groups["System"]] == ["Administration"]
    assert groups["System"][0].is_current
    assert groups["Work"][0].count == 3
    request.user = nora
    assert "System" not in dict(navigation.groups_for(request))


def test_navigation_refuses_unknown_groups_and_doubles(nav_items):
    with pytest.raises(ValueError, match="no navigation group"):
        nav_items.register(navigation.NavItem("Elsewhere", "X", "admin", "people"))
    nav_items.register(navigation.NavItem("Work", "X", "admin", "people"))
    with pytest.raises(ValueError, match="already"):
        nav_items.register(navigation.NavItem("Work", "X", "admin", "person"))


def test_the_state_of_the_ledger_stands_in_the_navigation_and_on_paper(nav_items, as_adam):
    head = "e41f" + 56 * "0" + "9ac2"
    box = navigation.LedgerBox(
        "ok", "Ledger, first 48 213 entries verified", "12 since", head, "/ledger/", signed=48_225
    )
    nav_items.register_ledger_box(lambda request: box)
    html = as_adam.get("/people/").content.decode()
    assert 'class="nav-ledger is-ok" id="nav-ledger" href="/ledger/"' in html
    assert "<code>e41f…9ac2</code>" in html
    assert "Ledger, first 48 213 entries verified: 12 since. Head of the 48\u202f225 signed entries:" in html
    assert f'<span class="mono">{head}</span>' in html


def test_who_may_not_read_the_ledger_gets_its_state_without_a_link(nav_items, as_adam):
    box = navigation.LedgerBox("ok", "Ledger, first 48 213 entries verified", "12 since", "e41f" + 60 * "0")
    nav_items.register_ledger_box(lambda request: box)
    html = as_adam.get("/people/").content.decode()
    assert '<div class="nav-ledger is-ok" id="nav-ledger">' in html
    assert html.count('href="#main"') == 1  # the link that skips the navigation


@pytest.mark.parametrize("zone", ["", "Asia/Tokyo"])
def test_every_page_states_the_zone_of_its_times_once(as_adam, adam, now, zone):
    preferences_change(person=adam, time_zone=zone, density="compact", shortcuts_off=False, now=now)
    html = as_adam.get("/people/").content.decode()
    assert html.count(f"Times are {zone or 'Europe/Berlin'}.") == 1


class TestNotices:
    """Notices reach people, never machines, and are read once."""

    def test_a_notice_is_counted_shown_and_read(self, as_adam, adam, nora, now):
        notifications.notify(
            people=[adam, adam, nora], subject="CR-12", text="Decide again.", link="/people/", now=now
        )
        assert 'aria-label="Notifications, 1 unread"' in as_adam.get("/people/").content.decode()
        assert "Decide again." in as_adam.get("/notifications/").content.decode()
        as_adam.post("/notifications/", {"pk": Notification.objects.get(person=adam).pk})
        assert 'aria-label="Notifications"' in as_adam.get("/people/").content.decode()
        assert Notification.objects.filter(person=nora, read_at__isnull=True).count() == 1

    def test_a_notice_never_leads_out_of_the_portal(self, adam, now):
        with pytest.raises(ValueError, match="only link into the portal"):
            notifications.notify(
                people=[adam], subject="s", text="t", link="https://elsewhere.example/", now=now
            )

    def test_nobody_reads_for_somebody_else(self, as_adam, nora, now):
        (notice,) = notifications.notify(people=[nora], subject="s", text="t", now=now)
        as_adam.post("/notifications/", {"pk": notice.pk})
        notice.refresh_from_db()
        assert notice.read_at is None


class TestJobs:
    """A running job asks for itself, an ended one stops asking, and it is private."""

    @pytest.fixture
    def job(self, adam, now) -> Job:
        """Return a job half done."""
        more = {"phase": "Hashing", "done": 50, "total": 200, "created_at": now, "started_at": now}
        return Job.objects.create(kind="toy", label="Evidence ZIP", owner=adam, state="running", **more)

    def test_a_running_job_shows_progress_and_asks_again(self, as_adam, job):
        html = as_adam.get(f"/jobs/{job.pk}/", headers={"HX-Request": "true"}).content.decode()
        assert 'hx-trigger="every 2s"' in html
        assert "Hashing, 50 of 200" in html
        assert "25\u202f%, about " in html

    def test_an_ended_job_offers_its_result_and_stops_asking(self, as_adam, job, now):
        job.state, job.finished_at, job.result = "succeeded", now, {"url": "/files/1/", "label": "2.1 MB"}
        job.save()
        html = as_adam.get(f"/jobs/{job.pk}/", headers={"HX-Request": "true"}).content.decode()
        assert "every 2s" not in html
        assert 'href="/files/1/"' in html

    @pytest.mark.parametrize(
        ("state", "result", "error", "said"),
        [
            pytest.param("running", {}, "", None, id="a job that runs says nothing to the page"),
            pytest.param("succeeded", {"url": "/files/1/"}, "", "Evidence ZIP: ready", id="a file is ready"),
            pytest.param("succeeded", {"text": "All good."}, "", "Evidence ZIP: done", id="work is done"),
            pytest.param("succeeded", {"text": "2 flaws.", "tone": "fail"}, "", "", id="a bad outcome is no toast"),
            pytest.param("failed", {}, "The disk is full.", "", id="a failure refreshes the page, too"),
        ],
    )  # fmt: skip
    def test_an_ended_job_tells_the_page_and_states_its_outcome(
        self, as_adam, job, now, state, result, error, said
    ):
        job.state, job.finished_at, job.result, job.error = state, now, result, error
        job.save()
        response = as_adam.get(f"/jobs/{job.pk}/", headers={"HX-Request": "true"})
        told = response.headers.get("HX-Trigger")
        assert (told and json.loads(told)) == (said if said is None else {"portal:job-ended": {"said": said}})
        assert (error or result.get("text", "")) in response.content.decode()

    def test_a_part_of_a_page_reads_itself_again_when_a_job_ends(self, rf):
        template = Template('<p id="a" {% refreshed_by_job "a" "b" "c" %}>')
        html = template.render(Context({"request": rf.get("/runs/4/?x=1&y=2")}))
        assert 'hx-get="/runs/4/?x=1&amp;y=2" hx-trigger="portal:job-ended from:body"' in html
        assert 'hx-select="#a"' in html
        assert 'hx-select-oob="#b,#c"' in html
        assert 'hx-disinherit="hx-select hx-select-oob hx-target hx-swap"' in html

    def test_stopping_works_without_scripts(self, as_adam, job):
        response = as_adam.post(f"/jobs/{job.pk}/stop/", {"next": "https://elsewhere.example/"})
        job.refresh_from_db()
        assert (response.status_code, response.headers["Location"]) == (303, f"/jobs/{job.pk}/")
        assert job.stop_requested

    def test_somebody_elses_job_does_not_exist(self, as_person, dora, job):
        assert as_person(dora).get(f"/jobs/{job.pk}/").status_code == 404
        assert as_person(dora).post(f"/jobs/{job.pk}/stop/").status_code == 404


class TestProfile:
    """People set how the portal looks for them."""

    def test_settings_are_saved_with_history_and_take_effect(self, as_adam, adam):
        given = {"time_zone": "Asia/Tokyo", "density": "comfortable", "shortcuts_off": "on"}
        assert as_adam.post("/profile/", given).status_code == 303
        person = User.objects.get(pk=adam.pk)
        assert (person.time_zone, person.density, person.shortcuts_off) == ("Asia/Tokyo", "comfortable", True)
        assert person.history.first().history_user_id == str(adam.pk)
        html = as_adam.get("/profile/").content.decode()
        assert 'data-density="comfortable" data-shortcuts="off"' in html

    def test_an_unknown_zone_is_refused(self, as_adam):
        assert as_adam.post("/profile/", {"time_zone": "Mars/Base", "density": "compact"}).status_code == 400


class TestSearch:
    """Search asks each source for what the person may see."""

    @pytest.fixture(autouse=True)
    def _sources(self, monkeypatch):
        monkeypatch.setattr(search, "_sources", {})

    def test_sources_are_asked_only_with_the_right(self, as_adam, as_person, nora):
        def find(user, text, limit):
            return [search.Hit("retail-credit-pd", "/models/1/", "Model, tier 1", "model")]

        search.register(search.Source("models", "Models", find, right="people.view"))
        assert 'data-href="/models/1/"' in as_adam.get("/search/palette?q=credit").content.decode()
        assert "retail-<b>credit</b>-pd" in as_adam.get("/search/?q=credit").content.decode()
        assert "/models/1/" not in as_person(nora).get("/search/?q=credit").content.decode()

    def test_nothing_found_is_said_with_the_escaped_words(self, as_adam):
        html = as_adam.get("/search/palette?q=<script>").content.decode()
        assert "Nothing found for “&lt;script&gt;”" in html


class TestErrors:
    """Each refusal has a page that says what to do."""

    def test_an_unknown_address_offers_search(self, as_adam):
        response = as_adam.get("/nowhere/")
        assert response.status_code == 404
        assert "There is no page /nowhere/." in response.content.decode()

    def test_strangers_get_error_pages_without_navigation(self, client, db):
        html = client.get("/nowhere/").content.decode()
        assert 'class="nav"' not in html

    def test_a_form_open_too_long_says_that_nothing_was_saved(self, adam):
        client = Client(enforce_csrf_checks=True)
        client.force_login(adam)
        response = client.post("/profile/", {"density": "compact"})
        assert response.status_code == 403
        assert "Nothing was saved." in response.content.decode()

    @pytest.mark.parametrize(
        ("error", "status"), [(NotAllowed("No.", owner="the owner"), 403), (Unavailable("Later."), 503)]
    )
    def test_the_middleware_answers_domain_errors_by_their_status(self, rf, adam, error, status):
        request = rf.get("/people/")
        request.user, request.htmx = adam, False
        response = DomainErrorMiddleware(lambda r: None).process_exception(request, error)
        assert response.status_code == status

    def test_an_error_of_the_portal_gets_an_incident_number(self, as_adam, monkeypatch):
        def fail(*args, **kwargs):
            raise RuntimeError("broken")

        monkeypatch.setattr(search, "search", fail)
        as_adam.raise_request_exception = False
        response = as_adam.get("/search/?q=x")
        html = response.content.decode()
        assert response.status_code == 500
        assert "Nothing was saved or signed." in html
        assert re.search(r"<code>[0-9a-f-]{36}</code>", html)


def test_the_kit_renders_every_component_and_stays_out_of_production(as_adam, settings):
    html = as_adam.get("/kit/").content.decode()
    for part in ("callout is-warn", "stat is-fail", "figure-block", "gauge"):
        assert (part in html) is (part != "gauge")
    settings.PORTAL_MODE = "production"
    assert as_adam.get("/kit/").status_code == 404


def test_the_sign_in_page_works_and_leads_on(client, adam):
    from tests.conftest import PASSWORD

    assert "Sign in" in client.get("/accounts/login/").content.decode()
    given = {"login": adam.email, "password": PASSWORD, "next": "/people/"}
    response = client.post("/accounts/login/", given)
    assert (response.status_code, response.headers["Location"]) == (302, "/people/")


def test_a_wrong_password_is_told_without_saying_which_part_was_wrong(client, adam):
    response = client.post("/accounts/login/", {"login": adam.email, "password": "wrong horse"})
    assert "Not signed in" in response.content.decode()


def test_plotly_is_served_from_its_package_and_nothing_else_is():
    assert finders.find("plotly/plotly.min.js").endswith("package_data/plotly.min.js")
    assert not finders.find("plotly/datasets.json")


def test_panels_are_placed_by_right_and_order(monkeypatch, adam, nora):
    monkeypatch.setattr(panels, "_panels", {})
    panels.register(
        panels.Panel("foundation.User", "second", "Second", "person", right="people.view", order=2)
    )
    panels.register(panels.Panel("foundation.User", "first", "First", "person", order=1))
    panels.register(panels.Panel("foundation.User", "rail", "Rail", "person", place="rail"))
    assert [panel.name for panel in panels.panels_for(adam, user=adam)] == ["first", "second"]
    assert [panel.name for panel in panels.panels_for(adam, user=nora)] == ["first"]
    assert panels.panels_for(adam, user=adam)[0].url == f"/people/{adam.pk}/"


def test_plotly_finds_the_styles_it_would_add(as_adam):
    """Otherwise every page with a chart reports a violation of its content security policy."""
    source = Path(finders.find("plotly/plotly.min.js")).read_text()
    named = set(
        re.findall(r'getElementById\("([0-9a-f]{64})"\)\){var \w+=document\.createElement\("style"\)', source)
    )
    assert named
    html = as_adam.get("/people/").content.decode()
    assert all(f'<meta id="{one}"' in html for one in named)
