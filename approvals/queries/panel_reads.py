"""What approvals show on pages of the registry."""

from typing import Any

from django.db.models import Q

from approvals.models import ChangeRequest, Decision
from mlops_portal.foundation.people.models import User

SHOWN = 6
DECIDED = 4


def requests_of(user: User, **where: Any) -> dict[str, Any]:
    """Return open requests and the last decisions on a model or a version."""
    visible = ChangeRequest.objects.visible_to(user).filter(**where)
    decisions = Decision.objects.visible_to(user).filter(
        **{f"change__{key}": value for key, value in where.items()}
    )
    return {
        "open": list(
            visible.open().select_related("version", "environment", "requester").order_by("-pk")[:SHOWN]
        ),
        "open_total": visible.open().count(),
        "decided": list(
            decisions.select_related("signer", "stage", "change").order_by("-decided_at", "-pk")[:DECIDED]
        ),
    }


def search_requests(user: User, text: str, limit: int) -> list[ChangeRequest]:
    """Find visible requests by number or words of the title."""
    digits = text.strip().lower().removeprefix("cr").lstrip("- ")
    where = Q(title__icontains=text.strip()) | Q(model__name__icontains=text.strip())
    if digits.isdecimal() and len(digits) < 13:
        where |= Q(pk=int(digits))
    return list(
        ChangeRequest.objects.visible_to(user)
        .filter(where)
        .select_related("model", "unit")
        .order_by("-pk")[:limit]
    )
