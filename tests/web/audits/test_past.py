"""A past day answers who approved what: requests and decisions as they were, and links that keep the day or say so."""

from datetime import timedelta
from urllib.parse import quote

import pytest

from mlops_portal.foundation.history import save_as
from tests.web.audits.test_pages import text_of

pytestmark = pytest.mark.django_db


def at(moment) -> str:
    return moment.strftime("%Y-%m-%dT%H:%M:%SZ")


@pytest.mark.parametrize(
    ("hours", "shown", "hidden"),
    [
        pytest.param(-24, ["No request and no decision at that moment"], ["CR-", "Approve"], id="nothing before it was filed"),
        pytest.param(0.5, ["1 open at that moment", "In review"], ["Approve</a>", "Completed"], id="in review, nobody decided"),
        pytest.param(2, ["Approved", "Ines Halvorsen", "Vera Osei", "/decisions/"], ["Completed"], id="approved, by whom"),
        pytest.param(4, ["Verifying", "Ines Halvorsen", "1 open at that moment"], ["Completed"], id="carried out, being verified"),
        pytest.param(6, ["Completed", "Ines Halvorsen", "0 open at that moment"], ["Verifying"], id="closed, and who approved it"),
    ],
)  # fmt: skip
def test_requests_and_decisions_stand_as_they_did(released, cleo, as_person, now, hours, shown, hidden):
    released.state = "completed"
    save_as(released, by=None, now=now + timedelta(hours=5))
    moment = quote(at(now + timedelta(hours=hours)))
    panel = text_of(as_person(cleo), f"/models/{released.model_id}/changes/panel/?as_of={moment}")
    panel = panel[panel.index('id="panel-changes"') :]
    for words in shown:
        assert words in panel
    for words in hidden:
        assert words not in panel


def test_signatures_beyond_the_first_are_folded_and_none_is_left_out(
    released, cleo, as_person, now, monkeypatch
):
    moment = quote(at(now + timedelta(hours=4)))
    address = f"/models/{released.model_id}/changes/panel/?as_of={moment}"
    decisions = [f'href="/decisions/{one.pk}/"' for one in released.decisions.all()]
    assert len(decisions) > 1
    assert "earlier signature" not in text_of(as_person(cleo), address)
    monkeypatch.setattr("approvals.queries.panel_reads.DECIDED_THEN", 1)
    panel = text_of(as_person(cleo), address)
    shown, _, folded = panel.partition('<details class="chart-data panel-body">')
    assert sum(one in shown for one in decisions) == 1
    assert sum(one in folded for one in decisions) == len(decisions) - 1
    assert f"{len(decisions) - 1} earlier signature" in folded


def test_rights_are_those_of_today(released, dora, as_person, now):
    moment = quote(at(now + timedelta(hours=4)))
    assert (
        as_person(dora).get(f"/models/{released.model_id}/changes/panel/?as_of={moment}").status_code == 404
    )


class TestModelPage:
    """The page of the model on a past day, in its links and words."""

    @pytest.fixture
    def then(self, now):
        return f"?as_of={quote(at(now + timedelta(hours=4)), safe='')}"

    @pytest.fixture
    def page(self, released, cleo, as_person, then):
        return text_of(as_person(cleo), f"/models/{released.model_id}/{then}")

    def test_the_panel_of_requests_is_asked_for_that_day(self, page, released, then):
        assert f'hx-get="/models/{released.model_id}/changes/panel/{then}"' in page

    def test_what_served_leads_to_its_request_and_to_the_receipts(self, page, released, then):
        where = page[page.index("Where it runs") :]
        assert f'href="/changes/{released.pk}/{then}">CR-{released.pk}</a>' in where
        for decision in released.decisions.all():
            assert f'<a href="/decisions/{decision.pk}/">{decision.signer.name}</a>' in where

    def test_tabs_keep_the_day_and_name_those_that_show_today(self, page, released, then):
        tabs = page[page.index('aria-label="Model"') :]
        tabs = tabs[: tabs.index("</nav>")]
        assert tabs.count("<a ") == tabs.count(then) == 8
        kept = {one.split("</a>")[0].rpartition('">')[2] for one in tabs.split("<a ") if "today" not in one}
        assert {"Overview", "Risk and limits", "Lineage", "History"} <= kept
        assert tabs.count(">today</small>") == 4

    def test_the_banner_names_the_zone(self, page):
        assert "Europe/Berlin</b>" in page

    def test_nothing_counts_more_versions_than_there_were(self, page):
        tabs = page[page.index('aria-label="Model"') :]
        assert "count" not in tabs[: tabs.index("</nav>")]

    @pytest.mark.parametrize("tab", ["versions", "documents", "changes", "validations"])
    def test_a_page_that_shows_today_says_so(self, released, cleo, as_person, then, tab):
        page = text_of(as_person(cleo), f"/models/{released.model_id}/{tab}/{then}")
        assert "This page shows today" in page
        assert "You see the state as of" not in page

    @pytest.mark.parametrize("tab", ["risk", "lineage", "history"])
    def test_the_other_tabs_show_that_day(self, released, cleo, as_person, then, tab):
        page = text_of(as_person(cleo), f"/models/{released.model_id}/{tab}/{then}")
        assert "You see the state as of" in page

    def test_the_history_ends_at_the_moment(self, released, cleo, as_person, now):
        early = quote(at(now - timedelta(days=30)))
        url = f"/models/{released.model_id}/history/"
        client = as_person(cleo)
        assert (
            text_of(client, url).count("<li><code>")
            > text_of(client, f"{url}?as_of={early}").count("<li><code>")
            > 0
        )
