"""Two people at once, on the engine of production: one wins, the other is told, and both attempts are in the ledger."""

from collections.abc import Callable
from datetime import datetime

import pytest
from django.db import connection

from approvals import services
from approvals.models import ChangeRequest, Decision
from audits.models import LedgerEntry
from mlops_portal.foundation.errors import DomainError
from mlops_portal.foundation.evidence import keep_evidence
from mlops_portal.foundation.people import credentials
from mlops_portal.foundation.people.models import User
from tests import threads
from tests.factories import approvals as make

pytestmark = [
    pytest.mark.postgres,
    pytest.mark.django_db(transaction=True),
]


def at_once(*acts: Callable[[], object]) -> list[object]:
    """Run the acts together as a door would, which keeps the evidence of refusals."""
    return threads.at_once(*[lambda act=act: at_the_door(act) for act in acts])


def at_the_door(act: Callable[[], object]) -> object:
    try:
        return act()
    except DomainError as refusal:
        keep_evidence(refusal)
        raise


@pytest.fixture
def at_risk_stage(filed: ChangeRequest, release_cast: make.Cast, now: datetime) -> ChangeRequest:
    """Return the request with the risk stage open, which two officers may fill and one fills."""
    if connection.vendor != "postgresql":
        pytest.skip("races are tried on PostgreSQL")
    return make.approve_by(filed, [release_cast.owner, release_cast.validator], now=now)


def signing(change: ChangeRequest, person: User, verdict: str, now: datetime) -> Callable[[], object]:
    stage = change.stages.get(state="current")
    code = credentials.present_code(person)
    return lambda: services.decision_sign(
        stage=stage, verdict=verdict, rationale=make.RATIONALE, read_digest=change.dossier_digest,
        password=make.PASSWORD, code=code, by=person, now=now,
    )  # fmt: skip


def test_two_officers_decide_the_same_stage_and_one_counts(
    at_risk_stage: ChangeRequest, ines: User, rolf: User, now: datetime
) -> None:
    change = at_risk_stage
    outcomes = at_once(signing(change, ines, "approve", now), signing(change, rolf, "reject", now))
    won = [row for row in outcomes if isinstance(row, Decision)]
    told = [row for row in outcomes if isinstance(row, DomainError)]
    assert (len(won), len(told)) == (1, 1)
    assert told[0].code == "rule_violation"
    assert Decision.objects.filter(stage__key="risk").count() == 1
    entries = LedgerEntry.objects.filter(
        verb__in=["approvals.decision_signed", "approvals.decision_refused"],
        actor_id__in=[str(ines.pk), str(rolf.pk)],
    )
    assert sorted(entries.values_list("verb", flat=True)) == [
        "approvals.decision_refused",
        "approvals.decision_signed",
    ]


def test_one_person_in_two_windows_signs_once(
    at_risk_stage: ChangeRequest, ines: User, now: datetime
) -> None:
    outcomes = at_once(
        signing(at_risk_stage, ines, "approve", now), signing(at_risk_stage, ines, "approve", now)
    )
    assert sum(isinstance(row, Decision) for row in outcomes) == 1
    assert Decision.objects.filter(stage__key="risk").count() == 1


def test_two_operators_start_one_execution(
    at_risk_stage: ChangeRequest, release_cast: make.Cast, now: datetime
) -> None:
    change = make.approve_by(at_risk_stage, [release_cast.risk_officer, release_cast.change_manager], now=now)
    from approvals.models import ExecutionStep
    from approvals.services import executions

    services.change_execute_now(change=change, by=release_cast.operator, now=now)
    run = lambda: executions.execution_run(change_id=change.pk, clock=lambda: now)  # noqa: E731
    outcomes = at_once(run, run)
    assert [one for one in outcomes if isinstance(one, Exception)] == []
    assert ExecutionStep.objects.filter(state="succeeded").count() == 1
    change.refresh_from_db()
    assert change.state == "verifying"
