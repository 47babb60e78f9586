"""The life of a change request as data. Diagram, buttons, services and tests all read these tables."""

from collections.abc import Mapping

from django.db import models


class ChangeState(models.TextChoices):
    """Where a change stands."""

    DRAFT = "draft", "Draft"
    SUBMITTED = "submitted", "Submitted"
    IN_REVIEW = "in_review", "In review"
    CHANGES_REQUESTED = "changes_requested", "Changes requested"
    APPROVED = "approved", "Approved"
    SCHEDULED = "scheduled", "Scheduled"
    EXECUTING = "executing", "Executing"
    VERIFYING = "verifying", "Verifying"
    COMPLETED = "completed", "Completed"
    ROLLED_BACK = "rolled_back", "Rolled back"
    FAILED = "failed", "Failed"
    REJECTED = "rejected", "Rejected"
    WITHDRAWN = "withdrawn", "Withdrawn"
    EXPIRED = "expired", "Expired"
    REVOKED = "revoked", "Revoked"


S = ChangeState

# Each move with what causes it. Revoking a completed change is a fact about its approval (the release keeps running
# until somebody decides), so it is recorded on the change and not a state of it. An abort at or before the first
# step of the traffic plan is neither a rollback nor a failure: the approval stands and can be used again.
MOVES: Mapping[ChangeState, Mapping[ChangeState, str]] = {
    S.DRAFT: {S.SUBMITTED: "filed", S.WITHDRAWN: "withdrawn"},
    S.SUBMITTED: {S.IN_REVIEW: "dossier frozen, gates evaluated", S.WITHDRAWN: "withdrawn"},
    S.IN_REVIEW: {
        S.APPROVED: "every stage has its quorum",
        S.CHANGES_REQUESTED: "an approver asks for changes",
        S.REJECTED: "an approver rejects",
        S.WITHDRAWN: "withdrawn",
    },
    S.CHANGES_REQUESTED: {S.SUBMITTED: "filed again", S.WITHDRAWN: "withdrawn"},
    S.APPROVED: {
        S.SCHEDULED: "a start is planned",
        S.IN_REVIEW: "content changed",
        S.EXPIRED: "validity ended",
        S.REVOKED: "an approver revokes",
    },
    S.SCHEDULED: {
        S.EXECUTING: "the window opens",
        S.IN_REVIEW: "content changed",
        S.EXPIRED: "validity ended",
        S.REVOKED: "an approver revokes",
    },
    S.EXECUTING: {
        S.VERIFYING: "the last step succeeded",
        S.APPROVED: "aborted at or before the first step",
        S.ROLLED_BACK: "rolled back",
        S.FAILED: "a step failed",
    },
    S.VERIFYING: {
        S.COMPLETED: "the bake time passed",
        S.ROLLED_BACK: "rolled back",
        S.FAILED: "a check failed",
    },
    S.COMPLETED: {},
    S.ROLLED_BACK: {},
    S.FAILED: {},
    S.REJECTED: {},
    S.WITHDRAWN: {},
    S.EXPIRED: {},
    S.REVOKED: {},
}
TRANSITIONS: Mapping[ChangeState, frozenset[ChangeState]] = {
    state: frozenset(to) for state, to in MOVES.items()
}
FINAL_STATES: frozenset[ChangeState] = frozenset(state for state, to in TRANSITIONS.items() if not to)
OPEN_STATES: frozenset[ChangeState] = frozenset(TRANSITIONS) - FINAL_STATES
# How a sentence about a request goes on: "CR-12 went back to its requester".
PREDICATES: Mapping[ChangeState, str] = {
    S.DRAFT: "is a draft",
    S.SUBMITTED: "is filed",
    S.IN_REVIEW: "is in review",
    S.CHANGES_REQUESTED: "went back to its requester",
    S.APPROVED: "is approved",
    S.SCHEDULED: "is scheduled",
    S.EXECUTING: "is being executed",
    S.VERIFYING: "took effect and is watched",
    S.COMPLETED: "is completed",
    S.ROLLED_BACK: "was rolled back",
    S.FAILED: "failed",
    S.REJECTED: "was rejected",
    S.WITHDRAWN: "was withdrawn",
    S.EXPIRED: "expired",
    S.REVOKED: "was revoked",
}
# A change whose approval may still be used, or is being used.
APPROVAL_LIVE_STATES: frozenset[ChangeState] = frozenset({S.APPROVED, S.SCHEDULED, S.EXECUTING, S.VERIFYING})
# What is filed and not carried out yet: changed content makes its decisions void.
REFRESHABLE: frozenset[ChangeState] = frozenset({S.IN_REVIEW, S.APPROVED, S.SCHEDULED})


class Owes(models.TextChoices):
    """Who has to act next."""

    REQUESTER = "requester", "Requester"
    APPROVERS = "approvers", "Approvers"
    OPERATOR = "operator", "Operator"
    SYSTEM = "system", "The portal"
    NOBODY = "nobody", "Nobody"


