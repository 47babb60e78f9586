"""Approved changes take effect: RULES 1.2, 3.3 and 5, and what happens when something goes wrong on the way."""

from collections.abc import Callable
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from django.utils import timezone

from approvals import connectors, services
from approvals.connectors import ConnectorFailed, Outcome, Result
from approvals.connectors.registry_alias import RegistryAlias
from approvals.models import ChangeRequest, Execution, ExecutionStep, Lapse
from approvals.services import executions, upkeep
from mlops_portal.foundation.errors import Invalid, NotAllowed
from mlops_portal.foundation.history import history_model, save_as
from mlops_portal.foundation.people.models import BusinessUnit, User
from mlops_portal.foundation.rules import RuleViolation
from mlops_portal.foundation.work.models import Job
from registry.models import Alias, Consumer, Deployment, MetricValue, ModelVersion, RegisteredModel
from registry.services.aliases import alias_set
from registry.services.models import model_rename, model_update
from registry.services.surroundings import consumer_notify, consumer_release
from registry.services.versions import version_set_stage
from tests.factories import approvals as make
from tests.kept import kept


def codes(refusal: pytest.ExceptionInfo[RuleViolation]) -> list[str]:
    return [blocker.code for blocker in refusal.value.blockers]


@pytest.fixture
@kept
def small(light_model: RegisteredModel, release_cast: make.Cast, now: datetime) -> ModelVersion:
    """Return a version of the tier 4 model."""
    return make.complete_version(light_model, cast=release_cast, now=now)


def release(
    version: ModelVersion, environment: object, cast: make.Cast, *, at: datetime, **fields: object
) -> ChangeRequest:
    """File and approve a release of a tier 4 model."""
    change = make.submitted(version, environment, by=cast.developer, now=at, **fields)
    return make.approve_by(change, [cast.owner, cast.risk_officer], now=at)


def put_in_place(
    change: ChangeRequest, cast: make.Cast, run_jobs: Callable[[datetime], None], at: datetime
) -> ChangeRequest:
    services.change_execute_now(change=change, by=cast.operator, now=at)
    run_jobs(at)
    change.refresh_from_db()
    return change


@pytest.fixture
@kept
def running(
    small: ModelVersion,
    prod: object,
    release_cast: make.Cast,
    run_jobs: Callable[[datetime], None],
    now: datetime,
) -> ChangeRequest:
    """Return a completed release that serves."""
    change = put_in_place(
        release(small, prod, release_cast, at=now), release_cast, run_jobs, now + timedelta(hours=1)
    )
    services.change_complete(change=change, now=now + timedelta(hours=6))
    change.refresh_from_db()
    return change


@pytest.fixture
@kept
def second(
    running: ChangeRequest, release_cast: make.Cast, run_jobs: Callable[[datetime], None], now: datetime
) -> ChangeRequest:
    """Return a second release that serves, with the first one as its approved way back."""
    version = make.complete_version(running.model, cast=release_cast, now=now, auc=0.83, artifact="b")
    at = now + timedelta(days=1)
    described = [{"title": "Keep 1", "metrics": {"auc": 0.82}, "gates": "pass", "why_not": "Weaker."}]
    change = release(version, running.environment, release_cast, at=at, alternatives=described)
    change = put_in_place(change, release_cast, run_jobs, at + timedelta(hours=1))
    services.change_complete(change=change, now=at + timedelta(hours=6))
    change.refresh_from_db()
    return change


def test_a_release_completes_after_its_bake_time(running: ChangeRequest) -> None:
    deployment = Deployment.objects.get(change_id=running.pk)
    assert (running.state, deployment.state, deployment.tier) == ("completed", "live", 4)
    assert deployment.document_score == 1.0
    assert deployment.document_threshold == 0.75
    assert Execution.objects.get(change=running).steps.get().state == "succeeded"


def test_running_the_job_twice_executes_once(running: ChangeRequest, now: datetime) -> None:
    assert executions.execution_run(change_id=running.pk, clock=lambda: now) == "completed"
    assert ExecutionStep.objects.count() == 1
    assert Alias.history.model.objects.filter(name="champion").count() == 1


