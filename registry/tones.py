"""Which tone each state of the registry has on pages."""

from collections.abc import Mapping

from registry.states import DeploymentState, Governance, LifecycleState, RegistryStage, ReviewState, UseState

LIFECYCLE: Mapping[str, str] = {
    LifecycleState.DRAFT: "mute",
    LifecycleState.REGISTERED: "mute",
    LifecycleState.IN_VALIDATION: "info",
    LifecycleState.APPROVED: "info",
    LifecycleState.IN_PRODUCTION: "ok",
    LifecycleState.SUSPENDED: "warn",
    LifecycleState.RETIRED: "mute",
    LifecycleState.REJECTED: "fail",
}
DEPLOYMENT: Mapping[str, str] = {
    DeploymentState.IN_PROGRESS: "info",
    DeploymentState.LIVE: "ok",
    DeploymentState.SUPERSEDED: "mute",
    DeploymentState.ROLLED_BACK: "warn",
    DeploymentState.FAILED: "fail",
    DeploymentState.ABORTED: "warn",
    DeploymentState.SUSPENDED: "warn",
    DeploymentState.STOPPED: "mute",
}
REVIEW: Mapping[str, str] = {
    ReviewState.DRAFT: "mute",
    ReviewState.PROPOSED: "info",
    ReviewState.APPROVED: "ok",
    ReviewState.DECLINED: "fail",
    ReviewState.SUPERSEDED: "mute",
}
USE: Mapping[str, str] = {
    UseState.REQUESTED: "info",
    UseState.ACCEPTED: "ok",
    UseState.DECLINED: "fail",
    UseState.ENDED: "mute",
}
STAGE: Mapping[str, str] = {
    RegistryStage.NONE: "mute",
    RegistryStage.STAGING: "info",
    RegistryStage.PRODUCTION: "ok",
    RegistryStage.ARCHIVED: "mute",
}
GOVERNANCE: Mapping[str, str] = {Governance.MANDATORY: "info", Governance.OPTIONAL: "mute"}
