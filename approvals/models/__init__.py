"""Records of approvals, one module per group of nouns."""

from approvals.models.changes import (
    ChangeRequest,
    Decision,
    Dossier,
    DossierReading,
    GateResult,
    Stage,
    Waiver,
)
from approvals.models.policies import Policy, PolicyRevision, Signature
from approvals.models.reviews import (
    Challenge,
    Comment,
    Condition,
    Delegation,
    Execution,
    ExecutionStep,
    Lapse,
    Validation,
    ValidationFinding,
)

__all__ = [
    "Challenge",
    "ChangeRequest",
    "Comment",
    "Condition",
    "Decision",
    "Delegation",
    "Dossier",
    "DossierReading",
    "Execution",
    "ExecutionStep",
    "GateResult",
    "Lapse",
    "Policy",
    "PolicyRevision",
    "Signature",
    "Stage",
    "Validation",
    "ValidationFinding",
    "Waiver",
]
