"""Facts cost the same for one gate and for many subjects; time, transfers and absences do what the rules say."""

from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from approvals import model_facts, services
from approvals.evaluation import Evaluation, evaluate, policy_for
from approvals.facts import Subject, facts
from approvals.models import ChangeRequest, Stage
from approvals.policies import business_deadline
from approvals.policy.vocabulary import VOCABULARY
from approvals.policy_in_force import policy_in_force
from approvals.services import upkeep
from approvals.services.waivers import authority_for
from mlops_portal.foundation.errors import Invalid
from mlops_portal.foundation.events import DomainEvent, domain_event
from mlops_portal.foundation.history import delete_as, save_as
from mlops_portal.foundation.people.models import BusinessUnit, User
from mlops_portal.foundation.rules import RuleViolation
from registry.models import Dataset, Environment, MetricValue, ModelVersion, RegisteredModel, ThresholdSet
from registry.queries.facts import record_gaps
from tests.factories import approvals as make


def subject_of(version: ModelVersion, environment: Environment) -> Subject:
    return Subject(
        kind="deploy", model_id=version.model_id, tier=1, version_id=version.pk, environment_id=environment.pk
    )


def facts_of(version: ModelVersion, environment: Environment, now: datetime) -> dict[str, object]:
    subject = subject_of(version, environment)
    answers = facts.resolve([row.name for row in VOCABULARY], [subject], now=now)[subject]
    return {name: None if answer is None else answer.value for name, answer in answers.items()}


def test_twenty_subjects_cost_as_many_statements_as_one(
    version: ModelVersion, prod: Environment, release_cast: make.Cast, retail: BusinessUnit, now: datetime
) -> None:
    subjects = [subject_of(version, prod)]
    with CaptureQueriesContext(connection) as one:
        model_facts.resolve_all(subjects, now)
    for number in range(3):
        model = make.complete_model(unit=retail, cast=release_cast, tier=2, now=now, name=f"Other {number}")
        other = make.complete_version(model, cast=release_cast, now=now, validated=False)
        subjects.append(subject_of(other, prod))
    with CaptureQueriesContext(connection) as many:
        answers = model_facts.resolve_all(subjects, now)
    assert len(many) == len(one) <= 30
    assert len(answers) == 4


def test_an_evaluation_costs_the_same_for_few_gates_and_many(filed: ChangeRequest, now: datetime) -> None:
    policy = policy_in_force(now)
    change = ChangeRequest.objects.select_related("model", "environment").get(pk=filed.pk)
    with CaptureQueriesContext(connection) as asked:
        evaluate(change, at=now, policy=policy)
    assert len(asked) <= 32


def test_every_fact_of_a_complete_version_has_an_answer(
    version: ModelVersion, prod: Environment, now: datetime
) -> None:
    unanswered = {name for name, value in facts_of(version, prod, now).items() if value is None}
    # Without a filed request nobody described a fallback; nothing was rehearsed and no vendor assessed.
    assert unanswered == {
        "alternatives_described", "fallback_described", "rehearsal_age_days", "vendor_assessment_age_days",
    }  # fmt: skip


def test_data_that_overlap_by_digest_or_by_date_are_told(
    version: ModelVersion, prod: Environment, now: datetime
) -> None:
    test = Dataset.objects.get(name__startswith="test")
    training = Dataset.objects.get(name__startswith="training")
    test.digest, test.from_on = training.digest, training.to_on
    save_as(test, by=None, now=now)
    found = facts_of(version, prod, now)
    assert (found["test_data_overlaps_by_digest"], found["test_data_overlaps_by_date"]) == (True, True)


def test_data_without_dates_are_no_data_and_no_pass(
    version: ModelVersion, prod: Environment, now: datetime
) -> None:
    test = Dataset.objects.get(name__startswith="test")
    test.from_on = None
    save_as(test, by=None, now=now)
    assert facts_of(version, prod, now)["test_data_overlaps_by_date"] is None


