"""Conditions of approvals: verified by somebody who is not their owner; overdue ones lapse."""

from datetime import datetime

from approvals import policies
from approvals.events import tell
from approvals.models import Condition
from approvals.services.changes import lock_change
from approvals.services.lapses import is_running, lapse_open, lapse_settle_met
from mlops_portal.foundation.days import portal_day
from mlops_portal.foundation.errors import invalid
from mlops_portal.foundation.history import save_as
from mlops_portal.foundation.locks import lock
from mlops_portal.foundation.operations import operation
from mlops_portal.foundation.people.models import User
from mlops_portal.foundation.rules import refuse_if


@operation
def condition_verify(
    *, condition: Condition, verification: str, is_met: bool = True, by: User, now: datetime
) -> Condition:
    """Say whether a condition is met and what was seen; one that is not met stays open, its owner reads why."""
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
    tell(verb, condition, by=by, now=now, change=f"CR-{condition.change_id}")
    if is_met:
        lapse_settle_met(condition=condition, by=by, now=now)
    return condition


@operation
def condition_lapse(*, condition: Condition, now: datetime) -> bool:
    """Open a lapse for a condition that is past its date while the version runs."""
    change = lock_change(condition.change_id)
    condition = lock(Condition.objects.all(), condition.pk)
    overdue = condition.state == Condition.State.OPEN and condition.due_on < portal_day(now)
    if not overdue or not is_running(change):
        return False
    lapse_open(
        change=change,
        key=f"condition:{condition.pk}",
        text=f"A condition is past its date: {condition.text[:200]}",
        condition=condition,
        now=now,
    )
    return True
