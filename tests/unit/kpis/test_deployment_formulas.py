from datetime import date, timedelta

import pytest

from kpis import definitions
from kpis.formulas import (
    Incident,
    Intervention,
    change_failure_rate,
    deployment_frequency,
    logical_deployments,
    pace,
)
from kpis.windows import day_start, whole_days
from tests.unit.kpis.builders import AFTER, BERLIN, QUARTER, at, deployed

LONG_AGO = at("2025-01-01")
SCALE = definitions.CHANGE_FAILURE_RATE.scale(None)


def frequency(rows, window=QUARTER, live_since=LONG_AGO, **options):
    return deployment_frequency(rows, window, live_since=live_since, **options)


def failure_rate(rows, **options):
    return change_failure_rate(rows, QUARTER, **{"as_of": AFTER, "scale": SCALE} | options)


def causes(result):
    return dict(result.detail["causes"])


# Logical deployments


def test_a_pipeline_that_fans_out_counts_once_at_its_last_success():
    rows = [
        deployed("a", "2026-01-07T10:00", batch="b1", target="churn@eu"),
        deployed("b", "2026-01-07T11:00", batch="b1", target="churn@us"),
        deployed("c", "2026-01-07T12:00", batch="b1", target="churn@us", result="failed"),
    ]
    (logical,), notes = logical_deployments(rows)
    assert (logical.id, logical.result, logical.finished_at) == ("b1", "succeeded", at("2026-01-07T11:00"))
    assert logical.rows == ("a", "b", "c")
    assert notes == []


@pytest.mark.parametrize(
    ("steps", "finished", "result"),
    [
        pytest.param(
            [
                ("2026-01-07", 10, "succeeded"),
                ("2026-01-08", 100, "succeeded"),
                ("2026-01-09", 100, "succeeded"),
            ],
            "2026-01-08",
            "succeeded",
            id="at full traffic",
        ),
        pytest.param(
            [("2026-01-07", 10, "succeeded"), ("2026-01-08", 50, "succeeded")],
            "2026-01-08",
            "succeeded",
            id="at the final step when full traffic was never planned",
        ),
        pytest.param(
            [("2026-01-07", 10, "succeeded"), ("2026-01-08", 50, "failed")],
            "2026-01-08",
            "failed",
            id="a canary that ends in failure failed",
        ),
    ],
)
def test_the_steps_of_a_canary_count_once(steps, finished, result):
    rows = [
        deployed(f"s{number}", day, release="r1", traffic=traffic, result=outcome)
        for number, (day, traffic, outcome) in enumerate(steps)
    ]
    (logical,), _ = logical_deployments(rows)
    assert (logical.finished_at, logical.result) == (at(finished), result)


def test_rows_out_of_scope_are_named_with_their_reason():
    rows = [
        deployed("sandbox", "2026-01-07", is_production=False),
        deployed("trial", "2026-01-07", is_test=True),
        deployed("running", "2026-01-07", finished_at=None),
    ]
    folded, notes = logical_deployments(rows)
    assert folded == []
    assert {note.row: note.reason for note in notes} == {
        "sandbox": "not production",
        "trial": "test",
        "running": "not finished",
    }


# Frequency


def test_frequency_is_successes_per_week():
    rows = [deployed(str(day), f"2026-01-{day:02}") for day in (6, 7, 13, 20)]
    result = frequency([*rows, deployed("f", "2026-01-21", result="failed"), deployed("late", "2026-04-06")])
    assert result.value == pytest.approx(4 / 13)
    assert (result.n, result.numerator, result.denominator) == (4, 4, 13)
    assert [note.row for note in result.excluded] == ["f"]


def test_deployment_days_of_the_typical_week_give_the_pace():
    assert pace([3, 2, 4, 3, 1, 3, 0, 3, 5, 2, 3, 3, 4]) == "daily"


@pytest.mark.parametrize(
    ("weeks", "months", "expected"),
    [
        pytest.param([1, 1, 0], [2], "weekly", id="the median week has one"),
        pytest.param([0, 0, 1], [1, 1, 0], "monthly", id="the median month has one"),
        pytest.param([0, 0, 0], [0, 0, 1], "rarer", id="less than monthly"),
        pytest.param([], [], None, id="no week to look at"),
    ],
)
def test_pace(weeks, months, expected):
    assert pace(weeks, months) == expected


def test_two_deployments_of_one_day_are_one_deployment_day_and_zero_weeks_count():
    rows = [deployed("a", "2026-01-07T08:00"), deployed("b", "2026-01-07T18:00")]
    result = frequency(rows)
    assert result.n == 2
    assert result.detail["days_per_week"] == (1, *[0] * 12)
    assert result.detail["median_days_per_week"] == 0


