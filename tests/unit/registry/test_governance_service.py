"""Governance, ratings, limits and uses: who decides what, and what follows."""

from datetime import date, timedelta

import pytest

from mlops_portal.foundation.errors import Invalid, NotAllowed
from mlops_portal.foundation.history import history_model
from mlops_portal.foundation.rules import RuleViolation
from registry import services
from registry.models import RecordTask, RegisteredModel, RiskAssessment, ThresholdSet
from registry.queries.facts import record_gaps
from registry.questionnaire import load_questionnaire
from tests.factories.registry import DeploymentFactory, EnvironmentFactory, ModelFactory, VersionFactory

LIMITS = [{"code": "auc", "metric": "auc", "direction": "min", "release": 0.8}]
DIGEST = "d" * 64


def answers() -> dict[str, str]:
    """Answer every question that is asked with its first choice."""
    questionnaire, given = load_questionnaire(), {}
    while open_questions := [q for q in questionnaire.asked(given) if q.id not in given]:
        given[open_questions[0].id] = open_questions[0].choices[0].value
    return given


def open_kinds(model: RegisteredModel) -> set[str]:
    return set(RecordTask.objects.filter(model=model, closed_at__isnull=True).values_list("kind", flat=True))


@pytest.mark.parametrize(
    ("fields", "governance", "tasks"),
    [
        pytest.param({}, "mandatory", {"complete_record", "rating_missing"}, id="nothing known is mandatory"),
        pytest.param({"is_proof_of_concept": True}, "optional", set(), id="a proof of concept is optional"),
        pytest.param(
            {"is_proof_of_concept": True, "regimes": ["SR 26-2"]},
            "mandatory",
            {"complete_record", "rating_missing"},
            id="evidence beats the declaration",
        ),
        pytest.param({"kind": "prompt"}, "mandatory", set(), id="a prompt has no duties of its own"),
    ],
)
def test_a_new_model_knows_its_governance_and_duties(fields, governance, tasks, retail, olga, now):
    model = services.model_register(name="churn", unit=retail, by=olga, now=now, **fields)
    assert model.governance == governance
    assert open_kinds(model) == tasks


def test_an_experiment_that_reaches_production_becomes_mandatory(retail, now, no_gates, events):
    model = ModelFactory(unit=retail, experiment=True)
    place = EnvironmentFactory(unit=retail, production=True, name="prod-eu")
    DeploymentFactory(version=VersionFactory(model=model), environment=place, live=True)
    model.refresh_from_db()
    assert (model.governance, model.lifecycle_state, model.adoption_stage) == (
        "mandatory",
        "in_production",
        "scale_out",
    )
    assert {"became_mandatory", "facts_contradicted", "complete_record"} <= open_kinds(model)
    assert "registry.governance_changed" in [event.verb for event in events]


def test_the_second_evaluation_writes_nothing(churn, now):
    services.governance_evaluate(model=churn, now=now)
    rows = history_model(RegisteredModel).objects.count(), history_model(RecordTask).objects.count()
    services.governance_evaluate_all(now=now + timedelta(days=1))
    assert (history_model(RegisteredModel).objects.count(), history_model(RecordTask).objects.count()) == rows


def test_an_overdue_review_opens_a_task_and_attesting_closes_it(churn, olga, now):
    services.model_update(model=churn, by=olga, now=now, next_review_on=(now - timedelta(days=3)).date())
    services.governance_evaluate(model=churn, now=now)
    assert "review_overdue" in open_kinds(churn)
    task = RecordTask.objects.get(model=churn, kind="review_overdue")
    assert task.text == "The review was due on 14 Nov 2026."
    services.model_attest(model=churn, by=olga, now=now, next_review_on=(now + timedelta(days=90)).date())
    services.governance_evaluate(model=churn, now=now)
    assert "review_overdue" not in open_kinds(churn)


def test_a_review_is_overdue_when_its_day_has_ended_where_the_portal_is(churn, olga, now, settings):
    settings.PORTAL_TIME_ZONE = "America/New_York"
    evening = now.replace(hour=2) + timedelta(days=1)
    with pytest.raises(Invalid, match="16 Nov 2026 is in the past"):
        services.model_attest(model=churn, by=olga, now=evening, next_review_on=date(2026, 11, 16))
    services.model_attest(model=churn, by=olga, now=evening, next_review_on=date(2026, 11, 17))
    services.governance_evaluate(model=churn, now=evening)
    assert "review_overdue" not in open_kinds(churn)
    services.governance_evaluate(model=churn, now=evening + timedelta(hours=4))
    assert "review_overdue" in open_kinds(churn)


