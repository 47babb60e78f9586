"""What goes into a signed override of governance: the model, what the facts say, and for how long it holds."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any

from approvals.signed_content import SignedPart, digest_of, digests_of
from approvals.states import Meaning
from mlops_portal.foundation.days import portal_day
from mlops_portal.foundation.people.models import User
from mlops_portal.foundation.web.words import day_text
from registry.applicability import applicability
from registry.models import RegisteredModel
from registry.queries.facts import facts_of, governance_facts
from registry.services.governance import OVERRIDE_DAYS
from registry.states import Governance

EFFECT = (
    "Until then one approver and no required documents are enough, and no request for production passes the gate "
    "GOV-02."
)


def record_parts(model: RegisteredModel, *, now: datetime) -> tuple[SignedPart, ...]:
    """Return the parts that the records give."""
    answer = applicability(governance_facts(model, facts_of([model], now=now)[model.pk]))
    until = portal_day(now + timedelta(days=OVERRIDE_DAYS))
    owner = f"Owned by {model.owner.name}" if model.owner else "Owned by nobody"
    return (
        SignedPart(
            "model",
            "Model",
            {"id": model.pk, "name": model.name, "unit": model.unit_id, "owner": model.owner_id},
            (str(model), f"{model.unit.name}. {owner}."),
        ),
        SignedPart(
            "tier", "Risk tier", model.tier, (f"Tier {model.tier}" if model.tier else "No approved rating",)
        ),
        SignedPart(
            "facts",
            "What the facts say",
            {"governance": answer.governance, "rationale": list(answer.rationale)},
            (f"Governance is {Governance(answer.governance).label.lower()}", *answer.rationale),
        ),
        SignedPart(
            "period",
            "What the override does",
            {"governance": Governance.OPTIONAL, "days": OVERRIDE_DAYS, "until": until},
            (f"Governance is optional for {OVERRIDE_DAYS} days, until {day_text(until)}", EFFECT),
        ),
    )


def statement_of(
    model: RegisteredModel, parts: Sequence[SignedPart], reason: str, *, by: User
) -> dict[str, Any]:
    """Return exactly what the signature covers."""
    return {
        "overrides_governance_of": model.pk,
        "content": digest_of(parts),
        "parts": digests_of(parts),
        "meaning": Meaning.ACCEPT_RISK.value,
        "reason": reason,
        "signer": str(by.pk),
    }