def test_limits_locked_after_the_evaluation_began_are_seen(
    version: ModelVersion, prod: Environment, now: datetime
) -> None:
    limits = ThresholdSet.objects.get()
    limits.locked_at = now
    save_as(limits, by=None, now=now)
    assert facts_of(version, prod, now)["threshold_locked_before_evaluation"] is False


def test_a_group_under_its_limit_is_worse_and_a_metric_under_its_limit_fails(
    version: ModelVersion, prod: Environment, now: datetime
) -> None:
    for metric in MetricValue.objects.filter(version=version):
        metric.value = 0.5
        save_as(metric, by=None, now=now)
    found = facts_of(version, prod, now)
    assert found["threshold_failures"] == ("AUC", "AUC young")
    assert found["groups_worse"] == ("auc (young)",)


def test_an_overdue_stage_is_told_once(filed: ChangeRequest, now: datetime) -> None:
    heard: list[DomainEvent] = []

    def hear(event: DomainEvent, **kwargs: object) -> None:
        heard.append(event)

    domain_event.connect(hear)
    due = Stage.objects.get(change=filed, state="current").due_at
    assert due == now + timedelta(hours=24)
    minute = timedelta(minutes=1)
    counts = [
        upkeep.stages_escalate(now=due + minute * step, since=due + minute * (step - 1)) for step in range(3)
    ]
    domain_event.disconnect(hear)
    assert counts == [1, 0, 0]
    assert heard[0].data["stage"] == "acceptance"


def test_requests_move_with_their_model_to_another_unit(
    filed: ChangeRequest, plant: BusinessUnit, now: datetime
) -> None:
    from approvals.registry_answers import move_along

    move_along(filed.model, plant, None, now)
    filed.refresh_from_db()
    assert filed.unit == plant
    assert set(filed.stages.values_list("unit_id", flat=True)) == {plant.pk}


def test_a_changed_tier_voids_the_decisions_given_and_fixes_other_stages(
    filed: ChangeRequest, olga: User, now: datetime
) -> None:
    make.decide(filed, olga, now=now)
    model = RegisteredModel.objects.get(pk=filed.model_id)
    model.tier = 4
    save_as(model, by=None, now=now)
    assert services.change_refresh(change=filed, now=now) is True
    filed.refresh_from_db()
    assert filed.decided_tier == 4
    stages = filed.stages.exclude(state="closed").order_by("position").values_list("key", flat=True)
    assert list(stages) == ["acceptance", "independent"]
    assert filed.decisions.get().voided_at is not None


@pytest.mark.parametrize(
    ("renewals", "authority"),
    [
        pytest.param(0, "risk_officer", id="the gate's own authority first"),
        pytest.param(1, "head_of_model_risk", id="a renewal goes one authority higher"),
        pytest.param(3, "head_of_model_risk", id="beyond two renewals it is the head of model risk"),
    ],
)
def test_who_decides_on_a_renewed_waiver(renewals: int, authority: str) -> None:
    assert authority_for("risk_officer", renewals=renewals, most=2, beyond="head_of_model_risk") == authority


def test_business_days_leave_the_weekend_out() -> None:
    friday = datetime(2026, 11, 20, 9, 0)  # noqa: DTZ001  (only the weekday matters)
    assert business_deadline(friday, 2).weekday() == 1


def test_a_stand_in_for_others_is_named_by_the_head_for_at_most_fourteen_days(
    ines: User, rolf: User, carl: User, retail: BusinessUnit, now: datetime
) -> None:
    arguments = {
        "absentee": ines,
        "stand_in": rolf,
        "starts_at": now,
        "reason": "Ill since Monday.",
        "now": now,
    }
    with pytest.raises(RuleViolation, match="The head of the unit"):
        services.delegation_create(by=carl, ends_at=now + timedelta(days=5), **arguments)
    retail.head = carl
    save_as(retail, by=None, now=now)
    with pytest.raises(RuleViolation, match="14 days"):
        services.delegation_create(by=carl, ends_at=now + timedelta(days=15), **arguments)
    assert services.delegation_create(by=carl, ends_at=now + timedelta(days=14), **arguments).named_by == carl