def test_gaps_name_what_the_record_lacks(churn, churn_1, olga, now):
    gaps = record_gaps(churn, now=now)
    assert {"intended use", "risk tier", "downstream consumers", "attestation of the last 180 days"} <= set(
        gaps
    )
    assert "owner" not in gaps
    assert "current version" not in gaps
    bought = services.model_update(model=churn, by=olga, now=now, origin="third_party")
    assert "exit plan" in record_gaps(bought, now=now)


def test_an_override_lasts_180_days(churn, ines, now):
    services.governance_override(
        model=churn, reason="Sandbox only", signature_digest=DIGEST, by=ines, now=now
    )
    churn.refresh_from_db()
    assert churn.governance == "optional"
    services.governance_evaluate(model=churn, now=now + timedelta(days=181))
    churn.refresh_from_db()
    assert churn.governance == "mandatory"


@pytest.mark.parametrize(
    ("who", "error"),
    [
        pytest.param("olga", NotAllowed, id="the owner has no right to"),
        pytest.param("dora", NotAllowed, id="a stranger has no right to"),
    ],
)
def test_who_may_not_override(who, error, churn, now, request):
    by = request.getfixturevalue(who)
    with pytest.raises(error):
        services.governance_override(model=churn, reason="x", signature_digest=DIGEST, by=by, now=now)


def test_a_rating_is_proposed_by_one_and_approved_by_another(churn, olga, ines, now, verbs):
    rating = services.rating_propose(
        model=churn,
        answers=answers(),
        eu_ai_class="minimal",
        eu_ai_class_rationale="No person",
        by=olga,
        now=now,
    )
    churn.refresh_from_db()
    assert churn.tier is None
    services.rating_decide(rating=rating, approve=True, by=ines, now=now)
    churn.refresh_from_db()
    assert (churn.tier, churn.eu_ai_class, churn.tier_since) == (rating.tier, "minimal", now)
    assert "rating_missing" not in open_kinds(churn)
    assert {"registry.rating_proposed", "registry.rating_approved"} <= set(verbs())
    second = services.rating_propose(model=churn, answers=answers(), by=olga, now=now)
    services.rating_decide(rating=second, approve=True, by=ines, now=now)
    states = RiskAssessment.objects.order_by("pk").values_list("state", flat=True)
    assert list(states) == ["superseded", "approved"]


@pytest.mark.parametrize(
    ("proposer", "decider", "refusal"),
    [
        pytest.param("ines", "ines", RuleViolation, id="nobody approves their own rating"),
        pytest.param("olga", "vera", NotAllowed, id="a validator rates but does not approve"),
        pytest.param("olga", "dora", NotAllowed, id="a stranger approves nothing"),
    ],
)
def test_who_does_not_approve_a_rating(proposer, decider, refusal, churn, now, request):
    by, other = request.getfixturevalue(proposer), request.getfixturevalue(decider)
    rating = services.rating_propose(model=churn, answers=answers(), by=by, now=now)
    with pytest.raises(refusal):
        services.rating_decide(rating=rating, approve=True, by=other, now=now)
    rating.refresh_from_db()
    assert rating.state == "proposed"


def test_one_rating_is_open_at_a_time_and_a_decline_needs_a_reason(churn, olga, ines, now):
    rating = services.rating_propose(model=churn, answers=answers(), by=olga, now=now)
    with pytest.raises(RuleViolation, match="awaits approval"):
        services.rating_propose(model=churn, answers=answers(), by=olga, now=now)
    with pytest.raises(Invalid):
        services.rating_decide(rating=rating, approve=False, by=ines, now=now)
    assert (
        services.rating_decide(rating=rating, approve=False, note="Too low", by=ines, now=now).state
        == "declined"
    )


def test_limits_are_proposed_by_one_and_locked_by_another(churn, ada, vera, now):
    first = services.threshold_set_propose(model=churn, limits=LIMITS, by=ada, now=now)
    with pytest.raises(NotAllowed):
        services.threshold_set_lock(limits=first, by=ada, now=now)
    services.threshold_set_lock(limits=first, by=vera, now=now)
    second = services.threshold_set_propose(model=churn, limits=LIMITS, by=ada, now=now)
    services.threshold_set_lock(limits=second, by=vera, now=now)
    assert list(ThresholdSet.objects.order_by("number").values_list("state", flat=True)) == [
        "superseded",
        "approved",
    ]
    with pytest.raises(RuleViolation, match="decided already"):
        services.threshold_set_lock(limits=second, by=vera, now=now)


