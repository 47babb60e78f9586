"""What the registry puts on a person's home page."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from mlops_portal.foundation.people.rights import rights_of
from mlops_portal.foundation.web.first_run import Result
from mlops_portal.foundation.web.paging import bounded_count, count_text
from registry.models import RecordTask, RegisteredModel, RiskAssessment, UnitUse
from registry.states import ReviewState, UseState

SHOWN = 8


def first_models(now: datetime) -> Result:
    """Tell whether the inventory holds anything, for the checklist of a new installation."""
    count = bounded_count(RegisteredModel.objects.inventory())
    return Result(count > 0, count_text(count, "model", "models") if count else "The inventory is empty")


def tasks(user: Any) -> Mapping[str, Any] | None:
    """Open duties on records this person owns."""
    rows = (
        RecordTask.objects.visible_to(user).filter(owner=user, closed_at__isnull=True).select_related("model")
    )
    found = list(rows.order_by("due_on", "pk")[:SHOWN])
    return {"tasks": found, "count": count_text(bounded_count(rows), "task", "tasks")} if found else None


def proposals(user: Any) -> Mapping[str, Any] | None:
    """Ratings and uses that wait for a second person such as this one."""
    ratings = (
        RiskAssessment.objects.visible_to(user, "registry.approve_rating")
        .filter(state=ReviewState.PROPOSED)
        .exclude(proposed_by=user)
        .select_related("model", "proposed_by")
        .order_by("proposed_at", "pk")[:SHOWN]
    )
    uses = (
        UnitUse.objects.filter(
            state=UseState.REQUESTED, using_unit_id__in=rights_of(user).units("registry.accept_use")
        )
        .select_related("model", "using_unit", "requested_by")
        .order_by("requested_at", "pk")[:SHOWN]
    )
    found = {"ratings": list(ratings), "uses": list(uses)}
    return found if found["ratings"] or found["uses"] else None


def owned(user: Any) -> Mapping[str, Any] | None:
    """Models this person owns or develops."""
    mine = RegisteredModel.objects.inventory().visible_to(user)
    rows = (mine.filter(owner=user) | mine.filter(developer=user)).select_related("unit")
    found = list(rows.order_by("-updated_at", "-pk")[:SHOWN])
    return {"models": found} if found else None
