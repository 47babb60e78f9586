"""Validations of a model, and everything about one of them."""

from datetime import datetime
from typing import Any

from django.db.models import Count, Q, QuerySet

from approvals.models import Challenge, ChangeRequest, Condition, Validation
from approvals.policy_in_force import PolicyInForce
from approvals.queries.validation_list import VOUCHES
from approvals.states import REFRESHABLE, Verdict
from mlops_portal.foundation.people.models import User
from mlops_portal.foundation.web.words import plural
from registry.models import ModelVersion, RegisteredModel


def validations_of(model: RegisteredModel, user: User) -> "QuerySet[Validation]":
    """Return the validations of a model, newest first, with what is open in each."""
    return (
        Validation.objects.visible_to(user)
        .filter(model=model)
        .select_related("version__model", "validator", "model")
        .annotate(
            findings_open=Count("findings", filter=Q(findings__closed_at__isnull=True), distinct=True),
            conditions_open=Count(
                "conditions", filter=Q(conditions__state=Condition.State.OPEN), distinct=True
            ),
            challenges_open=Count(
                "challenges", filter=~Q(challenges__state=Challenge.State.ACCEPTED), distinct=True
            ),
        )
        .order_by("-opened_at", "-pk")
    )


def kind_expected(version: ModelVersion) -> str:
    """Return which kind a new validation of a version is by what was concluded before: for it, or for its model."""
    concluded = Validation.objects.filter(model_id=version.model_id, state=Validation.State.CONCLUDED)
    if concluded.filter(version=version).exists():
        return Validation.Kind.PERIODIC
    return Validation.Kind.CHANGE if concluded.exists() else Validation.Kind.INITIAL


def holding(version: ModelVersion, now: datetime) -> Validation | None:
    """Return the validation that vouches for a version now, the one that does so longest."""
    rows = version.validations.filter(VOUCHES, valid_until__gt=now).select_related("validator")
    return rows.order_by("-valid_until", "-pk").first()


def effects_of(validation: Validation, user: User) -> list[str]:
    """Say which decisions fall when a validation is concluded: it is content of the requests about its version."""
    counted = Q(decisions__voided_at__isnull=True) & ~Q(decisions__verdict=Verdict.RECUSE)
    rows = (
        ChangeRequest.objects.visible_to(user)
        .filter(version_id=validation.version_id, state__in=REFRESHABLE)
        .annotate(standing=Count("decisions", filter=counted, distinct=True))
        .filter(standing__gt=0)
        .order_by("pk")
    )
    return [
        f"This is a change of content of {row.code}: {plural(row.standing, 'decision')} "
        f"{'becomes' if row.standing == 1 else 'become'} void."
        for row in rows
    ]


def read(validation: Validation, policy: PolicyInForce | None) -> dict[str, Any]:
    """Return components with what the policy asks for, challenges, findings, conditions, baseline."""
    tier = validation.model.tier or 1
    required = policy.document.validation_components[tier] if policy else ()
    covered = set(validation.components)
    return {
        "components": [
            (label, name in covered, name in required) for name, label in Validation.Component.choices
        ],
        "challenges": list(validation.challenges.select_related("answered_by").order_by("number")),
        "findings": list(
            validation.findings.select_related("owner", "closed_by").order_by("closed_at", "due_on", "pk")
        ),
        "conditions": list(
            validation.conditions.select_related("owner", "verifier").order_by("due_on", "pk")
        ),
        "baseline": sorted(validation.baseline.items()),
        "tier": tier,
    }