def test_a_deployment_late_on_sunday_in_utc_belongs_to_mondays_week():
    result = frequency([deployed("a", "2026-01-11T23:30")])
    assert result.detail["days_per_week"][:2] == (0, 1)


def test_no_deployment_with_models_in_production_is_zero():
    result = frequency([])
    assert (result.value, result.n, result.reason) == (0, 0, None)


@pytest.mark.parametrize(
    ("live_since", "window"),
    [
        pytest.param(None, QUARTER, id="no model in production"),
        pytest.param(QUARTER.end, QUARTER, id="first live after the window"),
        pytest.param(
            LONG_AGO,
            whole_days(at("2026-01-01").date(), at("2026-01-01").date(), BERLIN),
            id="the first day of a month to date",
        ),
    ],
)
def test_no_population_is_no_data_and_not_zero(live_since, window):
    result = frequency([], window, live_since)
    assert (result.value, result.reason) == (None, "no_data")


def test_a_model_that_went_live_inside_the_window_is_counted_from_then():
    live = day_start(date(2026, 3, 9), BERLIN)
    result = frequency([deployed("a", "2026-03-10"), deployed("b", "2026-03-20")], live_since=live)
    assert result.denominator == 4
    assert result.detail["days_per_week"] == (1, 1, 0, 0)


def test_weeks_since_go_live_are_at_least_one():
    live = QUARTER.end - timedelta(days=2)
    assert frequency([deployed("a", "2026-04-04")], live_since=live).value == 1


def test_rollbacks_are_counted_apart_unless_asked_for():
    rows = [deployed("a", "2026-01-07"), deployed("back", "2026-01-08", kind="rollback")]
    assert frequency(rows).n == 1
    assert frequency(rows).detail["rollbacks"] == ("back",)
    assert frequency(rows, with_rollbacks=True).n == 2


def test_frequency_is_never_judged():
    rows = [deployed(str(day), f"2026-01-{day:02}") for day in range(5, 25)]
    assert frequency(rows).band is None


# Change failure rate


def test_one_deployment_with_two_incidents_counts_once():
    rows = [deployed(name, f"2026-01-{day:02}") for name, day in zip("abcd", (6, 13, 20, 27), strict=True)]
    incidents = [Incident(id=str(n), detected_at=at("2026-01-14"), caused_by="b") for n in (1, 2)]
    result = failure_rate(rows, incidents=incidents)
    assert (result.value, result.numerator, result.denominator) == (0.25, 1, 4)
    assert result.hits == ("b",)
    assert result.band is None


def test_no_deployment_is_no_data():
    result = failure_rate([])
    assert (result.value, result.reason, result.interval) == (None, "no_data", None)
    assert result.band is None


@pytest.mark.parametrize(
    ("deployments", "failing", "band"),
    [
        pytest.param(20, 1, "elite", id="five percent"),
        pytest.param(20, 2, "high", id="ten percent"),
        pytest.param(20, 3, "medium", id="fifteen percent"),
        pytest.param(20, 4, "low", id="above"),
        pytest.param(5, 0, "elite", id="five rows are enough"),
        pytest.param(4, 0, None, id="four rows are too few"),
    ],
)
def test_failure_bands(deployments, failing, band):
    rows = [deployed(str(n), f"2026-02-{n + 1:02}", target=f"m{n}@prod") for n in range(deployments)]
    incidents = [Incident(id=str(n), detected_at=at("2026-03-01"), caused_by=str(n)) for n in range(failing)]
    result = failure_rate(rows, incidents=incidents)
    assert result.band == band
    assert result.is_small == (deployments < 5)


@pytest.mark.parametrize(
    ("row", "counts", "fails"),
    [
        pytest.param(
            deployed("x", "2026-02-02", result="failed"), True, True, id="failed after taking traffic"
        ),
        pytest.param(
            deployed("x", "2026-02-02", result="aborted"), False, False, id="aborted before traffic"
        ),
        pytest.param(deployed("x", "2026-02-02", kind="rollback"), False, False, id="a pure rollback"),
        pytest.param(
            deployed("x", "2026-02-02", kind="hotfix"), True, False, id="a hot fix is a deployment too"
        ),
    ],
)
def test_what_counts_in_the_denominator(row, counts, fails):
    result = failure_rate([row])
    assert (row.id in result.counted, row.id in result.hits) == (counts, fails)


