"""What approvals answers when the registry asks: may this alias move, this version run, this model end?"""

from collections.abc import Sequence
from datetime import datetime

from django.db.models import QuerySet
from django.urls import reverse

from approvals import policies
from approvals.evaluation import STRICTEST_TIER
from approvals.models import ChangeRequest, Lapse
from approvals.models.parts import OF_A_MODEL
from approvals.policy_in_force import policy_in_force
from approvals.queries import panel_reads
from approvals.services.containment import way_back_blockers
from approvals.states import ChangeKind, ChangeState
from mlops_portal.foundation.history import bulk_save_as
from mlops_portal.foundation.people.models import BusinessUnit, User
from mlops_portal.foundation.rules import Blocker
from mlops_portal.foundation.web.words import time_text
from registry import behind, gates
from registry.gates import (
    APPROVAL_CRITERION,
    AliasMove,
    ClosedActs,
    Criterion,
    Deletion,
    DeploymentStart,
    Duty,
    Retirement,
    WantedSection,
    Watched,
)
from registry.models import Deployment, Environment, RegisteredModel
from registry.states import Connector

OWNER = "a change request"


def _executing(change_id: int | None, model_id: int) -> "QuerySet[ChangeRequest]":
    return ChangeRequest.objects.filter(pk=change_id or 0, model_id=model_id, state=ChangeState.EXECUTING)


def alias_objections(move: AliasMove) -> list[Blocker]:
    """A protected alias moves only under a change that is being executed for exactly this version.

    Capitals make no other alias: whoever reads @Champion means @champion.
    """
    environments = Environment.objects.filter(
        connector=Connector.REGISTRY_ALIAS,
        alias__iexact=move.name,
        is_production=True,
        closed_at__isnull=True,
    )
    in_force = policy_in_force(move.now)
    names = {name.lower() for name in in_force.document.protected_aliases} if in_force else set()
    protected = move.name.lower() in names
    if not protected and not environments.exists():
        return []
    changes = _executing(move.change_id, move.model.pk)
    if move.version is None:
        changes = changes.filter(kind__in=[ChangeKind.SUSPEND, ChangeKind.RETIRE])
    else:
        changes = changes.filter(version=move.version)
    if changes.exists():
        return []
    return [
        Blocker(
            "protected_alias", f"{move.said or f'@{move.name}'} moves only with an approved change.", OWNER
        )
    ]


def deployment_objections(asked: DeploymentStart) -> list[Blocker]:
    """Nothing goes to production without a change that is being executed for it."""
    if not asked.environment.is_production:
        return []
    changes = _executing(asked.change_id, asked.version.model_id)
    if changes.filter(version=asked.version, environment=asked.environment).exists():
        return []
    return [
        Blocker(
            "not_approved",
            f"{asked.environment} is production: an approved change puts versions there.",
            OWNER,
        )
    ]


def deletion_objections(asked: Deletion) -> list[Blocker]:
    """What an open request speaks of is not deleted."""
    changes = ChangeRequest.objects.open().filter(model=asked.model)
    if asked.version is not None:
        changes = changes.filter(version=asked.version) | changes.filter(rollback_target=asked.version)
    codes = ", ".join(change.code for change in changes.order_by("pk")[:3])
    return (
        [Blocker("open_change", f"Open requests speak of it: {codes}.", "their requesters")] if codes else []
    )


def retirement_objections(asked: Retirement) -> list[Blocker]:
    """A model is retired by an approved change, and not while other requests for it are open."""
    others = ChangeRequest.objects.open().filter(model=asked.model).exclude(kind=ChangeKind.RETIRE)
    codes = ", ".join(change.code for change in others.order_by("pk")[:3])
    blockers = [Blocker("open_change", f"Open requests speak of it: {codes}.")] if codes else []
    executing = ChangeRequest.objects.filter(
        model=asked.model, kind=ChangeKind.RETIRE, state=ChangeState.EXECUTING
    )
    if not executing.exists():
        blockers.append(Blocker("not_approved", "A model is retired with an approved change.", OWNER))
    return blockers


def approval_criteria(deployments: Sequence[Deployment]) -> dict[int, list[Criterion]]:
    """Say for each earlier deployment whether its approval was completed and not revoked (RULES 5.2)."""
    ids = {row.change_id for row in deployments if row.change_id}
    changes = ChangeRequest.objects.in_bulk(ids)
    return {row.pk: [_criterion(changes.get(row.change_id or 0))] for row in deployments}


