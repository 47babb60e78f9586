"""The documents of what runs today, scored anew (kpis.md 1.10): unlike the gate view it rises with later documents."""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from approvals.evaluation import STRICTEST_TIER
from approvals.facts import Subject, facts
from approvals.policy.gates import DERIVED_FROM, derived_facts
from approvals.policy_in_force import policy_in_force
from kpis.collectors import production, version_names
from kpis.formulas.completeness import DocumentedVersion, documentation_stock
from kpis.results import SMALL_SAMPLE
from kpis.scopes import Scope
from kpis.windows import Window
from kpis.words import share_text
from mlops_portal.foundation.web.words import share_figure
from registry.models import Deployment, ModelVersion
from registry.states import DeploymentState

SCORE = "document_score"
MOST = 1000  # versions read for one page
LISTED = 8


@dataclass(frozen=True, slots=True)
class StockRow:
    """One tier, or all: versions in production, their mean score and how many reach what the tier asks."""

    label: str
    count: int
    mean: str
    reach: int
    is_small: bool


@dataclass(frozen=True, slots=True)
class Lacking:
    """One version that lacks documents."""

    version: ModelVersion
    score: str


@dataclass(frozen=True, slots=True)
class Stock:
    """What runs today by tier, and what lacks most."""

    rows: Sequence[StockRow] = ()
    lacking: Sequence[Lacking] = ()
    lacking_count: int = 0
    is_too_large: bool = False


def documents_today(scope: Scope, window: Window, *, now: datetime) -> Stock | None:
    """Score the documents of every version in production now; None while no policy says what is needed."""
    policy = policy_in_force(now)
    if policy is None:
        return None
    rows = scope.narrow(Deployment.objects).filter(production(), state=DeploymentState.LIVE)
    if scope.tiers:
        rows = rows.filter(model__tier__in=scope.tiers)
    live = list(rows.order_by().values_list("version_id", "model_id", "model__tier").distinct()[: MOST + 1])
    if len(live) > MOST:
        return Stock(is_too_large=True)
    subjects = {
        Subject(kind="deploy", model_id=model, tier=tier or STRICTEST_TIER, version_id=version): tier
        for version, model, tier in live
    }
    answers = facts.resolve(DERIVED_FROM[SCORE], list(subjects), now=now) if subjects else {}
    scores: dict[int, dict[str, float | None]] = defaultdict(dict)
    for subject in subjects:
        derived = derived_facts(policy.document, tier=subject.tier, observations=answers[subject])
        found = derived.get(SCORE)
        score = found.value if found and isinstance(found.value, int | float) else None
        scores[subject.tier][str(subject.version_id)] = score
    needed = policy.document.document_threshold
    groups = [(f"Tier {tier}", {tier: scores[tier]}) for tier in sorted(scores)]
    table = [_row(label, part, needed, window) for label, part in [*groups, ("All", dict(scores))]]
    below = sorted(
        (score or 0.0, key)
        for tier, part in scores.items()
        for key, score in part.items()
        if (score or 0.0) < needed[tier]
    )
    names = version_names(int(key) for _, key in below[:LISTED])
    lacking = [Lacking(names[key], share_figure(score)) for score, key in below[:LISTED]]
    return Stock(table, lacking, len(below))


def _row(
    label: str, part: dict[int, dict[str, float | None]], needed: Mapping[int, float], window: Window
) -> StockRow:
    versions = [
        DocumentedVersion(id=key, score=score) for found in part.values() for key, score in found.items()
    ]
    result = documentation_stock(versions, window)
    reach = sum((score or 0.0) >= needed[tier] for tier, found in part.items() for score in found.values())
    mean = "no data" if result.value is None else share_text(result.value)
    return StockRow(label, len(versions), mean, reach, result.n < SMALL_SAMPLE)