@pytest.mark.parametrize("name", ["champion", "Champion", "PRODUCTION"])
def test_the_protected_alias_moves_only_with_an_approved_change(
    name: str, small: ModelVersion, prod: object, olga: User, now: datetime
) -> None:
    with pytest.raises(RuleViolation) as refusal:
        alias_set(model=small.model, name=name, version=small, by=olga, now=now)
    assert codes(refusal) == ["protected_alias"]


def test_what_looks_like_a_protected_alias_is_none(
    small: ModelVersion, prod: object, olga: User, now: datetime
) -> None:
    with pytest.raises(Invalid, match="letters, digits"):
        alias_set(model=small.model, name="ch\u0430mpion", version=small, by=olga, now=now)


def test_clients_that_load_by_stage_are_protected_alike(
    small: ModelVersion, prod: object, olga: User, now: datetime
) -> None:
    version_set_stage(version=small, stage="Staging", by=olga, now=now)
    with pytest.raises(
        RuleViolation, match="The stage Production moves only with an approved change"
    ) as refusal:
        version_set_stage(version=small, stage="Production", archive_existing=True, by=olga, now=now)
    assert codes(refusal) == ["protected_alias"]
    small.stage = "Production"
    save_as(small, by=None, now=now, reason="before there was a policy", fields=["stage"])
    with pytest.raises(RuleViolation):
        version_set_stage(version=small, stage="Archived", by=olga, now=now)


def test_what_ran_in_production_keeps_its_name(running: ChangeRequest, olga: User, now: datetime) -> None:
    with pytest.raises(RuleViolation, match="consumers know it by that name") as refusal:
        model_rename(model=running.model, name="another", by=olga, now=now)
    assert codes(refusal) == ["was_in_production"]


def test_content_that_changed_since_the_approval_is_not_executed(
    small: ModelVersion,
    prod: object,
    release_cast: make.Cast,
    run_jobs: Callable[[datetime], None],
    now: datetime,
) -> None:
    change = release(small, prod, release_cast, at=now)
    metric = MetricValue.objects.get(version=small, segment="", name="auc")
    metric.value = 0.95
    save_as(metric, by=None, now=now)
    put_in_place(change, release_cast, run_jobs, now + timedelta(hours=1))
    assert (change.state, change.decisions.filter(voided_at__isnull=True).count()) == ("in_review", 0)
    assert not Alias.objects.exists()


def test_an_expired_approval_starts_nothing(
    small: ModelVersion, prod: object, release_cast: make.Cast, now: datetime
) -> None:
    change = release(small, prod, release_cast, at=now)
    late = now + timedelta(days=91)
    with pytest.raises(RuleViolation) as refusal:
        services.change_execute_now(change=change, by=release_cast.operator, now=late)
    assert codes(refusal) == ["expired"]
    assert upkeep.approvals_expire(now=late) == 1
    change.refresh_from_db()
    assert change.state == "expired"


def test_nothing_starts_outside_of_its_approved_window(
    small: ModelVersion, prod: object, release_cast: make.Cast, now: datetime
) -> None:
    opens, closes = now + timedelta(days=2), now + timedelta(days=3)
    change = release(small, prod, release_cast, at=now, window_starts_at=opens, window_ends_at=closes)
    refused = []
    for moment, code in ((now + timedelta(days=1), "too_early"), (closes, "too_late")):
        with pytest.raises(RuleViolation) as refusal, timezone.override(ZoneInfo("Europe/Berlin")):
            services.change_execute_now(change=change, by=release_cast.operator, now=moment)
        assert codes(refusal) == [code]
        refused.append(refusal.value.blockers[0].message)
    assert refused == [
        "The window opens on 19 Nov 2026 10:40 CET.",
        "The window closed on 20 Nov 2026 10:40 CET.",
    ]


