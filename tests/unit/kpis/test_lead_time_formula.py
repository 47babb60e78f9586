from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kpis import definitions
from kpis.formulas import Lead, lead_time
from kpis.formulas.leads import stage_split
from tests.unit.kpis.builders import AFTER, QUARTER, at


def lead(name, start, *ends, **fields):
    return Lead(id=name, started_at=start and at(start), deployed_at=tuple(map(at, ends)), **fields)


def measured(leads, **options):
    return lead_time(leads, QUARTER, **{"as_of": AFTER} | options)


def test_the_median_of_hours_with_p90_and_mean_beside_it():
    ends = [2, 4, 10, 30]
    rows = [
        lead(str(h), "2026-02-01T00:00", (at("2026-02-01T00:00") + timedelta(hours=h)).isoformat()[:16])
        for h in ends
    ]
    result = measured(rows)
    assert result.value == result.p50 == 7.0
    assert result.p90 == pytest.approx(24.0)
    assert result.mean == 11.5
    assert (result.n, result.numerator, result.denominator) == (4, 46, 4)


@pytest.mark.parametrize(
    ("row", "reason"),
    [
        pytest.param(lead("x", "2026-02-01", "2026-02-01"), "deployed before or when it started", id="zero"),
        pytest.param(
            lead("x", "2026-02-02", "2026-02-01"), "deployed before or when it started", id="negative"
        ),
        pytest.param(lead("x", None, "2026-02-01"), "no start is recorded", id="no start"),
    ],
)
def test_impossible_lead_times_are_data_errors(row, reason):
    result = measured([row, lead("good", "2026-02-01", "2026-02-03")])
    assert (result.value, result.n) == (48, 1)
    assert [(note.row, note.reason) for note in result.data_errors] == [("x", reason)]


def test_a_change_counts_at_its_first_success_only():
    row = lead("x", "2025-12-20", "2026-02-10", "2025-12-25")
    result = measured([row])
    assert (result.value, result.reason) == (None, "no_data")


def test_changes_on_their_way_are_listed_with_their_age():
    rows = [lead("old", "2026-06-20"), lead("new", "2026-06-28"), lead("unborn", "2026-07-05")]
    result = measured(rows)
    assert result.n == 0
    assert [item.row for item in result.open] == ["old", "new"]
    assert result.open_p50 == pytest.approx((9.5 + 1.5) / 2 * 24)


def test_seen_from_a_past_day_a_later_deployment_is_still_open():
    row = lead("x", "2026-02-01", "2026-02-10")
    result = measured([row], as_of=at("2026-02-05"))
    assert [item.age for item in result.open] == [timedelta(days=4)]


def test_tests_are_left_out_by_name():
    result = measured([lead("x", "2026-02-01", "2026-02-10", is_test=True)])
    assert [note.reason for note in result.excluded] == ["test"]


MARKS = {
    "validation_started_at": at("2026-02-04T00:00"),
    "submitted_at": at("2026-02-06T00:00"),
    "approved_at": at("2026-02-09T00:00"),
    "deployment_started_at": at("2026-02-10T00:00"),
}


@pytest.mark.parametrize(
    ("missing", "hours", "untold"),
    [
        pytest.param([], [72, 48, 72, 24, 24], 0, id="all marks are recorded"),
        pytest.param(["validation_started_at"], [None, None, 72, 24, 24], 120, id="no validation"),
        pytest.param(["submitted_at", "approved_at"], [72, None, None, None, 24], 144, id="no request"),
        pytest.param(list(MARKS), [None] * 5, 240, id="nothing but start and end"),
    ],
)
def test_a_stage_beside_a_missing_mark_has_no_time_rather_than_none_taken(missing, hours, untold):
    marks = {name: mark for name, mark in MARKS.items() if name not in missing}
    result = measured([lead("x", "2026-02-01T00:00", "2026-02-11T00:00", **marks)])
    stages = result.detail["stages"]
    assert [one.name for one in stages] == ["build", "validate", "approve", "wait", "deploy"]
    assert [one.median for one in stages] == hours
    assert [one.n for one in stages] == [int(part is not None) for part in hours]
    assert result.detail["untold_hours"] == untold
    assert sum(one.hours for one in stages) + untold == result.numerator == 240


def test_the_median_of_a_stage_is_of_the_changes_that_recorded_it():
    whole = lead("x", "2026-02-01T00:00", "2026-02-11T00:00", **MARKS)
    result = measured([whole, lead("y", "2026-02-01T00:00", "2026-02-03T00:00")])
    assert [(one.n, one.median) for one in result.detail["stages"]][:2] == [(1, 72), (1, 48)]
    assert result.detail["untold_hours"] == 48


hours = st.integers(-50, 200)


@given(st.lists(st.one_of(st.none(), hours), min_size=4, max_size=4), st.integers(1, 150))
def test_missing_and_disordered_marks_never_give_more_time_than_there_was(marks, total):
    start = at("2026-02-01T00:00")
    end = start + timedelta(hours=total)
    parts = stage_split(
        start, [mark if mark is None else start + timedelta(hours=mark) for mark in marks], end
    )
    known = [part for part in parts if part is not None]
    assert len(parts) == 5
    assert all(part >= timedelta(0) for part in known)
    assert sum(known, timedelta(0)) <= end - start
    assert None in marks or sum(known, timedelta(0)) == end - start


@pytest.mark.parametrize(
    ("tier", "days", "band"),
    [(1, 30, "green"), (1, 31, "amber"), (1, 61, "red"), (2, 45, "amber"), (4, 7, "green"), (None, 7, None)],
)
def test_limits_depend_on_the_tier_and_a_mix_has_none(tier, days, band):
    rows = [
        lead(str(n), "2026-01-10", (at("2026-01-10") + timedelta(days=days)).isoformat()[:16])
        for n in range(5)
    ]
    assert measured(rows, scale=definitions.LEAD_TIME.scale(tier)).band == band
    assert measured(rows[:4], scale=definitions.LEAD_TIME.scale(tier)).band is None
