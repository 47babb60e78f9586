"""Environments, and what is put into them. Deployments are run by the apps above, which check the right of the act."""

from datetime import datetime
from typing import Any

from mlops_portal.foundation.errors import invalid
from mlops_portal.foundation.history import save_as
from mlops_portal.foundation.locks import lock
from mlops_portal.foundation.operations import operation
from mlops_portal.foundation.people.models import BusinessUnit, User
from mlops_portal.foundation.people.rights import require
from mlops_portal.foundation.rules import Blocker, refuse_if
from mlops_portal.foundation.web.words import zoned_text
from registry import policies
from registry.events import tell
from registry.gates import DeploymentStart, blockers_of, deployment_gates
from registry.models import Deployment, Environment, ModelVersion, RegisteredModel
from registry.services import fields as plain_fields
from registry.services.governance import governance_evaluate
from registry.services.living import lock_living
from registry.services.models import model_set_lifecycle
from registry.states import Connector, DeploymentKind, DeploymentState, LifecycleState

ENVIRONMENT_FIELDS = frozenset(
    {"name", "provider", "region", "is_production", "connector", "alias", "description"}
)


def _checked_environment(environment: Environment, values: dict[str, Any]) -> list[str]:
    changed = plain_fields.assign(environment, values, allowed=ENVIRONMENT_FIELDS)
    if not environment.name:
        raise invalid("name", "A name is required.")
    if not environment.provider:
        raise invalid("provider", "A provider is required.")
    if Environment.objects.filter(name=environment.name).exclude(pk=environment.pk).exists():
        raise invalid("name", f"An environment named {environment.name} exists.")
    if environment.connector == Connector.REGISTRY_ALIAS and (
        problem := policies.alias_problem(environment.alias)
    ):
        raise invalid("alias", problem)
    return changed


@operation
def environment_create(*, unit: BusinessUnit, by: User | None, now: datetime, **fields: Any) -> Environment:
    """Add a place that serves models; fields: name, provider, region, is_production, connector, alias, description."""
    require(by, "registry.manage_environments", unit_id=unit.pk)
    environment = Environment(unit=unit, created_at=now)
    _checked_environment(environment, fields)
    save_as(environment, by=by, now=now, reason="Environment created")
    tell("environment_created", environment, by=by, now=now, name=environment.name)
    return environment


@operation
def environment_update(
    *, environment: Environment, by: User | None, now: datetime, reason: str = "", **fields: Any
) -> Environment:
    """Change an environment. Whether it is production stays as it is once something ran there.

    Raises:
        RuleViolation: ``is_production`` would change under deployments.
    """
    environment = lock(Environment.objects.all(), environment.pk)
    require(by, "registry.manage_environments", unit_id=environment.unit_id)
    changed = _checked_environment(environment, fields)
    if "is_production" in changed and Deployment.objects.filter(environment=environment).exists():
        refuse_if([Blocker("in_use", "What ran here was counted as it was; create another environment.")])
    if changed:
        save_as(environment, by=by, now=now, reason=reason or "Environment changed", fields=changed)
        tell("environment_updated", environment, by=by, now=now, fields=sorted(changed))
    return environment


@operation
def environment_close(
    *, environment: Environment, by: User | None, now: datetime, reason: str = ""
) -> Environment:
    """Close an environment in which nothing serves; its past stays."""
    environment = lock(Environment.objects.all(), environment.pk)
    require(by, "registry.manage_environments", unit_id=environment.unit_id)
    refuse_if(policies.environment_closing_blockers(environment))
    if environment.closed_at is None:
        environment.closed_at = now
        save_as(environment, by=by, now=now, reason=reason or "Environment closed", fields=["closed_at"])
        tell("environment_closed", environment, by=by, now=now, reason=reason)
    return environment