def test_a_scheduled_start_waits_for_its_time(
    small: ModelVersion,
    prod: object,
    release_cast: make.Cast,
    run_jobs: Callable[[datetime], None],
    now: datetime,
) -> None:
    change = release(small, prod, release_cast, at=now)
    at = now + timedelta(days=1)
    with timezone.override(ZoneInfo("Europe/Berlin")):
        services.change_schedule(change=change, start_at=at, by=release_cast.operator, now=now)
    planned = history_model(ChangeRequest).objects.filter(id=change.pk).latest("history_date", "history_id")
    assert planned.history_change_reason == "Start planned for 18 Nov 2026 09:40 UTC"
    change.refresh_from_db()
    assert change.started_by == release_cast.operator
    run_jobs(now + timedelta(hours=2))
    assert not Execution.objects.exists()
    run_jobs(at + timedelta(minutes=1))
    assert Execution.objects.get().state == "succeeded"
    change.refresh_from_db()
    assert change.started_by == release_cast.operator, "the portal carried it out, the operator planned it"


class Refusing(RegistryAlias):
    """A target that says no."""

    def call(self, step: ExecutionStep, *, now: datetime) -> Result:
        raise ConnectorFailed("The target is read-only.")


class Blind(RegistryAlias):
    """A target that cannot be looked at, and that must not be called twice."""

    is_idempotent = False

    def observe(self, step: ExecutionStep) -> Result:
        return Result(Outcome.UNKNOWN)


@pytest.fixture
def connector() -> Callable[[object], None]:
    """Return a function that puts another connector in place for the test."""
    yield connectors.register
    connectors.register(RegistryAlias())


def test_a_refusing_target_fails_the_change_and_leaves_what_served(
    running: ChangeRequest,
    release_cast: make.Cast,
    run_jobs: Callable[[datetime], None],
    connector: Callable[[object], None],
    now: datetime,
) -> None:
    version = make.complete_version(running.model, cast=release_cast, now=now, artifact="b")
    connector(Refusing())
    at = now + timedelta(days=1)
    change = put_in_place(
        release(version, running.environment, release_cast, at=at),
        release_cast,
        run_jobs,
        at + timedelta(hours=1),
    )
    assert (change.state, change.headline) == ("failed", "Failed: The target is read-only.")
    assert Deployment.objects.get(state="live").version_id == running.version_id


def test_what_nobody_can_see_is_asked_of_an_operator(
    small: ModelVersion,
    prod: object,
    release_cast: make.Cast,
    connector: Callable[[object], None],
    now: datetime,
) -> None:
    change = release(small, prod, release_cast, at=now)
    connector(Blind())
    services.change_execute_now(change=change, by=release_cast.operator, now=now + timedelta(hours=1))
    later = now + timedelta(hours=2)
    execution = executions.execution_start(change=change, by=None, now=later)
    fence = executions.execution_claim(execution=execution, now=later)
    executions.step_intend(execution=execution, fence=fence, now=later)  # and here the worker died
    assert executions.execution_run(change_id=change.pk, clock=lambda: later) == "unknown"
    services.execution_confirm(
        execution=execution,
        succeeded=True,
        note="Seen in the target's console.",
        by=release_cast.operator,
        now=later,
    )
    change.refresh_from_db()
    assert change.state == "verifying"


def test_a_worker_that_was_taken_over_records_nothing(
    small: ModelVersion, prod: object, release_cast: make.Cast, now: datetime
) -> None:
    change = release(small, prod, release_cast, at=now)
    later = now + timedelta(hours=1)
    services.change_execute_now(change=change, by=release_cast.operator, now=later)
    execution = executions.execution_start(change=change, by=None, now=later)
    old = executions.execution_claim(execution=execution, now=later)
    step = executions.step_intend(execution=execution, fence=old, now=later)
    executions.execution_claim(execution=execution, now=later)
    assert executions.step_record(step=step, fence=old, result=Result(Outcome.DONE), now=later) is False
    execution.refresh_from_db()
    assert execution.state == "running"


