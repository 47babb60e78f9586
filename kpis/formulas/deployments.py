"""Deployment frequency and change failure rate, over logical production deployments."""

from bisect import bisect_left
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any, cast

from kpis.results import NO_DATA, Note, Result, Scale, ratio
from kpis.statistics import median
from kpis.windows import Window, calendar_months, iso_weeks, local_day

FREQUENCY = "deployment_frequency"
FREQUENCY_VERSION = "deployment_frequency/1"
FAILURE_RATE = "change_failure_rate"
FAILURE_RATE_VERSION = "change_failure_rate/1"

SUCCEEDED = "succeeded"
FAILED = "failed"
ABORTED = "aborted"

ROLLBACK = "rollback"
HOTFIX = "hotfix"
REPAIRS = frozenset({ROLLBACK, HOTFIX, "patch"})

ATTRIBUTION_DAYS = 7
QUALITY_ATTRIBUTION_DAYS = 30
FULL_TRAFFIC = 100


@dataclass(frozen=True, slots=True, kw_only=True)
class Deployment:
    """One recorded deployment row.

    ``result`` is succeeded, failed (after it took traffic) or aborted (before, or at the first approved step).
    Rows of one pipeline that fans out share ``batch``; the steps of one canary release share ``release``.
    """

    id: str
    target: str
    finished_at: datetime | None
    result: str = SUCCEEDED
    kind: str = "normal"
    batch: str = ""
    release: str = ""
    traffic: int = FULL_TRAFFIC
    is_production: bool = True
    is_test: bool = False
    repairs: str = ""


@dataclass(frozen=True, slots=True)
class LogicalDeployment:
    """What people call one deployment: all rows of a batch, all steps of a canary.

    ``live`` says from when it ran on each target: a batch that fans out reaches them one after the other.
    """

    id: str
    rows: tuple[str, ...]
    targets: frozenset[str]
    live: tuple[tuple[str, datetime], ...]
    finished_at: datetime
    result: str
    kind: str
    repairs: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Incident:
    """An incident and the deployment that caused it, if one did."""

    id: str
    detected_at: datetime
    caused_by: str = ""
    is_duplicate: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Intervention:
    """A suspension, patch or rollback that is not itself a deployment row.

    ``of`` names the deployment it answers; without it the latest successful one on ``target`` is meant.
    """

    id: str
    at: datetime
    target: str = ""
    of: str = ""
    is_quality_fault: bool = False


def logical_deployments(rows: Iterable[Deployment]) -> tuple[list[LogicalDeployment], list[Note]]:
    """Fold rows into logical deployments, oldest first, and note the rows that are out of scope and why."""
    groups: dict[tuple[str, str], list[Deployment]] = defaultdict(list)
    notes = []
    for row in rows:
        if reason := _out_of_scope(row):
            notes.append(Note(row.id, reason))
        else:
            groups[_group_key(row)].append(row)
    folded = [_fold(group) for group in groups.values()]
    return sorted(folded, key=lambda item: (item.finished_at, item.id)), notes


def _out_of_scope(row: Deployment) -> str:
    if row.is_test:
        return "test"
    if not row.is_production:
        return "not production"
    if row.finished_at is None:
        return "not finished"
    return ""


def _group_key(row: Deployment) -> tuple[str, str]:
    if row.batch:
        return ("batch", row.batch)
    if row.release:
        return ("release", row.release)
    return ("row", row.id)


def _fold(group: Sequence[Deployment]) -> LogicalDeployment:
    """Date a batch by its last success, a canary by its first step at full traffic, else by its last step."""
    ordered = sorted(group, key=lambda row: (row.finished_at, row.id))
    successes = [row for row in ordered if row.result == SUCCEEDED]
    chosen = (successes or [row for row in ordered if row.result == FAILED] or ordered)[-1]
    if not chosen.batch and chosen.release:
        full = [row for row in successes if row.traffic >= FULL_TRAFFIC]
        if full:
            chosen = full[0]
        elif ordered[-1].result != SUCCEEDED:
            chosen = ordered[-1]
    return LogicalDeployment(
        id=chosen.batch or chosen.release or chosen.id,
        rows=tuple(row.id for row in ordered),
        targets=frozenset(row.target for row in ordered),
        live=tuple((row.target, row.finished_at) for row in successes if row.finished_at),
        finished_at=cast("datetime", chosen.finished_at),  # unfinished rows are out of scope
        result=chosen.result,
        kind=chosen.kind,
        repairs=next((row.repairs for row in ordered if row.repairs), ""),
    )


