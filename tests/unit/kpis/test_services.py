"""Targets by two people, and numbers kept each night."""

from datetime import date, timedelta

import pytest

from kpis.definitions import get
from kpis.judging import judge, targets_in_force
from kpis.models import KpiSnapshot
from kpis.reading import NAMES, read, standing_windows, usual_windows, zone
from kpis.scopes import Scope, key, key_digest, scope_for
from kpis.services.snapshots import snapshot_take, snapshots_freeze
from kpis.services.targets import target_approve, target_decide, target_propose
from kpis.windows import month_of, trailing
from mlops_portal.foundation.errors import Invalid, NotAllowed
from mlops_portal.foundation.people.rights import rights_of
from mlops_portal.foundation.rules import RuleViolation
from registry.services.models import model_transfer_unit
from tests.unit.kpis.rows import model_of, place_of, ran, version_of

pytestmark = pytest.mark.django_db
DAY = timedelta(days=1)


@pytest.fixture
def max_(make_person, retail):
    return make_person("Max Weber", "manager", unit=retail)


@pytest.fixture
def worked(retail, now):
    """Six deployments of which one was rolled back."""
    begin = now - 200 * DAY
    model, place = model_of(retail, "credit", now=begin, tier=1), place_of(retail, now=begin)
    for number in range(6):
        version = version_of(model, started_at=now - (50 + number) * DAY)
        ran(version, place, now - (40 - number) * DAY, document_score=1.0, document_threshold=1.0)
    ran(version, place, now - 34 * DAY, kind="rollback")
    return model


def propose(person, unit, now, **fields):
    values = {
        "kpi": "change_failure_rate", "unit": unit, "tier": None, "value": 0.05, "green_limit": 0.1,
        "amber_limit": 0.15, "valid_from": date(2026, 11, 18), "reason": "The board asked for it.",
    }  # fmt: skip
    return target_propose(**{**values, **fields}, by=person, now=now)


def test_a_target_holds_once_a_second_person_approved_it(worked, mona, max_, retail, now):
    target = propose(mona, retail, now)
    with pytest.raises(RuleViolation):
        target_approve(target=target, by=mona, now=now)
    assert target_approve(target=target, by=max_, now=now + timedelta(hours=1)).state == "approved"
    with pytest.raises(RuleViolation):
        target_approve(target=target, by=max_, now=now)
    window = trailing(now, zone())
    figure = read(scope_for(mona), [window], now=now).of("change_failure_rate", window)
    targets = targets_in_force([retail.pk])
    before = judge(figure, targets, on=date(2026, 11, 17), unit=retail.pk)
    after = judge(figure, targets, on=date(2026, 11, 18), unit=retail.pk)
    assert (before.word, before.text) == ("Off target", "Limit: 10 % at most")
    assert (after.goal, after.text) == (0.05, "Target: 5 % at most")


@pytest.mark.parametrize(
    ("fields", "where"),
    [
        ({"kpi": "deployment_frequency"}, "kpi"),
        ({"kpi": "weather"}, "kpi"),
        ({"valid_from": date(2026, 11, 16)}, "valid_from"),
        ({"green_limit": 0.2}, "amber_limit"),
        ({"value": 0.12}, "value"),
        ({"amber_limit": 15}, "amber_limit"),
        ({"reason": " "}, "reason"),
        ({"tier": 5}, "tier"),
    ],
)
def test_a_target_that_makes_no_sense_is_refused_by_name(mona, retail, now, fields, where):
    with pytest.raises(Invalid) as refusal:
        propose(mona, retail, now, **fields)
    assert where in [error.where for error in refusal.value.errors]


def test_targets_are_set_where_the_right_is_held(mona, retail, plant, now):
    for unit in (plant, None):
        with pytest.raises(NotAllowed):
            propose(mona, unit, now)


def test_a_late_approval_does_not_bend_the_line(mona, max_, retail, now):
    target = propose(mona, retail, now)
    with pytest.raises(RuleViolation, match="first day has passed"):
        target_approve(target=target, by=max_, now=now + 3 * DAY)


def test_what_comes_too_late_to_be_approved_can_be_declined(mona, max_, retail, now):
    target = propose(mona, retail, now)
    late = now + 3 * DAY
    with pytest.raises(RuleViolation, match="does not decide"):
        target_decide(target=target, approve=False, note="Too late.", by=mona, now=late)
    assert (
        target_decide(target=target, approve=False, note="Too late.", by=max_, now=late).state == "declined"
    )


