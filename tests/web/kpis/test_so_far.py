"""What is kept at night and what is counted now stand side by side on one page, and say which is which."""

from datetime import timedelta

import pytest
from django.http import QueryDict
from django.urls import reverse
from django.utils import timezone

from kpis.asking import ask
from kpis.queries.dashboard import figures_for, not_yet_counted
from kpis.services.snapshots import snapshot_take
from tests.unit.kpis.rows import model_of, place_of, ran, version_of

pytestmark = pytest.mark.django_db
DAY = timedelta(days=1)
HOUR = timedelta(hours=1)
MONTH = (
    "Nov 2026 to date: 6 deployments to yesterday, in the charts and in none of the measures above;"
    " a month counts when it has ended."
)
TODAY = "Since midnight, counted now: 1 deployment and 1 rollback; a day counts when it has ended."


@pytest.fixture
def released(retail, now):
    """Six deployments and a rollback this month, kept at night; one of each this morning."""
    place = place_of(retail, now=now - 300 * DAY)
    model = model_of(retail, "credit", now=now - 300 * DAY, tier=1)
    version = version_of(model, started_at=now - 60 * DAY)
    for number in range(6):
        ran(version, place, now - (10 - number) * DAY)
    ran(version, place, now - 3 * DAY, kind="rollback")
    ran(version, place, now - 40 * DAY, state="failed")
    snapshot_take(now=now - 9 * HOUR)
    ran(version, place, now - 2 * HOUR)
    ran(version, place, now - HOUR, kind="rollback")
    return model


@pytest.mark.parametrize(
    ("query", "said"),
    [
        pytest.param("", [MONTH, TODAY], id="three complete months"),
        pytest.param("period=90d", [TODAY], id="to yesterday"),
        pytest.param("period=mtd", [TODAY], id="the month to date"),
        pytest.param("period=today", [], id="today itself"),
        pytest.param("period=2026-03", [], id="an early month"),
        pytest.param("tier=2", [MONTH.replace("6 deployments", "0 deployments")], id="another tier"),
    ],
)
def test_the_open_month_is_that_of_the_charts_and_today_is_counted_now(released, cleo, now, query, said):
    asked = ask(cleo, QueryDict(query), now)
    assert not_yet_counted(asked, figures_for(asked, now), now) == said


def test_the_page_says_it(retail, as_person, mona):
    now = timezone.now()
    model, place = model_of(retail, "credit", now=now - DAY), place_of(retail, now=now - DAY)
    ran(version_of(model, started_at=now - DAY), place, now)
    page = as_person(mona).get(reverse("kpis:dashboard") + "?period=90d&tier=2").content.decode()
    assert "Since midnight, counted now: 1 deployment; a day counts when it has ended." in page
    assert "?period=today&amp;tier=2" in page