class Running:
    """Answers which deployment was running on a target at an instant: the last to have succeeded there before."""

    def __init__(self, deployments: Iterable[LogicalDeployment]) -> None:
        self._by_target: dict[str, list[tuple[datetime, LogicalDeployment]]] = defaultdict(list)
        for item in deployments:
            for target, since in item.live:
                self._by_target[target].append((since, item))
        for successes in self._by_target.values():
            successes.sort(key=lambda pair: (pair[0], pair[1].id))

    def at(self, instant: datetime, target: str) -> LogicalDeployment | None:
        """Return the deployment running on ``target`` just before ``instant``; None when nothing was."""
        successes = self._by_target.get(target, [])
        position = bisect_left(successes, instant, key=lambda pair: pair[0])
        return successes[position - 1][1] if position else None


# Deployment frequency


def deployment_frequency(
    rows: Iterable[Deployment],
    window: Window,
    *,
    live_since: datetime | None,
    with_rollbacks: bool = False,
) -> Result:
    """Count successful logical production deployments per week.

    ``live_since`` is when the first model of the scope went live; None, or a time after the window, means that
    there was nothing that could have been deployed, so the answer is no data rather than zero. The result never has
    a band: stability is no fault, and the pace in ``detail`` is to be read beside the change failure rate.
    """
    folded, notes = logical_deployments(rows)
    in_window = [item for item in folded if item.finished_at in window]
    rollbacks = [item for item in in_window if item.result == SUCCEEDED and item.kind == ROLLBACK]
    counted = [
        item for item in in_window if item.result == SUCCEEDED and (with_rollbacks or item.kind != ROLLBACK)
    ]
    not_successful = [Note(item.id, item.result) for item in in_window if item.result != SUCCEEDED]
    if live_since is None or live_since >= window.end or window.start == window.end:
        return Result(
            kpi=FREQUENCY,
            version=FREQUENCY_VERSION,
            unit="per week",
            window=window,
            reason=NO_DATA,
            excluded=(*notes, *not_successful),
        )
    lived = window.from_instant(live_since)
    weeks = max(lived.weeks, 1.0) if live_since > window.start else lived.weeks
    days = {local_day(item.finished_at, window.zone) for item in counted}
    if live_since > window.start:
        born = local_day(live_since, window.zone)
        weeks_of = lived.opened(born - timedelta(days=born.weekday()))
        months_of = lived.opened(born.replace(day=1))
    else:
        weeks_of = months_of = window
    per_week = _days_per_bucket(days, iso_weeks(weeks_of))
    per_month = _days_per_bucket(days, calendar_months(months_of))
    return Result(
        kpi=FREQUENCY,
        version=FREQUENCY_VERSION,
        unit="per week",
        window=window,
        value=len(counted) / weeks,
        n=len(counted),
        numerator=len(counted),
        denominator=weeks,
        counted=tuple(item.id for item in counted),
        hits=tuple(item.id for item in counted),
        excluded=(*notes, *not_successful),
        detail={
            "median_days_per_week": median(per_week),
            "median_days_per_month": median(per_month),
            "days_per_week": tuple(per_week),
            "pace": pace(per_week, per_month),
            "rollbacks": tuple(item.id for item in rollbacks),
        },
    )


def pace(days_per_week: Sequence[int], days_per_month: Sequence[int] = ()) -> str | None:
    """Read deployment days by the field's rule: the median week first, then the median month."""
    typical_week, typical_month = median(days_per_week), median(days_per_month)
    if typical_week is None:
        return None
    if typical_week >= 3:
        return "daily"
    if typical_week >= 1:
        return "weekly"
    if typical_month is not None and typical_month >= 1:
        return "monthly"
    return "rarer"