def test_who_starts_a_manual_step_is_none_of_its_approvers(
    small: ModelVersion,
    retail: BusinessUnit,
    release_cast: make.Cast,
    make_person: Callable[..., User],
    now: datetime,
) -> None:
    place = make.production(retail, now=now, name="plant-edge", connector="manual")
    change = release(small, place, release_cast, at=now)
    grant = release_cast.operator.grants.get()
    grant.pk, grant.user, grant._state.adding = None, release_cast.owner, True
    save_as(grant, by=None, now=now)
    from mlops_portal.foundation.people.services.grants import rederive

    rederive(release_cast.owner)
    later = now + timedelta(hours=1)
    with pytest.raises(RuleViolation) as refusal:
        services.change_execute_now(change=change, by=release_cast.owner, now=later)
    assert codes(refusal) == ["is_approver"]
    services.change_execute_now(change=change, by=release_cast.operator, now=later)
    execution = Execution.objects.get(change=change)
    assert (execution.state, execution.started_by) == ("waiting", release_cast.operator)
    services.execution_confirm(
        execution=execution, succeeded=True, note="Installed on line 4.", by=release_cast.operator, now=later
    )
    assert Deployment.objects.get(change_id=change.pk).state == "live"


def test_an_abort_before_the_first_step_is_neither_failure_nor_rollback(
    small: ModelVersion, retail: BusinessUnit, release_cast: make.Cast, now: datetime
) -> None:
    place = make.production(retail, now=now, name="plant-edge", connector="manual")
    change = release(small, place, release_cast, at=now)
    later = now + timedelta(hours=1)
    services.change_execute_now(change=change, by=release_cast.operator, now=later)
    services.execution_abort(
        execution=Execution.objects.get(change=change),
        reason="Line is down",
        by=release_cast.operator,
        now=later,
    )
    change.refresh_from_db()
    assert (change.state, Deployment.objects.get(change_id=change.pk).state) == ("approved", "aborted")


def back(change: ChangeRequest, by: User, at: datetime) -> ChangeRequest:
    return services.roll_back(
        deployment=Deployment.objects.get(change_id=change.pk), reason="Error rate doubled.", incident="INC-1",
        password=make.PASSWORD, code=make.fresh_code(by), by=by, now=at,
    )  # fmt: skip


def test_one_person_rolls_back_to_the_approved_target_even_after_the_approval_expired(
    second: ChangeRequest,
    running: ChangeRequest,
    release_cast: make.Cast,
    run_jobs: Callable[[datetime], None],
    now: datetime,
) -> None:
    long_after = now + timedelta(days=200)
    change = back(second, release_cast.operator, long_after)
    run_jobs(long_after + timedelta(minutes=1))
    change.refresh_from_db()
    assert (change.change_class, change.state) == ("containment", "completed")
    assert change.decisions.get().meaning == "release"
    assert Alias.objects.get(name="champion").version_id == running.version_id
    assert Deployment.objects.get(change_id=second.pk).state == "rolled_back"
    assert Deployment.objects.get(state="live").kind == "rollback"


def test_without_an_approved_target_the_short_way_back_is_closed(
    running: ChangeRequest, release_cast: make.Cast, now: datetime
) -> None:
    with pytest.raises(RuleViolation) as refusal:
        back(running, release_cast.operator, now + timedelta(days=1))
    assert codes(refusal) == ["no_target"]


def test_suspending_takes_the_alias_away_and_resuming_needs_the_normal_way(
    running: ChangeRequest, release_cast: make.Cast, run_jobs: Callable[[datetime], None], now: datetime
) -> None:
    at = now + timedelta(days=1)
    services.suspend(
        deployment=Deployment.objects.get(change_id=running.pk), reason="Drift beyond stop.", password=make.PASSWORD,
        code=make.fresh_code(release_cast.operator), by=release_cast.operator, now=at,
    )  # fmt: skip
    run_jobs(at + timedelta(minutes=1))
    assert Deployment.objects.get(change_id=running.pk).state == "suspended"
    assert not Alias.objects.filter(name="champion").exists()
    change = release(
        running.version, running.environment, release_cast, at=at + timedelta(hours=1), kind="resume"
    )
    put_in_place(change, release_cast, run_jobs, at + timedelta(hours=2))
    assert Deployment.objects.get(change_id=running.pk).state == "live"
    assert Alias.objects.get(name="champion").version_id == running.version_id


