"""The numbers over REST."""

from datetime import timedelta

import pytest
from django.test import Client
from django.utils import timezone

from kpis.reading import closed_day, three_months
from tests.unit.kpis.rows import model_of, place_of, ran, version_of

pytestmark = pytest.mark.django_db
DAY = timedelta(days=1)


@pytest.fixture
def period():
    """Return the period of who names none, which no row may leave on any day of the month."""
    return three_months(timezone.now())


@pytest.fixture
def worked(retail, plant, period):
    """Eight deployments in Retail Lending of which one was rolled back, one elsewhere."""
    end = period.end
    begin = end - 100 * DAY
    place = place_of(retail, now=begin)
    credit, press = model_of(retail, "credit", now=begin, tier=1), model_of(plant, "press", now=begin)
    for number in range(8):
        version = version_of(credit, started_at=end - (47 - number) * DAY)
        ran(version, place, end - (30 - number) * DAY)
    ran(version, place, end - 22 * DAY, kind="rollback")
    ran(version_of(press, started_at=begin), place, end - 9 * DAY)


@pytest.fixture
def caller(as_pipeline, retail, ada):
    return as_pipeline(retail, ada, scopes=["kpis.view"])


def test_a_list_gives_the_five_numbers_of_the_units_of_the_token(worked, caller):
    rows = {row["name"]: row for row in caller.call("GET", "/kpis/").json()}
    assert len(rows) == 5
    assert rows["deployment_frequency"]["n"] == 8
    assert rows["deployment_frequency"]["band"] == ""
    failures = rows["change_failure_rate"]
    assert (failures["value"], failures["numerator"], failures["denominator"]) == (0.125, 1, 8)
    assert [round(end, 4) for end in failures["interval"]] == [0.0224, 0.4709]
    assert failures["band"] == "medium"
    assert failures["note"] == "no incident intake connected"
    approvals = rows["approval_cycle_time"]
    assert (approvals["value"], approvals["reason"], approvals["verdict"]) == (None, "no_data", "No data")


def test_one_number_comes_with_window_version_parts_and_places(worked, caller, retail, period):
    first, last = f"{closed_day(period) - 40 * DAY:%Y-%m-%d}", f"{closed_day(period):%Y-%m-%d}"
    row = caller.call("GET", f"/kpis/lead_time/?unit={retail.pk}&tier=1&from={first}&to={last}").json()
    assert (row["n"], row["version"], row["measured_in"]) == (8, "lead_time/2", "hours")
    assert row["value"] == pytest.approx(17 * 24)
    assert row["window"] == {"first": first, "last": last, "time_zone": "Europe/Berlin", "is_to_date": False}
    assert {(place["unit"], place["tier"], place["n"]) for place in row["places"]} == {
        (None, 1, 8),
        ("retail-lending", None, 8),
        ("retail-lending", 1, 8),
    }
    assert row["band"] == "green"


@pytest.mark.parametrize(
    ("path", "status"),
    [
        ("/kpis/weather/", 404),
        ("/kpis/?tier=9", 400),
        ("/kpis/?unit=424242", 400),
        ("/kpis/lead_time/?from=2026-02-31", 400),
        ("/kpis/lead_time/?period=soon", 400),
    ],
)
def test_what_makes_no_sense_is_named(caller, path, status):
    answer = caller.call("GET", path)
    assert answer.status_code == status
    assert answer["content-type"].startswith("application/problem+json")


def test_without_the_right_there_are_no_numbers(as_pipeline, retail, ada):
    other = as_pipeline(retail, ada, scopes=["registry.view"])
    assert other.call("GET", "/kpis/").status_code == 403
    assert Client().get("/api/v1/kpis/").status_code == 401
