from datetime import timedelta

import pytest

from kpis.formulas import Change, Step, approval_cycle_time
from kpis.results import green_amber
from tests.unit.kpis.builders import AFTER, QUARTER, at


def change(name, submitted="2026-02-01", decided="2026-02-05", decision="approved", **fields):
    return Change(
        id=name, submitted_at=at(submitted), decided_at=decided and at(decided), decision=decision, **fields
    )


def measured(changes, **options):
    return approval_cycle_time(changes, QUARTER, **{"as_of": AFTER} | options)


def test_the_headline_is_what_approvers_owed_per_stage():
    row = change(
        "CR-1",
        steps=(
            Step(role="validator", requested_at=at("2026-02-01"), decided_at=at("2026-02-03")),
            Step(role="risk officer", requested_at=at("2026-02-03"), decided_at=at("2026-02-04")),
            Step(role="risk officer", requested_at=at("2026-02-03")),
        ),
    )
    result = measured([row])
    assert (result.value, result.n) == (36, 2)
    assert result.parts["queue:validator"].value == 48
    assert result.parts["queue:risk officer"].value == 24
    assert result.parts["total"].value == 96
    assert result.detail["approvals_per_change"] == 2


def test_a_clock_that_stood_counts_only_what_was_owed():
    step = Step(
        role="risk officer",
        requested_at=at("2026-02-01"),
        decided_at=at("2026-02-05"),
        owed=timedelta(hours=7),
    )
    assert measured([change("CR-1", steps=(step,))]).value == 7


def test_time_with_the_requester_is_nobody_elses():
    row = change(
        "CR-1",
        returned=((at("2026-02-02"), at("2026-02-04")), (at("2026-02-03"), at("2026-02-04"))),
        steps=(Step(role="validator", requested_at=at("2026-02-01"), decided_at=at("2026-02-05")),),
    )
    result = measured([row])
    assert result.value == 48
    assert result.parts["touch"].value == 48
    assert result.parts["total"].value == 96
    assert result.parts["first_pass"].value == 0


def test_a_request_decided_while_with_its_requester_owes_only_the_time_before():
    row = change("CR-1", returned=((at("2026-02-02"), None),))
    assert measured([row]).parts["touch"].value == 24


def test_approved_and_rejected_are_told_apart_and_withdrawn_is_excluded():
    rows = [
        change("a"),
        change("r", decided="2026-02-03", decision="rejected"),
        change("w", decision="withdrawn"),
        change("s", decided="2026-02-01T12:05", is_automatic=True),
        change("t", is_test=True),
    ]
    result = measured(rows)
    assert result.parts["approved"].value == 96
    assert result.parts["rejected"].value == 48
    assert result.parts["total"].n == 2
    assert result.parts["automatic"].n == 1
    assert result.parts["first_pass"].value == 0.5
    assert result.parts["withdrawn"].value == pytest.approx(1 / 3)
    assert {note.row: note.reason for note in result.excluded} == {"w": "withdrawn", "t": "test"}


def test_open_requests_age():
    result = measured([change("open", "2026-06-29T00:00", None, "")])
    assert (result.value, result.reason) == (None, "no_data")
    assert [item.age for item in result.open] == [timedelta(days=1)]
    assert result.open_p90 == 24


def test_membership_is_by_the_decision():
    rows = [
        change("before", "2025-12-01", "2026-01-04T22:59"),
        change("within", "2025-12-01", "2026-01-04T23:00"),
    ]
    assert measured(rows).detail["decided"] == ("within",)


def test_a_decision_before_its_submission_is_a_data_error():
    result = measured([change("x", "2026-02-06", "2026-02-05")])
    assert [note.row for note in result.data_errors] == ["x"]
    row = change("y", steps=(Step(role="v", requested_at=at("2026-02-03"), decided_at=at("2026-02-02")),))
    assert [note.row for note in measured([row]).data_errors] == ["y/1"]


def test_the_limits_judge_hours_to_decision_from_five_requests_on():
    rows = [change(str(n)) for n in range(5)]
    scale = green_amber(72, 120)
    assert measured(rows, scale=scale).parts["total"].band == "amber"
    assert measured(rows[:4], scale=scale).parts["total"].band is None


def test_emergency_share():
    rows = [change("a", is_emergency=True), change("b")]
    assert measured(rows).parts["emergency"].value == 0.5
