"""The rows behind the numbers, in a fixed number of statements whatever the scope.

Deployments feed frequency, failure rate, lead time and documentation; change requests with their stages feed the
approval time. Tiers are those decided at the time. Incidents have no intake yet: what shows a failure are rollbacks,
hot fixes and suspensions, and the pages say so.
"""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Any

from django.db.models import Count, Exists, Max, Min, OuterRef, Q, Value
from django.db.models.fields import BooleanField
from django.db.models.functions import Coalesce

from approvals.models import ChangeRequest, Decision, Execution, Stage, Validation
from approvals.states import OPEN_STATES, ChangeClass, ChangeKind, ChangeState, Verdict
from kpis import definitions
from kpis.formulas import Change, Deployment, DocumentedDeployment, Intervention, Lead, Step
from kpis.formulas.approval_time import APPROVED, REJECTED, WITHDRAWN
from kpis.formulas.deployments import ABORTED, FAILED, QUALITY_ATTRIBUTION_DAYS, SUCCEEDED
from kpis.scopes import Scope, production
from kpis.windows import Window
from registry.models import Deployment as DeploymentRow
from registry.models import ModelVersion
from registry.states import DeploymentKind, DeploymentState, Origin

UNFINISHED = (DeploymentState.IN_PROGRESS, DeploymentState.FAILED, DeploymentState.ABORTED)
RESULTS = {DeploymentState.FAILED: FAILED, DeploymentState.ABORTED: ABORTED}
DECIDED_BY_RULE = frozenset({ChangeClass.FAST, ChangeClass.CONTAINMENT})
ROLLOUTS = (ChangeKind.DEPLOY, ChangeKind.PROMOTE, ChangeKind.RETRAIN)
TIER = Coalesce("tier", "model__tier")  # as it was decided; rows from before that was kept have the model's
Marks = Mapping[int, tuple[datetime | None, datetime | None]]  # when a request was filed and decided
NO_INCIDENT_INTAKE = "no incident intake connected"


@dataclass(frozen=True, slots=True, kw_only=True)
class Fact:
    """One production deployment with everything that any KPI asks of it."""

    row: Deployment
    finished_at: datetime
    pk: int
    unit_id: int
    model_id: int
    version_id: int
    tier: int | None
    kind: str
    change_id: int | None
    began_at: datetime
    is_first: bool
    lead_from: datetime | None
    score: float | None
    threshold: float | None

    @property
    def logical_id(self) -> str:
        """Rows of one batch count as one."""
        return self.row.batch or self.row.id

    @property
    def documented(self) -> DocumentedDeployment:
        """What the documentation gate reads."""
        return DocumentedDeployment(
            id=self.logical_id,
            finished_at=self.finished_at,
            tier=self.tier,
            score=self.score,
            threshold=self.threshold,
        )


@dataclass(frozen=True, slots=True)
class ChangeFact:
    """One change request and what it is grouped by."""

    change: Change
    unit_id: int
    tier: int | None
    kind: str


@dataclass(frozen=True, slots=True)
class LeadFact:
    """One version on its way and what it is grouped by."""

    lead: Lead
    unit_id: int
    tier: int | None
    kind: str


@dataclass(frozen=True, slots=True)
class Lived:
    """From when to when models of a unit, tier and kind ran in production; ``until`` is None while they do."""

    unit_id: int
    tier: int | None
    kind: str
    since: datetime
    until: datetime | None


