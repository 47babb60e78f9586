"""The portfolio holds a story of every kind, tells whom it concerns, and its ledger verifies."""

import re
from datetime import timedelta
from io import StringIO

import pytest
from django.core.management import CommandError, call_command
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from approvals.models import (
    ChangeRequest,
    Decision,
    GateResult,
    Lapse,
    Signature,
    Stage,
    Waiver,
)
from approvals.notice_asks import DECIDE, DECIDE_WAIVER, SETTLE
from approvals.queries.inbox_page import at_my_stage
from approvals.states import ChangeKind, ChangeState
from audits import keys
from audits.models import LedgerEntry, LedgerPayload
from audits.services.sequencing import key_admit, sequence_all, signer_from_settings
from audits.verification import verify_ledger
from mlops_portal.demonstration import bulk
from mlops_portal.demonstration.cast import PASSWORD
from mlops_portal.demonstration.catalogue import EVERY, blueprints
from mlops_portal.foundation.administration.queries import confirmers_of, second_people
from mlops_portal.foundation.people import credentials
from mlops_portal.foundation.people.models import ApiToken
from mlops_portal.foundation.people.services.grants import role_grant
from mlops_portal.foundation.people.services.tokens import secret_hash
from mlops_portal.foundation.web.models import Expectation, Notification
from registry.models import (
    Component,
    Deployment,
    MetricValue,
    ModelVersion,
    RecordTask,
    RegisteredModel,
    RiskAssessment,
    UnitUse,
)
from registry.notices import DECIDE_RATING, DO
from registry.states import (
    DeploymentState,
    ModelKind,
)

pytestmark = [pytest.mark.django_db, pytest.mark.slow]


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
