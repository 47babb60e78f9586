"""What the gate says to a pipeline: may this version be put into this environment now, and if not, everything that is missing."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

from django.db.models import Q
from django.utils import timezone

from approvals import policies
from approvals.dossier_format import compare, read_dossier
from approvals.evaluation import Evaluation, evaluate, policy_for
from approvals.models import ChangeRequest, Dossier, Lapse, Stage
from approvals.states import ChangeKind, ChangeState
from mlops_portal.foundation.rules import Blocker
from mlops_portal.foundation.web.words import zoned_text
from registry.models import Deployment, Environment, ModelVersion
from registry.states import DeploymentState

PUTS_VERSIONS = (ChangeKind.DEPLOY, ChangeKind.PROMOTE, ChangeKind.ROLLBACK, ChangeKind.RESUME)
UNFILED = (ChangeState.DRAFT, ChangeState.WITHDRAWN)
STARTABLE = (ChangeState.APPROVED, ChangeState.SCHEDULED)
UNDER_WAY = (ChangeState.EXECUTING, ChangeState.VERIFYING)
RELATED = (
    "model", "model__owner", "model__developer", "model__validator", "unit", "version", "version__registered_by",
    "environment", "rollback_target", "requester", "policy_revision__policy", "predecessor",
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class GateAnswer:
    """Allowed only when nothing is unmet. ``dossier_digest`` is what was approved, or is being reviewed."""

    unmet: tuple[Blocker, ...]
    change: ChangeRequest | None
    at: datetime

    @property
    def is_allowed(self) -> bool:
        """Whether every condition is met."""
        return not self.unmet

    @property
    def dossier_digest(self) -> str:
        """The digest of the frozen content."""
        return self.change.dossier_digest if self.change else ""


@timezone.override(UTC)
def gate_answer(version: ModelVersion, environment: Environment, *, now: datetime) -> GateAnswer:
    """Ask for one version and one environment. Reads only; whatever nobody knows speaks against it.

    Reasons name times in UTC: pipelines of every place read them.
    """
    change = _change_for(version, environment)
    if change is None:
        missing = Blocker(
            "no_change",
            f"No change request asks to put {version} into {environment}.",
            "a developer of the unit",
        )
        return GateAnswer((missing,), None, now)
    # A lapse never blocks the way back (RULES 5.3).
    lapsed = [] if change.kind == ChangeKind.ROLLBACK else _overdue_lapses(version, environment, now)
    if change.state == ChangeState.COMPLETED:
        return GateAnswer((*lapsed, *_after_completion(change)), change, now)
    if change.state not in (*STARTABLE, *UNDER_WAY):
        return GateAnswer((*lapsed, *_before_approval(change, now)), change, now)
    unmet = [*lapsed, *_revoked(change)]
    if change.state in STARTABLE:
        unmet += policies.start_blockers(change, by=None, signers=frozenset(), is_manual=False, now=now)
        unmet += policies.kind_blockers(change)
    return GateAnswer((*unmet, *_content(change, now)), change, now)


def _change_for(version: ModelVersion, environment: Environment) -> ChangeRequest | None:
    """The request an approval may rest on: one that may be used, else what serves by, else the newest filed."""
    filed = (
        ChangeRequest.objects.filter(version=version, environment=environment, kind__in=PUTS_VERSIONS)
        .exclude(state__in=UNFILED)
        .select_related(*RELATED)
        .order_by("-pk")
    )
    usable = filed.filter(state__in=(*STARTABLE, *UNDER_WAY)).first()
    if usable is not None:
        return usable
    completed = filed.filter(state=ChangeState.COMPLETED).first()
    return completed if completed is not None and _serves(completed) else filed.first()


def _serves(change: ChangeRequest) -> bool:
    if change.version is None or change.environment is None:
        return False
    live = Deployment.objects.filter(version=change.version, environment=change.environment)
    return live.filter(state=DeploymentState.LIVE).exists()


def _revoked(change: ChangeRequest) -> Sequence[Blocker]:
    if change.revoked_at is None:
        return ()
    return (
        Blocker("revoked", f"The approval of {change.code} was revoked on {zoned_text(change.revoked_at)}."),
    )


def _overdue_lapses(version: ModelVersion, environment: Environment, now: datetime) -> list[Blocker]:
    """What ended while this very version ran there and was not settled in time; another version is a way out of it.

    What ended of a request that names no environment speaks against every one.
    """
    there = Q(change__environment=environment) | Q(change__environment__isnull=True)
    rows = Lapse.objects.filter(there, change__version=version, closed_at__isnull=True, due_at__lte=now)
    return [
        Blocker(
            "lapse_overdue",
            f"A lapse of {row.change.code} is overdue since {zoned_text(row.due_at)}: {row.text}",
            row.owner.name,
        )
        for row in rows.select_related("change", "owner").order_by("due_at", "pk")
    ]


def _after_completion(change: ChangeRequest) -> list[Blocker]:
    """What was released may go on being served where it is live; anything else needs a request of its own."""
    unmet = list(_revoked(change))
    if not _serves(change):
        unmet.append(
            Blocker(
                "no_longer_serves",
                f"{change.code} is completed and the version no longer serves there.",
                "a new change request",
            )
        )
    return unmet


def _before_approval(change: ChangeRequest, now: datetime) -> list[Blocker]:
    unmet = [Blocker("not_approved", f"{change.code} {change.predicate}.")]
    if change.state not in (ChangeState.IN_REVIEW, ChangeState.CHANGES_REQUESTED):
        return unmet
    waiting = Stage.objects.filter(change=change).exclude(state__in=[Stage.State.DONE, Stage.State.CLOSED])
    unmet += [
        Blocker("stage", f"“{stage.title}” has not decided.", stage.role.replace("_", " "))
        for stage in waiting.order_by("position")
    ]
    return unmet + _content(change, now)


def _content(change: ChangeRequest, now: datetime) -> list[Blocker]:
    """Evaluate facts and content again: an approval binds to what was approved."""
    policy = policy_for(change, now)
    if policy is None:
        return [Blocker("no_policy", "No policy is in force.", "a policy publisher")]
    evaluation = evaluate(change, at=now, policy=policy)
    unmet = []
    if evaluation.dossier.digest != change.dossier_digest:
        unmet.append(
            Blocker(
                "content_changed", f"Changed since it was filed: {', '.join(_parts(change, evaluation))}."
            )
        )
    return unmet + policies.gate_blockers(evaluation)


def _parts(change: ChangeRequest, evaluation: Evaluation) -> list[str]:
    frozen = Dossier.objects.filter(change=change, number=change.dossier_number).first()
    if frozen is None:
        return ["the dossier"]
    return [one.title for one in compare(read_dossier(frozen.content), evaluation.dossier) if one.is_changed]
