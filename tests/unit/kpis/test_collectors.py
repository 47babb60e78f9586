"""Rows of registry and approvals become the numbers that were worked out by hand."""

from datetime import timedelta

import pytest

from kpis.collectors import collect
from kpis.computing import compute
from kpis.reading import NAMES, zone
from kpis.scopes import Scope, scope_for
from kpis.windows import trailing
from tests.unit.kpis.rows import HOUR, decided, model_of, place_of, ran, validated, version_of

pytestmark = pytest.mark.django_db
DAY = timedelta(days=1)


@pytest.fixture
def begin(now):
    return now - 200 * DAY


@pytest.fixture
def credit(retail, begin):
    return model_of(retail, "credit", now=begin, tier=1)


@pytest.fixture
def prod(retail, begin):
    return place_of(retail, now=begin)


def figure(name, now, scope=None):
    scope = scope or Scope()
    window = trailing(now, zone())
    facts = collect(scope, since=window.start, until=now, names=NAMES)
    return compute(name, facts, window, as_of=now)


def test_frequency_counts_successes_in_production_and_batches_once(credit, retail, prod, begin, now):
    staging = place_of(retail, "staging", now=begin, is_production=False)
    version = version_of(credit, started_at=begin)
    ran(version, prod, now - 150 * DAY)
    ran(version, prod, now - 20 * DAY, batch="run-7")
    ran(version, prod, now - 20 * DAY + HOUR, batch="run-7")
    ran(version, prod, now - 10 * DAY, state="failed")
    ran(version, prod, now - 9 * DAY, kind="rollback")
    ran(version, prod, now - 8 * DAY, is_test=True)
    ran(version, staging, now - 7 * DAY)
    found = figure("deployment_frequency", now)
    assert (found.n, found.numerator) == (1, 1)
    assert found.value == pytest.approx(1 / (90 / 7))
    assert found.excluded == {"failed": 1}
    assert found.notes["rollbacks"] == 1


def test_without_anything_in_production_there_is_no_frequency(credit, now):
    found = figure("deployment_frequency", now)
    assert (found.value, found.reason) == (None, "no_data")


def test_a_rollback_fails_what_it_took_back_and_is_not_counted_itself(credit, prod, begin, now):
    good, bad = version_of(credit, started_at=begin), version_of(credit, started_at=begin)
    ran(good, prod, now - 60 * DAY)
    ran(bad, prod, now - 40 * DAY, state="rolled_back")
    ran(good, prod, now - 39 * DAY, kind="rollback", state="live")
    found = figure("change_failure_rate", now)
    assert (found.numerator, found.denominator) == (1, 2)
    assert found.excluded == {"rollback": 1}
    assert found.cell(credit.unit_id, 1).numerator == 1


def test_a_rollback_after_the_time_of_attribution_fails_nothing(credit, prod, begin, now):
    good, bad = version_of(credit, started_at=begin), version_of(credit, started_at=begin)
    ran(bad, prod, now - 40 * DAY, state="rolled_back")
    ran(good, prod, now - 32 * DAY, kind="rollback", state="live")
    assert figure("change_failure_rate", now).value == 0


def test_a_rollback_of_another_tier_still_fails_what_it_took_back(credit, prod, begin, now):
    good, bad = version_of(credit, started_at=begin), version_of(credit, started_at=begin)
    ran(bad, prod, now - 40 * DAY, state="rolled_back", tier=1)
    ran(good, prod, now - 39 * DAY, kind="rollback", state="live", tier=2)
    found = figure("change_failure_rate", now, Scope(tiers=frozenset({1})))
    assert (found.numerator, found.denominator) == (1, 1)
    assert figure("change_failure_rate", now, Scope(tiers=frozenset({2}))).n == 0


def test_lead_time_runs_from_the_first_commit_to_the_first_success(credit, prod, begin, now):
    for hours in (10, 20, 60):
        version = version_of(credit, started_at=now - 30 * DAY - hours * HOUR)
        ran(version, prod, now - 30 * DAY)
        ran(version, prod, now - 5 * DAY)
    ran(version_of(credit, started_at=begin), prod, now - 120 * DAY)
    unknown = version_of(credit, started_at=None, now=begin)
    ran(unknown, prod, now - 12 * DAY)
    found = figure("lead_time", now)
    assert (found.value, found.n, found.p90) == (20, 3, pytest.approx(52))
    assert list(found.errors) == [(str(unknown.pk), "no start is recorded")]
    assert sum(found.bins) == 3


def test_a_version_that_ran_before_the_period_does_not_count_again(credit, prod, begin, now):
    version = version_of(credit, started_at=begin)
    ran(version, prod, now - 120 * DAY)
    ran(version, prod, now - 12 * DAY)
    assert figure("lead_time", now).n == 0


def test_the_way_to_production_is_split_at_what_services_recorded(credit, prod, ada, vera, begin, now):
    start = now - 30 * DAY
    version = version_of(credit, started_at=start)
    validated(version, vera, opened_at=start + 10 * HOUR)
    change = decided(credit, prod, ada, submitted_at=start + 30 * HOUR, hours=60, version=version)
    ran(version, prod, start + 100 * HOUR, started_at=start + 98 * HOUR, change=change)
    unasked = version_of(credit, started_at=start)
    ran(unasked, prod, start + 50 * HOUR, started_at=start + 49 * HOUR)
    found = figure("lead_time", now)
    assert found.notes["stages"] == [
        ["build", 1, 10, 10], ["validate", 1, 20, 20], ["approve", 1, 60, 60], ["wait", 1, 8, 8], ["deploy", 2, 1.5, 3],
    ]  # fmt: skip
    assert found.notes["untold_hours"] == 49
    assert found.numerator == 150


