"""What approvals show on pages of the registry."""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Any

from django.db.models import Q, QuerySet
from django.urls import reverse

from approvals.models import ChangeRequest, Decision
from approvals.states import OPEN_STATES, ChangeState, act_word
from mlops_portal.foundation.history import rows_as_of
from mlops_portal.foundation.people.models import User
from registry.behind import Decided, RequestBehind
from registry.models import Deployment, RegisteredModel

SHOWN = 6
DECIDED = 4
DECIDED_THEN = 12  # of a past day: who approved what served then is asked; earlier ones are folded
DECIDED_MOST = 500


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


def requests_then(user: User, model: RegisteredModel, at: datetime) -> dict[str, Any]:
    """Return requests and decisions on a model as they were at a moment, as far as the person may see them today."""
    mine = {"model_id": model.pk}
    seen = ChangeRequest.objects.visible_to(user).filter(model=model)
    requests = rows_as_of(ChangeRequest, at, among=mine, id__in=seen.values("pk"))
    closed = requests.exclude(state__in=OPEN_STATES).select_related("requester")
    decided = list(_decisions_then(user, at, model_id=model.pk).order_by("-decided_at", "-id")[:DECIDED_MOST])
    for row in decided:
        row.act_word = act_word(row.meaning, row.verdict)
    requests = requests.filter(state__in=OPEN_STATES)
    return {
        "open": list(requests.select_related("requester").order_by("-id")[:SHOWN]),
        "open_total": requests.count(),
        "closed": list(closed.order_by("-id")[:SHOWN]),
        "decided": decided[:DECIDED_THEN],
        "decided_earlier": decided[DECIDED_THEN:],
    }


def _decisions_then(user: User, at: datetime, **among: Any) -> QuerySet:
    seen = Decision.objects.visible_to(user).filter(**among)
    rows = rows_as_of(Decision, at, among=among, id__in=seen.values("pk"))
    return rows.select_related("signer", "stage", "change")


def requests_behind(
    user: User, deployments: Sequence[Deployment], at: datetime | None = None
) -> dict[int, RequestBehind]:
    """Name the request behind each deployment and the decisions that stand, or stood then, in two statements.

    How far the request is, is told of today only. Requests the person may not see are named by their number alone:
    the deployment tells it anyway.
    """
    ids = {one.change_id for one in deployments if one.change_id}
    visible = (
        ChangeRequest.objects.visible_to(user)
        .select_related("requester")
        .only("title", "state", "bake_ends_at", "requester__name")
        .in_bulk(ids)
    )
    standing = Decision.objects.visible_to(user).filter(change__in=visible)
    if at is None:
        standing = standing.filter(voided_at__isnull=True)
    else:
        standing = standing.filter(decided_at__lte=at).filter(Q(voided_at__isnull=True) | Q(voided_at__gt=at))
    decided: dict[int, list[Decided]] = defaultdict(list)
    for one in standing.select_related("signer", "stage").order_by("decided_at", "pk"):
        decided[one.change_id].append(_decided(one))
    return {pk: _behind(pk, visible.get(pk), decided[pk], is_today=at is None) for pk in ids}


def _decided(decision: Decision) -> Decided:
    return Decided(
        verdict=decision.act_word,
        stage=decision.stage.title,
        by=str(decision.signer.name),
        at=decision.decided_at,
        url=reverse("approvals:receipt", args=[decision.pk]),
    )


def _behind(
    pk: int, change: ChangeRequest | None, decided: Iterable[Decided], *, is_today: bool
) -> RequestBehind:
    if change is None:
        return RequestBehind(code=f"CR-{pk}")
    watched = is_today and change.state == ChangeState.VERIFYING
    return RequestBehind(
        code=change.code,
        title=change.title,
        url=change.get_absolute_url(),
        state=change.get_state_display() if is_today else "",
        requester=str(change.requester.name),
        decided=tuple(decided),
        phase=change.get_state_display() if watched else "",
        until=change.bake_ends_at if watched else None,
    )


def search_requests(user: User, text: str, limit: int) -> list[ChangeRequest]:
    """Find visible requests by number or words of the title."""
    digits = text.strip().lower().removeprefix("cr").lstrip("- ")
    words = text.strip()
    where = Q(title__icontains=words) | Q(model__name__icontains=words) | Q(model__title__icontains=words)
    if digits.isdecimal() and len(digits) < 13:
        where |= Q(pk=int(digits))
    return list(
        ChangeRequest.objects.visible_to(user)
        .filter(where)
        .select_related("model", "unit")
        .order_by("-pk")[:limit]
    )
