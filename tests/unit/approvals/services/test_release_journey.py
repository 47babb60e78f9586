"""The way of a release: filed, decided stage by stage, executed by the worker, rolled back."""

from collections.abc import Callable
from datetime import datetime, timedelta

import pytest

from approvals import services
from approvals.models import ChangeRequest, Decision, GateResult
from registry.models import Alias, Deployment
from tests.factories import approvals as make


@pytest.fixture
def approved(filed: ChangeRequest, release_cast: make.Cast, now: datetime) -> ChangeRequest:
    """Return the filed request after every stage of tier 1 agreed."""
    people = [
        release_cast.owner,
        release_cast.validator,
        release_cast.risk_officer,
        release_cast.change_manager,
    ]
    # The validator of record validated this version and may fill the validation stage; risk and change are others.
    return make.approve_by(filed, people, now=now + timedelta(hours=1))


def test_filing_freezes_the_dossier_and_evaluates_every_gate(filed: ChangeRequest) -> None:
    assert filed.state == "in_review"
    assert filed.dossiers.get().digest == filed.dossier_digest
    failing = GateResult.objects.filter(
        change=filed, is_current=True, outcome__in=["fail", "no_data"], is_blocking=True
    )
    assert [(row.gate, row.message) for row in failing] == []
    assert [stage.key for stage in filed.stages.order_by("position")] == [
        "acceptance",
        "validation",
        "risk",
        "change",
    ]


def test_every_stage_in_turn_approves_a_release(approved: ChangeRequest, now: datetime) -> None:
    assert approved.state == "approved"
    assert approved.expires_at == now + timedelta(hours=1, minutes=3) + timedelta(days=14)
    meanings = list(
        Decision.objects.filter(change=approved).order_by("decided_at").values_list("meaning", flat=True)
    )
    assert meanings == ["attest", "validate", "approve", "approve"]
    for decision in approved.decisions.all():
        assert decision.signature.digest == decision.decision_digest
        assert decision.signature.statement["dossier"] == approved.dossier_digest


def test_the_worker_moves_the_alias_and_records_the_deployment(
    approved: ChangeRequest, release_cast: make.Cast, run_jobs: Callable[[datetime], None], now: datetime
) -> None:
    later = now + timedelta(hours=3)
    services.change_execute_now(change=approved, by=release_cast.operator, now=later)
    run_jobs(later)
    approved.refresh_from_db()
    assert approved.state == "verifying"
    assert Alias.objects.get(name="champion").version_id == approved.version_id
    assert Deployment.objects.get(change_id=approved.pk).state == "live"
    assert services.change_complete(change=approved, now=later + timedelta(hours=71)) is False
    assert services.change_complete(change=approved, now=later + timedelta(hours=73)) is True
