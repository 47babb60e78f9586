"""What goes into the signed revocation of an approval: what is taken back, and what follows from it."""

from collections.abc import Sequence
from typing import Any

from approvals.models import Decision
from approvals.signed_content import SignedPart, digest_of, digests_of
from approvals.states import ChangeState, Meaning
from mlops_portal.foundation.people.models import User
from mlops_portal.foundation.web.words import time_text
from registry.models import Deployment
from registry.states import DeploymentState

UNUSED = (ChangeState.APPROVED, ChangeState.SCHEDULED)
DECIDE_WITHIN_HOURS = 24


def record_parts(decision: Decision) -> tuple[SignedPart, ...]:
    """Return the parts that the records give."""
    change = decision.change
    version = change.version
    serving = list(
        Deployment.objects.filter(version_id=change.version_id, state=DeploymentState.LIVE)
        .select_related("environment")
        .order_by("environment__name", "pk")
        if change.version_id
        else []
    )
    here = any(row.environment_id == change.environment_id for row in serving)
    return (
        SignedPart(
            "decision",
            "The approval",
            {
                "id": decision.pk,
                "stage": decision.stage.key,
                "verdict": decision.verdict,
                "meaning": decision.meaning,
                "signer": decision.signer_id,
                "decided_at": decision.decided_at,
                "digest": decision.decision_digest,
            },
            (
                f"{decision.act_word} at {decision.stage.title}, as “{decision.get_meaning_display().lower()}”",
                f"Signed by {decision.signer.name}, {time_text(decision.decided_at)}",
                f"Decision digest {decision.decision_digest}",
            ),
        ),
        SignedPart(
            "dossier",
            "The dossier",
            {"request": change.code, "number": decision.dossier_number, "digest": decision.dossier_digest},
            (f"{change}, revision {decision.dossier_number}", f"Dossier digest {decision.dossier_digest}"),
        ),
        SignedPart(
            "service",
            "The version, and where it runs now",
            {
                "version": [change.model_id, version.number if version else None],
                "runs": [[row.pk, row.environment_id] for row in serving],
            },
            (
                str(version) if version else "About no version",
                *(f"Serves in {row.environment.name}" for row in serving),
                *([] if serving else ["Runs nowhere"]),
            ),
        ),
        SignedPart(
            "effect", "What follows", {"state": change.state, "runs_here": here}, _effects(decision, here)
        ),
    )


def _effects(decision: Decision, runs_here: bool) -> tuple[str, ...]:
    change = decision.change
    if change.state == ChangeState.IN_REVIEW:
        return (f"“{decision.stage.title}” opens again, and the stages after it wait for it.",)
    found = []
    if change.state in UNUSED:
        found.append(f"{change.code} is revoked before it was carried out; it is not started any more.")
    if runs_here:
        found.append(
            f"A lapse opens: within {DECIDE_WITHIN_HOURS} hours the version is kept under a waiver, rolled back or "
            "suspended."
        )
    return tuple(found) or ("The request is marked as revoked; nothing runs on it any more.",)


def statement_of(decision: Decision, parts: Sequence[SignedPart], reason: str, *, by: User) -> dict[str, Any]:
    """Return exactly what the signature covers."""
    return {
        "revokes": decision.signature.digest,
        "content": digest_of(parts),
        "parts": digests_of(parts),
        "meaning": Meaning.CLOSE.value,
        "reason": reason,
        "signer": str(by.pk),
    }