@dataclass(frozen=True, slots=True)
class Served:
    """How many models of a unit, tier and kind run in production."""

    unit_id: int
    tier: int | None
    kind: str
    count: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Facts:
    """All rows of a scope. ``deployments`` are of every tier, since a way back may be of another than what it repairs."""

    tiers: frozenset[int] = frozenset()
    deployments: Sequence[Fact] = ()
    interventions: Sequence[Intervention] = ()
    leads: Sequence[LeadFact] = ()
    changes: Sequence[ChangeFact] = ()
    lived: Sequence[Lived] = ()
    served: Sequence[Served] = ()
    marks: Marks = field(default_factory=dict)
    validated: Mapping[int, datetime] = field(default_factory=dict)

    def counts(self, tier: int | None) -> bool:
        """Whether rows of this tier were asked for."""
        return not self.tiers or tier in self.tiers

    def of(self, *, unit: int | None = None, tier: int | None = None, kind: str | None = None) -> "Facts":
        """Return the rows of one unit, tier or kind; deployments of other tiers stay for what they say of these."""

        def fits(one: Any) -> bool:
            return unit in (None, one.unit_id) and tier in (None, one.tier) and kind in (None, one.kind)

        return replace(
            self,
            tiers=frozenset({tier}) if tier else self.tiers,
            deployments=[
                one for one in self.deployments if unit in (None, one.unit_id) and kind in (None, one.kind)
            ],
            leads=[one for one in self.leads if fits(one)],
            changes=[one for one in self.changes if fits(one)],
            lived=[one for one in self.lived if fits(one)],
            served=[one for one in self.served if fits(one)],
        )

    def under(self, units: frozenset[int]) -> "Facts":
        """Return the rows of several units."""
        return replace(
            self,
            deployments=[one for one in self.deployments if one.unit_id in units],
            leads=[one for one in self.leads if one.unit_id in units],
            changes=[one for one in self.changes if one.unit_id in units],
            lived=[one for one in self.lived if one.unit_id in units],
            served=[one for one in self.served if one.unit_id in units],
        )

    def during(self, window: Window) -> "Facts":
        """Leave out what no formula over this window can need; cheaper than to let each of them look at it."""
        late = window.end + timedelta(days=QUALITY_ATTRIBUTION_DAYS)
        return replace(
            self,
            deployments=[one for one in self.deployments if window.start <= one.finished_at < late],
            changes=[
                one
                for one in self.changes
                if one.change.decided_at is None or one.change.decided_at in window
            ],
        )

    def live_since(self, window: Window) -> datetime | None:
        """Return when the first model that ran in the window, or later, went live."""
        return min(
            (
                one.since
                for one in self.lived
                if self.counts(one.tier) and (one.until is None or one.until >= window.start)
            ),
            default=None,
        )


def collect(scope: Scope, *, since: datetime, until: datetime, names: Iterable[str]) -> Facts:
    """Read what the named KPIs need for windows between the two instants."""
    asked = set(names)
    of_deployments = asked - {definitions.APPROVAL_CYCLE_TIME.name}
    has_leads = definitions.LEAD_TIME.name in asked
    has_frequency = definitions.DEPLOYMENT_FREQUENCY.name in asked
    deployments = _deployments(scope, since, until, has_leads) if of_deployments else []
    return Facts(
        tiers=scope.tiers,
        deployments=deployments,
        interventions=_suspensions(scope, since, until)
        if definitions.CHANGE_FAILURE_RATE.name in asked
        else (),
        leads=_on_the_way(scope) if has_leads else (),
        changes=_changes(scope, since, until) if definitions.APPROVAL_CYCLE_TIME.name in asked else (),
        lived=_lived(scope) if has_frequency else (),
        served=_served(scope) if has_frequency else (),
        marks=_marks(scope, since, until) if has_leads else {},
        validated=_validated(scope, since, until) if has_leads else {},
    )


def _target(model_id: int, environment_id: int | None) -> str:
    return f"{model_id}@{environment_id}"


def rollout_rows(scope: Scope, since: datetime, until: datetime) -> Any:
    """Production deployments that ended between two instants, succeeded or not."""
    return scope.narrow(DeploymentRow.objects).filter(
        production(), finished_at__gte=since, finished_at__lt=until
    )


def finished_rows(scope: Scope, since: datetime, until: datetime) -> list[str]:
    """Return the kind of each deployment that was finished between two instants, batches once, as the formulas count."""
    rows = (
        rollout_rows(scope, since, until).annotate(decided_tier=TIER).exclude(state=DeploymentState.ABORTED)
    )
    if scope.tiers:
        rows = rows.filter(decided_tier__in=scope.tiers)
    found = rows.order_by("finished_at", "pk").values_list("pk", "batch", "kind")
    return list({batch or str(pk): kind for pk, batch, kind in found}.values())


def _deployments(scope: Scope, since: datetime, until: datetime, has_leads: bool) -> list[Fact]:
    earlier = (
        DeploymentRow.objects.filter(production(), version_id=OuterRef("version_id"), finished_at__lt=since)
        .exclude(state__in=UNFINISHED)
        .order_by()
    )
    again = Exists(earlier) if has_leads else Value(False, output_field=BooleanField())
    rows = (
        rollout_rows(scope, since, until)
        .annotate(ran_before=again, decided_tier=TIER)
        .order_by("finished_at", "pk")
    )
    seen: set[int] = set()
    facts = []
    for (
        pk, unit_id, model_id, version_id, environment_id, tier, kind, model_kind, origin, state, started_at, finished_at,
        batch, replaces_id, change_id, score, threshold, committed_at, trained_at, registered_at, ran_before,
    ) in rows.values_list(
        "pk", "unit_id", "model_id", "version_id", "environment_id", "decided_tier", "kind", "model__kind", "model__origin",
        "state", "started_at", "finished_at", "batch", "replaces_id", "change_id", "document_score",
        "document_threshold", "version__first_commit_at", "version__training_started_at", "version__registered_at",
        "ran_before",
    ):  # fmt: skip
        succeeded = state not in RESULTS
        is_first = succeeded and not ran_before and version_id not in seen
        if is_first:
            seen.add(version_id)
        repairs = kind in (DeploymentKind.ROLLBACK, DeploymentKind.HOTFIX) and replaces_id
        facts.append(
            Fact(
                row=Deployment(
                    id=str(pk),
                    target=_target(model_id, environment_id),
                    finished_at=finished_at,
                    result=RESULTS.get(state, SUCCEEDED),
                    kind=kind,
                    batch=batch,
                    repairs=str(replaces_id) if repairs else "",
                ),
                finished_at=finished_at,
                pk=pk,
                unit_id=unit_id,
                model_id=model_id,
                version_id=version_id,
                tier=tier,
                kind=model_kind,
                change_id=change_id,
                began_at=started_at,
                is_first=is_first,
                lead_from=_start(kind, origin, committed_at, trained_at, registered_at),
                score=score,
                threshold=threshold,
            )
        )
    return facts


