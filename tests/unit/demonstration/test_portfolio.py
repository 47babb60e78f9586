"""The portfolio holds a story of every kind and its ledger verifies; the whole one keeps its promises of variety.

The longest tests there are. On SQLite all of them look at the whole portfolio, which is played once; on PostgreSQL a
part of it has every story.
"""

import re
from collections import Counter
from datetime import timedelta
from io import StringIO

import pytest
from django.conf import settings
from django.core.management import CommandError, call_command
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from approvals.models import (
    Challenge,
    ChangeRequest,
    Condition,
    Decision,
    GateResult,
    Lapse,
    Signature,
    Stage,
    Validation,
    ValidationFinding,
    Waiver,
)
from approvals.notice_asks import DECIDE, DECIDE_WAIVER, SETTLE
from approvals.queries.inbox_page import at_my_stage
from approvals.states import ChangeKind, ChangeState, Verdict
from audits import keys
from audits.models import LedgerEntry, LedgerPayload
from audits.services.sequencing import key_admit, sequence_all, signer_from_settings
from audits.verification import verify_ledger
from kpis.models import KpiSnapshot
from mlops_portal.demonstration import bulk
from mlops_portal.demonstration.cast import PASSWORD, PERSONAS, UNITS
from mlops_portal.demonstration.catalogue import EVERY, blueprints
from mlops_portal.demonstration.derived import best_metrics
from mlops_portal.demonstration.texts import CLAIMS
from mlops_portal.foundation.administration.queries import confirmers_of, second_people
from mlops_portal.foundation.people import credentials
from mlops_portal.foundation.people.models import ApiToken, BusinessUnit, User
from mlops_portal.foundation.people.services.grants import role_grant
from mlops_portal.foundation.people.services.tokens import secret_hash
from mlops_portal.foundation.web.models import Expectation, Notification
from registry.models import (
    Component,
    Deployment,
    Environment,
    MetricValue,
    ModelVersion,
    RecordTask,
    RegisteredModel,
    RiskAssessment,
    UnitUse,
)
from registry.notices import DECIDE_RATING, DO
from registry.states import (
    AdoptionStage,
    Connector,
    DeploymentKind,
    DeploymentState,
    LifecycleState,
    ModelKind,
    TaskKind,
)

pytestmark = [pytest.mark.django_db, pytest.mark.slow]
whole = pytest.mark.skipif(
    "postgresql" in settings.DATABASES["default"]["ENGINE"],
    reason="the whole portfolio is played on SQLite; the stories on both engines",
)
USE_CASES = {
    "fraud_detection", "predictive_maintenance", "personalisation", "content_generation", "credit_risk", "forecasting",
    "visual_inspection",
}  # fmt: skip


def test_kinds_and_use_cases(world):
    assert set(RegisteredModel.objects.values_list("kind", flat=True)) == {
        "analytical",
        "generative",
        "agent",
    }
    cases = set(RegisteredModel.objects.values_list("use_case", flat=True))
    assert {"fraud_detection", "personalisation", "content_generation", "credit_risk", "forecasting"} <= cases


def test_every_agent_has_limits_and_a_stop_switch(world):
    agents = Component.objects.filter(kind=ModelKind.AGENT)
    assert agents
    for agent in agents:
        assert all([agent.stop_switch, agent.spending_limit, agent.rate_limit, agent.tool_allow_list]), agent


def test_every_production_deployment_has_an_approved_change(world):
    rows = Deployment.objects.filter(environment__is_production=True)
    changes = ChangeRequest.objects.in_bulk(list(rows.values_list("change_id", flat=True)))
    assert rows.count() > 10
    assert all(row.change_id in changes for row in rows)
    assert all(
        changes[row.change_id].decisions.filter(verdict__startswith="approve").exists() for row in rows
    )


def test_nothing_happens_after_today(world):
    assert LedgerEntry.objects.filter(occurred_at__gt=timezone.now()).count() == 0
    assert Decision.objects.order_by("decided_at").first().decided_at > world.end - timedelta(days=560)


