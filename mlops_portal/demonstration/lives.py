"""The usual life of a model: intake, rating, limits, versions, releases. Stories bend it at one point each."""

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any

from approvals.models import ChangeRequest
from approvals.services import change_submit
from approvals.states import Verdict
from mlops_portal.demonstration import cast
from mlops_portal.demonstration.blueprint import Blueprint
from mlops_portal.demonstration.derived import alternatives, weakness
from mlops_portal.demonstration.evidence import (
    developer_of,
    register_version,
    validate,
    write_documents,
)
from mlops_portal.demonstration.ratings import answers_for
from mlops_portal.demonstration.release import (
    carry_out,
    confirm_materiality,
    decide,
    decide_until,
    draft_change,
    file_change,
    live,
    release,
    take_back,
)
from mlops_portal.demonstration.timeline import Life, office_hours
from mlops_portal.demonstration.world import World
from registry.models import Environment, ModelVersion, RegisteredModel
from registry.services.evidence import monitoring_plan_save
from registry.services.evidence_together import documents_approve
from registry.services.governance import governance_evaluate
from registry.services.limits import threshold_set_lock, threshold_set_propose
from registry.services.lineage import dependency_add
from registry.services.models import model_attest, model_register
from registry.services.operations import deployment_finish, deployment_start, deployment_stop
from registry.services.ratings import rating_decide, rating_propose
from registry.services.surroundings import consumer_add, use_decide, use_request
from registry.states import DeploymentKind, Origin

ATTESTED_FOR = {1: 170, 2: 350, 3: 350, 4: 700}
RATED_FOR = {1: 350, 2: 350, 3: 720, 4: 1080}
DOCUMENTS_FOR = {1: 1.0, 2: 1.0, 3: 0.93, 4: 0.8}
RESEARCH = timedelta(days=5)
PREPARATION_DAYS = 17  # before today the newest version of a plan that waits is registered
RELEASE_DAYS = 14
STAGE_HOURS = 5


def intake(world: World, plan: Blueprint, **more: Any) -> Life[RegisteredModel]:
    """Register a model and bring its record to where a first version makes sense."""
    yield office_hours(world.timeline.ago(days=plan.began), world.chance)
    model = model_register(
        name=plan.name,
        unit=world.units[plan.unit],
        by=world.person(developer_of(plan)),
        now=world.now,
        components=_components(plan),
        tags={"line": plan.unit, "use-case": plan.use_case},
        **{**_record(world, plan), **more},
    )
    world.models[plan.name] = model
    yield world.after(days=1)
    _surround(world, plan, model)
    yield world.after(days=2)
    yield from rate(world, plan, model, plan.tier)
    yield world.after(hours=6)
    set_limits(world, plan, model)
    watch(world, plan, model)
    attest(world, plan, model)
    return model


