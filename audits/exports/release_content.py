"""Everything that belongs to one release, gathered once: the report, the CSV files and the entries come from it."""

from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any
from uuid import UUID

from django.db.models import Model, Q

from approvals.models import (
    Challenge,
    ChangeRequest,
    Comment,
    Condition,
    Decision,
    Dossier,
    Execution,
    ExecutionStep,
    GateResult,
    Lapse,
    Signature,
    Stage,
    Validation,
    ValidationFinding,
    Waiver,
)
from audits.exports.scopes import RIGHT
from audits.models import LedgerEntry
from mlops_portal.foundation.errors import NotFound
from mlops_portal.foundation.people.models import User
from registry.models import Deployment, MetricValue, ThresholdSet

CHANGES = ChangeRequest.objects.select_related(
    "model",
    "unit",
    "version__model",
    "version__registered_by",
    "environment",
    "rollback_target__model",
    "rollback_owner",
    "requester",
    "policy_revision__policy",
)


@dataclass
class Release:
    """The records of one release, read in a fixed number of statements."""

    change: ChangeRequest
    at: datetime
    dossiers: list[Dossier] = field(default_factory=list)
    stages: list[Stage] = field(default_factory=list)
    gates: list[GateResult] = field(default_factory=list)
    decisions: list[Decision] = field(default_factory=list)
    conditions: list[Condition] = field(default_factory=list)
    waivers: list[Waiver] = field(default_factory=list)
    lapses: list[Lapse] = field(default_factory=list)
    comments: list[Comment] = field(default_factory=list)
    validations: list[Validation] = field(default_factory=list)
    findings: list[ValidationFinding] = field(default_factory=list)
    challenges: list[Challenge] = field(default_factory=list)
    executions: list[Execution] = field(default_factory=list)
    steps: list[ExecutionStep] = field(default_factory=list)
    deployments: list[Deployment] = field(default_factory=list)
    metrics: list[MetricValue] = field(default_factory=list)
    limits: ThresholdSet | None = None
    signatures: list[Signature] = field(default_factory=list)

    @property
    def dossier(self) -> Dossier | None:
        """The dossier of the present revision."""
        return self.dossiers[-1] if self.dossiers else None

    def records(self) -> list[Model]:
        """Every record whose history and entries belong to the release."""
        version = [self.change.version] if self.change.version else []
        limits = [self.limits] if self.limits else []
        return [
            self.change, *version, *self.dossiers, *self.stages, *self.decisions, *self.conditions, *self.waivers,
            *self.lapses, *self.comments, *self.validations, *self.findings, *self.challenges, *self.executions,
            *self.steps, *self.deployments, *self.metrics, *limits, *self.signatures, *self.gates,
        ]  # fmt: skip


def release_of(change_id: int, *, user: User, at: datetime) -> Release:
    """Gather one release.

    Raises:
        NotFound: there is no such change request that ``user`` may export.
    """
    change = CHANGES.visible_to(user, RIGHT).filter(pk=change_id).first()
    if change is None:
        raise NotFound(f"There is no change request {change_id} that you may export.")
    of_change: dict[str, Any] = {"change": change}
    release = Release(change, at)
    release.dossiers = list(Dossier.objects.filter(**of_change).order_by("number"))
    release.stages = list(Stage.objects.filter(**of_change).order_by("position"))
    release.gates = list(
        GateResult.objects.filter(**of_change, is_current=True).select_related("waiver").order_by("position")
    )
    release.decisions = list(
        Decision.objects.filter(**of_change)
        .select_related("stage", "signature", "signer", "on_behalf_of")
        .order_by("decided_at", "pk")
    )
    release.conditions = list(
        Condition.objects.filter(**of_change).select_related("owner", "verifier").order_by("pk")
    )
    release.waivers = list(
        Waiver.objects.filter(**of_change)
        .select_related("signature", "requested_by", "decided_by")
        .order_by("pk")
    )
    release.lapses = list(Lapse.objects.filter(**of_change).select_related("owner").order_by("pk"))
    release.comments = list(Comment.objects.filter(**of_change).select_related("author").order_by("pk"))
    release.executions = list(
        Execution.objects.filter(**of_change).select_related("started_by").order_by("number")
    )
    release.steps = list(
        ExecutionStep.objects.filter(execution__change=change)
        .select_related("execution")
        .order_by("execution__number", "pk")
    )
    release.deployments = list(
        Deployment.objects.filter(change_id=change.pk).select_related("environment").order_by("pk")
    )
    if change.version_id:
        _add_version(release, change.version_id)
    release.signatures = [
        row.signature
        for rows in (release.validations, release.waivers, release.decisions)
        for row in rows
        if row.signature is not None
    ]
    return release


def _add_version(release: Release, version_id: int) -> None:
    release.validations = list(
        Validation.objects.filter(version_id=version_id)
        .select_related("signature", "validator", "report")
        .order_by("pk")
    )
    of_them = {"validation__in": release.validations}
    release.findings = list(
        ValidationFinding.objects.filter(**of_them).select_related("owner").order_by("pk")
    )
    release.conditions += list(
        Condition.objects.filter(**of_them).select_related("owner", "verifier").order_by("pk")
    )
    release.challenges = list(Challenge.objects.filter(**of_them).order_by("pk"))
    release.metrics = list(
        MetricValue.objects.filter(version_id=version_id).order_by("name", "segment", "-evaluated_at", "-pk")
    )
    locked = ThresholdSet.objects.filter(model_id=release.change.model_id, locked_at__isnull=False)
    release.limits = locked.order_by("-number").first()


def entry_ids(records: Iterable[Model], *, user: User) -> list[UUID]:
    """Return the ids of every entry about these records that ``user`` may export, in one statement."""
    by_label: dict[str, list[str]] = {}
    for record in records:
        by_label.setdefault(record._meta.label, []).append(str(record.pk))
    about = Q(pk__in=[])
    for label, keys in by_label.items():
        about |= Q(subject_label=label, subject_id__in=keys)
    entries = LedgerEntry.objects.visible_to(user, RIGHT).filter(about)
    return list(entries.order_by("id").values_list("entry_id", flat=True))