def test_a_consumer_that_has_not_left_blocks_the_retirement(
    running: ChangeRequest, release_cast: make.Cast, now: datetime
) -> None:
    save_as(Consumer(model=running.model, unit_id=running.unit_id, name="Branch desk"), by=None, now=now)
    at = now + timedelta(days=1)
    change = services.change_draft(
        model=running.model, kind="retire", purpose="Replaced.", by=release_cast.developer, now=at
    )
    change = services.change_submit(change=change, by=release_cast.developer, now=at)
    make.decide(change, release_cast.owner, now=at)
    with pytest.raises(RuleViolation, match="Branch desk") as refusal:
        make.decide(change, release_cast.risk_officer, now=at)
    assert codes(refusal) == ["gate_fails"]


def test_a_revoked_approval_of_a_running_release_needs_a_decision_within_a_day(
    running: ChangeRequest, release_cast: make.Cast, now: datetime
) -> None:
    at = now + timedelta(days=2)
    signer = release_cast.risk_officer
    make.revoke(running.decisions.get(signer=signer), by=signer, now=at)
    lapse = Lapse.objects.get(change=running)
    assert lapse.due_at == at + timedelta(hours=24)
    running.refresh_from_db()
    assert (running.state, running.revoked_at) == ("completed", at)
    with pytest.raises(RuleViolation) as refusal:
        services.lapse_close(lapse=lapse, outcome="suspended", by=release_cast.operator, now=at)
    assert codes(refusal) == ["no_record"]


def test_an_unused_approval_falls_with_its_signature(
    small: ModelVersion, prod: object, release_cast: make.Cast, carl: User, now: datetime
) -> None:
    change = release(small, prod, release_cast, at=now)
    decision = change.decisions.get(signer=release_cast.risk_officer)
    with pytest.raises(RuleViolation) as refusal:
        make.revoke(decision, by=release_cast.owner, now=now)
    assert codes(refusal) == ["authority"]
    make.revoke(decision, by=carl, now=now)
    change.refresh_from_db()
    assert change.state == "revoked"


def test_an_overdue_condition_of_what_runs_opens_one_lapse(
    small: ModelVersion,
    prod: object,
    release_cast: make.Cast,
    run_jobs: Callable[[datetime], None],
    now: datetime,
) -> None:
    change = make.submitted(small, prod, by=release_cast.developer, now=now)
    make.decide(change, release_cast.owner, now=now)
    duty = {
        "text": "Watch thin files.", "evidence": "Report", "owner": release_cast.owner.pk,
        "verifier": release_cast.validator.pk, "due_on": (now + timedelta(days=10)).date(),
    }  # fmt: skip
    make.decide(
        change, release_cast.risk_officer, now=now, verdict="approve_with_conditions", conditions=[duty]
    )
    put_in_place(change, release_cast, run_jobs, now + timedelta(hours=1))
    late = now + timedelta(days=12)
    assert upkeep.conditions_lapse(now=late) == 1
    assert upkeep.conditions_lapse(now=late) == 0
    assert Lapse.objects.get().owner == release_cast.owner


