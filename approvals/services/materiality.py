"""Materiality: computed from the difference at filing, confirmed by the second line (RULES 3.6)."""

from datetime import datetime
from typing import Any

from django.db.models import Q

from approvals import policies
from approvals.duties import duty_records
from approvals.events import tell
from approvals.materiality import VersionFacts, assess, limits_from
from approvals.models import ChangeRequest, Validation
from approvals.policy_in_force import PolicyInForce
from approvals.services.changes import change_save, lock_change
from approvals.states import ChangeState
from mlops_portal.foundation.errors import invalid
from mlops_portal.foundation.operations import operation
from mlops_portal.foundation.people.models import User
from mlops_portal.foundation.people.rights import rights_of
from mlops_portal.foundation.rules import Blocker, refuse_if
from registry.models import Component, Deployment, MetricValue, ModelVersion, VersionDataset
from registry.states import DeploymentState

SECOND_LINE = ("approvals.validate", "approvals.approve_risk")
Value = ChangeRequest.Materiality


def is_second_line(person: User, change: ChangeRequest) -> bool:
    """Tell whether ``person`` is of the second line for this model."""
    rights = rights_of(person)
    return any(rights.has(right, unit_id=change.unit_id, model_id=change.model_id) for right in SECOND_LINE)


def materiality_compute(change: ChangeRequest, policy: PolicyInForce) -> tuple[str, list[str]]:
    """Return the computed materiality of a release with its reasons; other kinds have none."""
    if change.kind not in policies.RELEASE_KINDS or change.version is None:
        return "", []
    live = Deployment.objects.filter(
        Q(environment_id=change.environment_id), model_id=change.model_id, state=DeploymentState.LIVE
    ).first()
    full = (
        Validation.objects.filter(
            model_id=change.model_id,
            state=Validation.State.CONCLUDED,
            kind__in=[Validation.Kind.INITIAL, Validation.Kind.PERIODIC],
        )
        .exclude(outcome=Validation.Outcome.NOT_APPROVED)
        .order_by("-concluded_at", "-pk")
        .first()
    )
    facts = _facts_of(change, {change.version_id, live and live.version_id, full and full.version_id})
    since = ChangeRequest.objects.filter(
        Q(environment_id=change.environment_id),
        model_id=change.model_id,
        state=ChangeState.COMPLETED,
        materiality=Value.NOT_MATERIAL,
    )
    if full is not None:
        since = since.filter(closed_at__gte=full.concluded_at)
    found = assess(
        before=facts.get(live.version_id) if live else None,
        after=facts[change.version_id or 0],
        validated=facts.get(full.version_id) if full else None,
        small_changes=since.count(),
        limits=limits_from(policy.document.materiality),
    )
    reasons = list(found.reasons or found.differences)
    return (Value.MATERIAL if found.is_material else Value.NOT_MATERIAL), reasons


def _facts_of(change: ChangeRequest, version_ids: set[Any]) -> dict[int, VersionFacts]:
    ids = {pk for pk in version_ids if pk}
    model = change.model
    components = {
        row.name: {
            "kind": row.kind,
            "base_model": row.base_model,
            "base_model_version": row.base_model_version,
            "guardrails": row.guardrail_profile,
            "tools": row.tool_allow_list,
            "autonomy": row.autonomy_level,
            "spending_limit": row.spending_limit,
            "rate_limit": row.rate_limit,
            "stop_switch": row.stop_switch,
            "human_handover": row.human_handover,
        }
        for row in Component.objects.filter(model_id=model.pk)
    }
    data: dict[int, dict[str, set[str]]] = {}
    for link in VersionDataset.objects.filter(version_id__in=ids).select_related("dataset"):
        data.setdefault(link.version_id, {}).setdefault(link.role, set()).add(link.dataset.digest)
    primary = {
        row.version_id: row.value
        for row in MetricValue.objects.filter(version_id__in=ids, name=model.primary_metric, segment="")
    }
    return {
        row.pk: VersionFacts(
            number=row.number,
            parameters=row.parameters,
            features=frozenset(map(str, row.features)),
            data={role: frozenset(found) for role, found in data.get(row.pk, {}).items()},
            primary_metric=model.primary_metric,
            primary_value=primary.get(row.pk),
            components={
                name: {**fields, "prompt": row.prompts, "guardrails": row.guardrails or fields["guardrails"]}
                for name, fields in components.items()
                if fields["kind"] != "analytical"
            },
            method=str(row.parameters.get("algorithm", "")),
            intended_use=model.intended_use,
            artifact_digest=row.artifact_sha256,
        )
        for row in ModelVersion.objects.filter(pk__in=ids)
    }


@operation
def materiality_confirm(
    *,
    change: ChangeRequest,
    materiality: str,
    reason: str,
    is_substantial_modification: bool | None = None,
    by: User,
    now: datetime,
) -> ChangeRequest:
    """Confirm the computed materiality, or decide otherwise with a reason, as the second line.

    Deciding otherwise is a change of content: `change_refresh` then voids what was decided.
    """
    change = lock_change(change.pk)
    if materiality not in Value.values:
        raise invalid("materiality", "Choose material or not material.")
    blockers = []
    if change.state not in (ChangeState.IN_REVIEW, ChangeState.SUBMITTED):
        blockers.append(Blocker("not_in_review", "Materiality is confirmed while the request is in review."))
    if not is_second_line(by, change):
        blockers.append(
            Blocker("second_line", "The second line confirms materiality.", "a validator or risk officer")
        )
    people = duty_records(change, now=now).people
    if by.pk in people.requesters | people.owners | people.developers:
        blockers.append(
            Blocker("own_change", "Whoever asks for, owns or developed it does not judge its materiality.")
        )
    if materiality != change.materiality and len(reason.strip()) < 20:
        blockers.append(
            Blocker("reason", "Say in at least 20 characters why the computed result does not hold.")
        )
    refuse_if(blockers)
    if materiality != change.materiality:
        change.materiality_reasons = [reason.strip(), *change.materiality_reasons]
    change.materiality = materiality
    if is_substantial_modification is not None:
        change.is_substantial_modification = is_substantial_modification
    change.materiality_confirmed_by, change.materiality_confirmed_at = by, now
    change_save(change, by=by, now=now, reason=reason or "Confirmed")
    tell("materiality_confirmed", change, by=by, now=now, materiality=materiality)
    return change
