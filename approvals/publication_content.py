"""What goes into the signed publication of a policy revision: the document, what it changes, and what follows."""

from collections.abc import Sequence
from typing import Any

from approvals.models import PolicyRevision
from approvals.policy_in_force import document_of, laxness_of
from approvals.queries.policy_page import RuleChange, difference, lines
from approvals.signed_content import SignedPart, digest_of, digests_of
from approvals.states import Meaning
from mlops_portal.foundation.people.models import User
from mlops_portal.foundation.web.words import sentence, time_text


def record_parts(revision: PolicyRevision) -> tuple[SignedPart, ...]:
    """Return the parts that the records give."""
    before = revision.policy.revisions.filter(state=PolicyRevision.State.PUBLISHED).first()
    findings = laxness_of(revision)
    changes = difference(document_of(before), document_of(revision)) if before else []
    drafter = revision.drafted_by.name if revision.drafted_by else "the portal"
    return (
        SignedPart(
            "document",
            "The document",
            {"policy": revision.policy.key, "number": revision.number, "digest": revision.digest},
            (
                f"{revision.policy.title}, revision {revision.number}",
                f"Drafted by {drafter}, {time_text(revision.drafted_at)}",
                f"Digest of the document {revision.digest}",
            ),
        ),
        SignedPart(
            "controls",
            "Against the controls it serves",
            [[row.control, row.where, row.message] for row in findings],
            tuple(f"Laxer than {row.control}, {row.where}: {row.message}" for row in findings)
            or ("Nowhere laxer than a control",),
        ),
        SignedPart(
            "difference",
            f"What differs from {before}" if before else "What differs",
            {
                "from": [before.number, before.digest] if before else None,
                "rules": [[row.kind, row.name, row.was, row.now] for row in changes],
            },
            _differences(before, revision, changes),
        ),
        SignedPart(
            "start",
            "When it starts",
            {"starts": "when signed", "is_urgent": revision.is_urgent},
            ("In force from the moment of the signature", _about_open_requests(revision)),
        ),
    )


def _differences(
    before: PolicyRevision | None, revision: PolicyRevision, changes: Sequence[RuleChange]
) -> tuple[str, ...]:
    """Write what differs rule by rule, then line by line: not every line of a document is a rule."""
    if before is None:
        return ("No revision was in force before it",)
    signs = {"+": "Line added", "-": "Line removed"}
    written = [
        f"{signs[line.sign]}: {line.text.strip()}"
        for line in lines(before.document, revision.document)
        if line.sign in signs
    ]
    return (*(_told(row) for row in changes), *written) or ("Nothing differs",)


def _told(row: RuleChange) -> str:
    if not row.now:
        return f"{row.kind} {row.name}: removed. It was: {sentence(row.was)}"
    if not row.was:
        return f"{row.kind} {row.name}: new. {sentence(row.now)}"
    return f"{row.kind} {row.name}: was {sentence(row.was)} Now {sentence(row.now)}"


def _about_open_requests(revision: PolicyRevision) -> str:
    if revision.is_urgent:
        return "Urgent: open requests are decided under it, and what was decided on them is given again"
    return "Open requests stay under the revision that they were filed under"


def meaning_of(revision: PolicyRevision) -> Meaning:
    """Return what publishing says: whoever publishes less than a control asks accepts the risk."""
    return Meaning.ACCEPT_RISK if laxness_of(revision) else Meaning.APPROVE


def statement_of(
    revision: PolicyRevision, parts: Sequence[SignedPart], reason: str, *, by: User
) -> dict[str, Any]:
    """Return exactly what the signature covers."""
    return {
        "publishes": revision.digest,
        "content": digest_of(parts),
        "parts": digests_of(parts),
        "meaning": meaning_of(revision).value,
        "reason": reason,
        "signer": str(by.pk),
    }