def test_a_validation_after_the_request_was_filed_separates_nothing(credit, prod, ada, vera, now):
    start = now - 30 * DAY
    version = version_of(credit, started_at=start)
    change = decided(credit, prod, ada, submitted_at=start + 10 * HOUR, hours=20, version=version)
    validated(version, vera, opened_at=start + 15 * HOUR)
    ran(version, prod, start + 40 * HOUR, started_at=start + 39 * HOUR, change=change)
    found = figure("lead_time", now)
    assert [(name, n) for name, n, _, _ in found.notes["stages"]][:3] == [
        ("build", 0), ("validate", 0), ("approve", 1),
    ]  # fmt: skip
    assert found.notes["untold_hours"] == 10


def test_versions_on_their_way_are_listed_with_their_age(credit, prod, ada, now):
    version = version_of(credit, started_at=now - 4 * DAY)
    decided(credit, prod, ada, submitted_at=now - DAY, hours=None, state="in_review", version=version)
    found = figure("lead_time", now)
    assert (found.value, found.open_count, found.open_p50) == (None, 1, 96)


def test_approval_time_by_stage_and_for_the_whole_request(credit, prod, ada, now):
    start = now - 30 * DAY
    for hours in (2, 4, 10, 30):
        decided(credit, prod, ada, submitted_at=start, hours=hours)
    decided(credit, prod, ada, submitted_at=start, hours=3, state="withdrawn", decided_at=None)
    decided(credit, prod, ada, submitted_at=start, hours=1, change_class="containment")
    decided(credit, prod, ada, submitted_at=now - 3 * DAY, hours=None, state="in_review")
    returned = {
        "returned_at": [(start + HOUR).isoformat()],
        "resubmitted_at": [(start + 7 * HOUR).isoformat()],
    }
    decided(credit, prod, ada, submitted_at=start, hours=10, **returned)
    found = figure("approval_cycle_time", now)
    assert (found.judged.value, found.judged.n) == (10, 5)
    assert found.value == 4  # of 2, 4, 10, 30 and 10 less six hours with the requester
    assert found.parts["automatic"].n == 1
    assert found.parts["first_pass"].numerator == 4
    assert found.open_count == 1


def test_a_clock_that_never_ran_charges_nothing_to_the_approvers(credit, prod, ada, now):
    start = now - 30 * DAY
    for hours in (2, 4, 10):
        decided(credit, prod, ada, submitted_at=start, hours=hours)
    stood = {"submitted_at": start, "hours": 500, "owed_hours": 0}
    for _ in range(2):
        decided(credit, prod, ada, state="rejected", **stood)
    assert figure("approval_cycle_time", now).value == 2  # of 0, 0, 2, 4 and 10


def test_documentation_is_judged_by_what_was_frozen_at_the_start(credit, prod, begin, now):
    version = version_of(credit, started_at=begin)
    at = now - 30 * DAY
    ran(version, prod, at, document_score=0.95, document_threshold=0.9)
    ran(version, prod, at + DAY, document_score=0.95, document_threshold=1.0)
    ran(version, prod, at + 2 * DAY, kind="rollback")
    missing = ran(version, prod, at + 3 * DAY)
    found = figure("documentation_completeness", now)
    assert (found.numerator, found.denominator) == (1, 3)
    assert list(found.errors) == [(str(missing.pk), "no score was kept at deployment")]


def test_a_person_is_told_of_their_units_only(credit, plant, prod, begin, now, mona, dora, cleo):
    other = model_of(plant, "press", now=begin, kind="generative")
    ran(version_of(credit, started_at=begin), prod, now - 10 * DAY)
    ran(version_of(other, started_at=begin), prod, now - 10 * DAY)
    ran(version_of(other, started_at=begin), prod, now - 9 * DAY)
    counts = {
        person.name: figure("deployment_frequency", now, scope_for(person)).n for person in (mona, dora, cleo)
    }
    assert counts == {"Mona Keller": 1, "Dora Lindqvist": 2, "Cleo Marchetti": 3}
    assert figure("deployment_frequency", now, scope_for(cleo, units=[plant.pk])).n == 2
    assert figure("deployment_frequency", now, scope_for(cleo, kinds=["generative"])).n == 2
    assert figure("deployment_frequency", now, scope_for(mona, units=[plant.pk])).n == 0


def test_collecting_costs_the_same_for_any_number_of_rows(credit, prod, ada, begin, now, assert_flat_queries):
    def more():
        for number in range(4):
            version = version_of(credit, started_at=begin)
            ran(version, prod, now - (number + 3) * DAY)
            decided(credit, prod, ada, submitted_at=now - 20 * DAY, hours=5)

    more()
    assert_flat_queries(
        act=lambda: collect(Scope(), since=begin, until=now, names=NAMES),
        add_rows=more,
        budget=10,
    )
