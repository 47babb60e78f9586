"""The record of a change as one list: filings, decisions, voids, waivers, remarks, newest first, with ledger numbers."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from django.urls import reverse

from approvals.models import ChangeRequest, Comment, Decision, Dossier, Stage, Validation, Waiver
from mlops_portal.foundation.web.ledger_numbers import ActKey, act_key, numbers_of
from mlops_portal.foundation.web.words import time_text

FILING = (
    "approvals.change_submitted",
    "approvals.change_resubmitted",
    "approvals.change_content_changed",
)
VOIDING = (
    "approvals.decisions_voided",
    "approvals.signature_revoked",
    "approvals.change_resubmitted",
)


@dataclass(frozen=True, slots=True)
class LogItem:
    """One line of the record. `kind` is comment, signature or record; `act` is what the ledger knows it by."""

    at: datetime
    kind: str
    who: Any
    text: str
    what: str = ""
    quote: str = ""
    digest: str = ""
    url: str = ""
    tone: str = ""
    act: ActKey | None = None
    number: int | None = None


def log_of(
    change: ChangeRequest,
    *,
    stages: Sequence[Stage],
    comments: Sequence[Comment],
    dossiers: Sequence[Dossier],
    waivers: Sequence[Waiver],
) -> list[LogItem]:
    """Merge what happened, newest first."""
    items = [
        LogItem(
            change.created_at,
            "record",
            change.requester,
            "drafted the request",
            act=act_key(change, change.created_at, "approvals.change_drafted"),
        )
    ]
    items += [_filing(change, dossier) for dossier in dossiers]
    for stage in stages:
        items += [item for decision in stage.given for item in _decided(stage, decision)]  # type: ignore[attr-defined]
    for waiver in waivers:
        items += _waiver_lines(waiver)
    items += [
        LogItem(
            one.written_at,
            "comment",
            one.author,
            f"wrote about {one.gate}" if one.gate else "wrote",
            quote=one.text,
            act=act_key(change, one.written_at, "approvals.comment_written", "approvals.evidence_asked"),
        )
        for one in comments
    ]
    numbers = numbers_of([item.act for item in items if item.act])
    # Of lines of the same moment the one told later stands first.
    ordered = sorted(enumerate(items), key=lambda pair: (pair[1].at, pair[0]), reverse=True)
    return [replace(item, number=numbers.get(item.act) if item.act else None) for _, item in ordered]


def act_of_decision(decision: Decision) -> ActKey:
    """Return what the ledger knows a signed decision by."""
    return _done_to_request(decision, decision.decided_at, "approvals.decision_signed")


def _done_to_request(decision: Decision, at: datetime, *verbs: str) -> ActKey:
    # Not by way of `decision.change`, which would be read for each line.
    return ActKey(verbs, ChangeRequest._meta.label, str(decision.change_id), at)


def act_of_waiver(waiver: Waiver) -> ActKey | None:
    """Return what the ledger knows the decision of a waiver by; None while nobody has decided."""
    if waiver.decided_at is None:
        return None
    return act_key(waiver, waiver.decided_at, "approvals.waiver_granted", "approvals.waiver_declined")


def act_of_conclusion(validation: Validation) -> ActKey | None:
    """Return what the ledger knows the conclusion of a validation by; None while it is open."""
    if validation.concluded_at is None:
        return None
    return act_key(validation, validation.concluded_at, "approvals.validation_concluded")


def act_of_revocation(decision: Decision) -> ActKey | None:
    """Return what the ledger knows the revocation of a decision by; None while it stands."""
    if decision.signature.revoked_at is None:
        return None
    return _done_to_request(decision, decision.signature.revoked_at, "approvals.signature_revoked")


def _filing(change: ChangeRequest, dossier: Dossier) -> LogItem:
    first = dossier.number == 1
    return LogItem(
        dossier.created_at,
        "record",
        change.requester if first else None,
        "filed" if first else "The portal froze new content as",
        what=f"revision {dossier.number}",
        digest=dossier.digest,
        act=act_key(change, dossier.created_at, *FILING),
    )


def _decided(stage: Stage, decision: Any) -> list[LogItem]:
    told = f"{decision.act_word.lower()} at {stage.title}, revision {decision.dossier_number}, as “{decision.get_meaning_display().lower()}”"
    if decision.on_behalf_of_id:
        told += f", for {decision.on_behalf_of}"
    lines = [
        LogItem(
            decision.decided_at,
            "signature",
            decision.signer,
            "signed",
            what=told,
            quote=decision.rationale,
            digest=decision.decision_digest,
            url=reverse("approvals:receipt", args=[decision.pk]),
            act=act_of_decision(decision),
        )
    ]
    ended = _done_to_request(decision, decision.voided_at, *VOIDING) if decision.voided_at else None
    if decision.is_answered and decision.voided_at:
        what = f"What {decision.signer} asked for at {stage.title} was answered"
        lines.append(LogItem(decision.voided_at, "record", None, what, quote=decision.void_reason, act=ended))
    elif decision.voided_at:
        lines.append(
            LogItem(
                decision.voided_at,
                "record",
                None,
                f"The decision of {decision.signer} at {stage.title} became void",
                quote=decision.void_reason,
                tone="warn",
                act=ended,
            )
        )
    return lines


def _waiver_lines(waiver: Waiver) -> list[LogItem]:
    lines = [
        LogItem(
            waiver.requested_at,
            "record",
            waiver.requested_by,
            "asked for a waiver of",
            what=waiver.gate,
            quote=waiver.reason,
            act=act_key(waiver, waiver.requested_at, "approvals.waiver_requested"),
        )
    ]
    if waiver.decided_at:
        granted = waiver.state in (Waiver.State.GRANTED, Waiver.State.ENDED)
        lines.append(
            LogItem(
                waiver.decided_at,
                "signature" if waiver.signature_id else "record",
                waiver.decided_by,
                "granted the waiver of" if granted else "declined the waiver of",
                what=f"{waiver.gate}, until {time_text(waiver.valid_until)}" if granted else waiver.gate,
                quote=waiver.note,
                url=reverse("approvals:waiver-receipt", args=[waiver.pk]) if waiver.signature_id else "",
                tone="waived" if granted else "fail",
                act=act_of_waiver(waiver),
            )
        )
    return lines