@operation
def deployment_start(
    *,
    version: ModelVersion,
    environment: Environment,
    by: User | None,
    now: datetime,
    kind: str = DeploymentKind.NORMAL,
    change_id: int | None = None,
    traffic_percent: int = 0,
    batch: str = "",
    caused_by_incident: str = "",
    document_score: float | None = None,
    document_threshold: float | None = None,
    is_test: bool = False,
    note: str = "",
) -> Deployment:
    """Begin to put a version into an environment. The caller freezes the score of its documents (kpis.md 1.10).

    Raises:
        RuleViolation: version, model or environment are not fit, or an app above objects.
    """
    model = lock_living(version.model_id)
    version = lock(ModelVersion.objects.select_related("model"), version.pk)
    if kind not in DeploymentKind.values:
        raise invalid("kind", f"There is no kind of deployment {kind}.")
    if not 0 <= traffic_percent <= 100:
        raise invalid("traffic_percent", "Traffic is 0 to 100 %.")
    asked = DeploymentStart(
        version=version, environment=environment, kind=kind, by=by, now=now, change_id=change_id
    )
    refuse_if(
        policies.deployment_blockers(version, environment)
        + _in_progress_blockers(model, environment)
        + blockers_of(deployment_gates, asked)
    )
    deployment = Deployment(
        model=model,
        version=version,
        environment=environment,
        unit_id=model.unit_id,
        kind=kind,
        traffic_percent=traffic_percent,
        started_at=now,
        replaces=live_in(model, environment),
        batch=batch[:80],
        change_id=change_id,
        caused_by_incident=caused_by_incident[:80],
        triggered_by=by,
        document_score=document_score,
        document_threshold=document_threshold,
        tier=model.tier,
        is_test=is_test,
        note=note,
    )
    save_as(deployment, by=by, now=now, reason=note or "Deployment started")
    tell(
        "deployment_started",
        deployment,
        by=by,
        now=now,
        version=version.number,
        environment=environment.name,
        kind=kind,
        change_id=change_id,
    )
    return deployment


def _in_progress_blockers(model: RegisteredModel, environment: Environment) -> list[Blocker]:
    running = Deployment.objects.filter(
        model=model, environment=environment, state=DeploymentState.IN_PROGRESS
    ).first()
    if running is None:
        return []
    return [
        Blocker(
            "in_progress", f"{running} is in progress since {zoned_text(running.started_at)}.", "the operator"
        )
    ]


def live_in(model: RegisteredModel, environment: Environment) -> Deployment | None:
    """Return what serves there now, or is suspended."""
    serving = (DeploymentState.LIVE, DeploymentState.SUSPENDED)
    rows = Deployment.objects.filter(model=model, environment=environment, state__in=serving)
    return rows.select_related("version").order_by("-started_at", "-pk").first()


def _locked(deployment: Deployment, to: str) -> Deployment:
    lock_living(deployment.model_id)
    rows = Deployment.objects.select_related("model", "version__model", "environment")
    deployment = lock(rows, deployment.pk)
    refuse_if(policies.deployment_state_blockers(deployment, to=to))
    return deployment


def _move(
    deployment: Deployment, verb: str, *, by: User | None, now: datetime, reason: str, **values: Any
) -> None:
    for name, value in values.items():
        setattr(deployment, name, value)
    save_as(deployment, by=by, now=now, reason=reason or verb.replace("_", " "), fields=list(values))
    tell(
        verb,
        deployment,
        by=by,
        now=now,
        version=deployment.version.number,
        environment=deployment.environment.name,
        reason=reason,
        change_id=deployment.change_id,
    )


@operation
def deployment_traffic(*, deployment: Deployment, percent: int, by: User | None, now: datetime) -> Deployment:
    """Note which share of the traffic a deployment takes, step by step."""
    if not 0 <= percent <= 100:
        raise invalid("percent", "Traffic is 0 to 100 %.")
    lock_living(deployment.model_id)
    deployment = lock(Deployment.objects.all(), deployment.pk)
    deployment.traffic_percent = percent
    return save_as(deployment, by=by, now=now, reason=f"Traffic {percent} %", fields=["traffic_percent"])


@operation
def deployment_finish(
    *, deployment: Deployment, by: User | None, now: datetime, reason: str = "", traffic_percent: int = 100
) -> Deployment:
    """Make a deployment live; the one that served the model there until now is superseded.

    When this one is a rollback, the one before it was rolled back. A model that goes live in production is in
    production from then on, and its facts are evaluated again (RULES 2.3).
    """
    deployment = _locked(deployment, DeploymentState.LIVE)
    model, environment = deployment.model, deployment.environment
    earlier = live_in(model, environment)
    if earlier is not None:
        rolled_back = deployment.kind == DeploymentKind.ROLLBACK
        _move(
            earlier,
            "deployment_rolled_back" if rolled_back else "deployment_superseded",
            by=by,
            now=now,
            reason=f"Replaced by {deployment.version}",
            state=DeploymentState.ROLLED_BACK if rolled_back else DeploymentState.SUPERSEDED,
            ended_at=now,
            traffic_percent=0,
        )
    _move(
        deployment,
        "deployment_finished",
        by=by,
        now=now,
        reason=reason,
        state=DeploymentState.LIVE,
        finished_at=now,
        traffic_percent=traffic_percent,
        replaces=earlier or deployment.replaces,
    )
    _settle_model(model, environment, by=by, now=now)
    return deployment


