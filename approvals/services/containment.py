"""The way back: one person with strong sign-in, to the target that was approved with the release (RULES 5.3)."""

from datetime import datetime

from approvals.events import event_of
from approvals.models import ChangeRequest
from approvals.services.changes import change_draft
from approvals.services.decisions import WantedDecision, decision_write
from approvals.services.executions import change_execute_now
from approvals.services.signing import prove
from approvals.services.submission import change_submit
from approvals.states import ChangeClass, ChangeKind, ChangeState, Verdict
from mlops_portal.foundation.errors import invalid
from mlops_portal.foundation.operations import operation
from mlops_portal.foundation.people.models import User
from mlops_portal.foundation.people.rights import require
from mlops_portal.foundation.rules import Blocker, RuleViolation, refuse_if
from registry.models import Deployment, ModelVersion
from registry.states import DeploymentState

MIN_REASON = 10
RIGHT = "approvals.rollback"


def release_of(deployment: Deployment) -> ChangeRequest | None:
    """Return the change that put a deployment in place."""
    return ChangeRequest.objects.filter(pk=deployment.change_id).first() if deployment.change_id else None


def names_way_back(release: ChangeRequest | None) -> bool:
    """Tell whether a release was approved with a version to go back to, and that approval was not revoked."""
    if release is None or release.revoked_at is not None or release.rollback_target_id is None:
        return False
    return release.state in (ChangeState.COMPLETED, ChangeState.VERIFYING)


def preapproved_target(deployment: Deployment) -> ModelVersion | None:
    """Return the version that was approved as the way back of what serves, if that approval was not revoked."""
    release = release_of(deployment)
    return release.rollback_target if release and names_way_back(release) else None


def rollback_blockers(deployment: Deployment, *, by: User) -> list[Blocker]:
    """Why the short way back is not open. An expired approval is no reason (RULES 5.3)."""
    return way_back_blockers(deployment, release_of(deployment))


def way_back_blockers(deployment: Deployment, release: ChangeRequest | None) -> list[Blocker]:
    """Why it is not open, for a deployment whose release is read already."""
    blockers = []
    if deployment.state != DeploymentState.LIVE:
        blockers.append(Blocker("nothing_serves", "This deployment does not serve."))
    if not names_way_back(release):
        blockers.append(
            Blocker(
                "no_target",
                "No way back was approved with this release: file a rollback request.",
                "the model's owner",
            )
        )
    return blockers


def roll_back(
    *,
    deployment: Deployment,
    reason: str,
    incident: str = "",
    password: str,
    code: str,
    by: User,
    now: datetime,
) -> ChangeRequest:
    """Go back to the approved target: filed, released by one person and started in one act."""
    require(by, RIGHT, unit_id=deployment.unit_id, model_id=deployment.model_id)
    refuse_if(rollback_blockers(deployment, by=by))
    return _contain(
        ChangeKind.ROLLBACK,
        deployment,
        reason,
        incident=incident,
        password=password,
        code=code,
        by=by,
        now=now,
    )


def suspend(
    *,
    deployment: Deployment,
    reason: str,
    incident: str = "",
    password: str,
    code: str,
    by: User,
    now: datetime,
) -> ChangeRequest:
    """Stop what serves, released by one person."""
    require(by, RIGHT, unit_id=deployment.unit_id, model_id=deployment.model_id)
    if deployment.state != DeploymentState.LIVE:
        refuse_if([Blocker("nothing_serves", "This deployment does not serve.")])
    return _contain(
        ChangeKind.SUSPEND,
        deployment,
        reason,
        incident=incident,
        password=password,
        code=code,
        by=by,
        now=now,
    )


def _contain(
    kind: ChangeKind,
    deployment: Deployment,
    reason: str,
    *,
    incident: str,
    password: str,
    code: str,
    by: User,
    now: datetime,
) -> ChangeRequest:
    if len(reason.strip()) < MIN_REASON:
        raise invalid("reason", f"Say why in at least {MIN_REASON} characters.")
    prove(by, password=password, code=code, subject=deployment, now=now)
    try:
        return _act(
            kind=kind, deployment=deployment, reason=reason.strip(), incident=incident, by=by, now=now
        )
    except RuleViolation as refusal:
        refusal.evidence = event_of(
            "execution_refused",
            deployment,
            by=by,
            now=now,
            data={"reasons": [row.code for row in refusal.blockers]},
        )
        raise


@operation
def _act(
    *, kind: ChangeKind, deployment: Deployment, reason: str, incident: str, by: User, now: datetime
) -> ChangeRequest:
    version = preapproved_target(deployment) if kind == ChangeKind.ROLLBACK else deployment.version
    change = change_draft(
        model=deployment.model,
        kind=kind,
        version=version,
        environment=deployment.environment,
        purpose=reason,
        incident=incident,
        by=by,
        now=now,
    )
    change = change_submit(change=change, by=by, now=now)
    if change.change_class != ChangeClass.CONTAINMENT:
        refuse_if([Blocker("not_containment", "The policy in force asks for the normal way here.")])
    stage = change.stages.get(state="current")
    decision_write(
        change=change,
        wanted=WantedDecision(stage, Verdict.APPROVE, reason, [], [], change.dossier_digest, by, None, now),
    )
    return change_execute_now(change=change, by=by, now=now)