def _days_per_bucket(days: Iterable[date], buckets: Sequence[Window]) -> list[int]:
    edges = [
        (local_day(bucket.start, bucket.zone), local_day(bucket.end - timedelta.resolution, bucket.zone))
        for bucket in buckets
    ]
    return [sum(first <= day <= last for day in days) for first, last in edges]


# Change failure rate


def change_failure_rate(
    rows: Iterable[Deployment],
    window: Window,
    *,
    as_of: datetime,
    incidents: Iterable[Incident] = (),
    interventions: Iterable[Intervention] = (),
    attribution_days: int = ATTRIBUTION_DAYS,
    quality_attribution_days: int = QUALITY_ATTRIBUTION_DAYS,
    scale: Scale | None = None,
) -> Result:
    """Share of deployments that needed immediate intervention; each counts once, whatever it caused.

    A deployment that failed after taking traffic needed intervention by definition. One aborted before counts
    neither way. Deployments younger than ``attribution_days`` may still fail: ``parts["matured"]`` leaves them out.
    """
    folded, notes = logical_deployments(rows)
    population = [
        item
        for item in folded
        if item.finished_at in window and item.result in {SUCCEEDED, FAILED} and item.kind != ROLLBACK
    ]
    reach = {False: timedelta(days=attribution_days), True: timedelta(days=quality_attribution_days)}
    causes = _failure_causes(
        folded, as_of=as_of, incidents=incidents, interventions=interventions, reach=reach
    )
    counted = {item.id for item in population}
    left_out = [
        Note(item.id, "rollback" if item.kind == ROLLBACK else item.result)
        for item in folded
        if item.finished_at in window and item.id not in counted
    ]
    matured = [item for item in population if as_of - item.finished_at >= reach[False]]
    common: dict[str, Any] = {"kpi": FAILURE_RATE, "version": FAILURE_RATE_VERSION, "window": window}
    young = tuple(item.id for item in population if as_of - item.finished_at < reach[False])
    return ratio(
        **common,
        hits=[item.id for item in population if item.id in causes],
        counted=[item.id for item in population],
        scale=scale,
        excluded=(*notes, *left_out),
        parts={
            "matured": ratio(
                **common,
                hits=[item.id for item in matured if item.id in causes],
                counted=[item.id for item in matured],
                scale=scale,
            )
        },
        detail={"immature": young, "causes": {key: tuple(found) for key, found in causes.items()}},
    )


def _failure_causes(
    folded: Sequence[LogicalDeployment],
    *,
    as_of: datetime,
    incidents: Iterable[Incident],
    interventions: Iterable[Intervention],
    reach: Mapping[bool, timedelta],
) -> dict[str, list[str]]:
    """Map each failed logical deployment to what shows that it failed."""
    by_row = {row: item for item in folded for row in (item.id, *item.rows)}
    running = Running(folded)
    causes: dict[str, list[str]] = defaultdict(list)
    for item in folded:
        if item.result == FAILED:
            causes[item.id].append("failed after taking traffic")
    for incident in incidents:
        cause = by_row.get(incident.caused_by)
        if cause and not incident.is_duplicate and incident.detected_at <= as_of:
            causes[cause.id].append(f"incident {incident.id}")
    for intervention in (*interventions, *_repairs_among(folded)):
        if intervention.at > as_of:
            continue
        named = intervention.of
        answered = by_row.get(named) if named else running.at(intervention.at, intervention.target)
        if (
            answered
            and timedelta(0) <= intervention.at - answered.finished_at <= reach[intervention.is_quality_fault]
        ):
            causes[answered.id].append(f"intervention {intervention.id}")
    return causes


def _repairs_among(folded: Iterable[LogicalDeployment]) -> list[Intervention]:
    """Read rollbacks and hot fixes, which are deployments themselves, as interventions on what they repaired."""
    return [
        Intervention(id=item.id, at=item.finished_at, target=target, of=item.repairs)
        for item in folded
        if item.kind in REPAIRS and item.result == SUCCEEDED
        for target in sorted(item.targets)
    ]