def _record(world: World, plan: Blueprint) -> dict[str, Any]:
    owner, executive = world.person(cast.OWNERS[plan.unit]), world.person(cast.EXECUTIVES[plan.unit])
    record: dict[str, Any] = {
        "title": plan.title,
        "description": plan.does,
        "kind": plan.kind,
        "use_case": plan.use_case,
        "is_model_decision": True,
        "is_model_rationale": "A quantitative method turns inputs into estimates that decisions rest on.",
        "owner": owner,
        "developer": world.person(developer_of(plan)),
        "validator": world.person("samuel" if plan.tier <= 2 else "ivo"),
        "accountable_executive": executive,
        "sponsor": executive,
        "intake_submitted_at": world.now,
        "objective": plan.objective
        or f"{plan.title}: better decisions than the rules in use, at the same effort.",
        "objective_metric": plan.objective_metric or plan.primary.name,
        "objective_baseline": plan.baseline if plan.baseline is not None else plan.primary.limit,
        "objective_target": plan.target if plan.target is not None else plan.primary.at(6),
        "benefit": plan.benefit,
        "intended_use": f"{plan.does} Used by {', '.join(plan.consumers) or 'the team that built it'}.",
        "prohibited_uses": "Decisions about employees; uses outside the units that accepted it.",
        "approved_uses": "As intended, in the units that accepted the use.",
        "assumptions": "Inputs arrive complete within their agreed time; the population moves slowly.",
        "limitations": "Weak where few cases are known; never the only reason for a decision with lasting effect.",
        "is_production_critical": bool(plan.places),
        "decisions_per_day": plan.decisions_per_day,
        "regimes": list(plan.regimes),
        "no_regime_in_scope": not plan.regimes,
        "interacts_with_people": plan.affects_people,
        "generates_content": plan.kind != "analytical",
        "primary_metric": plan.primary.name,
        "primary_metric_higher_is_better": plan.primary.higher_is_better,
        "next_review_on": (world.now + timedelta(days=400)).date(),
    }
    if plan.experiment:
        record |= {"is_production_critical": None, f"is_{plan.experiment}": True}
    if plan.ai_class == "high_risk":
        record |= {
            "eu_role": "deployer and provider",
            "annex_iii_point": "5(b)",
            "eu_db_registration_id": "in preparation",
        }
    if plan.vendor:
        record |= {
            "origin": Origin.THIRD_PARTY,
            "vendor": plan.vendor,
            "vendor_version": "2026.1",
            "contract_ref": f"C-{sum(map(ord, plan.name)):05d}",
            "exit_plan": "Return to the scorecard of 2019 within ten working days; data and mappings stay with the group.",
        }
    return record


def _components(plan: Blueprint) -> list[dict[str, Any]]:
    if plan.kind == "analytical":
        return [{"name": "Score", "kind": "analytical", "description": plan.does}]
    language: dict[str, Any] = {
        "name": "Agent" if plan.kind == "agent" else "Text",
        "kind": plan.kind,
        "base_model": plan.base_model,
        "base_model_version": plan.base_model_version,
        "guardrail_profile": "Input and output filters, profile “customer”",
        **plan.agent,
    }
    return [language]


def _surround(world: World, plan: Blueprint, model: RegisteredModel) -> None:
    owner, developer, now = world.person(cast.OWNERS[plan.unit]), world.person(developer_of(plan)), world.now
    for name in plan.consumers:
        contact = f"{name.split()[0].lower()}@aldermoor.example"
        consumer_add(
            model=model, name=name, contact=contact, purpose=f"Reads {plan.title}.", by=owner, now=now
        )
    for code in plan.uses:
        use = use_request(
            model=model,
            using_unit=world.units[code],
            purpose=f"{plan.title} in {cast.UNITS[code]}.",
            by=developer,
            now=now,
        )
        use_decide(
            use=use, accept=True, note="Accepted after a pilot.", by=world.person(cast.OWNERS[code]), now=now
        )
    for name in plan.upstream:
        if name in world.models:
            dependency_add(
                model=model, upstream=world.models[name], note="Reads its score.", by=owner, now=now
            )


def rate(world: World, plan: Blueprint, model: RegisteredModel, tier: int) -> Life[None]:
    """Answer the questionnaire as one and approve it as another of the second line."""
    officer = world.person(cast.RISK_OFFICERS[plan.unit][-1])
    proposer = world.person("samuel") if officer.pk != world.person("samuel").pk else world.person("ivo")
    rating = rating_propose(
        model=model,
        answers=answers_for(plan, tier),
        eu_ai_class=plan.ai_class,
        eu_ai_class_rationale=_CLASS_REASONS[plan.ai_class],
        by=proposer,
        now=world.now,
    )
    yield world.after(hours=world.chance.uniform(4, 30))
    rating_decide(
        rating=rating, approve=True, note="Answers were checked with the owner.", by=officer, now=world.now
    )
    model.refresh_from_db()


