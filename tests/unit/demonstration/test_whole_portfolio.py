"""What the portfolio of sixty models promises, each promise once. The longest test there is: about a minute."""

from collections import Counter
from datetime import timedelta

import pytest
from django.conf import settings
from django.utils import timezone

from approvals.models import (
    Challenge,
    ChangeRequest,
    Condition,
    Decision,
    Lapse,
    Stage,
    ValidationFinding,
    Waiver,
)
from approvals.queries.inbox_page import at_my_stage
from approvals.states import ChangeKind, ChangeState, Verdict
from kpis.models import KpiSnapshot
from mlops_portal.demonstration.cast import PERSONAS, UNITS
from mlops_portal.demonstration.catalogue import EVERY, blueprints
from mlops_portal.foundation.people.models import BusinessUnit, User
from registry.models import Deployment, Environment, RecordTask, RegisteredModel, RiskAssessment, UnitUse
from registry.states import AdoptionStage, Connector, DeploymentKind, LifecycleState, TaskKind
from tests.unit.demonstration.conftest import played

pytestmark = [
    pytest.mark.django_db,
    pytest.mark.slow,
    pytest.mark.xdist_group("whole portfolio"),  # one process builds it, for all of these tests
    pytest.mark.skipif(
        "postgresql" in settings.DATABASES["default"]["ENGINE"],
        reason="the whole portfolio is built once, on SQLite; the small one on both engines",
    ),
]
USE_CASES = {
    "fraud_detection", "predictive_maintenance", "personalisation", "content_generation", "credit_risk", "forecasting",
    "visual_inspection",
}  # fmt: skip


@pytest.fixture(scope="module")
def group(django_db_setup, django_db_blocker):
    """Return the whole portfolio."""
    yield from played(django_db_blocker, 60)


def test_the_catalogue_is_large_enough_and_names_are_unique():
    assert len(EVERY) == 60
    assert len({plan.name for plan in blueprints(260)}) == 260


def test_every_promise_of_variety(group):
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
    assert ValidationFinding.objects.exists()
    assert Challenge.objects.filter(state="accepted").exists()
    assert RiskAssessment.objects.filter(state="proposed").exists()
    kinds = set(RecordTask.objects.filter(closed_at__isnull=True).values_list("kind", flat=True))
    assert {TaskKind.RATING_MISSING, TaskKind.REVIEW_OVERDUE, TaskKind.COMPLETE_RECORD} <= kinds
    incomplete = RecordTask.objects.filter(closed_at__isnull=True, kind=TaskKind.COMPLETE_RECORD)
    assert not incomplete.filter(text__contains="regimes").exclude(model__tier=None).exists()
    assert incomplete.count() <= 12


def test_deadlines_lie_ahead_and_some_have_passed(group):
    due = Stage.objects.filter(state=Stage.State.CURRENT, due_at__isnull=False)
    assert due.filter(due_at__gt=group.end).exists()
    assert due.filter(due_at__lt=group.end).exists()


def test_the_kpis_have_a_value_this_month_and_a_trend(group):
    released = Deployment.objects.filter(
        environment__is_production=True, is_test=False, finished_at__gte=group.end - timedelta(days=31)
    )
    assert released.exists()
    assert KpiSnapshot.objects.filter(value__isnull=False).values("kpi").distinct().count() >= 5


def test_every_person_with_a_stage_finds_work(group):
    waiting = {key: at_my_stage(group.person(key)).count() for key in ("ines", "samuel", "dana", "hanne")}
    assert waiting["ines"] >= 5
    assert all(waiting.values()), waiting
    assert ChangeRequest.objects.filter(state=ChangeState.CHANGES_REQUESTED).exists()
    assert User.objects.filter(email__in=[persona.email for persona in PERSONAS]).count() == len(PERSONAS)


def test_releases_in_every_complete_month_of_the_last_year(group):
    released = Deployment.objects.filter(environment__is_production=True, is_test=False)
    months = {f"{at:%Y-%m}" for at in released.values_list("started_at", flat=True)}
    wanted = {f"{timezone.now() - timedelta(days=30.44 * back):%Y-%m}" for back in range(1, 12)}
    assert wanted <= months, wanted - months
