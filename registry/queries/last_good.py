"""The version to go back to: the latest earlier one that fulfils every criterion, each shown (RULES 5.2)."""

from dataclasses import dataclass

from registry.gates import APPROVAL_CRITERION, Criterion, last_good_criteria
from registry.models import Deployment, Environment, ModelDependency, ModelVersion, RegisteredModel
from registry.states import DeploymentState

LOOKED_AT = 20
SERVED = (
    DeploymentState.SUPERSEDED,
    DeploymentState.ROLLED_BACK,
    DeploymentState.STOPPED,
    DeploymentState.SUSPENDED,
)


@dataclass(frozen=True, slots=True)
class Candidate:
    """An earlier deployment with what speaks for and against it."""

    deployment: Deployment
    criteria: tuple[Criterion, ...]

    @property
    def is_good(self) -> bool:
        """Whether every criterion is known to be met."""
        return all(criterion.is_met for criterion in self.criteria)


def last_good_candidates(model: RegisteredModel, environment: Environment) -> list[Candidate]:
    """Return earlier versions that served there, latest first, each with its criteria."""
    live = (
        Deployment.objects.live()
        .filter(model=model, environment=environment)
        .select_related("version__model")
        .order_by("-pk")
        .first()
    )
    rows = Deployment.objects.filter(
        model=model, environment=environment, state__in=SERVED, finished_at__isnull=False
    ).select_related("version__model", "environment")
    if live is not None:
        rows = rows.exclude(version=live.version_id).filter(
            finished_at__lte=live.finished_at or live.started_at
        )
    earlier, seen = [], set()
    for deployment in rows.order_by("-finished_at", "-pk")[:LOOKED_AT]:
        if deployment.version_id not in seen:
            seen.add(deployment.version_id)
            earlier.append(deployment)
    told: dict[int, list[Criterion]] = {deployment.pk: [] for deployment in earlier}
    for ask in last_good_criteria:
        for pk, criteria in ask(earlier).items():
            told[pk] += criteria
    return [Candidate(row, tuple(_criteria(row, live, told[row.pk]))) for row in earlier]


def last_good(model: RegisteredModel, environment: Environment) -> Candidate | None:
    """Return the latest earlier version that fulfils every criterion, or None."""
    return next((row for row in last_good_candidates(model, environment) if row.is_good), None)


def _criteria(candidate: Deployment, live: Deployment | None, told: list[Criterion]) -> list[Criterion]:
    version = candidate.version
    found = list(told)
    if not any(criterion.code == APPROVAL_CRITERION for criterion in found):
        found.insert(
            0,
            Criterion(
                APPROVAL_CRITERION, "Approval completed and not revoked", None, "Nobody knows of an approval."
            ),
        )
    is_kept = version.deleted_at is None and bool(version.artifact_sha256) and version.artifact_retrievable
    detail = (
        f"sha256 {version.artifact_sha256[:12]}…" if version.artifact_sha256 else "No digest is recorded."
    )
    found.append(Criterion("artifact", "Artifact digest can be fetched", is_kept, detail))
    found.append(_schema_criterion(version, live.version if live else None))
    return found


def _schema_criterion(version: ModelVersion, serving: ModelVersion | None) -> Criterion:
    label = "Input schema and dependents are compatible"
    if serving is None or version.input_schema == serving.input_schema:
        return Criterion("input_schema", label, True, "The input schema is the same.")
    readers = ModelDependency.objects.filter(
        upstream=version.model_id, model__deleted_at__isnull=True
    ).count()
    detail = "The input schema differs from the one that serves now."
    if readers:
        detail += f" {readers} models read the output."
    return Criterion("input_schema", label, False, detail)