_CLASS_REASONS: Mapping[str, str] = {
    "high_risk": "Annex III, point 5(b): creditworthiness of natural persons.",
    "transparency_only": "People see or hear generated content; Article 50 applies.",
    "minimal": "No use of Annex III and no interaction that Article 50 speaks of.",
    "out_of_scope": "A statistical rule without inference of its own.",
}


def set_limits(world: World, plan: Blueprint, model: RegisteredModel) -> None:
    """Propose release limits as the developer and lock them as the validator."""
    rows = []
    for place, measure in enumerate(plan.measures, start=1):
        rows.append(
            _limit(f"L-{place:02d}", measure.name, "", measure.limit, measure.suite, measure.higher_is_better)
        )
    if plan.tier <= 2:
        first = plan.primary
        floor = first.limit - 0.015 if first.higher_is_better else first.limit * 1.03
        for place, segment in enumerate(plan.segments, start=1):
            code = f"G-{place:02d}"
            rows.append(
                _limit(code, first.name, segment, round(floor, 4), first.suite, first.higher_is_better)
            )
    proposed = threshold_set_propose(
        model=model,
        limits=rows,
        rationale="A step below what the first trained version reached out of time.",
        by=world.person(developer_of(plan)),
        now=world.now,
    )
    locker = world.person("samuel" if plan.tier <= 2 else "ivo")
    threshold_set_lock(limits=proposed, by=locker, now=world.now)


def _limit(code: str, metric: str, segment: str, release: float, suite: str, higher: bool) -> dict[str, Any]:
    step = abs(release) * 0.01
    sign = -1 if higher else 1
    return {
        "code": code,
        "title": f"{metric}, {segment}" if segment else metric,
        "metric": metric,
        "segment": segment,
        "suite": suite,
        "direction": "min" if higher else "max",
        "release": release,
        "watch": round(release, 4),
        "stop": round(release + sign * 2 * step, 4),
        "act": round(release + sign * step, 4),
    }


def watch(world: World, plan: Blueprint, model: RegisteredModel) -> None:
    """Save a monitoring plan for the model's tier."""
    measures = [
        {
            "measure": f"{dimension.replace('_', ' ').capitalize()} of {plan.title}",
            "dimension": dimension,
            "cadence_hours": 24 if plan.tier > 1 else 6,
            "watch": 0.1,
            "act": 0.2,
            "route": "on-call",
        }
        for dimension in world.policy.monitoring_dimensions[model.tier or plan.tier]
    ]
    monitoring_plan_save(
        model=model,
        measures=measures,
        owner=world.person(developer_of(plan)),
        by=world.person(developer_of(plan)),
        now=world.now,
    )


def attest(world: World, plan: Blueprint, model: RegisteredModel, *, next_review_days: int = 0) -> None:
    """Let the owner confirm the record, and plan its next review."""
    days = next_review_days or {1: 180, 2: 360, 3: 360, 4: 540}[plan.tier]
    model_attest(
        model=model,
        next_review_on=(world.now + timedelta(days=days)).date(),
        note="Read with the team; nothing to change.",
        by=world.person(cast.OWNERS[plan.unit]),
        now=world.now,
    )
    model.refresh_from_db()


def keep_current(world: World, plan: Blueprint, model: RegisteredModel) -> Life[None]:
    """Rate and attest again where the last time is too long ago for a release."""
    model.refresh_from_db()
    if _older(model.tier_since, RATED_FOR[model.tier or 4], world) and not _rated_lately(world, model):
        yield from rate(world, plan, model, model.tier or plan.tier)
    if _older(model.last_attested_at, ATTESTED_FOR[model.tier or 4] - 40, world):
        attest(world, plan, model)


def _older(moment: datetime | None, days: int, world: World) -> bool:
    return moment is None or world.now - moment > timedelta(days=days)


def _rated_lately(world: World, model: RegisteredModel) -> bool:
    newest = model.risk_assessments.filter(state="approved").order_by("-decided_at").first()
    return newest is not None and not _older(newest.decided_at, RATED_FOR[model.tier or 4], world)