def test_a_suspended_model_without_consumers_is_retired(
    running: ChangeRequest, release_cast: make.Cast, run_jobs: Callable[[datetime], None], now: datetime
) -> None:
    at = now + timedelta(days=1)
    draft = {
        "model": running.model,
        "kind": "retire",
        "purpose": "Replaced by another.",
        "by": release_cast.developer,
    }
    early = services.change_draft(**draft, now=at)
    early = services.change_submit(change=early, by=release_cast.developer, now=at)
    assert [row.gate for row in early.gate_results.filter(outcome="fail")] == ["DEP-01"]
    services.change_withdraw(change=early, reason="It still serves", by=release_cast.developer, now=at)
    services.suspend(
        deployment=Deployment.objects.get(change_id=running.pk), reason="To be retired.", password=make.PASSWORD,
        code=make.fresh_code(release_cast.operator), by=release_cast.operator, now=at,
    )  # fmt: skip
    run_jobs(at + timedelta(minutes=1))
    desk = Consumer.objects.get(model=running.model)
    desk = consumer_notify(consumer=desk, by=release_cast.developer, now=at)
    consumer_release(consumer=desk, by=release_cast.owner, now=at)
    later = at + timedelta(hours=1)
    change = services.change_draft(**draft, now=later)
    change = services.change_submit(change=change, by=release_cast.developer, now=later)
    change = make.approve_by(change, [release_cast.owner, release_cast.risk_officer], now=later)
    put_in_place(change, release_cast, run_jobs, later + timedelta(hours=1))
    assert change.state == "completed", change.headline
    assert RegisteredModel.objects.get(pk=change.model_id).lifecycle_state == "retired"
    assert Deployment.objects.get(change_id=running.pk).state == "stopped"


def test_a_changed_configuration_is_a_deployment_of_its_own_kind(
    second: ChangeRequest, release_cast: make.Cast, run_jobs: Callable[[datetime], None], now: datetime
) -> None:
    at = now + timedelta(days=3)
    change = release(
        second.version,
        second.environment,
        release_cast,
        at=at,
        kind="configuration",
        configuration={"cut_off": [0.5, 0.6]},
    )
    assert change.rollback_target == second.rollback_target
    put_in_place(change, release_cast, run_jobs, at + timedelta(hours=1))
    deployment = Deployment.objects.get(change_id=change.pk)
    assert (deployment.kind, deployment.state) == ("config", "live")


def test_a_promotion_needs_a_version_that_ran_elsewhere(
    running: ChangeRequest,
    retail: BusinessUnit,
    release_cast: make.Cast,
    run_jobs: Callable[[datetime], None],
    now: datetime,
) -> None:
    other = make.production(retail, now=now, name="prod-us", connector="manual")
    at = now + timedelta(days=1)
    change = release(running.version, other, release_cast, at=at, kind="promote")
    services.change_execute_now(change=change, by=release_cast.operator, now=at + timedelta(hours=1))
    assert Execution.objects.get(change=change).state == "waiting"


def test_only_operators_start_changes(
    small: ModelVersion, prod: object, release_cast: make.Cast, now: datetime
) -> None:
    change = release(small, prod, release_cast, at=now)
    with pytest.raises(NotAllowed):
        services.change_execute_now(change=change, by=release_cast.developer, now=now)


def test_a_start_whose_job_was_lost_is_queued_again(
    small: ModelVersion,
    prod: object,
    release_cast: make.Cast,
    run_jobs: Callable[[datetime], None],
    now: datetime,
) -> None:
    change = release(small, prod, release_cast, at=now)
    at = now + timedelta(hours=1)
    services.change_execute_now(change=change, by=release_cast.operator, now=at)
    assert upkeep.starts_catch_up(now=at + timedelta(minutes=20)) == 0  # its job waits
    Job.objects.filter(kind=executions.EXECUTE_JOB).delete()
    assert upkeep.starts_catch_up(now=at + timedelta(minutes=20)) == 1
    run_jobs(at + timedelta(minutes=21))
    assert Execution.objects.get(change=change).state == "succeeded"


def test_two_edits_queue_one_comparison(
    small: ModelVersion, prod: object, release_cast: make.Cast, now: datetime
) -> None:
    make.submitted(small, prod, by=release_cast.developer, now=now)
    for limitations in ("Not for minors.", "Not for minors and companies."):
        model = RegisteredModel.objects.get(pk=small.model_id)
        model_update(model=model, limitations=limitations, by=release_cast.owner, now=now)
    assert Job.objects.filter(kind="approvals.refresh").count() == 1
