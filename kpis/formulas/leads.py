"""Lead time from development to production, with the stages that add up to it."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import pairwise
from math import fsum

from kpis.results import HOUR, Note, Open, Result, Scale, durations
from kpis.statistics import median
from kpis.windows import Window

LEAD_TIME = "lead_time"
LEAD_TIME_VERSION = "lead_time/2"
STAGES = ("build", "validate", "approve", "wait", "deploy")
Split = tuple[timedelta | None, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Lead:
    """The way of one change to production.

    ``started_at`` is the first commit's authored time for code or a prompt, the start of the promoted training run
    for a retrain, the registration for a vendor model; for the series "idea to production" it is the submission of
    the intake. ``deployed_at`` holds the finish of every success, in any order: the first one counts.
    """

    id: str
    started_at: datetime | None
    deployed_at: tuple[datetime, ...] = ()
    validation_started_at: datetime | None = None
    submitted_at: datetime | None = None
    approved_at: datetime | None = None
    deployment_started_at: datetime | None = None
    is_test: bool = False

    @property
    def first_deployed_at(self) -> datetime | None:
        return min(self.deployed_at, default=None)

    @property
    def marks(self) -> tuple[datetime | None, ...]:
        """Ends of all stages but the last."""
        return (self.validation_started_at, self.submitted_at, self.approved_at, self.deployment_started_at)


def lead_time(
    leads: Iterable[Lead], window: Window, *, as_of: datetime, scale: Scale | None = None
) -> Result:
    """Return the median lead time of changes first deployed in the window.

    A lead time of zero or less is an error in the data and does not count. Changes not yet deployed would pull the
    median down if only the quick ones are known, so they are listed with their age instead.
    """
    spans: dict[str, timedelta] = {}
    errors, excluded, ageing = [], [], []
    splits: list[Split] = []
    for lead in leads:
        end = lead.first_deployed_at
        if lead.is_test:
            excluded.append(Note(lead.id, "test"))
        elif end is None or end > as_of:
            if lead.started_at is not None and lead.started_at <= as_of:
                ageing.append(Open(lead.id, lead.started_at, as_of - lead.started_at))
        elif end not in window:
            continue
        elif lead.started_at is None:
            errors.append(Note(lead.id, "no start is recorded"))
        elif end <= lead.started_at:
            errors.append(Note(lead.id, "deployed before or when it started"))
        else:
            spans[lead.id] = end - lead.started_at
            splits.append(stage_split(lead.started_at, lead.marks, end))
    return durations(
        kpi=LEAD_TIME,
        version=LEAD_TIME_VERSION,
        window=window,
        spans=spans,
        scale=scale,
        ageing=ageing,
        data_errors=tuple(errors),
        excluded=tuple(excluded),
        detail={
            "stages": [_stage(at, name, splits) for at, name in enumerate(STAGES)],
            "untold_hours": fsum(
                _untold(span, split) for span, split in zip(spans.values(), splits, strict=True)
            ),
            "hours": [span / HOUR for span in spans.values()],
        },
    )


def stage_split(start: datetime, marks: Sequence[datetime | None], end: datetime) -> Split:
    """Split ``end - start`` at the marks; with all of them recorded the parts add up to the whole.

    Beside a mark that is missing two stages cannot be told apart, so neither gets a time: zero would say that it took
    none, and the other would look as slow as both. A mark out of order is pulled back between its neighbours.
    """
    reached, edges = start, []
    for edge in (start, *marks, end):
        if edge is not None:
            reached = min(max(edge, reached), end)
        edges.append(None if edge is None else reached)
    return tuple(None if begun is None or done is None else done - begun for begun, done in pairwise(edges))


@dataclass(frozen=True, slots=True)
class StageTime:
    """How long one stage took, over the ``n`` changes of which both of its marks were recorded."""

    name: str
    n: int
    median: float | None
    hours: float


def _stage(at: int, name: str, splits: Sequence[Split]) -> StageTime:
    hours = [part / HOUR for split in splits if (part := split[at]) is not None]
    return StageTime(name, len(hours), median(hours), fsum(hours))


def _untold(span: timedelta, split: Split) -> float:
    """Return the hours of a change that belong to no stage for certain."""
    return (span - sum((part for part in split if part is not None), timedelta())) / HOUR