def make_version(
    world: World,
    plan: Blueprint,
    model: RegisteredModel,
    step: int,
    *,
    worse: str = "",
    outcome: str = "approved",
    finding: str = "",
    asks: bool = False,
    **fields: Any,
) -> Life[ModelVersion]:
    """Train, register, document and validate a version: everything a request needs."""
    yield from keep_current(world, plan, model)
    version = register_version(world, plan, model, step, worse=worse, **fields)
    yield world.after(days=1)
    write_documents(world, plan, model, version, share=DOCUMENTS_FOR[model.tier or 4])
    yield world.after(hours=5)
    yield from validate(
        world,
        plan,
        model,
        version,
        step,
        outcome=outcome,
        finding=finding,
        asks=asks or step == 0,
        worse=worse,
    )
    documents_approve(version=version, by=world.person(cast.OWNERS[plan.unit]), now=world.now)
    yield world.after(hours=world.chance.uniform(3, 30))
    return version


def rehearse(world: World, plan: Blueprint, model: RegisteredModel, version: ModelVersion) -> None:
    """Rehearse the way back to ``version`` in staging."""
    staging = world.places["bank-cloud-staging" if plan.unit in cast.BANK else "plant-cloud-staging"]
    operator = world.person("omar")
    note = "Rehearsal of the way back: 4 min 12 s."
    started = deployment_start(
        version=version,
        environment=staging,
        kind=DeploymentKind.ROLLBACK,
        is_test=True,
        note=note,
        by=operator,
        now=world.now,
    )
    done = deployment_finish(deployment=started, by=operator, now=world.now, reason=note)
    deployment_stop(deployment=done, reason="Rehearsal over", by=operator, now=world.now)


def rehearse_if_due(world: World, plan: Blueprint, model: RegisteredModel, place: Environment) -> None:
    """Rehearse the way back to what serves there, for the tiers of which the policy asks it."""
    serving = live(model, place)
    if (model.tier or 4) <= 2 and serving is not None:
        rehearse(world, plan, model, serving.version)


def release_everywhere(
    world: World, plan: Blueprint, model: RegisteredModel, version: ModelVersion, **fields: Any
) -> Life[None]:
    """Release a version to the first place of the plan, then promote it to the others."""
    for number, name in enumerate(plan.places):
        place = world.places[name]
        if number == 0:
            rehearse_if_due(world, plan, model, place)
        kind = "promote" if number else "deploy"
        yield from release(world, plan, model, version, place, kind=kind, **fields)
        yield world.after(days=world.chance.uniform(2, 6))


def release_and_take_back(
    world: World, plan: Blueprint, model: RegisteredModel, version: ModelVersion
) -> Life[None]:
    """Release a version that fails in production while it is watched; the operator goes back within hours."""
    place = world.places[plan.places[0]]
    rehearse_if_due(world, plan, model, place)
    change = file_change(world, plan, model, version, place)
    yield from decide_until(world, plan, change)
    yield from carry_out(world, change, bakes=False)
    yield world.after(hours=world.chance.uniform(2, 20))
    take_back(world, model, place, reason=plan.fails, incident=plan.incident)
    yield world.after(days=2)


def usual(world: World, plan: Blueprint) -> Life[None]:
    """Live an uneventful life: a version every so often, released wherever the model runs."""
    model = yield from intake(world, plan)
    done = yield from versions_from(world, plan, model, 0, plan.versions, spread=True)
    yield from wait_today(world, plan, model, done)


def _pause(world: World, plan: Blueprint, left: int, *, spread: bool) -> float:
    """Return the days before the next of ``left`` versions; spread, the last of them comes in the last months."""
    pause = plan.rhythm * world.chance.uniform(0.85, 1.15)
    if not spread:
        return pause
    quiet = 8 + 37 * sum(map(ord, plan.name)) % 90 + (PREPARATION_DAYS + RELEASE_DAYS if plan.waits else 0)
    return max(pause, ((world.end - world.now).days - quiet - RELEASE_DAYS) / left)


