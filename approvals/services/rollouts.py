"""What an executed change does to the registry's record: deployments, aliases, the life of the model."""

from datetime import datetime
from typing import Any

from django.db.models import Q

from approvals.connectors import connector_named
from approvals.evaluation import Evaluation
from approvals.models import ChangeRequest
from approvals.states import ChangeKind
from mlops_portal.foundation.people.models import User
from mlops_portal.foundation.rules import Blocker, refuse_if
from registry.models import Deployment
from registry.services.models import model_set_lifecycle
from registry.services.operations import (
    deployment_abort,
    deployment_fail,
    deployment_finish,
    deployment_resume,
    deployment_start,
    deployment_stop,
    deployment_suspend,
)
from registry.states import Connector, DeploymentKind, DeploymentState, LifecycleState

DEPLOYMENT_KINDS = {
    ChangeKind.DEPLOY: DeploymentKind.NORMAL,
    ChangeKind.PROMOTE: DeploymentKind.NORMAL,
    ChangeKind.ROLLBACK: DeploymentKind.ROLLBACK,
    ChangeKind.CONFIGURATION: DeploymentKind.CONFIG,
}
PORTAL_RECORD = "portal_record"


def connector_name(change: ChangeRequest) -> str:
    """Return which connector carries a change out; without an environment the portal's own record is all there is."""
    return change.environment.connector if change.environment else PORTAL_RECORD


def is_manual(change: ChangeRequest) -> bool:
    """Tell whether an operator carries a change out and says so; by a connector that is not installed nobody does."""
    connector = connector_named(connector_name(change))
    return connector is not None and not connector.is_automatic


def step_arguments(change: ChangeRequest) -> dict[str, Any]:
    """Return what the connector is told: a suspension takes the alias away, everything else points it to the version."""
    environment = change.environment
    uses_alias = environment is not None and environment.connector == Connector.REGISTRY_ALIAS
    return {
        "change_id": change.pk,
        "kind": change.kind,
        "model_id": change.model_id,
        "version_id": None if change.kind == ChangeKind.SUSPEND else change.version_id,
        "environment_id": change.environment_id,
        "alias": environment.alias if environment is not None and uses_alias else "",
    }


def deployment_kind(change: ChangeRequest) -> DeploymentKind:
    """Return as what a deployment counts; a release that names the incident it answers is a hotfix (DORA calls it rework)."""
    if change.kind == ChangeKind.DEPLOY and change.incident:
        return DeploymentKind.HOTFIX
    return DEPLOYMENT_KINDS[ChangeKind(change.kind)]


def rollout_begin(
    change: ChangeRequest, evaluation: Evaluation, *, by: User | None, now: datetime
) -> Deployment | None:
    """Record that a version is about to be put in place; suspending, resuming and retiring start no deployment."""
    if change.kind not in DEPLOYMENT_KINDS or change.version is None or change.environment is None:
        return None
    return deployment_start(
        version=change.version,
        environment=change.environment,
        kind=deployment_kind(change),
        change_id=change.pk,
        caused_by_incident=change.incident,
        document_score=evaluation.document_score,
        document_threshold=evaluation.policy.document.document_threshold[evaluation.tier],
        by=by,
        now=now,
    )


def rollout_finish(
    change: ChangeRequest, deployment: Deployment | None, *, by: User | None, now: datetime
) -> Deployment | None:
    """Record that the change took effect; return the deployment it concerns."""
    match change.kind:
        case ChangeKind.SUSPEND:
            return deployment_suspend(
                deployment=_of(change, DeploymentState.LIVE), reason=change.purpose, by=by, now=now
            )
        case ChangeKind.RESUME:
            return deployment_resume(
                deployment=_of(change, DeploymentState.SUSPENDED), reason=change.purpose, by=by, now=now
            )
        case ChangeKind.RETIRE:
            for row in Deployment.objects.filter(model_id=change.model_id, state=DeploymentState.SUSPENDED):
                deployment_stop(deployment=row, reason="Retired", by=by, now=now)
            model_set_lifecycle(
                model=change.model, to=LifecycleState.RETIRED, by=by, now=now, reason=change.purpose
            )
            return None
    assert deployment is not None  # noqa: S101  (rollout_begin started it)
    return deployment_finish(deployment=deployment, by=by, now=now, reason=change.title)


def _of(change: ChangeRequest, state: DeploymentState) -> Deployment:
    found = Deployment.objects.filter(
        Q(environment_id=change.environment_id), version_id=change.version_id, state=state
    ).first()
    if found is None:
        refuse_if(
            [Blocker("moved_on", f"The version is no longer {state.label.lower()} there.", "an operator")]
        )
    assert found is not None  # noqa: S101  (refused above)
    return found


def rollout_fail(
    deployment: Deployment | None, *, aborted: bool, reason: str, by: User | None, now: datetime
) -> None:
    """Record that the change did not take effect."""
    if deployment is None:
        return
    end = deployment_abort if aborted else deployment_fail
    end(deployment=deployment, reason=reason, by=by, now=now)
