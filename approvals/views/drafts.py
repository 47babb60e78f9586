"""What a draft lacks, what its form asks for, and what its gates say before it is filed."""

from datetime import datetime

from approvals import policies
from approvals.asked import open_items
from approvals.evaluation import Evaluation, evaluate, policy_for
from approvals.models import ChangeRequest, GateResult
from approvals.services.gates import results_of
from approvals.states import ChangeKind, ChangeState
from mlops_portal.foundation.rules import Blocker
from registry.models import Deployment, RegisteredModel


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


def fields_left_out(model: RegisteredModel, change: ChangeRequest | None = None) -> set[str]:
    """Name the fields that say nothing of a request on this model, or of this draft; what is filled in stays."""
    found = set()
    if change is not None and change.kind != ChangeKind.CONFIGURATION:
        found.add("configuration")
    if not Deployment.objects.filter(model=model).exists():
        found.add("incident")
    if not ChangeRequest.objects.filter(model=model, state=ChangeState.REJECTED).exists():
        found.add("what_changed")
    return {name for name in found if change is None or not getattr(change, name)}


def draft_gates(change: ChangeRequest, *, now: datetime) -> tuple[list[GateResult], list[Blocker]]:
    """Return the gates of a draft as rows that are not stored, and what it lacks; the counts stand on ``change``."""
    evaluation, missing = filing_state(change, now=now)
    return (results_of(change, evaluation, now=now) if evaluation else []), missing