def _start(
    kind: str,
    origin: str,
    committed_at: datetime | None,
    trained_at: datetime | None,
    registered_at: datetime | None,
) -> datetime | None:
    """Return from when the lead time runs. Nothing recorded stays nothing: a later time would flatter the number."""
    if origin == Origin.THIRD_PARTY:
        return registered_at
    if kind == DeploymentKind.RETRAIN:
        return trained_at
    return committed_at or trained_at


def _suspensions(scope: Scope, since: datetime, until: datetime) -> list[Intervention]:
    """Suspensions that were carried out; the window of attribution reaches beyond the last deployment asked for."""
    late = until + timedelta(days=QUALITY_ATTRIBUTION_DAYS)
    rows = scope.narrow(Execution.objects).filter(
        change__kind=ChangeKind.SUSPEND,
        state=Execution.State.SUCCEEDED,
        finished_at__gte=since,
        finished_at__lt=late,
    )
    return [
        Intervention(
            id=f"CR-{change_id}",
            at=finished_at,
            target=_target(model_id, environment_id),
            of=str(deployment_id) if deployment_id else "",
        )
        for change_id, model_id, environment_id, deployment_id, finished_at in rows.values_list(
            "change_id", "model_id", "change__environment_id", "deployment_id", "finished_at"
        )
    ]


def _on_the_way(scope: Scope) -> list[LeadFact]:
    """Versions that an open change request is to put into production, which did not run there yet."""
    ran = DeploymentRow.objects.filter(production(), version_id=OuterRef("version_id")).exclude(
        state__in=UNFINISHED
    )
    rows = (
        scope.narrow(ChangeRequest.objects)
        .filter(
            ~Exists(ran),
            state__in=OPEN_STATES,
            kind__in=ROLLOUTS,
            environment__is_production=True,
            version__isnull=False,
        )
        .order_by("pk")
        .values_list(
            "pk", "kind", "unit_id", "version_id", "model__tier", "model__kind", "model__origin",
            "version__first_commit_at", "version__training_started_at", "version__registered_at",
        )
    )  # fmt: skip
    return [
        LeadFact(
            Lead(
                id=str(version_id), started_at=_start(kind, origin, committed_at, trained_at, registered_at)
            ),
            unit_id,
            tier,
            model_kind,
        )
        for _, kind, unit_id, version_id, tier, model_kind, origin, committed_at, trained_at, registered_at in rows
    ]


def _marks(scope: Scope, since: datetime, until: datetime) -> Marks:
    ids = rollout_rows(scope, since, until).values("change_id")
    rows = ChangeRequest.objects.filter(pk__in=ids).values_list("pk", "submitted_at", "decided_at")
    return {pk: (submitted_at, decided_at) for pk, submitted_at, decided_at in rows}


def _validated(scope: Scope, since: datetime, until: datetime) -> Mapping[int, datetime]:
    """Return when each version's first validation began."""
    ids = rollout_rows(scope, since, until).values("version_id")
    rows = Validation.objects.filter(version_id__in=ids).order_by().values_list("version_id")
    return dict(rows.annotate(Min("opened_at")))


def _lived(scope: Scope) -> list[Lived]:
    rows = (
        scope.narrow(DeploymentRow.objects)
        .filter(production(), finished_at__isnull=False)
        .exclude(state__in=UNFINISHED)
        .order_by()
        .values_list("unit_id", TIER, "model__kind")
        .annotate(
            since=Min("finished_at"),
            until=Max("ended_at"),
            running=Count("pk", filter=Q(ended_at__isnull=True)),
        )
    )
    return [
        Lived(unit_id, tier, kind, since, None if running else until)
        for unit_id, tier, kind, since, until, running in rows
    ]