def _settle_model(
    model: RegisteredModel, environment: Environment, *, by: User | None, now: datetime
) -> None:
    """Let state, governance and adoption of the model follow what runs in production."""
    if not environment.is_production:
        return
    states = set(
        Deployment.objects.filter(
            model=model, environment__is_production=True, state__in=policies.SERVING
        ).values_list("state", flat=True)
    )
    model = lock_living(model.pk)
    now_at, to = model.lifecycle_state, model.lifecycle_state
    if DeploymentState.LIVE in states:
        to = LifecycleState.IN_PRODUCTION
    elif DeploymentState.SUSPENDED in states and now_at == LifecycleState.IN_PRODUCTION:
        to = LifecycleState.SUSPENDED
    elif not states and now_at == LifecycleState.IN_PRODUCTION:
        to = LifecycleState.REGISTERED
    if to != now_at:
        model_set_lifecycle(model=model, to=to, by=by, now=now, reason="Follows what runs in production")
    governance_evaluate(model=model, now=now)


@operation
def deployment_fail(*, deployment: Deployment, reason: str, by: User | None, now: datetime) -> Deployment:
    """Note that a deployment did not come to serve; what served before still does."""
    deployment = _locked(deployment, DeploymentState.FAILED)
    values = {"state": DeploymentState.FAILED, "finished_at": now, "ended_at": now, "traffic_percent": 0}
    _move(deployment, "deployment_failed", by=by, now=now, reason=reason, **values)
    return deployment


@operation
def deployment_abort(*, deployment: Deployment, reason: str, by: User | None, now: datetime) -> Deployment:
    """End a deployment at or before its first step: neither a failure nor a rollback (RULES 5.5)."""
    deployment = _locked(deployment, DeploymentState.ABORTED)
    values = {"state": DeploymentState.ABORTED, "ended_at": now, "traffic_percent": 0}
    _move(deployment, "deployment_aborted", by=by, now=now, reason=reason, **values)
    return deployment


@operation
def deployment_roll_back(
    *, deployment: Deployment, reason: str, by: User | None, now: datetime
) -> Deployment:
    """Note that a live deployment was taken back. What serves instead is a deployment of kind rollback."""
    deployment = _locked(deployment, DeploymentState.ROLLED_BACK)
    values = {"state": DeploymentState.ROLLED_BACK, "ended_at": now, "traffic_percent": 0}
    _move(deployment, "deployment_rolled_back", by=by, now=now, reason=reason, **values)
    _settle_model(deployment.model, deployment.environment, by=by, now=now)
    return deployment


@operation
def deployment_suspend(*, deployment: Deployment, reason: str, by: User | None, now: datetime) -> Deployment:
    """Stop a live deployment from serving until it is resumed."""
    deployment = _locked(deployment, DeploymentState.SUSPENDED)
    values = {"state": DeploymentState.SUSPENDED, "ended_at": now, "traffic_percent": 0}
    _move(deployment, "deployment_suspended", by=by, now=now, reason=reason, **values)
    _settle_model(deployment.model, deployment.environment, by=by, now=now)
    return deployment


@operation
def deployment_resume(
    *, deployment: Deployment, by: User | None, now: datetime, reason: str = "", traffic_percent: int = 100
) -> Deployment:
    """Let a suspended deployment serve again.

    Raises:
        RuleViolation: it is not suspended.
    """
    lock_living(deployment.model_id)
    deployment = lock(Deployment.objects.all(), deployment.pk)
    if deployment.state != DeploymentState.SUSPENDED:
        refuse_if([Blocker("not_suspended", "Only a suspended deployment is resumed.")])
    deployment = _locked(deployment, DeploymentState.LIVE)
    values = {"state": DeploymentState.LIVE, "ended_at": None, "traffic_percent": traffic_percent}
    _move(deployment, "deployment_resumed", by=by, now=now, reason=reason, **values)
    _settle_model(deployment.model, deployment.environment, by=by, now=now)
    return deployment


@operation
def deployment_stop(*, deployment: Deployment, reason: str, by: User | None, now: datetime) -> Deployment:
    """End a deployment for good without a successor, as a retirement does."""
    deployment = _locked(deployment, DeploymentState.STOPPED)
    values = {"state": DeploymentState.STOPPED, "ended_at": now, "traffic_percent": 0}
    _move(deployment, "deployment_stopped", by=by, now=now, reason=reason, **values)
    _settle_model(deployment.model, deployment.environment, by=by, now=now)
    return deployment
