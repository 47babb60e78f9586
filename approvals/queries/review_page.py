"""Everything the review page shows of one change, in a fixed number of statements."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from django.db.models import Count, Prefetch, Q

from approvals import policies
from approvals.asked import asked_of
from approvals.charts import GroupPoint, groups_figure
from approvals.models import (
    ChangeRequest,
    Condition,
    Decision,
    Dossier,
    DossierReading,
    GateResult,
    Lapse,
    Stage,
    Validation,
    ValidationFinding,
    Waiver,
)
from approvals.queries.compared import Compared, compared
from approvals.queries.gate_rows import gate_rows
from approvals.queries.record_log import log_of
from approvals.queries.verdict import approvals_of, mark_of, obstacles
from approvals.states import ENDING_KINDS
from approvals.traffic import traffic_words
from approvals.waiver_policies import authority_blockers
from mlops_portal.foundation.people.models import User
from mlops_portal.foundation.people.rights import rights_of
from mlops_portal.foundation.rules import Blocker
from mlops_portal.foundation.web.charts import Spec
from mlops_portal.foundation.web.words import figure, side_by_side
from registry.models import (
    Consumer,
    Deployment,
    Document,
    DocumentSection,
    ModelDependency,
    ModelVersion,
    ThresholdSet,
)
from registry.queries.comparison import Comparison, MetricPair
from registry.queries.lineage import around
from registry.states import DeploymentState, SectionStatus

RELEASES = 4
NEAR = 0.01
FIGURES = 2


@dataclass(frozen=True, slots=True)
class MetricRow:
    """One metric of challenger and champion, and how it reads."""

    pair: MetricPair
    direction: str
    tone: str
    reading: str
    limit: str
    is_better: bool | None

    @property
    def label(self) -> str:
        """Metric and group."""
        return f"{self.pair.name}, {self.pair.segment}" if self.pair.segment else self.pair.name


@dataclass(frozen=True, slots=True)
class Evidence:
    """Metrics of both versions with figures."""

    rows: list[MetricRow] = field(default_factory=list)
    better: list[MetricRow] = field(default_factory=list)
    worse: list[MetricRow] = field(default_factory=list)
    figures: list[tuple[str, Spec]] = field(default_factory=list)
    limits: ThresholdSet | None = None


def metric_evidence(change: ChangeRequest, found: Compared) -> Evidence:
    """Read metrics against the locked limits."""
    rows = [_metric_row(pair, change, found.limits) for pair in found.pairs]
    moved = [row for row in rows if row.is_better is not None and row.direction != "flat"]
    return Evidence(
        rows,
        [row for row in moved if row.is_better],
        [row for row in moved if not row.is_better],
        _figures(rows, found.limits, found.champion, change.version),
        found.limits,
    )


def _metric_row(pair: MetricPair, change: ChangeRequest, limits: ThresholdSet | None) -> MetricRow:
    rule = limits.limit_of(pair.name, pair.segment) if limits else None
    release = rule.get("release") if rule else None
    higher_is_better: bool | None = None
    if rule is not None:
        higher_is_better = rule.get("direction") != "max"
    elif pair.name == change.model.primary_metric:
        higher_is_better = change.model.primary_metric_higher_is_better
    difference = pair.difference
    direction = "flat" if not difference else "up" if difference > 0 else "down"
    is_better = (
        None if difference is None or higher_is_better is None else (difference > 0) == higher_is_better
    )
    tone, reading = "mute", "No limit"
    if pair.now is None:
        reading = "Not measured"
    elif release is not None:
        is_max = rule is not None and rule.get("direction") == "max"
        within = pair.now.value <= release if is_max else pair.now.value >= release
        tone, reading = ("ok", "Within") if within else ("fail", "Above" if is_max else "Below")
    words = (
        "none"
        if release is None or rule is None
        else f"{'maximum' if rule.get('direction') == 'max' else 'minimum'} {figure(release)}"
    )
    return MetricRow(pair, direction, tone, reading, words, is_better)


def _figures(
    rows: Sequence[MetricRow],
    limits: ThresholdSet | None,
    champion: ModelVersion | None,
    version: ModelVersion | None,
) -> list[tuple[str, Spec]]:
    groups: dict[str, list[MetricRow]] = {}
    for row in rows:
        if row.pair.segment:
            groups.setdefault(row.pair.name, []).append(row)
    found: list[tuple[str, Spec]] = []
    for name, members in sorted(
        groups.items(), key=lambda item: (all(one.tone != "fail" for one in item[1]), item[0])
    ):
        rule = next((limits.limit_of(name, one.pair.segment) for one in members if limits), None)
        points = [
            GroupPoint(
                one.pair.segment,
                one.pair.was.value if one.pair.was else None,
                one.pair.now.value if one.pair.now else None,
                _half(one.pair),
            )
            for one in members
        ]
        spec = groups_figure(
            name,
            points,
            was=champion.name if champion else "before",
            now=version.name if version else "requested",
            limit=rule.get("release") if rule else None,
            is_max=rule is not None and rule.get("direction") == "max",
        )
        found.append((f"by-group-{len(found) + 1}", spec))
    return found[:FIGURES]


def _half(pair: MetricPair) -> float | None:
    if pair.now is None or pair.now.lower is None or pair.now.upper is None:
        return None
    return (pair.now.upper - pair.now.lower) / 2


def stages_of(change: ChangeRequest) -> list[Stage]:
    """Return the stages with every decision that was given at them, void ones too, and how each is marked."""
    decisions = Decision.objects.select_related("signer", "on_behalf_of", "signature").order_by(
        "decided_at", "pk"
    )
    stages: Sequence[Any] = list(
        change.stages.exclude(state=Stage.State.CLOSED, decisions__isnull=True)
        .distinct()
        .select_related("unit", "returns_to")
        .prefetch_related(Prefetch("decisions", queryset=decisions, to_attr="given"))
        .order_by("position", "pk")
    )
    for stage in stages:
        stage.tone, stage.sign = mark_of(stage, stage.given)
    return list(stages)


def offer_revoking(stages: Sequence[Stage], user: User) -> None:
    """Mark the approvals that this person may revoke, as far as rights tell; the page of the act asks the records."""
    rights = rights_of(user)
    for stage in stages:
        where = {"unit_id": stage.unit_id, "model_id": stage.model_id}
        same = rights.has(stage.right, **where)
        head = not authority_blockers(user, "head_of_model_risk", **where)
        for one in stage.given:  # type: ignore[attr-defined]  # prefetched
            one.is_revocable = not policies.revocation_blockers(one, by=user, same_stage=same, is_head=head)


def releases_before(change: ChangeRequest) -> list[ChangeRequest]:
    """Return the four releases of the model before this one, with what they carried."""
    rows = ChangeRequest.objects.filter(
        model_id=change.model_id, submitted_at__isnull=False, pk__lt=change.pk
    )
    if change.environment_id:
        rows = rows.filter(environment_id=change.environment_id)
    waivers = Waiver.objects.filter(state__in=[Waiver.State.GRANTED, Waiver.State.ENDED]).order_by("gate")
    return list(
        rows.select_related("version")
        .annotate(
            conditions_open=Count(
                "conditions", filter=Q(conditions__state=Condition.State.OPEN), distinct=True
            ),
            conditions_met=Count(
                "conditions", filter=Q(conditions__state=Condition.State.MET), distinct=True
            ),
        )
        .prefetch_related(Prefetch("waivers", queryset=waivers, to_attr="accepted"))
        .order_by("-pk")[:RELEASES]
    )


def documents_for(change: ChangeRequest) -> list[tuple[Document, int, int]]:
    """Return the documents of the model and this version: sections that are settled, and how many there are."""
    where = (
        Q(version_id=change.version_id) | Q(version__isnull=True)
        if change.version_id
        else Q(version__isnull=True)
    )
    rows = (
        Document.objects.filter(where, model_id=change.model_id)
        .select_related("approved_by")
        .prefetch_related(Prefetch("sections", queryset=DocumentSection.objects.order_by("pk")))
        .order_by("kind", "-pk")
    )
    found = []
    for row in rows:
        sections = list(row.sections.all())
        done = sum(one.status in (SectionStatus.APPROVED, SectionStatus.NOT_APPLICABLE) for one in sections)
        found.append((row, done, len(sections)))
    return found


def serving_now(change: ChangeRequest) -> list[Deployment]:
    """Return what a change that ends service would end: what is live where it takes effect."""
    rows = Deployment.objects.filter(model_id=change.model_id, state=DeploymentState.LIVE)
    if change.environment_id:
        rows = rows.filter(environment_id=change.environment_id)
    if change.version_id:
        rows = rows.filter(version_id=change.version_id)
    return list(rows.select_related("version", "environment").order_by("environment__name", "pk"))


def read(
    change: ChangeRequest,
    *,
    user: User,
    drafted: Sequence[GateResult] | None = None,
    missing: Sequence[Blocker] = (),
) -> dict[str, Any]:
    """Return the template's variables.

    ``drafted`` are the gates of a draft as they are now, for which none are stored; ``missing`` is what it lacks.
    """
    stages = stages_of(change)
    offer_revoking(stages, user)
    stored = change.gate_results.filter(is_current=True).select_related("waiver__decided_by")
    waivers = list(
        change.waivers.select_related("requested_by", "decided_by").order_by("-requested_at", "-pk")
    )
    rows, apart = gate_rows(stored if drafted is None else drafted, waivers)
    against, asked = compared(change), asked_of(change)
    champion, comparison = against.champion, against.comparison
    evidence = metric_evidence(change, against)
    comments = list(change.comments.select_related("author").order_by("written_at", "pk"))
    dossiers = list(Dossier.objects.filter(change=change).defer("content", "parts").order_by("number"))
    validation = None
    if change.version_id:
        findings = ValidationFinding.objects.filter(closed_at__isnull=True).order_by("pk")
        with_people = Condition.objects.select_related("owner", "verifier")
        validation = (
            Validation.objects.filter(version_id=change.version_id, state=Validation.State.CONCLUDED)
            .select_related("validator")
            .prefetch_related(
                Prefetch("findings", queryset=findings, to_attr="open_findings"),
                Prefetch("conditions", queryset=with_people.order_by("due_on", "pk"), to_attr="duties"),
            )
            .order_by("-concluded_at", "-pk")
            .first()
        )
    links = ModelDependency.objects.select_related("model", "upstream").order_by("pk")
    return {
        "stages": stages,
        "gates": rows,
        "gates_apart": apart,
        "failing": [row for row in rows if row.tone == "fail"],
        "waived": [row for row in rows if row.tone == "waived"],
        "not_passing": sum(row.tone != "ok" for row in rows),
        "blocking_total": sum(row.result.is_blocking for row in rows),
        "champion": champion,
        "comparison": comparison,
        "groups_of_changes": groups_of_changes(comparison),
        "evidence": evidence,
        "ends_service": change.kind in ENDING_KINDS,
        "serving": serving_now(change) if change.kind in ENDING_KINDS else [],
        "documents": documents_for(change),
        "traffic": traffic_words(change),
        "asked": asked,
        "alternatives": [{**row, **_in_words(row)} for row in change.alternatives],
        "obstacles": obstacles(
            change,
            stages=stages,
            gates=rows,
            asked=asked,
            blocked_reason=next(
                (one.blocked_reason for one in stages if one.state == Stage.State.CURRENT), ""
            ),
            missing=missing,
        ),
        "conditions": list(
            Condition.objects.filter(change=change)
            .select_related("owner", "verifier")
            .order_by("due_on", "pk")
        ),
        "waivers": waivers,
        "lapses": list(
            Lapse.objects.filter(change=change, closed_at__isnull=True)
            .select_related("owner", "waiver")
            .order_by("due_at", "pk")
        ),
        "consumers": list(Consumer.objects.filter(model_id=change.model_id).order_by("name", "pk")[:9]),
        "upstream": around(user, (link.upstream for link in links.filter(model_id=change.model_id))),
        "downstream": around(user, (link.model for link in links.filter(upstream_id=change.model_id))),
        "fallback": _fallback(change, evidence.limits),
        "validation": validation,
        "releases": releases_before(change),
        "log": log_of(change, stages=stages, comments=comments, dossiers=dossiers, waivers=waivers),
        "comments_count": len(comments),
        "void": [one for stage in stages for one in stage.given if one.is_void],  # type: ignore[attr-defined]  # prefetched
        "approvals": approvals_of(stages),
        "reading": DossierReading.objects.filter(change=change, reader=user).first(),
    }


def _in_words(alternative: Mapping[str, Any]) -> dict[str, str]:
    """Write metrics and gates of an alternative, which requesters give as text and programs by name."""
    return {name: _words(alternative.get(name)) for name in ("metrics", "gates")}


def _words(value: Any) -> str:
    match value:
        case Mapping():
            return ", ".join(f"{name} {_words(one)}" for name, one in value.items())
        case list() | tuple():
            return ", ".join(_words(one) for one in value)
        case bool() | None:
            return {True: "yes", False: "no"}.get(value, "") if value is not None else ""
        case int() | float():
            return figure(value)
        case _:
            return str(value)


def groups_of_changes(comparison: Comparison | None) -> list[tuple[str, list[Any]]]:
    """Return what differs under the heads of one table."""
    if comparison is None:
        return []
    return [
        ("Registered facts", comparison.facts),
        ("Parameters", comparison.parameters),
        ("Features", comparison.features),
        ("Data", [*comparison.datasets, *comparison.pipelines]),
        ("Guardrails", comparison.guardrails),
        ("Documents", comparison.documents),
    ]


def _is_close(value: float, rule: Mapping[str, Any], *, left: float, is_max: bool) -> bool:
    """Tell whether a value is near its limit: past the watch line of the set, else within a hundredth of the limit.

    Versions of one model differ by hundredths, so that a wider margin would call every one of them close.
    """
    watch = rule.get("watch")
    if watch is not None:
        return value > watch if is_max else value < watch
    return left <= abs(rule["release"]) * NEAR


def _fallback(change: ChangeRequest, limits: ThresholdSet | None) -> list[Mapping[str, Any]]:
    """Say how far the way back is from its own limits: what is left before it misses them."""
    target = change.rollback_target
    if target is None or limits is None:
        return []
    rows = []
    for metric in target.metrics.order_by("segment", "name", "pk"):
        rule = limits.limit_of(metric.name, metric.segment)
        if rule is None or rule.get("release") is None:
            continue
        is_max = rule.get("direction") == "max"
        left = rule["release"] - metric.value if is_max else metric.value - rule["release"]
        distance = side_by_side(rule["release"], metric.value).size
        close = left >= 0 and _is_close(metric.value, rule, left=left, is_max=is_max)
        rows.append(
            {
                "metric": metric,
                "limit": f"{figure(rule['release'])} {'maximum' if is_max else 'minimum'}",
                "tone": "fail" if left < 0 else "warn" if close else "ok",
                "words": f"{distance} over" if left < 0 else f"{distance} left",
                "left": left,
            }
        )
    return sorted(rows, key=lambda row: {"fail": 0, "warn": 1, "ok": 2}[row["tone"]])
