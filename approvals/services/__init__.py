"""Writes of approvals, one module per noun. The only place that saves its rows."""

from approvals.services.assignments import stages_assign
from approvals.services.changes import change_draft, change_update, change_withdraw
from approvals.services.conclusions import conclusion_preview, validation_conclude
from approvals.services.conditions import ConditionInput, condition_verify
from approvals.services.containment import roll_back, suspend
from approvals.services.conversation import (
    comment_add,
    delegation_create,
    delegation_end,
    evidence_ask,
)
from approvals.services.decisions import DecisionPreview, decision_preview, decision_sign
from approvals.services.declarations import condition_declare
from approvals.services.executions import (
    change_complete,
    change_execute_now,
    change_schedule,
    execution_abort,
    execution_confirm,
    execution_run,
)
from approvals.services.lapses import lapse_close, lapse_open
from approvals.services.materiality import materiality_confirm
from approvals.services.overrides import override_preview, override_sign
from approvals.services.publications import publication_preview, revision_publish
from approvals.services.reading import DossierChanged, dossier_read
from approvals.services.revisions import install_default_policy, revision_draft
from approvals.services.revocations import revocation_preview, signature_revoke
from approvals.services.submission import change_expire, change_refresh, change_resubmit, change_submit
from approvals.services.validations import (
    challenge_accept,
    challenge_answer,
    challenge_ask,
    finding_close,
    finding_raise,
    validation_open,
)
from approvals.services.waivers import waiver_decide, waiver_end, waiver_preview, waiver_request

__all__ = [
    "ConditionInput",
    "DecisionPreview",
    "DossierChanged",
    "challenge_accept",
    "challenge_answer",
    "challenge_ask",
    "change_complete",
    "change_draft",
    "change_execute_now",
    "change_expire",
    "change_refresh",
    "change_resubmit",
    "change_schedule",
    "change_submit",
    "change_update",
    "change_withdraw",
    "comment_add",
    "conclusion_preview",
    "condition_declare",
    "condition_verify",
    "decision_preview",
    "decision_sign",
    "delegation_create",
    "delegation_end",
    "dossier_read",
    "evidence_ask",
    "execution_abort",
    "execution_confirm",
    "execution_run",
    "finding_close",
    "finding_raise",
    "install_default_policy",
    "lapse_close",
    "lapse_open",
    "materiality_confirm",
    "override_preview",
    "override_sign",
    "publication_preview",
    "revision_draft",
    "revision_publish",
    "revocation_preview",
    "roll_back",
    "signature_revoke",
    "stages_assign",
    "suspend",
    "validation_conclude",
    "validation_open",
    "waiver_decide",
    "waiver_end",
    "waiver_preview",
    "waiver_request",
]
