"""Change requests of the story: filed, decided stage by stage with signatures, carried out, completed, taken back."""

from datetime import date
from typing import Any

from approvals.models import ChangeRequest, Decision, Execution, Stage
from approvals.services import (
    ConditionInput,
    change_complete,
    change_draft,
    change_execute_now,
    change_submit,
    decision_sign,
    execution_confirm,
    materiality_confirm,
    roll_back,
)
from approvals.states import ChangeState, Meaning, Verdict
from mlops_portal.demonstration import cast
from mlops_portal.demonstration.blueprint import Blueprint
from mlops_portal.demonstration.derived import purpose, rationale
from mlops_portal.demonstration.evidence import developer_of
from mlops_portal.demonstration.timeline import Life
from mlops_portal.demonstration.world import World
from mlops_portal.foundation.people.models import User
from mlops_portal.foundation.web.words import number
from registry.models import Deployment, Environment, ModelVersion, RegisteredModel
from registry.states import Connector, DeploymentState

HOURS_TO_DECIDE = {"acceptance": 5, "validation": 16, "risk": 12, "change": 9, "independent": 6, "light": 4}
FALLBACK = "Switch the calling application to the earlier rules, as the runbook describes."


def file_change(
    world: World, plan: Blueprint, model: RegisteredModel, version: ModelVersion | None, place: Environment | None,
    *, kind: str = "deploy", by: User | None = None, **fields: Any,
) -> ChangeRequest:  # fmt: skip
    """Draft and file a request as the model's developer."""
    change = draft_change(world, plan, model, version, place, kind=kind, by=by, **fields)
    return change_submit(change=change, by=change.requester, now=world.now)


def draft_change(
    world: World, plan: Blueprint, model: RegisteredModel, version: ModelVersion | None, place: Environment | None,
    *, kind: str = "deploy", by: User | None = None, **fields: Any,
) -> ChangeRequest:  # fmt: skip
    """Draft a request with everything that its reader looks for."""
    serving = live(model, place) if place else None
    reach = (
        f"{number(plan.decisions_per_day)} decisions a day" if plan.decisions_per_day else "Users of one team"
    )
    words: dict[str, Any] = {
        "purpose": purpose(version, serving.version if serving else None) if version else "",
        "scope": f"{place.name if place else 'Wherever it runs'}; {', '.join(plan.consumers) or 'no consumer outside the team'}",
        "impact": f"{reach}. {plan.benefit}".strip(),
        "risk": "Worse results for a segment that the test data hold few cases of; seen within a day by the monitors.",
        "rollback_plan": FALLBACK,
        "rollback_owner": world.person("omar"),
    }
    return change_draft(
        model=model,
        kind=kind,
        version=version,
        environment=place,
        by=by or world.person(developer_of(plan)),
        now=world.now,
        **{**words, **fields},
    )


def decider_of(world: World, plan: Blueprint, stage: Stage) -> User:
    """Return who decides a stage of this model."""
    officers, turn = cast.RISK_OFFICERS[plan.unit], world.turn(stage.change_id)
    officer = officers[turn % len(officers)]
    keys = {
        "acceptance": cast.OWNERS[plan.unit],
        "validation": "samuel",
        "risk": officer,
        "change": "dana" if turn % 3 else "birgit",
        "independent": officer if turn % 2 else "birgit",
        "light": officer if turn % 4 else "dana",
    }
    return world.person(keys[stage.key])


def decide(
    world: World,
    plan: Blueprint,
    change: ChangeRequest,
    *,
    verdict: Verdict = Verdict.APPROVE,
    words: str = "",
    by: User | None = None,
    conditions: list[ConditionInput] | None = None,
    items: list[str] | None = None,
) -> Decision:
    """Let the person of the present stage read the dossier, decide and sign."""
    change.refresh_from_db()
    stage = change.stages.get(state=Stage.State.CURRENT)
    person = by or decider_of(world, plan, stage)
    decision = decision_sign(
        stage=stage,
        verdict=verdict,
        rationale=words or rationale(change, stage, world.turn(change.pk) + stage.position),
        read_digest=change.dossier_digest,
        conditions=conditions or [],
        items=items or [],
        by=person,
        now=world.now,
        **world.proof(person),
    )
    change.refresh_from_db()
    return decision