@pytest.mark.parametrize(
    ("kind", "day", "fails"),
    [
        pytest.param("rollback", "2026-02-03", True, id="rolled back the next day"),
        pytest.param("hotfix", "2026-02-09", True, id="hot fix on the seventh day"),
        pytest.param("patch", "2026-02-04", True, id="patched"),
        pytest.param("hotfix", "2026-02-10", False, id="hot fix after the attribution days"),
        pytest.param("retrain", "2026-02-03", False, id="an ordinary retrain"),
    ],
)
def test_a_deployment_soon_repaired_failed(kind, day, fails):
    result = failure_rate([deployed("a", "2026-02-02"), deployed("next", day, kind=kind)])
    assert ("a" in result.hits) == fails


def test_a_repair_of_another_target_says_nothing():
    rows = [deployed("a", "2026-02-02"), deployed("b", "2026-02-03", kind="rollback", target="fraud@prod")]
    assert failure_rate(rows).hits == ()


def test_a_repair_charges_what_it_names_else_what_was_running():
    rows = [deployed("a", "2026-02-02"), deployed("b", "2026-02-03")]
    assert failure_rate([*rows, deployed("r", "2026-02-04", kind="rollback")]).hits == ("b",)
    assert failure_rate([*rows, deployed("r", "2026-02-04", kind="rollback", repairs="a")]).hits == ("a",)


@pytest.mark.parametrize(
    ("day", "is_quality", "fails"),
    [
        pytest.param("2026-02-20", False, False, id="a suspension after eighteen days"),
        pytest.param("2026-02-20", True, True, id="a quality fault may show for thirty days"),
        pytest.param("2026-03-05", True, False, id="not longer"),
    ],
)
def test_suspensions_are_interventions(day, is_quality, fails):
    suspension = Intervention(id="s", at=at(day), target="churn@prod", is_quality_fault=is_quality)
    result = failure_rate([deployed("a", "2026-02-02")], interventions=[suspension])
    assert ("a" in result.hits) == fails


@pytest.mark.parametrize(
    "incident",
    [
        pytest.param(Incident(id="i", detected_at=at("2026-02-03")), id="no deployment caused it"),
        pytest.param(
            Incident(id="i", detected_at=at("2026-02-03"), caused_by="gone"), id="its cause is unknown"
        ),
        pytest.param(
            Incident(id="i", detected_at=at("2026-02-03"), caused_by="a", is_duplicate=True), id="a duplicate"
        ),
        pytest.param(
            Incident(id="i", detected_at=AFTER + timedelta(1), caused_by="a"), id="not yet detected"
        ),
    ],
)
def test_incidents_that_do_not_count(incident):
    assert failure_rate([deployed("a", "2026-02-02")], incidents=[incident]).hits == ()


def test_an_incident_may_name_a_row_of_a_batch():
    rows = [deployed(name, "2026-02-02", batch="b1", target=f"{name}@prod") for name in "xy"]
    incident = Incident(id="i", detected_at=at("2026-02-03"), caused_by="y")
    assert failure_rate(rows, incidents=[incident]).hits == ("b1",)


def test_recent_deployments_are_immature():
    rows = [deployed("old", "2026-03-01"), deployed("young", "2026-03-30")]
    result = failure_rate(
        rows,
        as_of=at("2026-04-02"),
        incidents=[Incident(id="i", detected_at=at("2026-03-02"), caused_by="old")],
    )
    assert result.value == 0.5
    assert result.detail["immature"] == ("young",)
    assert (result.parts["matured"].value, result.parts["matured"].n) == (1.0, 1)


def test_an_intervention_after_the_day_looked_back_from_is_not_known_yet():
    rows = [deployed("a", "2026-02-02"), deployed("r", "2026-02-05", kind="rollback")]
    assert failure_rate(rows, as_of=at("2026-02-04")).hits == ()
    assert causes(failure_rate(rows)) == {"a": ("intervention r",)}


def test_what_ran_before_a_batch_reached_a_target_is_charged():
    rows = [
        deployed("old", "2026-02-01T10:00"),
        deployed("eu", "2026-02-03T10:00", batch="b1", target="churn@eu"),
        deployed("prod", "2026-02-03T12:00", batch="b1"),
    ]
    fix = Intervention(id="s", at=at("2026-02-03T11:00"), target="churn@prod")
    assert failure_rate(rows, interventions=[fix]).hits == ("old",)
    later = Intervention(id="s", at=at("2026-02-03T13:00"), target="churn@prod")
    assert failure_rate(rows, interventions=[later]).hits == ("b1",)