def test_signatures_are_of_people_with_an_authenticator(world):
    signers = {row.signer for row in Signature.objects.select_related("signer")}
    assert signers
    assert all(credentials.has_authenticator(person) for person in signers)


def test_rejected_filed_again_withdrawn_and_rolled_back(world):
    states = set(ChangeRequest.objects.values_list("state", flat=True))
    assert {
        ChangeState.REJECTED,
        ChangeState.WITHDRAWN,
        ChangeState.COMPLETED,
        ChangeState.IN_REVIEW,
    } <= states
    assert ChangeRequest.objects.filter(
        predecessor__state=ChangeState.REJECTED, state=ChangeState.COMPLETED
    ).exists()
    assert ChangeRequest.objects.filter(kind=ChangeKind.ROLLBACK, state=ChangeState.COMPLETED).exists()
    assert Deployment.objects.filter(state=DeploymentState.ROLLED_BACK).exists()


def test_a_decision_fell_when_content_changed(world):
    assert Decision.objects.filter(
        voided_at__isnull=False, void_reason__startswith="The content changed"
    ).exists()


def test_the_tier_of_the_flagship_was_raised(world):
    model = RegisteredModel.objects.get(name="retail-credit-pd")
    tiers = list(model.risk_assessments.order_by("proposed_at").values_list("tier", flat=True))
    assert (tiers[0], tiers[-1], model.tier) == (2, 1, 1)


def test_one_model_is_used_by_three_units(world):
    used = UnitUse.objects.filter(model__name="demand-sensing", state="accepted")
    assert used.count() == 3


def test_a_retirement_is_held_by_a_consumer(world):
    change = ChangeRequest.objects.get(kind=ChangeKind.RETIRE, state=ChangeState.IN_REVIEW)
    assert GateResult.objects.filter(change=change, gate="DEP-01", outcome="fail", is_current=True).exists()


def test_the_head_of_risk_finds_work_of_every_kind(world):
    stages = at_my_stage(world.person("ines")).select_related("change")
    changes = [stage.change for stage in stages]
    ready = [row for row in changes if row.decided_tier == 1 and not row.gates_failed]
    blocked = [row for row in changes if row.gates_failed and row.alternatives]
    assert ready
    assert blocked
    assert any(row.decided_tier == 4 for row in changes)
    assert GateResult.objects.filter(
        change=blocked[0], gate="FAIR-01", outcome="fail", is_current=True
    ).exists()


def test_versions_have_segments_data_and_prompts_that_differ(world):
    assert MetricValue.objects.exclude(segment="").exists()
    first, second = ModelVersion.objects.filter(model__name="letter-assistant").order_by("number")[:2]
    assert first.prompts != second.prompts
    assert first.dataset_links.count() == 2


def test_something_waits_at_the_stages_of_several_jobs(world):
    keys = set(Stage.objects.filter(state=Stage.State.CURRENT).values_list("key", flat=True))
    assert {"acceptance", "validation", "risk", "change", "independent"} <= keys
    assert ChangeRequest.objects.filter(state=ChangeState.APPROVED, environment__connector="manual").exists()


def test_the_ledger_verifies_with_its_rows(world, tmp_path, settings):
    path = tmp_path / "ledger.key"
    keys.create_key_file(path)
    settings.PORTAL_LEDGER_KEY_FILE = str(path)
    signer = signer_from_settings()
    sequence_all(signer=signer, key=key_admit(signer=signer, now=timezone.now()))
    report = verify_ledger(with_rows=True)
    assert report.ok, report


def code_of(page: str) -> str:
    found = re.search(r"<code data-code>(\d{6})</code>", page)
    assert found is not None
    return found[1]


def test_personas_sign_in_with_one_click_and_see_their_hints(world, client):
    page = client.get(reverse("account_login")).content.decode()
    assert "Sign in as Ines Halvorsen" in page
    answer = client.post(reverse("demonstration:become", args=["ines"]), {"next": "/models/"})
    assert (answer.status_code, answer.url) == (302, "/models/")
    shown = client.get(reverse("demonstration:code")).content.decode()
    ines = world.person("ines")
    assert code_of(shown) == credentials.present_code(ines)
    credentials.check_password_and_code(ines, password=PASSWORD, code=code_of(shown))
    again = client.get(reverse("demonstration:code")).content.decode()
    assert code_of(again) != code_of(shown), "the next one appears without the page being read again"
    home = client.get("/").content.decode()
    assert "What to try" in home
    assert "CR-" in home


