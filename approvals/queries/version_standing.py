"""How a version stands apart from any request: its documents against what its tier asks, and who validated it."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from approvals.evaluation import STRICTEST_TIER
from approvals.facts import Subject, facts
from approvals.models import Validation
from approvals.policy.gates import DERIVED_FROM, derived_facts
from approvals.policy_in_force import policy_in_force
from approvals.queries.validation_page import validations_of
from mlops_portal.foundation.people.models import User
from registry.models import ModelVersion

SCORE, MISSING = "document_score", "documents_missing"
SHOWN = 5


@dataclass(frozen=True, slots=True)
class DocumentStanding:
    """Completeness of a version's documents as the gates would see it now."""

    score: float
    needed: float
    tier: int
    is_rated: bool  # without a tier the strictest one is asked
    missing: Sequence[str]
    policy: str

    @property
    def reaches(self) -> bool:
        """Tell whether it is enough for the tier."""
        return self.score >= self.needed


def documents_of(version: ModelVersion, *, now: datetime) -> DocumentStanding | None:
    """Score the documents of a version; None while no policy says what is needed."""
    policy = policy_in_force(now)
    if policy is None:
        return None
    tier = version.model.tier or STRICTEST_TIER
    subject = Subject(kind="deploy", model_id=version.model_id, tier=tier, version_id=version.pk)
    answers = facts.resolve(DERIVED_FROM[SCORE], [subject], now=now)
    derived = derived_facts(policy.document, tier=tier, observations=answers[subject])
    score, missing = derived.get(SCORE), derived.get(MISSING)
    if score is None or not isinstance(score.value, int | float):
        return None
    titles = {section.id: section.title for section in policy.document.sections}
    keys = missing.value if missing is not None and isinstance(missing.value, tuple | list) else ()
    return DocumentStanding(
        float(score.value),
        policy.document.document_threshold[tier],
        tier,
        version.model.tier is not None,
        [titles.get(str(key), str(key)) for key in keys],
        policy.name,
    )


def validations_of_version(version: ModelVersion, user: User) -> list[Validation]:
    """Return the newest validations of a version with what is open in each."""
    return list(validations_of(version.model, user).filter(version=version)[:SHOWN])
