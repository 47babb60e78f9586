"""The whole demonstration keeps its promises of variety, and its texts say what its records say.

It is built once for the journeys; these tests read the database as it was before anybody walked through the portal.
"""

import re
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from django.db import connections
from django.utils import timezone

from approvals.models import (
    Challenge,
    ChangeRequest,
    Condition,
    Decision,
    GateResult,
    Lapse,
    Stage,
    Validation,
    ValidationFinding,
    Waiver,
)
from approvals.queries.inbox_page import at_my_stage
from approvals.states import ChangeKind, ChangeState, Verdict
from kpis.models import KpiSnapshot
from mlops_portal.demonstration.cast import BY_KEY, PERSONAS, UNITS
from mlops_portal.demonstration.derived import best_metrics
from mlops_portal.demonstration.texts import CLAIMS
from mlops_portal.foundation.people.models import BusinessUnit, User
from registry.models import Deployment, Environment, RecordTask, RegisteredModel, RiskAssessment, UnitUse
from registry.states import AdoptionStage, Connector, DeploymentKind, LifecycleState, TaskKind
from tests.browser.portal import Portal

USE_CASES = {
    "fraud_detection", "predictive_maintenance", "personalisation", "content_generation", "credit_risk", "forecasting",
    "visual_inspection",
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Portfolio:
    """The demonstration as it was built."""

    end: datetime

    def person(self, key: str) -> User:
        """Return somebody of it."""
        return User.objects.get(email=BY_KEY[key].email)


@pytest.fixture(scope="module")
def portfolio(running: Portal, django_db_blocker: Any) -> Iterator[Portfolio]:
    """Read the records of the demonstration instead of those of the tests."""
    if running.as_built is None:
        pytest.skip("the portal runs on data of its own or on PostgreSQL: nothing tells how they were built")
    ours, theirs = connections["default"], connections.create_connection("default")
    theirs.settings_dict = {**theirs.settings_dict, "NAME": str(running.as_built)}
    connections["default"] = theirs
    with django_db_blocker.unblock():
        yield Portfolio(datetime.fromtimestamp(running.as_built.stat().st_mtime, UTC))
    theirs.close()
    connections["default"] = ours


def test_every_promise_of_variety(portfolio):
    models, changes = RegisteredModel.objects.inventory(), ChangeRequest.objects.all()
    assert models.count() == 60
    assert set(UNITS) == set(BusinessUnit.objects.exclude(parent=None).values_list("code", flat=True))
    assert set(models.values_list("use_case", flat=True)) >= USE_CASES
    assert set(models.values_list("tier", flat=True)) == {1, 2, 3, 4, None}
    assert set(models.values_list("adoption_stage", flat=True)) == set(AdoptionStage.values)
    assert models.filter(origin="third_party", vendor__gt="").exists()
    assert models.filter(lifecycle_state=LifecycleState.RETIRED).exists()
    assert {"aws", "azure", "on_premises", "edge"} == set(
        Environment.objects.values_list("provider", flat=True)
    )
    assert set(Environment.objects.values_list("connector", flat=True)) == set(Connector.values)
    assert UnitUse.objects.filter(state="requested").exists()
    assert UnitUse.objects.filter(model__name="demand-sensing", state="accepted").count() == 3

    states = Counter(changes.values_list("state", flat=True))
    assert {
        ChangeState.COMPLETED, ChangeState.IN_REVIEW, ChangeState.REJECTED, ChangeState.WITHDRAWN, ChangeState.APPROVED,
        ChangeState.CHANGES_REQUESTED,
    } <= set(states)  # fmt: skip
    assert set(changes.values_list("kind", flat=True)) == set(ChangeKind.values) - {ChangeKind.RETRAIN}
    assert changes.filter(predecessor__state=ChangeState.REJECTED, state=ChangeState.COMPLETED).exists()
    assert any(change.resubmitted_at for change in changes.filter(state=ChangeState.COMPLETED))
    assert Deployment.objects.filter(kind=DeploymentKind.HOTFIX).exists()
    assert changes.filter(kind=ChangeKind.DEPLOY, incident__gt="", state=ChangeState.COMPLETED).exists()
    assert Decision.objects.filter(verdict=Verdict.APPROVE_WITH_CONDITIONS).exists()
    assert set(Condition.objects.values_list("state", flat=True)) == {"open", "met"}
    assert {"granted", "ended", "requested"} <= set(Waiver.objects.values_list("state", flat=True))
    assert Lapse.objects.exists()
    findings, today = ValidationFinding.objects.all(), portfolio.end.date()
    late, closed = findings.filter(closed_at=None, due_on__lt=today), findings.exclude(closed_at=None)
    assert 0 < late.count() < closed.count()
    assert findings.filter(closed_at=None, due_on__gt=today, severity="high").exists()
    assert Challenge.objects.filter(state="accepted").exists()
    assert RiskAssessment.objects.filter(state="proposed").exists()
    kinds = set(RecordTask.objects.filter(closed_at__isnull=True).values_list("kind", flat=True))
    assert {TaskKind.RATING_MISSING, TaskKind.REVIEW_OVERDUE, TaskKind.COMPLETE_RECORD} <= kinds
    incomplete = RecordTask.objects.filter(closed_at__isnull=True, kind=TaskKind.COMPLETE_RECORD)
    assert not incomplete.filter(text__contains="regimes").exclude(model__tier=None).exists()
    assert incomplete.count() <= 12


def test_deadlines_lie_ahead_and_some_have_passed(portfolio):
    due = Stage.objects.filter(state=Stage.State.CURRENT, due_at__isnull=False)
    assert due.filter(due_at__gt=portfolio.end).exists()
    assert due.filter(due_at__lt=portfolio.end).exists()


def test_the_kpis_have_a_value_this_month_and_a_trend(portfolio):
    released = Deployment.objects.filter(
        environment__is_production=True, is_test=False, finished_at__gte=portfolio.end - timedelta(days=31)
    )
    assert released.exists()
    assert KpiSnapshot.objects.filter(value__isnull=False).values("kpi").distinct().count() >= 5


def test_every_person_with_a_stage_finds_work(portfolio):
    waiting = {key: at_my_stage(portfolio.person(key)).count() for key in ("ines", "samuel", "dana", "hanne")}
    assert waiting["ines"] >= 5
    assert all(waiting.values()), waiting
    assert ChangeRequest.objects.filter(state=ChangeState.CHANGES_REQUESTED).exists()
    assert User.objects.filter(email__in=[persona.email for persona in PERSONAS]).count() == len(PERSONAS)


def test_releases_in_every_complete_month_of_the_last_year(portfolio):
    released = Deployment.objects.filter(environment__is_production=True, is_test=False)
    months = {f"{at:%Y-%m}" for at in released.values_list("started_at", flat=True)}
    wanted = {f"{timezone.now() - timedelta(days=30.44 * back):%Y-%m}" for back in range(1, 12)}
    assert wanted <= months, wanted - months


def test_nobody_signs_a_claim_that_a_gate_contradicts(portfolio):
    signed = Decision.objects.filter(verdict__startswith="approve").select_related("change")
    wrong, claimed = [], 0
    for decision in signed:
        outcomes = {row["gate"]: row["outcome"] for row in decision.live_gates}
        for gate, claim in CLAIMS.items():
            if claim in decision.rationale:
                claimed += 1
                if outcomes.get(gate) != "pass":
                    wrong.append(f"{decision.change}: {claim}, but {gate} says {outcomes.get(gate)}")
    assert claimed > 200
    assert wrong == []


def test_no_validator_says_that_a_limit_is_met_which_fails(portfolio):
    failing = GateResult.objects.filter(gate="PERF-01", is_current=True, outcome__in=["fail", "waived"])
    missed = {row.change.version_id: row for row in failing.select_related("change")}
    assert missed
    concluded = Validation.objects.filter(state="concluded").select_related("version")
    for validation in concluded:
        result = missed.get(validation.version_id)
        if result is None:
            assert "No locked limit is missed" in validation.summary, validation
        else:
            assert "Outside the locked limits" in validation.summary, validation
            assert all(line in validation.summary for line in result.shortfalls), result.shortfalls
        apart = [
            row
            for row in validation.version.metrics.filter(grade="reproduced")
            for told in validation.version.metrics.exclude(grade="reproduced").filter(
                name=row.name, segment=row.segment
            )
            if not told.lower <= row.value <= told.upper
        ]
        assert ("reproduced within their intervals" not in validation.summary) or not apart, validation


def test_alternatives_and_purposes_say_the_numbers_of_the_versions_they_name(portfolio):
    described = [change for change in ChangeRequest.objects.all() if change.alternatives]
    assert described
    named = 0
    for change in described:
        serving = change.rollback_target
        for row in change.alternatives:
            version = next(
                (one for one in change.model.versions.all() if re.search(rf"\b{one.label}\b", row["title"])),
                None,
            )
            if "in production" in row["title"]:
                assert version == serving, row
            if version is None:
                assert row["metrics"].startswith("not measured"), row
                continue
            named += 1
            name = change.model.primary_metric
            value = best_metrics(version)[name, ""].value
            assert row["metrics"].startswith(f"{name} {value:g};"), (row, value)
    assert named >= 2
    for change in ChangeRequest.objects.filter(purpose__contains="the same features").exclude(version=None):
        if change.rollback_target_id and change.rollback_target_id != change.version_id:
            assert change.version.features == change.rollback_target.features, change


def test_the_flagship_waits_with_the_two_gates_that_the_readme_names(portfolio):
    change = ChangeRequest.objects.get(model__name="retail-credit-pd", state=ChangeState.IN_REVIEW)
    results = change.gate_results.filter(is_current=True)
    assert set(results.filter(outcome="fail").values_list("gate", flat=True)) == {"PERF-01", "FAIR-01"}
    waiver = change.waivers.get()
    assert "0.757" in waiver.reason
    assert "feature" not in waiver.reason
    validator = change.decisions.get(stage__key="validation")
    assert "PERF-01 does not pass" in validator.rationale
