"""Which records are about a model, and which of them are parts of a change request: the one list of both."""

from typing import Any

from approvals.models.changes import (
    ApprovalRecord,
    ChangeRequest,
    Decision,
    Dossier,
    GateResult,
    Stage,
    Waiver,
)
from approvals.models.reviews import (
    Challenge,
    Comment,
    Condition,
    Execution,
    ExecutionStep,
    Lapse,
    Validation,
    ValidationFinding,
)

# Every kind of record that is a part of a request, with the column that leads to it; it is empty where a condition
# was set by a validation.
PARTS: dict[type[ApprovalRecord], str] = {
    Dossier: "change_id",
    GateResult: "change_id",
    Stage: "change_id",
    Decision: "change_id",
    Waiver: "change_id",
    Condition: "change_id",
    Lapse: "change_id",
    Comment: "change_id",
    Execution: "change_id",
    ExecutionStep: "execution__change_id",
}
# What moves to another unit with its model: the requests, their parts, and validations, which outlive a request.
# Each has model and unit, their common base has not.
OF_A_MODEL: tuple[type[Any], ...] = (ChangeRequest, *PARTS, Validation, ValidationFinding, Challenge)
