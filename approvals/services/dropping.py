"""Conditions are dropped with the decision that set them, or with the request: nobody owes them any more."""

from collections.abc import Sequence
from datetime import datetime

from approvals.models import ChangeRequest, Condition, Decision
from mlops_portal.foundation.history import bulk_save_as
from mlops_portal.foundation.locks import lock_all
from mlops_portal.foundation.people.models import User


def conditions_drop(
    change: ChangeRequest,
    *,
    decisions: Sequence[Decision] | None = None,
    reason: str,
    by: User | None,
    now: datetime,
) -> None:
    """Drop the open conditions of void decisions; without ``decisions`` those of the whole request, which ended.

    The event is that of what ended them. What is met stays met. The caller holds the lock of the change.
    """
    rows = Condition.objects.filter(change=change, state=Condition.State.OPEN)
    if decisions is not None:
        rows = rows.filter(decision__in=decisions)
    found = lock_all(Condition.objects.all(), rows.values("pk"))
    for condition in found:
        condition.state = Condition.State.DROPPED
    bulk_save_as(found, by=by, now=now, reason=reason, fields=["state"])