OWED_BY: Mapping[ChangeState, Owes] = {
    S.DRAFT: Owes.REQUESTER,
    S.SUBMITTED: Owes.SYSTEM,
    S.IN_REVIEW: Owes.APPROVERS,
    S.CHANGES_REQUESTED: Owes.REQUESTER,
    S.APPROVED: Owes.OPERATOR,
    S.SCHEDULED: Owes.SYSTEM,
    S.EXECUTING: Owes.SYSTEM,
    S.VERIFYING: Owes.SYSTEM,
    **dict.fromkeys(FINAL_STATES, Owes.NOBODY),
}


class ChangeKind(models.TextChoices):
    """What a change does to a version in an environment."""

    DEPLOY = "deploy", "Deploy"
    PROMOTE = "promote", "Promote"
    ROLLBACK = "rollback", "Roll back"
    CONFIGURATION = "configuration", "Change configuration"
    RETRAIN = "retrain", "Retrain"
    SUSPEND = "suspend", "Suspend"
    RESUME = "resume", "Resume"
    RETIRE = "retire", "Retire"


# What takes a version out of service: there is no challenger and no way back to describe.
ENDING_KINDS = frozenset({ChangeKind.SUSPEND, ChangeKind.RETIRE})


class ChangeClass(models.TextChoices):
    """Which way through the policy a change takes."""

    NORMAL = "normal", "Normal"
    LIGHT = "light", "Light: not production"
    FAST = "fast", "Pre-approved fast lane"
    CONTAINMENT = "containment", "Way back"
    EMERGENCY = "emergency", "Emergency"


class Verdict(models.TextChoices):
    """What a person decides at a stage."""

    APPROVE = "approve", "Approve"
    APPROVE_WITH_CONDITIONS = "approve_with_conditions", "Approve with conditions"
    REQUEST_CHANGES = "request_changes", "Request changes"
    REJECT = "reject", "Reject"
    RECUSE = "recuse", "Recuse myself"


class Meaning(models.TextChoices):
    """What a signature says. It follows from stage and verdict; nobody picks it."""

    AUTHOR = "author", "Author"
    REVIEW = "review", "Review"
    VALIDATE = "validate", "Validate"
    APPROVE = "approve", "Approve"
    ACCEPT_RISK = "accept_risk", "Accept risk"
    RELEASE = "release", "Release"
    ATTEST = "attest", "Attest"
    CLOSE = "close", "Close"


class Severity(models.TextChoices):
    """What a failing gate does."""

    BLOCK = "block", "Blocks"
    WARN = "warn", "Warns"


class GateOutcome(models.TextChoices):
    """What a gate says. Only pass and not applicable let a change through by themselves."""

    PASS = "pass", "Passes"
    FAIL = "fail", "Fails"
    NO_DATA = "no_data", "No data"
    NOT_APPLICABLE = "not_applicable", "Not applicable"


POSITIVE_VERDICTS: frozenset[Verdict] = frozenset({Verdict.APPROVE, Verdict.APPROVE_WITH_CONDITIONS})
FAILING_OUTCOMES: frozenset[GateOutcome] = frozenset({GateOutcome.FAIL, GateOutcome.NO_DATA})


def meaning_of(stage: Meaning, verdict: Verdict, *, accepts_risk: bool = False) -> Meaning:
    """Return what a signature at a stage of meaning ``stage`` says.

    Accepting a risk is the business of who approves: an owner who attests and a validator who validates say the same
    thing with and without a waiver. A refusal says that the person reviewed; a recusal attests a conflict.
    """
    if verdict == Verdict.RECUSE:
        return Meaning.ATTEST
    if verdict not in POSITIVE_VERDICTS:
        return Meaning.REVIEW
    if accepts_risk and stage == Meaning.APPROVE:
        return Meaning.ACCEPT_RISK
    return stage


# What approving is called where it says something else.
_APPROVING = {Meaning.ATTEST: "Accept", Meaning.VALIDATE: "Validate", Meaning.RELEASE: "Release"}


def act_word(meaning: str, verdict: str) -> str:
    """Name what a person does at a stage of a meaning: on the button, in what is signed and on its receipt."""
    plain = Verdict(verdict).label
    return _APPROVING.get(Meaning(meaning), plain) if verdict == Verdict.APPROVE else plain


def can_move(state: ChangeState, to: ChangeState) -> bool:
    """Tell whether the machine knows this move."""
    return to in TRANSITIONS[state]


def states_diagram() -> str:
    """Return the machine as a Mermaid state diagram, for docs/reference."""
    lines = ["stateDiagram-v2", f"    [*] --> {S.DRAFT}"]
    lines += [f"    {state} --> {to}: {why}" for state, moves in MOVES.items() for to, why in moves.items()]
    lines += [f"    {state} --> [*]" for state in MOVES if state in FINAL_STATES]
    lines += [
        f"    note right of {state}: {OWED_BY[state].label} owes" for state in MOVES if state in OPEN_STATES
    ]
    return "\n".join(lines) + "\n"