def test_limits_proposed_anew_keep_suite_and_blocking_of_those_in_force(churn, ada, vera, now):
    def proposed(*rows):
        return services.threshold_set_propose(model=churn, limits=rows, by=ada, now=now)

    row = {"code": "P1", "metric": "auc", "direction": "min", "release": 0.7}
    services.threshold_set_lock(
        limits=proposed(row | {"suite": "stress", "blocking": False}), by=vera, now=now
    )
    declined = proposed(row | {"suite": "other", "blocking": True})
    services.threshold_set_decline(limits=declined, reason="No.", by=vera, now=now)
    again, new = proposed(row | {"release": 0.8}, row | {"code": "P2"}).limits
    assert (again["release"], again["suite"], again["blocking"]) == (0.8, "stress", False)
    assert (new["suite"], new["blocking"]) == ("", True)
    services.threshold_set_decline(
        limits=ThresholdSet.objects.latest("number"), reason="No.", by=vera, now=now
    )
    (cleared,) = proposed(row | {"suite": "", "blocking": True}).limits
    assert (cleared["suite"], cleared["blocking"]) == ("", True)


@pytest.mark.parametrize(
    ("change", "where"),
    [
        pytest.param({"direction": "up"}, "row 1, direction", id="an unknown direction"),
        pytest.param({"release": "0.8"}, "row 1, release", id="a text for a number"),
        pytest.param({"release": 10**400}, "row 1, release", id="a number beyond every float"),
        pytest.param({"release": None}, "row 1, release", id="no release limit"),
        pytest.param({"suite": 7}, "row 1, suite", id="a number for a text"),
        pytest.param({"blocking": "false"}, "row 1, blocking", id="a text for a truth value"),
        pytest.param({"metric": ""}, "row 1, metric", id="no metric"),
        pytest.param({"colour": "red"}, "row 1, colour", id="an unknown field"),
    ],
)
def test_impossible_limits_are_named(change, where, churn, ada, now):
    with pytest.raises(Invalid) as refusal:
        services.threshold_set_propose(model=churn, limits=[LIMITS[0] | change], by=ada, now=now)
    assert [error.where for error in refusal.value.errors] == [where]


def test_the_using_unit_accepts_a_use(churn, plant, retail, olga, make_person, now):
    paul = make_person("Paul Owner", "model_owner", unit=plant)
    use = services.use_request(model=churn, using_unit=plant, by=olga, now=now, purpose="Spare parts")
    with pytest.raises(NotAllowed):
        services.use_decide(use=use, accept=True, by=olga, now=now)
    assert services.use_decide(use=use, accept=True, by=paul, now=now).state == "accepted"
    with pytest.raises(RuleViolation, match="asked for this use already"):
        services.use_request(model=churn, using_unit=plant, by=olga, now=now)
    assert services.use_end(use=use, by=paul, now=now).state == "ended"
    with pytest.raises(RuleViolation, match="owns the model"):
        services.use_request(model=churn, using_unit=retail, by=olga, now=now)


def test_retirement_waits_for_consumers_uses_and_traffic(churn, churn_1, retail, olga, now, no_gates):
    consumer = services.consumer_add(model=churn, name="CRM", by=olga, now=now)
    place = EnvironmentFactory(unit=retail, production=True)
    deployment = DeploymentFactory(version=churn_1, environment=place, live=True)
    with pytest.raises(RuleViolation) as refusal:
        services.model_set_lifecycle(model=churn, to="retired", by=olga, now=now)
    assert [blocker.code for blocker in refusal.value.blockers] == ["consumer", "serving"]
    with pytest.raises(RuleViolation, match="not notified"):
        services.consumer_release(consumer=consumer, by=olga, now=now)
    services.consumer_notify(consumer=consumer, by=olga, now=now)
    services.consumer_release(consumer=consumer, by=olga, now=now)
    services.deployment_stop(deployment=deployment, reason="Retired", by=None, now=now)
    retired = services.model_set_lifecycle(model=churn, to="retired", by=olga, now=now, reason="Replaced")
    assert (retired.lifecycle_state, retired.retired_at) == ("retired", now)
    with pytest.raises(RuleViolation, match="retired"):
        services.version_register(model=retired, by=olga, now=now)