def _served(scope: Scope) -> list[Served]:
    rows = scope.narrow(DeploymentRow.objects).filter(production(), state=DeploymentState.LIVE).order_by()
    places = rows.values_list("unit_id", "model__tier", "model__kind")
    return [Served(*one) for one in places.annotate(Count("model_id", distinct=True))]


def models_in_production(rows: Iterable[Served], tiers: frozenset[int]) -> int:
    """Count the models of the tiers asked for."""
    return sum(one.count for one in rows if not tiers or one.tier in tiers)


def running_models(scope: Scope) -> int:
    """Count the models in production now; pages read what was kept with the number of the period."""
    return models_in_production(_served(scope), scope.tiers)


def change_rows(scope: Scope, since: datetime, until: datetime) -> Any:
    """Requests for production that were decided or withdrawn between two instants."""
    ended = Q(decided_at__gte=since, decided_at__lt=until) | Q(
        state=ChangeState.WITHDRAWN, closed_at__gte=since, closed_at__lt=until
    )
    return _filed(scope).filter(ended)


def open_change_rows(scope: Scope) -> Any:
    """Requests for production that wait for a decision."""
    waiting = (ChangeState.SUBMITTED, ChangeState.IN_REVIEW, ChangeState.CHANGES_REQUESTED)
    return _filed(scope).filter(state__in=waiting)


def _filed(scope: Scope) -> Any:
    rows = scope.narrow(ChangeRequest.objects).filter(submitted_at__isnull=False)
    return rows.filter(Q(environment__isnull=True) | Q(environment__is_production=True))


def _changes(scope: Scope, since: datetime, until: datetime) -> list[ChangeFact]:
    rows = change_rows(scope, since, until) | open_change_rows(scope)
    names = (
        "pk", "unit_id", "decided_tier", "model__tier", "model__kind", "state", "change_class", "submitted_at",
        "decided_at", "closed_at", "returned_at", "resubmitted_at",
    )  # fmt: skip
    found = list(rows.order_by("submitted_at", "pk").values_list(*names))
    steps = _steps(rows)
    facts = []
    for (
        pk, unit_id, decided_tier, model_tier, kind, state, change_class, submitted_at, decided_at, closed_at, returned,
        resubmitted,
    ) in found:  # fmt: skip
        withdrawn = state == ChangeState.WITHDRAWN
        decision = WITHDRAWN if withdrawn else REJECTED if state == ChangeState.REJECTED else APPROVED
        change = Change(
            id=str(pk),
            submitted_at=submitted_at,
            decided_at=closed_at if withdrawn else decided_at,
            decision=decision if withdrawn or decided_at else "",
            returned=_spans(returned, resubmitted),
            steps=tuple(steps.get(pk, ())),
            is_automatic=change_class in DECIDED_BY_RULE,
            is_emergency=change_class == ChangeClass.EMERGENCY,
        )
        facts.append(ChangeFact(change, unit_id, decided_tier or model_tier, kind))
    return facts


def _spans(
    returned: Sequence[str], resubmitted: Sequence[str]
) -> tuple[tuple[datetime, datetime | None], ...]:
    ends = [datetime.fromisoformat(text) for text in resubmitted]
    return tuple(
        (start, next((end for end in ends if end >= start), None))
        for start in (datetime.fromisoformat(text) for text in returned)
    )


def _steps(rows: Any) -> dict[int, list[Step]]:
    """Read the stages' turns; a stage that rejected answered, too, although it never was done."""
    ids = rows.order_by().values("pk")
    answers = dict(
        Decision.objects.filter(
            change_id__in=ids, verdict=Verdict.REJECT, voided_at__isnull=True
        ).values_list("stage_id", "decided_at")
    )
    steps: dict[int, list[Step]] = defaultdict(list)
    stages = Stage.objects.filter(change_id__in=ids, opened_at__isnull=False).order_by(
        "change_id", "position"
    )
    for pk, change_id, role, opened_at, decided_at, used in stages.values_list(
        "pk", "change_id", "role", "opened_at", "decided_at", "used_seconds"
    ):
        if opened_at is not None:
            step = Step(
                role=role,
                requested_at=opened_at,
                decided_at=decided_at or answers.get(pk),
                owed=timedelta(seconds=used),
            )
            steps[change_id].append(step)
    return steps


def version_names(ids: Iterable[int]) -> dict[str, ModelVersion]:
    """Return versions by id, to name rows of lists."""
    rows = ModelVersion.objects.filter(pk__in=list(ids)).select_related("model")
    return {str(row.pk): row for row in rows}
