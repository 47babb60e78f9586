"""A judged number stands beside its limits, wherever it is shown, and says why it stands where it does."""

from datetime import timedelta

import pytest
from django.urls import reverse
from django.utils import timezone

from kpis import definitions
from kpis.figures import Part
from kpis.judging import judge_part, target_limits
from mlops_portal.foundation.people.services.units import unit_create
from tests.unit.kpis.rows import model_of, place_of, ran, version_of

pytestmark = pytest.mark.django_db
DAY = timedelta(days=1)
LEAD = "?period=90d"


@pytest.fixture
def deployed(retail):
    """Return a function that brings versions of a tier into production, each after so many days."""
    now = timezone.now()
    place = place_of(retail, now=now - 300 * DAY)

    def deploy(tier, days, count, unit=retail):
        model = model_of(unit, f"{unit.code}-{tier}", now=now - 300 * DAY, tier=tier)
        for number in range(count):
            at = now - (40 - number) * DAY
            version = version_of(model, started_at=at - days * DAY)
            ran(version, place, at, document_score=1.0, document_threshold=0.9)

    return deploy


def tile_of(client):
    answer = client.get(reverse("kpis:dashboard") + LEAD)
    return next(one for one in answer.context["tiles"] if one.kpi.name == "lead_time"), answer


def test_each_tier_stands_beside_its_own_limit(deployed, as_person, mona):
    deployed(1, 40, 6)
    deployed(2, 20, 5)
    client = as_person(mona)
    tile, answer = tile_of(client)
    assert (tile.verdict.word, tile.verdict.text) == ("Watch", "Limits by tier: 1 of 2 on target")
    assert tile.verdict.why == (
        "Tier 1: 40 days is above 30 days, where on target ends, and not above 60 days, where off target begins."
    )
    page = answer.content.decode()
    assert "Tier 1: 40 days, n 6; 30 days at most" in page
    assert tile.verdict.why not in page, "the limit stands in the line of its tier"
    assert "Tier 2: 20 days, n 5; 21 days at most" in page
    assert "1 to watch (lead time to production)" in page
    detail = client.get(reverse("kpis:kpi-detail", args=["lead_time"]) + LEAD)
    rows = [
        (row.place, row.value, row.on_target, row.watch, row.source, row.word)
        for row in detail.context["against"].rows
    ]
    assert rows[:3] == [
        ("Tier 1", "40 days", "30 days at most", "60 days at most", "the house", "Watch"),
        ("Tier 2", "20 days", "21 days at most", "45 days at most", "the house", "On target"),
        ("Tier 3", "no data", "7 days at most", "21 days at most", "the house", "No data"),
    ]
    heads = [(head.label, head.limit) for head in detail.context["heat"].heads]
    assert heads[:2] == [("Tier 1", "30 days at most"), ("Tier 2", "21 days at most")]
    assert heads[-1] == ("All", "")
    failures = answer.context["heat"]
    assert (failures.limit, {head.limit for head in failures.heads}) == ("10 % at most", {""})
    notes = [cell.note for cell in detail.context["heat"].rows[-1].cells]
    assert notes[:2] == ["n 6, watch", "n 5, on target"]


@pytest.mark.parametrize(
    ("counts", "why"),
    [
        pytest.param([3, 4], "Not judged: fewer than 5 in each tier.", id="seven rows, fewer in each tier"),
        pytest.param(
            [3, 6], "Tier 2: 20 days keeps to the limit of at most 21 days.", id="one tier has enough"
        ),
    ],
)
def test_too_few_in_each_tier_is_said_of_the_tiers(deployed, as_person, mona, counts, why):
    deployed(1, 40, counts[0])
    deployed(2, 20, counts[1])
    tile, answer = tile_of(as_person(mona))
    assert tile.figure.n == sum(counts)
    assert tile.verdict.why == why
    assert ("1 of 1 on target, 1 with too few to judge" in tile.verdict.text) is (max(counts) > 5)
    page = answer.content.decode()
    assert "Tier 1: 40 days" not in page, "the text counts what is not judged"
    assert ("Tier 2: 20 days, n 6; 21 days at most" in page) is (max(counts) > 5)
    assert (tile.verdict.why in page) is (max(counts) < 5)
    assert "fewer than 5, no band" not in answer.content.decode().partition("Unit and tier")[0]


def test_the_targets_page_lists_the_limits_of_the_house(as_person, mona):
    answer = as_person(mona).get(reverse("kpis:target-list"))
    rows = [(row.kpi.name, row.place, row.on_target, row.watch) for row in answer.context["limits"]]
    assert ("lead_time", "Tier 1", "30 days at most", "60 days at most") in rows
    assert ("approval_cycle_time", "Tier 2", "72 h at most", "120 h at most") in rows
    assert ("change_failure_rate", "Every tier", "10 % at most", "15 % at most") in rows
    assert ("documentation_completeness", "Every tier", "95 % at least", "85 % at least") in rows
    assert "Limits in force today" in answer.content.decode()


def test_what_to_ask_about_first_leads_to_exactly_the_number_it_names(deployed, as_person, cleo, retail):
    cards = unit_create(code="cards", name="Cards", parent=retail, by=None, now=timezone.now())
    deployed(1, 80, 5)
    deployed(1, 4, 6, unit=cards)
    client = as_person(cleo)
    items = client.get(reverse("kpis:dashboard") + LEAD).context["first"]["items"]
    assert [(one["text"], one["note"]) for one in items] == [
        ("Retail Lending itself, tier 1: lead time to production 80 days", "n 5, limit 30 days at most")
    ]
    page = client.get(items[0]["url"])
    assert (page.context["figure"].value, page.context["figure"].n) == (80 * 24, 5)
    assert page.context["count_text"] == "5 rows"


def test_the_period_before_says_how_many_rows_it_rests_on(retail, as_person, mona):
    now = timezone.now()
    place, model = place_of(retail, now=now - 300 * DAY), model_of(retail, "old", now=now - 300 * DAY, tier=1)
    for number in range(2):
        at = now - (120 + number) * DAY
        ran(version_of(model, started_at=at - 20 * DAY), place, at)
    page = as_person(mona).get(reverse("kpis:kpi-detail", args=["lead_time"]) + LEAD)
    assert page.context["before"] == "20 days, n 2"
    assert "period before: 20 days, n 2." in page.content.decode()


@pytest.mark.parametrize(
    ("name", "value", "limits", "why"),
    [
        pytest.param(
            "documentation_completeness", 1.0, (0.95, 0.95, 0.8), "100 % reaches the target of at least 95 %.", id="more is better"
        ),
        pytest.param(
            "change_failure_rate", 0.05, (0.1, 0.1, 0.2), "5 % keeps to the target of at most 10 %.", id="less is better"
        ),
        pytest.param(
            "change_failure_rate", 0.08, (0.05, 0.1, 0.2), "8 % keeps to the limit of at most 10 %.",
            id="what is aimed at is stricter than what is on target",
        ),
    ],
)  # fmt: skip
def test_what_is_on_target_says_which_target_it_reaches(name, value, limits, why):
    kpi = definitions.get(name)
    verdict = judge_part(Part(value, 20, None, None, None), kpi, target_limits(kpi, *limits))
    assert (verdict.word, verdict.why) == ("On target", why)