def test_a_deciding_role_that_one_administrator_gives_another_can_confirm(world):
    edda, tilda = world.person("admin"), world.person("tilda")
    grant = role_grant(
        user=world.person("karin"),
        role="validator",
        unit=world.units["retail-lending"],
        reason="Joins the validators",
        by=edda,
        now=world.now,
    )
    assert confirmers_of(grant, second_people([grant])[grant.pk]) == f"{tilda.name} can confirm it."


def test_a_persona_is_not_entered_by_a_link_and_leads_nowhere_else(world, client):
    address = reverse("demonstration:become", args=["ines"])
    assert client.get(address).status_code == 405
    assert client.post(address, {"next": "https://elsewhere.example/"}).url == "/"
    assert client.post(reverse("demonstration:become", args=["nobody"])).status_code == 404


def test_batches_add_models_versions_and_deployments(world, monkeypatch):
    monkeypatch.setattr(bulk, "VERSIONS", 3)
    bulk.fill(world, first=1000, last=1006)
    added = RegisteredModel.objects.filter(name__regex=r"-0100\d$")
    assert added.count() == 6
    assert ModelVersion.objects.filter(model__in=added).count() == 18
    assert Deployment.objects.live().filter(model__in=added).count() == 6
    assert ChangeRequest.objects.filter(model__in=added, state=ChangeState.DRAFT).count() == 1


def test_a_token_is_printed_once_and_never_stored(world):
    out = StringIO()
    call_command("demo_token", "--account", "ci-retail-lending", stdout=out)
    secret = out.getvalue().strip()
    token = ApiToken.objects.get()
    assert token.secret_sha256 == secret_hash(secret)
    assert secret not in "".join(LedgerPayload.objects.values_list("payload", flat=True))
    with pytest.raises(CommandError, match="ci-retail-lending"):
        call_command("demo_token", "--account", "nobody")


def test_a_database_with_people_is_left_alone(world):
    before, out = RegisteredModel.objects.count(), StringIO()
    call_command("demo", "--models", "3", stdout=out)
    assert "nothing was built" in out.getvalue()
    assert RegisteredModel.objects.count() == before


def test_the_catalogue_is_large_enough_and_names_are_unique():
    assert len(EVERY) == 60
    assert len({plan.name for plan in blueprints(260)}) == 260


@whole
def test_every_promise_of_variety(world):
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
    findings, today = ValidationFinding.objects.all(), world.end.date()
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


@whole
def test_deadlines_lie_ahead_and_some_have_passed(world):
    due = Stage.objects.filter(state=Stage.State.CURRENT, due_at__isnull=False)
    assert due.filter(due_at__gt=world.end).exists()
    assert due.filter(due_at__lt=world.end).exists()


@whole
def test_the_kpis_have_a_value_this_month_and_a_trend(world):
    released = Deployment.objects.filter(
        environment__is_production=True, is_test=False, finished_at__gte=world.end - timedelta(days=31)
    )
    assert released.exists()
    assert KpiSnapshot.objects.filter(value__isnull=False).values("kpi").distinct().count() >= 5


@whole
def test_every_person_with_a_stage_finds_work(world):
    waiting = {key: at_my_stage(world.person(key)).count() for key in ("ines", "samuel", "dana", "hanne")}
    assert waiting["ines"] >= 5
    assert all(waiting.values()), waiting
    assert ChangeRequest.objects.filter(state=ChangeState.CHANGES_REQUESTED).exists()
    assert User.objects.filter(email__in=[persona.email for persona in PERSONAS]).count() == len(PERSONAS)