def decide_until(world: World, plan: Blueprint, change: ChangeRequest, *, stage: str = "") -> Life[None]:
    """Approve stage after stage, each after the hours that such a decision takes, up to but without ``stage``."""
    while change.state == ChangeState.IN_REVIEW:
        now_at = change.stages.get(state=Stage.State.CURRENT)
        if now_at.key == stage:
            return
        hours = HOURS_TO_DECIDE.get(now_at.key, 6) * world.chance.uniform(0.3, 1.6)
        yield world.after(hours=hours)
        if now_at.meaning == Meaning.APPROVE:
            confirm_materiality(world, change)
        decide(world, plan, change)


def confirm_materiality(world: World, change: ChangeRequest) -> None:
    """Let the second line confirm the computed materiality where no stage before the approval was theirs."""
    change.refresh_from_db()
    if change.materiality and change.materiality_confirmed_at is None:
        person = world.person("ivo")
        materiality_confirm(
            change=change, materiality=change.materiality, reason="As computed.", by=person, now=world.now
        )


def carry_out(world: World, change: ChangeRequest, *, bakes: bool = True) -> Life[None]:
    """Start an approved change, confirm it where an operator does it by hand, and wait until the bake is over."""
    operator = world.person("omar")
    yield world.after(hours=world.chance.uniform(2, 20))
    change = change_execute_now(change=change, by=operator, now=world.now)
    if change.environment is not None and change.environment.connector == Connector.MANUAL:
        execution = Execution.objects.get(change=change, state=Execution.State.WAITING)
        seen = "Installed on the line, checksum compared, 200 test pieces judged right."
        for step in change.traffic_plan or [{}]:
            yield world.after(hours=world.chance.uniform(0.5, 2))
            execution_confirm(execution=execution, succeeded=True, note=seen, by=operator, now=world.now)
            yield world.after(hours=step.get("hold_hours") or 0)
    world.work()
    change.refresh_from_db()
    if bakes and change.bake_ends_at is not None and change.state == ChangeState.VERIFYING:
        yield change.bake_ends_at
        change_complete(change=change, now=world.now)


def release(
    world: World, plan: Blueprint, model: RegisteredModel, version: ModelVersion, place: Environment,
    *, kind: str = "deploy", **fields: Any,
) -> Life[ChangeRequest]:  # fmt: skip
    """Take a version through all its stages into an environment."""
    change = file_change(world, plan, model, version, place, kind=kind, **fields)
    yield from decide_until(world, plan, change)
    yield from carry_out(world, change)
    return change


def live(model: RegisteredModel, place: Environment) -> Deployment | None:
    """Return what serves a model there."""
    rows = Deployment.objects.filter(model=model, environment=place, state=DeploymentState.LIVE)
    return rows.select_related("model", "version", "environment").first()


def take_back(
    world: World, model: RegisteredModel, place: Environment, *, reason: str, incident: str
) -> ChangeRequest | None:
    """Roll back to the approved target, as the operator."""
    deployment, operator = live(model, place), world.person("omar")
    if deployment is None:
        return None
    change = roll_back(
        deployment=deployment,
        reason=reason,
        incident=incident,
        by=operator,
        now=world.now,
        **world.proof(operator),
    )
    world.work()
    return change


def condition(
    world: World, text: str, evidence: str, *, owner: str, verifier: str, due_on: date
) -> ConditionInput:
    """Return a condition of an approval."""
    return {
        "text": text,
        "evidence": evidence,
        "owner": world.person(owner).pk,
        "verifier": world.person(verifier).pk,
        "due_on": due_on,
    }
