"""Tokens that are about to end: whoever answers for their account is told in time, once for each distance."""

from datetime import datetime, timedelta

from django.db.models import Q

from mlops_portal.foundation.events import DomainEvent, emit
from mlops_portal.foundation.history import save_as
from mlops_portal.foundation.locks import lock
from mlops_portal.foundation.operations import operation
from mlops_portal.foundation.people import events  # noqa: F401  (registers the verbs)
from mlops_portal.foundation.people.models import ApiToken

DAYS_BEFORE = (1, 14)  # nearest first


def tokens_remind(*, now: datetime) -> int:
    """Tell of every token that ends soon; bears repetition. Return how many were told of."""
    live = ApiToken.objects.filter(
        expires_at__gt=now,
        expires_at__lte=now + timedelta(days=max(DAYS_BEFORE)),
        revoked_at__isnull=True,
        account__deactivated_at__isnull=True,
    )
    due = live.filter(Q(reminded_days=None) | Q(reminded_days__gt=min(DAYS_BEFORE)))
    return sum(_remind(token=token, now=now) for token in list(due.order_by("pk")))


@operation
def _remind(*, token: ApiToken, now: datetime) -> bool:
    """Tell of one token when it came nearer to its end than it was told of, and lived longer than that to begin with."""
    token = lock(ApiToken.objects.select_related("account"), token.pk)
    days = next((days for days in DAYS_BEFORE if token.expires_at <= now + timedelta(days=days)), None)
    told = token.reminded_days is not None and days is not None and token.reminded_days <= days
    if days is None or told or token.expires_at - token.created_at <= timedelta(days=days):
        return False
    token.reminded_days = days
    save_as(token, by=None, now=now, reason="It ends soon", fields=["reminded_days"])
    emit(
        DomainEvent(
            verb="people.token_ending",
            subject_label=ApiToken._meta.label,
            subject_id=str(token.pk),
            actor_id=None,
            occurred_at=now,
            unit_id=token.account.unit_id,
            data={"label": token.label, "days": days, "expires_at": token.expires_at.isoformat()},
        )
    )
    return True