def versions_from(
    world: World, plan: Blueprint, model: RegisteredModel, first: int, last: int, *, spread: bool = False
) -> Life[int]:
    """Make and release versions from number ``first`` on, in the rhythm of the plan; return the number of the next.

    A plan whose newest request waits today stops in time.
    """
    for step in range(first, last):
        pause = RESEARCH.days if step == 0 else _pause(world, plan, last - step, spread=spread)
        ready = world.after(days=pause + RELEASE_DAYS)
        if plan.waits and ready > world.timeline.ago(days=PREPARATION_DAYS):
            return step
        yield world.after(days=pause)
        finding = ("", "medium", "", "low")[(step + len(plan.name)) % 4]
        version = yield from make_version(world, plan, model, step, finding=finding)
        if plan.fails and step == 1:
            yield from release_and_take_back(world, plan, model, version)
        else:
            yield from release_everywhere(world, plan, model, version)
    return last


def wait_today(
    world: World, plan: Blueprint, model: RegisteredModel, step: int, *, place: str = "", **fields: Any
) -> Life[ChangeRequest | None]:
    """Prepare one more version and take its request as far as the plan says; there it waits today."""
    if not plan.waits:
        return None
    yield world.timeline.ago(days=PREPARATION_DAYS)
    finding = "high" if plan.worse else ""
    outcome = "approved_with_conditions" if plan.worse else "approved"
    version = yield from make_version(
        world, plan, model, step, worse=plan.worse, finding=finding, outcome=outcome
    )
    yield world.timeline.ago(hours=plan.hours + 3 * STAGE_HOURS + 20)
    target = world.places[place or plan.places[0]]
    rehearse_if_due(world, plan, model, target)
    serving = live(model, target)
    if plan.worse:
        before = serving.version if serving else None
        fields["alternatives"] = alternatives(plan, version, before)
        fields["risk"] = f"{weakness(plan, version, before)} Its declined applications are read by a person."
    change = draft_change(world, plan, model, version, target, **fields)
    if plan.waits == "draft":
        return change
    change = change_submit(change=change, by=change.requester, now=world.now)
    yield from advance(world, plan, change)
    return change


def advance(world: World, plan: Blueprint, change: ChangeRequest) -> Life[None]:
    """Decide the stages before the one at which the request waits today, the last of them ``plan.hours`` ago."""
    keys = list(change.stages.exclude(state="closed").order_by("position").values_list("key", flat=True))
    before = keys[: keys.index(plan.waits)] if plan.waits in keys else keys
    for left, key in reversed(list(enumerate(reversed(before)))):
        yield world.timeline.ago(hours=plan.hours + left * STAGE_HOURS)
        if plan.waits == "requester" and not left:
            items = [
                "Show the impact for the smallest segment",
                "Describe the fallback so that a stranger can follow it",
            ]
            decide(world, plan, change, verdict=Verdict.REQUEST_CHANGES, items=items)
            return
        if key in ("change", "independent"):
            confirm_materiality(world, change)
        decide(world, plan, change)
    if plan.waits in ("change", "independent"):
        confirm_materiality(world, change)


def experiment(world: World, plan: Blueprint) -> Life[None]:
    """Explore: registered versions, optional governance, staging at most."""
    model = yield from intake(world, plan)
    staging = world.places["bank-cloud-staging" if plan.unit in cast.BANK else "plant-cloud-staging"]
    for step in range(plan.versions):
        yield world.after(days=plan.rhythm * world.chance.uniform(0.7, 1.3))
        version = register_version(world, plan, model, step)
        if step:
            yield world.after(days=1)
            governance_evaluate(model=model, now=world.now)
            yield from release(world, plan, model, version, staging)