@whole
def test_releases_in_every_complete_month_of_the_last_year(world):
    released = Deployment.objects.filter(environment__is_production=True, is_test=False)
    months = {f"{at:%Y-%m}" for at in released.values_list("started_at", flat=True)}
    wanted = {f"{timezone.now() - timedelta(days=30.44 * back):%Y-%m}" for back in range(1, 12)}
    assert wanted <= months, wanted - months


@whole
def test_nobody_signs_a_claim_that_a_gate_contradicts(world):
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


@whole
def test_no_validator_says_that_a_limit_is_met_which_fails(world):
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


@whole
def test_alternatives_and_purposes_say_the_numbers_of_the_versions_they_name(world):
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


@whole
def test_the_flagship_waits_with_the_two_gates_that_the_readme_names(world):
    change = ChangeRequest.objects.get(model__name="retail-credit-pd", state=ChangeState.IN_REVIEW)
    results = change.gate_results.filter(is_current=True)
    assert set(results.filter(outcome="fail").values_list("gate", flat=True)) == {"PERF-01", "FAIR-01"}
    waiver = change.waivers.get()
    assert "0.757" in waiver.reason
    assert "feature" not in waiver.reason
    validator = change.decisions.get(stage__key="validation")
    assert "PERF-01 does not pass" in validator.rationale


def test_a_portfolio_tells_by_itself(world):
    wanted = {
        "approvals.change_submitted",
        "approvals.change_approved",
        "approvals.change_rejected",
        "approvals.decision_signed",
        "approvals.execution_finished",
        "registry.rating_proposed",
        "registry.task_opened",
        "registry.limits_locked",
    }
    assert wanted - world.told.verbs == set()


def test_nobody_is_told_what_they_did_themselves(world):
    assert world.told.by_themselves == []


def test_one_notice_for_one_person_for_one_act(world):
    assert world.told.twice == []


def test_what_came_long_ago_is_read_and_what_is_old_is_gone(world):
    rows = Notification.objects.all()
    assert not rows.unread().filter(created_at__lt=world.end - timedelta(days=14)).exists()
    assert (
        not rows.exclude(pk__in=rows.unread()).filter(created_at__lt=world.end - timedelta(days=90)).exists()
    )
    assert rows.unread().values("person").distinct().count() >= 8


def test_nobody_is_asked_for_what_is_done(world):
    """Whatever a notice of the portfolio still waits for can still be done."""
    keys = set(Expectation.objects.values_list("key", flat=True))
    stages = Stage.objects.filter(state=Stage.State.CURRENT).values_list("pk", flat=True)
    tasks = RecordTask.objects.filter(closed_at__isnull=True).values_list("pk", flat=True)
    waivers = Waiver.objects.filter(state=Waiver.State.REQUESTED).values_list("pk", flat=True)
    lapses = Lapse.objects.filter(closed_at__isnull=True).values_list("pk", flat=True)
    ratings = RiskAssessment.objects.filter(state="proposed").values_list("pk", flat=True)
    for ask, still in (
        (DECIDE, stages),
        (DO, tasks),
        (DECIDE_WAIVER, waivers),
        (SETTLE, lapses),
        (DECIDE_RATING, ratings),
    ):
        asked = {key for key in keys if key.startswith(f"{ask.name}:")}
        assert asked - {ask.of(pk) for pk in still} == set()
    assert any(key.startswith(f"{DECIDE.name}:") for key in keys)
    assert Notification.objects.filter(settled_at__isnull=False).count() > 20


def test_every_link_opens_for_whoever_is_told(world):
    """Nobody gets 403 or 404, or a page of something else, on the link of a notice."""
    shut = []
    seen: set[tuple[int, str]] = set()
    for row in Notification.objects.exclude(link="").select_related("person").order_by("-pk"):
        kind = (row.person_id, "".join(letter for letter in row.link if not letter.isdigit()))
        if kind in seen:
            continue
        seen.add(kind)
        client = Client()
        client.force_login(row.person, backend="allauth.account.auth_backends.AuthenticationBackend")
        status = client.get(row.link).status_code
        if status != 200:
            shut.append(f"{status} {row.link} for {row.person}: {row}")
    assert len(seen) > 10
    assert shut == []
