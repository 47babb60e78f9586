"""How pages find a change request, and the ways that lead to it."""

from typing import Any

from django.urls import reverse

from approvals.models import ChangeRequest
from mlops_portal.foundation.web.words import plural

# Eight tables are joined and the rest is fetched after: PostgreSQL plans from twelve tables on by a genetic search that
# takes longer (40 ms) than the whole page.
CHANGES = ChangeRequest.objects.select_related(
    "model", "unit", "version", "environment", "requester", "policy_revision__policy"
).prefetch_related(
    "model__unit",
    "model__owner",
    "model__developer",
    "model__validator",
    "version__model",
    "version__registered_by",
    "rollback_target",
    "rollback_owner",
    "predecessor",
    "materiality_confirmed_by",
    "revoked_by",
)


class ChangeMixin:
    """Finds a change request among those the person may see."""

    queryset = CHANGES
    object_name = "change"
    crumb = ""
    right: str | tuple[str, ...] | None = "approvals.view"
    object: Any

    def get_crumbs(self) -> list[tuple[str, str]]:
        """Lead over the inbox and the request."""
        return [*change_crumbs(self.object), (self.crumb or self.get_title(), "")]


def change_crumbs(change: ChangeRequest) -> list[tuple[str, str]]:
    """Lead over the inbox, the model and the request."""
    return [
        ("Approvals", reverse("approvals:inbox")),
        (str(change.model), change.model.get_absolute_url()),
        (change.code, change.get_absolute_url()),
    ]


def gates_words(names: list[str]) -> str:
    """Say which blocking gates fail: the fact, not the way round it."""
    if not names:
        return "No blocking gate fails"
    if len(names) == 1:
        return "One blocking gate fails"
    return f"{plural(len(names), 'blocking gate')} fail"
