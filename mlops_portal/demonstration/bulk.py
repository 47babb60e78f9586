"""Portfolios of a size for measurements: the story, then thousands of models through the registry's batch services."""

from collections.abc import Iterator
from datetime import datetime, timedelta

from approvals.services import change_draft
from mlops_portal.demonstration import cast
from mlops_portal.demonstration.blueprint import Blueprint
from mlops_portal.demonstration.catalogue import EVERY
from mlops_portal.demonstration.evidence import developer_of, digest_of, repository_of
from mlops_portal.demonstration.world import World
from registry.models import ModelVersion, RegisteredModel
from registry.services.bulk import (
    PastDeployment,
    deployments_record_many,
    metrics_record_many,
    models_register_many,
    versions_register_many,
)
from registry.services.models import NewModel
from registry.services.versions import NewVersion
from registry.states import DeploymentState

VERSIONS = 20
AT_ONCE = 250  # models in one act
OPEN_EVERY = 50  # one open request for so many models
RELEASE_DAYS = 25


def fill(world: World, *, first: int, last: int) -> None:
    """Add models number ``first`` to ``last`` with versions, metrics, deployments and some open requests."""
    plans = [plan for plan in EVERY if plan.places and plan.story == "usual"]
    for start in range(first, last, AT_ONCE):
        count = min(AT_ONCE, last - start)
        chosen = [plans[(start + place) % len(plans)] for place in range(count)]
        _add(world, chosen, start)
        world.say(f"{start + count:,} of {last:,} models …")


def _add(world: World, plans: list[Blueprint], start: int) -> None:
    now = world.now
    news = [_model(world, plan, start + place) for place, plan in enumerate(plans)]
    models = models_register_many(models=news, by=None, now=now, reason="Bulk registration")
    pairs = [
        (model, _version(world, plan, model, step, now))
        for plan, model in zip(plans, models, strict=True)
        for step in range(VERSIONS)
    ]
    versions = versions_register_many(versions=pairs, by=None, now=now, reason="Bulk registration")
    by_model: dict[int, list[ModelVersion]] = {}
    for version in versions:
        by_model.setdefault(version.model_id, []).append(version)
    newest = [by_model[model.pk][-1] for model in models]
    values = [
        (
            version,
            [
                {"name": measure.name, "value": measure.at(VERSIONS), "suite": measure.suite}
                for measure in plan.measures
            ],
        )
        for plan, version in zip(plans, newest, strict=True)
    ]
    metrics_record_many(metrics=values, by=None, now=now)
    past = [
        deployment
        for plan, model in zip(plans, models, strict=True)
        for deployment in _deployments(world, plan, by_model[model.pk])
    ]
    deployments_record_many(deployments=past, by=None, now=now, reason="Bulk registration")
    for place in range(0, len(models), OPEN_EVERY):
        plan, model = plans[place], models[place]
        change_draft(
            model=model,
            kind="deploy",
            version=newest[place],
            environment=world.places[plan.places[0]],
            purpose="The next release.",
            by=world.person(developer_of(plan)),
            now=now,
        )


def _model(world: World, plan: Blueprint, number: int) -> NewModel:
    return NewModel(
        name=f"{plan.name}-{number:05d}",
        unit=world.units[plan.unit],
        fields={
            "title": f"{plan.title} {number:,}",
            "description": plan.does,
            "kind": plan.kind,
            "use_case": plan.use_case,
            "owner": world.person(cast.OWNERS[plan.unit]),
            "developer": world.person(developer_of(plan)),
            "objective": f"Better decisions: {plan.title}.",
            "primary_metric": plan.primary.name,
            "primary_metric_higher_is_better": plan.primary.higher_is_better,
            "is_production_critical": True,
            "regimes": list(plan.regimes),
            "no_regime_in_scope": not plan.regimes,
        },
        tags={"line": plan.unit},
    )


def _version(world: World, plan: Blueprint, model: RegisteredModel, step: int, now: datetime) -> NewVersion:
    return NewVersion(
        fields={
            "label": f"{step + 1}.0.0",
            "source": f"s3://aldermoor-models/{model.name}/{step + 1}",
            "repository": repository_of(plan.unit),
            "parameters": {"algorithm": plan.algorithm, "seed": step},
            "developer_ids": [world.person(developer_of(plan)).pk],
            "first_commit_at": now - timedelta(days=(VERSIONS - step) * RELEASE_DAYS + 4),
        },
        artifact_sha256=digest_of(model.name, step),
    )


def _deployments(world: World, plan: Blueprint, versions: list[ModelVersion]) -> Iterator[PastDeployment]:
    """Yield the last releases of a model: each ended when the next one took effect."""
    place = world.places[plan.places[0]]
    shown = versions[-4:]
    for left, version in reversed(list(enumerate(reversed(shown)))):
        started = world.end - timedelta(days=(left + 1) * RELEASE_DAYS, hours=world.chance.randint(1, 400))
        done = started + timedelta(hours=1)
        is_live = left == 0
        yield PastDeployment(
            version=version,
            environment=place,
            started_at=started,
            finished_at=done,
            ended_at=None if is_live else max(done, world.end - timedelta(days=left * RELEASE_DAYS)),
            state=DeploymentState.LIVE if is_live else DeploymentState.SUPERSEDED,
            more={"tier": plan.tier},
        )
