"""Conditions of approvals: verified by somebody who is not their owner; overdue ones lapse."""

from collections.abc import Mapping, Sequence
from datetime import date, datetime
from typing import Any, TypedDict

from approvals import policies
from approvals.events import tell
from approvals.models import ChangeRequest, Condition, Decision, Lapse, Validation
from approvals.services.changes import lock_change
from approvals.services.lapses import EXECUTED, is_running, lapse_open, lapse_settle_met
from mlops_portal.foundation.days import portal_day
from mlops_portal.foundation.errors import invalid
from mlops_portal.foundation.history import bulk_save_as, save_as
from mlops_portal.foundation.locks import lock
from mlops_portal.foundation.operations import operation
from mlops_portal.foundation.people.models import User
from mlops_portal.foundation.rules import refuse_if


class ConditionInput(TypedDict):
    """A duty that an approval adds. People are given by their ids."""

    text: str
    evidence: str
    owner: int
    verifier: int
    due_on: date


@operation
def conditions_set(
    *, origin: Decision | Validation, rows: Sequence[Mapping[str, Any]], by: User, now: datetime
) -> None:
    """Write the conditions that a decision or the conclusion of a validation sets."""
    set_by: dict[str, Any] = (
        {"decision": origin, "change_id": origin.change_id}
        if isinstance(origin, Decision)
        else {"validation": origin}
    )
    conditions = [
        Condition(
            **set_by,
            model_id=origin.model_id,
            unit_id=origin.unit_id,
            text=row["text"],
            evidence=row["evidence"],
            owner_id=row["owner"],
            verifier_id=row["verifier"],
            due_on=row["due_on"],
        )
        for row in rows
    ]
    bulk_save_as(conditions, by=by, now=now, reason="Condition of an approval")


@operation
def condition_verify(
    *, condition: Condition, verification: str, is_met: bool = True, by: User, now: datetime
) -> Condition:
    """Say whether a condition is met and what was seen; one that is not met stays open, its owner reads why."""
    if condition.change_id is not None:
        lock_change(condition.change_id)
    condition = lock(Condition.objects.select_related("verifier"), condition.pk)
    if len(verification.strip()) < 10:
        raise invalid("verification", "Say in at least 10 characters what you saw.")
    refuse_if(policies.verification_blockers(condition, by=by))
    condition.verification = verification.strip()
    if is_met:
        condition.state, condition.verified_at = Condition.State.MET, now
    else:
        condition.declared_at = None
    save_as(condition, by=by, now=now, reason=condition.verification)
    verb = "condition_verified" if is_met else "condition_not_met"
    tell(verb, condition, by=by, now=now, **_origin(condition))
    if is_met:
        lapse_settle_met(condition=condition, by=by, now=now)
    return condition


def _origin(condition: Condition) -> dict[str, Any]:
    if condition.change_id is not None:
        return {"change": f"CR-{condition.change_id}"}
    return {"validation": condition.validation_id}


@operation
def condition_lapse(*, condition: Condition, now: datetime) -> bool:
    """Open a lapse for a condition that is past its date, wherever the version runs that it is about."""
    releases = [lock_change(pk) for pk in _releases_of(condition)]
    condition = lock(Condition.objects.all(), condition.pk)
    if condition.state != Condition.State.OPEN or condition.due_on >= portal_day(now):
        return False
    known = Lapse.objects.filter(condition=condition)
    places = set(known.values_list("change__environment_id", flat=True))
    lapsed = [change for change in releases if change.environment_id not in places and is_running(change)]
    for change in lapsed:
        lapse_open(
            change=change,
            key=f"condition:{condition.pk}",
            text=f"A condition is past its date: {condition.text[:200]}",
            condition=condition,
            now=now,
        )
    return bool(lapsed)


def _releases_of(condition: Condition) -> list[int]:
    """Return the request whose approval set it; of a validation the newest release of its version to each place."""
    if condition.change_id is not None:
        return [condition.change_id]
    releases = ChangeRequest.objects.filter(
        version__validations=condition.validation_id, kind__in=policies.RELEASE_KINDS, state__in=EXECUTED
    )
    newest = dict(releases.order_by("pk").values_list("environment_id", "pk"))
    return sorted(newest.values())
