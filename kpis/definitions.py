"""The registry of KPIs: what each says, how it is computed, what it leaves out, and whether it may be judged.

Limits are the house's defaults; a dated target approved by two people overrides them (``KpiTarget``). Deployment
frequency has neither target nor band, because a governed model that is stable should not deploy often; it is only
ever shown with the change failure rate beside it.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field

from kpis.formulas import approval_time, completeness, deployments, leads
from kpis.results import Scale, green_amber

DAY = 24.0
DAYS = "days"
LOWER, HIGHER, NEITHER = "lower", "higher", "neither"


@dataclass(frozen=True, slots=True, kw_only=True)
class Kpi:
    """One KPI as people read it. ``scales`` gives default limits by tier; key None holds for every tier.

    ``shown_in`` is what people read and type it in, when that is not its unit.
    """

    name: str
    label: str
    unit: str
    direction: str
    sentence: str
    formula: str
    exclusions: tuple[str, ...]
    source: str
    version: str
    shown_in: str = ""
    has_target: bool = True
    scales: Mapping[int | None, Scale] = field(default_factory=dict)
    beside: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        if not self.has_target and self.scales:
            raise ValueError(f"{self.name}: a KPI without a target has no band either")

    def scale(self, tier: int | None) -> Scale | None:
        """Return the default limits for one tier; for a mix of tiers only limits that hold for all of them."""
        return self.scales.get(tier, self.scales.get(None))


_REGISTRY: dict[str, Kpi] = {}


def register(kpi: Kpi) -> Kpi:
    """Add a KPI; a second one of the same name is a mistake."""
    if kpi.name in _REGISTRY:
        raise ValueError(f"KPI {kpi.name!r} is registered twice")
    _REGISTRY[kpi.name] = kpi
    return kpi


def get(name: str) -> Kpi:
    """Return the KPI of that name; raises KeyError."""
    return _REGISTRY[name]


def every() -> tuple[Kpi, ...]:
    """Return all KPIs in the order of their registration."""
    return tuple(_REGISTRY.values())


DEPLOYMENT_FREQUENCY = register(
    Kpi(
        name=deployments.FREQUENCY,
        label="Deployment frequency",
        unit="per week",
        direction=NEITHER,
        sentence="How often a new model version, retrain, prompt or behaviour-changing configuration reaches production.",
        formula="logical production deployments that succeeded ÷ weeks in the window",
        exclusions=(
            "rollbacks (counted apart)",
            "failed deployments and those aborted before traffic",
            "sandboxes and tests",
        ),
        source="DORA; Apache DevLake's rule for logical deployments",
        version=deployments.FREQUENCY_VERSION,
        has_target=False,
        beside=(deployments.FAILURE_RATE,),
    )
)

LEAD_TIME = register(
    Kpi(
        name=leads.LEAD_TIME,
        label="Lead time to production",
        unit="hours",
        shown_in=DAYS,
        direction=LOWER,
        sentence="Time from the first commit, training run or registration of a change to its first production deployment.",
        formula="median over changes first deployed in the window of deployment finished - change started",
        exclusions=(
            "changes not yet deployed (listed with their age)",
            "zero or negative times (listed as data errors)",
            "sandboxes and tests",
        ),
        source="DORA, windowed by deployment time; limits for governed models are the house's",
        version=leads.LEAD_TIME_VERSION,
        scales={
            1: green_amber(30 * DAY, 60 * DAY),
            2: green_amber(21 * DAY, 45 * DAY),
            3: green_amber(7 * DAY, 21 * DAY),
            4: green_amber(7 * DAY, 21 * DAY),
        },
    )
)

CHANGE_FAILURE_RATE = register(
    Kpi(
        name=deployments.FAILURE_RATE,
        label="Change failure rate",
        unit="ratio",
        direction=LOWER,
        sentence="Share of production deployments that needed immediate intervention.",
        formula="deployments with an incident, rollback, hot fix, patch or suspension in time ÷ deployments that took traffic",
        exclusions=(
            "pure rollbacks",
            "deployments aborted before traffic",
            "incidents without a causing deployment",
            "sandboxes and tests",
        ),
        source="Apache DevLake's form and cut-offs of 2023",
        version=deployments.FAILURE_RATE_VERSION,
        scales={None: Scale((("elite", 0.05), ("high", 0.10), ("medium", 0.15)), "low")},
    )
)

APPROVAL_CYCLE_TIME = register(
    Kpi(
        name=approval_time.APPROVAL_TIME,
        label="Approval cycle time",
        unit="hours",
        direction=LOWER,
        sentence="Time approvers owed a decision, per stage, and the whole time from submission to final decision.",
        formula="median over steps of answered - asked, less time with the requester; whole request: decided - submitted",
        exclusions=(
            "withdrawn requests",
            "standard changes decided by rule (kept apart)",
            "requests still open (listed with their age)",
        ),
        source="house; DORA's finding on external approval is the reason to show the change failure rate beside it",
        version=approval_time.APPROVAL_TIME_VERSION,
        scales={
            1: green_amber(120, 240),
            2: green_amber(72, 120),
            3: green_amber(24, 72),
            4: green_amber(24, 72),
        },
        beside=(deployments.FAILURE_RATE,),
    )
)

DOCUMENTATION_COMPLETENESS = register(
    Kpi(
        name=completeness.COMPLETENESS,
        label="Documentation completeness",
        unit="ratio",
        direction=HIGHER,
        sentence="Share of production deployments whose documents were complete for their tier when they started.",
        formula="deployments with score ≥ threshold of the tier at start ÷ production deployments in the window",
        exclusions=(
            "sections not applicable with reason and approver",
            "rollbacks (they release nothing new)",
            "sandboxes and tests",
        ),
        source="sections follow Annex IV of the EU AI Act; weights and limits are the house's",
        version=completeness.COMPLETENESS_VERSION,
        scales={None: green_amber(0.95, 0.85, lower_is_better=False)},
    )
)
