from datetime import date, timedelta

import pytest
from django.db import IntegrityError, transaction

from kpis.definitions import every
from kpis.models import UNTARGETED, KpiSnapshot, KpiTarget
from mlops_portal.foundation.history import save_as

pytestmark = pytest.mark.django_db


def target(ines, now, **fields):
    row = KpiTarget(
        **{
            "kpi": "lead_time",
            "tier": 1,
            "value": 480,
            "green_limit": 720,
            "amber_limit": 1440,
            "valid_from": date(2026, 11, 17),
            "proposed_by": ines,
            "proposed_at": now,
        }
        | fields
    )
    with transaction.atomic():
        return save_as(row, by=ines, now=now, reason="test")


def test_a_target_needs_two_people(ines, rolf, now):
    row = target(ines, now, approved_by=rolf, approved_at=now)
    assert row.history.count() == 1
    with pytest.raises(IntegrityError):
        target(ines, now, approved_by=ines, approved_at=now)
    with pytest.raises(IntegrityError):
        target(ines, now, approved_by=rolf)


def test_no_target_stands_on_deployment_frequency(ines, now):
    with pytest.raises(IntegrityError):
        target(ines, now, kpi="deployment_frequency")
    assert {kpi.name for kpi in every() if not kpi.has_target} == set(UNTARGETED)


def test_targets_are_seen_by_those_who_see_the_numbers_of_the_unit(ines, retail, plant, mona, dora, now):
    row = target(ines, now, unit=retail)
    target(ines, now, unit=plant)
    assert list(KpiTarget.objects.visible_to(mona)) == [row]
    assert row not in KpiTarget.objects.visible_to(dora)


def snapshot(now, **fields):
    given = {
        "kpi": "lead_time",
        "formula_version": "lead_time/1",
        "scope_digest": "0" * 64,
        "window_start": now - timedelta(days=90),
        "window_end": now,
        "computed_at": now,
    }
    with transaction.atomic():
        return KpiSnapshot.objects.create(**given | fields)


def test_a_snapshot_has_a_value_or_a_reason(now):
    assert snapshot(now, value=0.0).pk
    assert snapshot(now, reason="no_data").pk
    with pytest.raises(IntegrityError):
        snapshot(now)
    with pytest.raises(IntegrityError):
        snapshot(now, value=1.0, window_end=now - timedelta(days=91))