def _criterion(change: ChangeRequest | None) -> Criterion:
    label = "Approval completed and not revoked"
    if change is None:
        return Criterion(APPROVAL_CRITERION, label, False, "No approved change stands behind it.")
    completed = change.state == ChangeState.COMPLETED and change.revoked_at is None
    detail = "revoked" if change.revoked_at else change.get_state_display().lower()
    return Criterion(APPROVAL_CRITERION, label, completed, f"{change.code}: {detail}")


def closed_acts(deployments: Sequence[Deployment]) -> dict[int, ClosedActs]:
    """Say why the short way back from a deployment is closed."""
    ids = {row.change_id for row in deployments if row.change_id}
    releases = (
        ChangeRequest.objects.only("state", "revoked_at", "rollback_target").in_bulk(ids) if ids else {}
    )
    return {
        row.pk: {"roll-back": way_back_blockers(row, releases.get(row.change_id or 0))} for row in deployments
    }


def wanted_sections(model: RegisteredModel, now: datetime) -> list[WantedSection]:
    """Return the sections that count for this model's tier and traits under the policy in force."""
    in_force = policy_in_force(now)
    if in_force is None:
        return []
    traits = {model.eu_ai_class, model.kind} | ({"affects_persons"} if model.interacts_with_people else set())
    rows = in_force.document.sections
    return [
        (row.id, row.title, row.kind)
        for row in rows
        if row.weight(tier=model.tier or STRICTEST_TIER, traits=frozenset(traits)) > 0
    ]


def watched_dimensions(model: RegisteredModel, now: datetime) -> list[Watched]:
    """Return every dimension of the policy in force, and whether the gate on monitoring asks for it at this tier."""
    in_force = policy_in_force(now)
    if in_force is None:
        return []
    by_tier = in_force.document.monitoring_dimensions
    needed = by_tier[model.tier or STRICTEST_TIER]
    every = dict.fromkeys(name for tier in sorted(by_tier) for name in by_tier[tier])
    return [(name, name in needed) for name in every]


def move_along(model: RegisteredModel, unit: BusinessUnit, by: User | None, now: datetime) -> None:
    """Move a model's requests and everything about them to its new unit."""
    for record in OF_A_MODEL:
        rows = list(record.objects.filter(model_id=model.pk).exclude(unit=unit))
        for row in rows:
            row.unit = unit
        if rows:
            bulk_save_as(rows, by=by, now=now, reason=f"The model moved to {unit}", fields=["unit"])


def open_lapses() -> "QuerySet[Lapse]":
    """Lapses are duties of the portfolio."""
    return Lapse.objects.filter(closed_at__isnull=True)


def lapse_duties(model: RegisteredModel, user: User, now: datetime) -> list[Duty]:
    """Say on the model's page which lapses are open on it."""
    rows = Lapse.objects.visible_to(user).filter(model=model, closed_at__isnull=True)
    return [
        Duty(
            title="A lapse is overdue" if lapse.due_at < now else "A lapse is open",
            text=f"{lapse.told} {lapse.owner.name} owes it, due {time_text(lapse.due_at)}.",
            is_overdue=lapse.due_at < now,
            url=reverse("approvals:lapse", args=[lapse.pk]),
            action="Show the lapse" if policies.lapse_blockers(lapse, by=user) else "Settle it",
        )
        for lapse in rows.select_related("owner", "waiver").order_by("due_at", "pk")
    ]


def register() -> None:
    """Put the answers where the registry asks for them; called once, when the app is ready."""
    if alias_objections in gates.alias_gates:
        return
    gates.alias_gates.append(alias_objections)
    gates.deployment_gates.append(deployment_objections)
    gates.deletion_gates.append(deletion_objections)
    gates.retirement_gates.append(retirement_objections)
    gates.last_good_criteria.append(approval_criteria)
    gates.closed_acts.append(closed_acts)
    gates.wanted_sections.append(wanted_sections)
    gates.watched_dimensions.append(watched_dimensions)
    gates.unit_transfers.append(move_along)
    gates.duty_readers.append(lapse_duties)
    gates.duty_rows.append(open_lapses)
    behind.answers.append(panel_reads.requests_behind)
