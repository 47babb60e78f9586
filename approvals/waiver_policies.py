"""Whether a waiver may be asked for or decided now, by whom, and if not, why. No writes."""

from collections.abc import Mapping

from approvals.duties import DutyRecords
from approvals.models import ChangeRequest, Waiver
from approvals.policy.document import Gate, PolicyDocument
from approvals.states import APPROVAL_LIVE_STATES, ChangeState
from mlops_portal.foundation.people.behind import people_behind
from mlops_portal.foundation.people.models import User
from mlops_portal.foundation.people.rights import rights_of
from mlops_portal.foundation.rules import Blocker

CLOSED = Blocker("closed", "This request is closed.")
# Who may waive: the right, and whether it must be held over the whole group.
AUTHORITY_RIGHTS: Mapping[str, tuple[str, bool]] = {
    "model_owner": ("approvals.accept", False),
    "change_manager": ("approvals.approve_change", False),
    "risk_officer": ("approvals.waive", False),
    "head_of_model_risk": ("approvals.waive", True),
}


def authority_blockers(by: User, authority: str, *, unit_id: int, model_id: int) -> list[Blocker]:
    """Why ``by`` does not hold the authority a gate names."""
    right, whole_group = AUTHORITY_RIGHTS[authority]
    rights = rights_of(by)
    holds = rights.everywhere(right) if whole_group else rights.has(right, unit_id=unit_id, model_id=model_id)
    words = authority.replace("_", " ")
    return [] if holds else [Blocker("authority", f"This gate is waived by the {words} only.", words)]


def too_many_blockers(live: int, document: PolicyDocument) -> list[Blocker]:
    """Why no further waiver of a version may be live beside ``live`` others of it (RULES 5.1).

    Asked at the request and again at the grant: several may have been asked for while none was live.
    """
    if live < document.max_live_waivers:
        return []
    return [
        Blocker(
            "too_many",
            f"This version has {live} live waivers already; at most {document.max_live_waivers}.",
        )
    ]


def waiver_request_blockers(
    change: ChangeRequest, gate: Gate, *, tier: int, days: float, live: int, document: PolicyDocument
) -> list[Blocker]:
    """Why a waiver of ``gate`` may not even be asked for."""
    if gate.waiver is None:
        return [Blocker("never_waived", f"{gate.id} is never waived.")]
    blockers = []
    most = gate.waiver.max_days.get(tier, 0)
    if days > most:
        blockers.append(
            Blocker("too_long", f"At tier {tier} a waiver of {gate.id} lasts at most {most} days.")
        )
    blockers += too_many_blockers(live, document)
    return blockers + ended_blockers(change)


def ended_blockers(change: ChangeRequest) -> list[Blocker]:
    """Why a waiver no longer opens anything for a request: it was withdrawn, rejected or taken back."""
    undecided = {ChangeState.DRAFT, ChangeState.IN_REVIEW, ChangeState.CHANGES_REQUESTED}
    lives = change.state in undecided | APPROVAL_LIVE_STATES | {ChangeState.COMPLETED}
    return [] if lives else [CLOSED]


def beneficiaries(waiver: Waiver, records: DutyRecords) -> set[int]:
    """Return the keys of the people whom a waiver lets pass: they do not grant it."""
    people = records.people
    asked = people_behind(waiver.requested_by, since=waiver.requested_at)
    return {*people.requesters, *people.owners, *people.developers, *asked}


def waiver_decision_blockers(
    waiver: Waiver, *, by: User, records: DutyRecords, authority: str
) -> list[Blocker]:
    """Why ``by`` may not decide this waiver: it is decided, they lack the authority, or they benefit from it."""
    blockers = []
    if waiver.state != Waiver.State.REQUESTED:
        blockers.append(Blocker("decided", "This waiver was decided already."))
    if not records.change.dossier_number:
        blockers.append(
            Blocker(
                "not_filed",
                "The request is a draft, not yet filed. The decision opens with its filing, over the frozen dossier.",
                "the requester",
            )
        )
    blockers += authority_blockers(by, authority, unit_id=waiver.unit_id, model_id=waiver.model_id)
    if by.pk in beneficiaries(waiver, records):
        blockers.append(Blocker("beneficiary", "Whoever benefits from a waiver does not grant it."))
    return blockers
