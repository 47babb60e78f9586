"""What a draft lacks, what its form asks for, and what its gates say before it is filed."""

from datetime import datetime

from approvals import policies
from approvals.asked import open_items
from approvals.evaluation import Evaluation, evaluate, policy_for
from approvals.models import ChangeRequest, GateResult
from approvals.services.gates import results_of
from approvals.states import ENDING_KINDS, ChangeKind, ChangeState
from mlops_portal.foundation.rules import Blocker
from registry.models import Deployment, RegisteredModel

MOVES_TRAFFIC = policies.RELEASE_KINDS | {ChangeKind.ROLLBACK}
WAY_BACK = ("rollback_target", "rollback_plan", "rollback_triggers", "rollback_owner")


def filing_state(change: ChangeRequest, *, now: datetime) -> tuple[Evaluation | None, list[Blocker]]:
    """Return what the gates say about a draft now, and what it lacks before it can be filed."""
    policy = policy_for(change, now)
    missing = policies.filing_blockers(change, has_policy=policy is not None)
    if change.state == ChangeState.CHANGES_REQUESTED:
        missing = policies.answer_blockers(open_items(change)) + missing
    if policy is None:
        return None, missing
    evaluation = evaluate(change, at=now, policy=policy)
    return evaluation, missing + policies.alternatives_blockers(change, evaluation)


def not_asked(kind: str) -> set[str]:
    """Name the fields that say nothing of a request of this kind."""
    found = set()
    if kind != ChangeKind.CONFIGURATION:
        found.add("configuration")
    if kind not in MOVES_TRAFFIC:
        found.add("traffic_plan")
    if kind in ENDING_KINDS:
        found |= {"alternatives", *WAY_BACK}
    return found


def fields_left_out(
    model: RegisteredModel, change: ChangeRequest | None = None, *, kind: str = ""
) -> set[str]:
    """Name the fields that say nothing of a request on this model, or of this draft; what is filled in stays.

    Without ``kind`` and draft it is not known yet what is asked for.
    """
    kind = change.kind if change is not None else kind
    found = not_asked(kind) if kind else set()
    if not Deployment.objects.filter(model=model).exists():
        found.add("incident")
    if not ChangeRequest.objects.filter(model=model, state=ChangeState.REJECTED).exists():
        found.add("what_changed")
    return {name for name in found if change is None or not getattr(change, name)}


def draft_gates(change: ChangeRequest, *, now: datetime) -> tuple[list[GateResult], list[Blocker]]:
    """Return the gates of a draft as rows that are not stored, and what it lacks; the counts stand on ``change``."""
    evaluation, missing = filing_state(change, now=now)
    return (results_of(change, evaluation, now=now) if evaluation else []), missing
