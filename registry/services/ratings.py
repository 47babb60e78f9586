"""Risk ratings: answered by one, approved by another of the second line (RULES 1.6)."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from mlops_portal.foundation.errors import invalid
from mlops_portal.foundation.history import save_as
from mlops_portal.foundation.locks import lock
from mlops_portal.foundation.operations import operation
from mlops_portal.foundation.people.models import User
from mlops_portal.foundation.people.rights import require
from mlops_portal.foundation.rules import refuse_if
from registry import policies
from registry.events import tell
from registry.models import RegisteredModel, RiskAssessment
from registry.questionnaire import load_questionnaire, rate
from registry.services.governance import governance_evaluate
from registry.services.living import lock_living
from registry.states import EuAiClass, ReviewState


@operation
def rating_propose(
    *,
    model: RegisteredModel,
    answers: Mapping[str, Any],
    by: User | None,
    now: datetime,
    eu_ai_class: str = "",
    eu_ai_class_rationale: str = "",
    rationale: str = "",
    questionnaire: str = "inherent-risk",
    revision: int = 1,
    proposed_by: User | None = None,
) -> RiskAssessment:
    """Answer the questionnaire; score and tier follow. Another person of the second line approves it.

    Raises:
        Invalid: each question that is wrong or open.
        RuleViolation: a rating awaits approval already.
    """
    model = lock_living(model.pk)
    require(by, "registry.rate", unit_id=model.unit_id, model_id=model.pk)
    proposer = by or proposed_by
    if proposer is None:
        raise invalid("proposed_by", "A rating names the person who proposes it.")
    refuse_if(policies.rating_proposal_blockers(model))
    if eu_ai_class not in EuAiClass.values:
        raise invalid("eu_ai_class", f"There is no class {eu_ai_class}.")
    if eu_ai_class and not eu_ai_class_rationale.strip():
        raise invalid("eu_ai_class_rationale", "Say why this class applies.")
    try:
        asked = load_questionnaire(questionnaire, revision)
    except FileNotFoundError:
        raise invalid("questionnaire", f"There is no questionnaire {questionnaire} {revision}.") from None
    result = rate(asked, answers)
    rating = RiskAssessment(
        model=model,
        unit_id=model.unit_id,
        questionnaire=result.questionnaire,
        questionnaire_revision=result.revision,
        answers=dict(result.answers),
        dimensions=dict(result.dimensions),
        score=result.score,
        tier=result.tier,
        eu_ai_class=eu_ai_class,
        eu_ai_class_rationale=eu_ai_class_rationale,
        rationale=rationale or " ".join(result.reasons),
        proposed_by=proposer,
        proposed_at=now,
    )
    save_as(rating, by=by, now=now, reason="Rating proposed")
    tell(
        "rating_proposed",
        rating,
        by=by,
        now=now,
        tier=rating.tier,
        score=rating.score,
        eu_ai_class=eu_ai_class,
    )
    return rating


@operation
def rating_decide(
    *, rating: RiskAssessment, approve: bool, by: User, now: datetime, note: str = ""
) -> RiskAssessment:
    """Approve or decline a rating as the second person. Approval sets tier and class and supersedes the earlier rating.

    Raises:
        RuleViolation: decided already, or by the proposer, owner or developer.
    """
    model = lock_living(rating.model_id)
    rating = lock(RiskAssessment.objects.select_related("model", "proposed_by"), rating.pk)
    require(by, "registry.approve_rating", unit_id=model.unit_id, model_id=model.pk)
    refuse_if(policies.rating_decision_blockers(rating, by=by))
    if not approve and not note.strip():
        raise invalid("note", "Say why the rating is declined.")
    if approve:
        _supersede(model, by=by, now=now)
    rating.state = ReviewState.APPROVED if approve else ReviewState.DECLINED
    rating.decided_by, rating.decided_at, rating.note = by, now, note
    decided = ["state", "decided_by", "decided_at", "note"]
    save_as(rating, by=by, now=now, reason=note or "Rating decided", fields=decided)
    if not approve:
        tell("rating_declined", rating, by=by, now=now, note=note)
        return rating
    before = model.tier
    if before != rating.tier or model.tier_since is None:
        model.tier_since = now
    model.tier, model.eu_ai_class = rating.tier, rating.eu_ai_class
    model.eu_ai_class_rationale, model.updated_at = rating.eu_ai_class_rationale, now
    changed = ["tier", "tier_since", "eu_ai_class", "eu_ai_class_rationale", "updated_at"]
    save_as(model, by=by, now=now, reason="Rating approved", fields=changed)
    tell(
        "rating_approved",
        rating,
        by=by,
        now=now,
        before=before,
        tier=rating.tier,
        eu_ai_class=rating.eu_ai_class,
    )
    governance_evaluate(model=model, by=by, now=now)
    return rating


def _supersede(model: RegisteredModel, *, by: User, now: datetime) -> None:
    for earlier in RiskAssessment.objects.filter(model=model, state=ReviewState.APPROVED).order_by("pk"):
        earlier.state = ReviewState.SUPERSEDED
        save_as(earlier, by=by, now=now, reason="Superseded by a newer rating", fields=["state"])
