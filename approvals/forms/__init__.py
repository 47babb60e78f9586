"""Forms of approvals, one module for each kind of act: they parse and shape input; services act."""

from approvals.forms.duties import Declaration, LapseClosing, StandIn, Verification, WaiverRequest
from approvals.forms.execution import Containment, ExecutionReport, Start
from approvals.forms.fields import DayField, Lines, MomentField, PersonChoice, TrafficPlan, area, people
from approvals.forms.filing import ALTERNATIVES, ChangeContent, ModelChoice, NewChange, content_of
from approvals.forms.policies import PolicyDraft
from approvals.forms.review import Assignment, Comment, EvidenceQuestion, MaterialityConfirmation
from approvals.forms.signing import (
    CONDITIONS,
    JointApproval,
    Proof,
    Reason,
    SignedReason,
    Statement,
    WaiverStatement,
)
from approvals.forms.validations import (
    Answer,
    Conclusion,
    Finding,
    FindingClosure,
    Question,
    Report,
    ValidationStart,
)

__all__ = [
    "ALTERNATIVES",
    "CONDITIONS",
    "Answer",
    "Assignment",
    "ChangeContent",
    "Comment",
    "Conclusion",
    "Containment",
    "DayField",
    "Declaration",
    "EvidenceQuestion",
    "ExecutionReport",
    "Finding",
    "FindingClosure",
    "JointApproval",
    "LapseClosing",
    "Lines",
    "MaterialityConfirmation",
    "ModelChoice",
    "MomentField",
    "NewChange",
    "PersonChoice",
    "PolicyDraft",
    "Proof",
    "Question",
    "Reason",
    "Report",
    "SignedReason",
    "StandIn",
    "Start",
    "Statement",
    "TrafficPlan",
    "ValidationStart",
    "Verification",
    "WaiverRequest",
    "WaiverStatement",
    "area",
    "content_of",
    "people",
]
