"""Pages that decide on a proposal: once it is decided they say who decided, when and what, and ask for nothing."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.http import HttpResponse

from mlops_portal.foundation.history import history_model
from mlops_portal.foundation.people.models import User
from mlops_portal.foundation.web.pages import ActionPage
from registry.states import ReviewState


@dataclass(frozen=True, slots=True)
class Decided:
    """What became of a proposal."""

    word: str
    who: User | None
    at: datetime
    note: str
    is_superseded: bool


class DecisionPage(ActionPage):
    """Decide on a proposal as the second person."""

    words: Mapping[str, str] = {ReviewState.APPROVED: "Approved", ReviewState.DECLINED: "Declined"}

    def decided(self) -> Decided | None:
        """Return the decision, from the history of the proposal; nothing while it waits."""
        if self.object.state == ReviewState.PROPOSED:
            return None
        rows = history_model(type(self.object)).objects.filter(id=self.object.pk, state__in=self.words)
        row = rows.order_by("history_date", "history_id").first()
        if row is None:
            return None
        return Decided(
            word=self.words[row.state],
            who=User.objects.filter(pk=row.history_user_id or None).first(),
            at=row.history_date,
            note=row.history_change_reason or "",
            is_superseded=self.object.state == ReviewState.SUPERSEDED,
        )

    def refused(self, status: int) -> HttpResponse:
        """Show the proposal as it is now: somebody else may have decided it meanwhile."""
        self.object = self.find()
        return super().refused(status)

    def context(self) -> dict[str, Any]:
        """Add the decision."""
        return {**super().context(), "decided": self.decided()}
