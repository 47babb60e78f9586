"""Which tone each state of approvals has on pages."""

from collections.abc import Mapping

from approvals.models import (
    Challenge,
    Condition,
    Execution,
    GateResult,
    PolicyRevision,
    Stage,
    Validation,
    Waiver,
)
from approvals.states import ChangeState, Verdict

CHANGE: Mapping[str, str] = {
    ChangeState.DRAFT: "mute",
    ChangeState.SUBMITTED: "info",
    ChangeState.IN_REVIEW: "info",
    ChangeState.CHANGES_REQUESTED: "warn",
    ChangeState.APPROVED: "ok",
    ChangeState.SCHEDULED: "info",
    ChangeState.EXECUTING: "info",
    ChangeState.VERIFYING: "info",
    ChangeState.COMPLETED: "ok",
    ChangeState.ROLLED_BACK: "warn",
    ChangeState.FAILED: "fail",
    ChangeState.REJECTED: "fail",
    ChangeState.WITHDRAWN: "mute",
    ChangeState.EXPIRED: "mute",
    ChangeState.REVOKED: "fail",
}
GATE: Mapping[str, str] = {
    GateResult.Outcome.PASS: "ok",
    GateResult.Outcome.FAIL: "fail",
    GateResult.Outcome.WAIVED: "waived",
    GateResult.Outcome.NO_DATA: "fail",
    GateResult.Outcome.NOT_APPLICABLE: "mute",
}
STAGE: Mapping[str, str] = {
    Stage.State.PENDING: "mute",
    Stage.State.CURRENT: "info",
    Stage.State.DONE: "ok",
    Stage.State.RENEW: "warn",
    Stage.State.CLOSED: "mute",
}
VERDICT: Mapping[str, str] = {
    Verdict.APPROVE: "ok",
    Verdict.APPROVE_WITH_CONDITIONS: "ok",
    Verdict.REQUEST_CHANGES: "warn",
    Verdict.REJECT: "fail",
    Verdict.RECUSE: "mute",
}
WAIVER: Mapping[str, str] = {
    Waiver.State.REQUESTED: "info",
    Waiver.State.GRANTED: "waived",
    Waiver.State.DECLINED: "fail",
    Waiver.State.ENDED: "mute",
}
CONDITION: Mapping[str, str] = {
    Condition.State.OPEN: "info",
    Condition.State.MET: "ok",
    Condition.State.DROPPED: "mute",
}
VALIDATION: Mapping[str, str] = {
    Validation.Outcome.APPROVED: "ok",
    Validation.Outcome.APPROVED_WITH_CONDITIONS: "warn",
    Validation.Outcome.NOT_APPROVED: "fail",
}
CHALLENGE: Mapping[str, str] = {
    Challenge.State.OPEN: "warn",
    Challenge.State.ANSWERED: "info",
    Challenge.State.ACCEPTED: "ok",
}
POLICY: Mapping[str, str] = {
    PolicyRevision.State.DRAFT: "info",
    PolicyRevision.State.PUBLISHED: "ok",
    PolicyRevision.State.SUPERSEDED: "mute",
}
EXECUTION: Mapping[str, str] = {
    Execution.State.WAITING: "warn",
    Execution.State.RUNNING: "info",
    Execution.State.SUCCEEDED: "ok",
    Execution.State.FAILED: "fail",
    Execution.State.ABORTED: "mute",
    Execution.State.UNKNOWN: "warn",
}
