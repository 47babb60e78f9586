"""Completeness of deployment documentation: at the gate, and of what runs today."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime

from kpis.results import NO_DATA, Note, Result, Scale, ratio
from kpis.statistics import mean, median, percentile
from kpis.windows import Window

COMPLETENESS = "documentation_completeness"
COMPLETENESS_VERSION = "documentation_completeness/1"

BY_LAW = 3
BY_TIER = 2
RECOMMENDED = 1

PLACEHOLDER_BELOW = 40
APPROVED = "approved"
ABSENT, PARTIAL, COMPLETE = 0.0, 0.5, 1.0

THRESHOLDS: Mapping[int, float] = {1: 1.0, 2: 1.0, 3: 0.9, 4: 0.75}


@dataclass(frozen=True, slots=True, kw_only=True)
class Section:
    """One section of a version's documentation with its weight and its quality between 0 and 1."""

    name: str
    weight: int
    quality: float
    is_applicable: bool = True
    reason: str = ""
    approver: str = ""

    @property
    def counts(self) -> bool:
        """Whether it stays in the score: only a reasoned and approved "not applicable" leaves."""
        return self.is_applicable or not (self.reason.strip() and self.approver)


@dataclass(frozen=True, slots=True, kw_only=True)
class DocumentedDeployment:
    """One logical production deployment and the score frozen when it started; None when none was kept.

    ``threshold`` is the one frozen with the score; without it the house's for the tier holds, the strictest for a
    model without a tier.
    """

    id: str
    finished_at: datetime
    tier: int | None
    score: float | None
    threshold: float | None = None
    is_test: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class DocumentedVersion:
    """One version in production at the end of the window and its score then."""

    id: str
    score: float | None


def section_quality(
    text: str,
    *,
    state: str,
    updated_at: datetime | None,
    version_created_at: datetime,
    template: str = "",
    confirmed_for_version: bool = False,
) -> float:
    """Grade one section: 0 absent or placeholder, 0.5 draft or older than the version, 1 approved and current."""
    words = " ".join(text.split())
    if len(words) < PLACEHOLDER_BELOW or words == " ".join(template.split()):
        return ABSENT
    is_current = confirmed_for_version or (updated_at is not None and updated_at >= version_created_at)
    return COMPLETE if state == APPROVED and is_current else PARTIAL


def completeness_score(sections: Iterable[Section]) -> float | None:
    """Return the weighted mean quality of the applicable sections; None when no section applies."""
    counted = [section for section in sections if section.counts]
    weight = sum(section.weight for section in counted)
    if weight == 0:
        return None
    return sum(section.weight * section.quality for section in counted) / weight


def documentation_gate(
    deployments: Iterable[DocumentedDeployment],
    window: Window,
    *,
    thresholds: Mapping[int, float] = THRESHOLDS,
    scale: Scale | None = None,
) -> Result:
    """Share of deployments in the window whose documents were complete enough for their tier when they started.

    Documents added later do not change it. A deployment without a frozen score did not pass: no proof, no pass.
    """
    hits, counted, errors, excluded = [], [], [], []
    for row in deployments:
        if row.finished_at not in window:
            continue
        if row.is_test:
            excluded.append(Note(row.id, "test"))
            continue
        counted.append(row.id)
        if row.score is None:
            errors.append(Note(row.id, "no score was kept at deployment"))
        elif row.score >= _threshold(row, thresholds):
            hits.append(row.id)
    return ratio(
        kpi=COMPLETENESS,
        version=COMPLETENESS_VERSION,
        window=window,
        hits=hits,
        counted=counted,
        scale=scale,
        data_errors=tuple(errors),
        excluded=tuple(excluded),
    )


def _threshold(row: DocumentedDeployment, thresholds: Mapping[int, float]) -> float:
    if row.threshold is not None:
        return row.threshold
    strictest = max(thresholds.values())
    return strictest if row.tier is None else thresholds.get(row.tier, strictest)


def documentation_stock(
    versions: Iterable[DocumentedVersion], window: Window, *, scale: Scale | None = None
) -> Result:
    """Return the mean score of the versions in production at the end of the window."""
    known, excluded = {}, []
    for row in versions:
        if row.score is None:
            excluded.append(Note(row.id, "no section applies"))
        else:
            known[row.id] = row.score
    scores = list(known.values())
    value = mean(scores)
    return Result(
        kpi=COMPLETENESS,
        version=COMPLETENESS_VERSION,
        unit="score",
        window=window,
        value=value,
        n=len(scores),
        numerator=sum(scores) if scores else None,
        denominator=len(scores),
        band=scale.band(value, len(scores)) if scale else None,
        reason=None if scores else NO_DATA,
        p50=median(scores),
        p90=percentile(scores, 0.9),
        mean=value,
        counted=tuple(known),
        excluded=tuple(excluded),
    )