def test_declining_needs_a_reason(mona, max_, retail, now):
    target = propose(mona, retail, now)
    with pytest.raises(Invalid):
        target_decide(target=target, approve=False, by=max_, now=now)
    declined = target_decide(target=target, approve=False, note="Too soon.", by=max_, now=now)
    assert declined.state == "declined"
    limits = targets_in_force([retail.pk]).limits(
        get("change_failure_rate"), unit=retail.pk, tier=None, on=now.date()
    )
    assert not limits.is_target


def test_kept_numbers_are_those_of_the_rows(worked, cleo, now):
    windows = standing_windows(now)
    live = read(scope_for(cleo), windows, now=now, cells_of=windows)
    assert snapshot_take(now=now) > 0
    kept = read(scope_for(cleo), windows, now=now, cells_of=windows)
    for window in windows:
        for name in NAMES:
            one, other = live.of(name, window), kept.of(name, window)
            assert other.is_stored
            for field in ("value", "n", "numerator", "denominator", "p90", "parts", "source", "open_count"):
                assert getattr(one, field) == getattr(other, field), (name, field)
            assert list(one.cells) == list(other.cells), name


def test_each_scope_has_the_numbers_of_its_rows(worked, plant, now, cleo, mona, dora):
    snapshot_take(now=now)
    window = trailing(now, zone())
    for scope, n in (
        (scope_for(cleo), 6),
        (scope_for(cleo, tiers=[1]), 6),
        (scope_for(cleo, tiers=[2]), 0),
        (scope_for(cleo, kinds=["agent"]), 0),
        (scope_for(cleo, units=[plant.pk]), 0),
        (scope_for(mona), 6),
        (scope_for(dora), 0),
    ):
        figure = read(scope, [window], now=now).of("change_failure_rate", window)
        assert (figure.n, figure.is_stored) == (n, True)


def test_what_did_not_change_gets_no_second_row_and_late_data_do(worked, now):
    snapshot_take(now=now)
    assert snapshot_take(now=now + timedelta(minutes=5)) == 0
    frozen = KpiSnapshot.objects.filter(kpi="deployment_frequency", scope_digest=key_digest(key()))
    assert snapshots_freeze(snapshots=[row.pk for row in frozen], by=None, now=now) == frozen.count()
    before = {row.pk: row.value for row in frozen}
    place = worked.deployments.first().environment
    ran(version_of(worked, started_at=now - 60 * DAY), place, now - 20 * DAY)
    assert snapshot_take(now=now + timedelta(minutes=10)) > 0
    assert {row.pk: row.value for row in frozen.filter(pk__in=before)} == before
    window = trailing(now, zone())
    figure = read(Scope(), [window], now=now).of("deployment_frequency", window)
    assert figure.n == 7


def test_a_period_kept_without_its_units_is_computed_when_these_are_asked_for(worked, cleo, now):
    snapshot_take(now=now)
    october = month_of(date(2026, 10, 1), zone())
    plain = read(scope_for(cleo), [october], now=now).of("change_failure_rate", october)
    whole = read(scope_for(cleo), [october], now=now, cells_of=[october]).of("change_failure_rate", october)
    assert (plain.is_stored, len(plain.cells), plain.n) == (True, 0, 6)
    assert (whole.is_stored, whole.cell(worked.unit_id, 1).n, whole.n) == (False, 6, 6)


def test_the_number_of_models_in_production_is_kept_with_the_periods_of_pages(worked, cleo, retail, now):
    def running():
        figures = read(scope_for(cleo), usual_windows(now), now=now)
        return {figures.of("deployment_frequency", one).notes.get("running") for one in usual_windows(now)}

    place = worked.deployments.first().environment
    ran(version_of(worked, started_at=now - 9 * DAY), place, now, state="live")
    snapshot_take(now=now)
    assert running() == {1}
    other = model_of(retail, "other", now=now - 9 * DAY)
    ran(version_of(other, started_at=now - 9 * DAY), place, now, state="live")
    snapshot_take(now=now)
    assert running() == {2}


def test_a_model_that_moves_takes_its_kept_numbers_along(worked, cleo, plant, now):
    def units():
        window = trailing(now, zone())
        figure = read(scope_for(cleo), [window], now=now).of("change_failure_rate", window)
        assert figure.is_stored
        return {cell.unit_id for cell in figure.cells} - {None}

    snapshot_take(now=now)
    assert units() == {worked.unit_id}
    model_transfer_unit(model=worked, unit=plant, by=None, now=now, reason="The plant runs it")
    assert snapshot_take(now=now) > 0
    assert units() == {plant.pk}
    assert snapshot_take(now=now) == 0


def test_reading_kept_numbers_costs_one_statement(worked, cleo, now, django_assert_num_queries):
    snapshot_take(now=now)
    scope = scope_for(cleo)
    rights_of(cleo)
    with django_assert_num_queries(1):
        read(scope, standing_windows(now), now=now)