@pytest.mark.parametrize(
    ("field", "value"),
    [
        pytest.param("traffic_plan", ["5", 25], id="steps that are no steps"),
        pytest.param("traffic_plan", [{"percent": 50}, {"percent": 10}], id="shares that fall"),
        pytest.param("alternatives", {"title": "x"}, id="alternatives that are no list"),
        pytest.param("configuration", [1], id="a configuration without names"),
        pytest.param("bake_hours", -1, id="time that runs backwards"),
        pytest.param("purpose", "x" * 50_001, id="a text beyond its bound"),
        pytest.param("purpose", "a\x00b", id="a text with a null character"),
        pytest.param("title", "x" * 201, id="a title beyond its bound"),
        pytest.param("state", "approved", id="a field nobody writes"),
    ],
)
def test_hostile_input_is_named_and_nothing_is_written(
    version: ModelVersion, prod: Environment, ada: User, field: str, value: object, now: datetime
) -> None:
    with pytest.raises(Invalid) as refusal:
        make.draft(version, prod, by=ada, now=now, **{field: value})
    assert refusal.value.errors[0].where == field
    assert not ChangeRequest.objects.exists()


def test_a_comment_stays_as_written(
    filed: ChangeRequest, carl: User, now: datetime, make_person: Callable[..., User]
) -> None:
    comment = services.comment_add(change=filed, text=" Why now? ", gate="PERF-01", by=carl, now=now)
    assert (comment.text, comment.gate) == ("Why now?", "PERF-01")
    with pytest.raises(Invalid):
        services.comment_add(change=filed, text="?", gate="NO-99", by=carl, now=now)


def test_the_same_words_of_one_person_within_half_a_minute_are_one_comment(
    filed: ChangeRequest, carl: User, ines: User, now: datetime
) -> None:
    def said(text: str = "Why now?", gate: str = "", by: User = carl, seconds: int = 5) -> int:
        at = now + timedelta(seconds=seconds)
        return services.comment_add(change=filed, text=text, gate=gate, by=by, now=at).pk

    first = said(seconds=0)
    assert said() == said(text=" Why now? ") == first
    others = {said(text="Why?"), said(gate="PERF-01"), said(by=ines), said(seconds=31)}
    assert len(others | {first}) == 5


def test_a_question_asked_twice_is_asked_once(filed: ChangeRequest, ines: User, now: datetime) -> None:
    (first,), (second,) = [
        services.evidence_ask(changes=[filed], text="Where is the report?", by=ines, now=now) for _ in "12"
    ]
    assert first == second
    assert filed.comments.count() == 1


def test_a_gate_that_fails_with_time_asks_for_alternatives_and_leaves_the_dossier_as_it_was(
    filed: ChangeRequest, now: datetime
) -> None:
    policy = policy_for(filed, now)
    fresh, aged = (evaluate(filed, at=at, policy=policy) for at in (now, now + timedelta(days=800)))

    def failing(evaluation: Evaluation) -> set[str]:
        return {row.gate.id for row in evaluation.blocking}

    assert "ALT-01" not in failing(fresh)
    assert {"VAL-01", "ALT-01"} <= failing(aged)

    def frozen(evaluation: Evaluation) -> dict[str, Any]:
        gates = next(part for part in evaluation.dossier.parts if part.name == "gates").content["gates"]
        return next(row for row in gates if row["id"] == "ALT-01")

    assert frozen(aged) == frozen(fresh)


def test_the_gate_of_the_inventory_misses_what_the_page_of_the_model_says_is_missing(
    version: ModelVersion, prod: Environment, now: datetime
) -> None:
    assert facts_of(version, prod, now)["inventory_missing"] == ()
    model = version.model
    for consumer in model.consumers.all():
        delete_as(consumer, by=None, now=now, reason="test")
    model.no_regime_in_scope, model.no_regime_stated_at, model.no_regime_stated_by = False, None, None
    save_as(model, by=None, now=now, reason="test")
    gaps = ("regimes in scope, or the statement that none is", "downstream consumers")
    assert facts_of(version, prod, now)["inventory_missing"] == gaps
    assert record_gaps(model, now=now) == list(gaps)
