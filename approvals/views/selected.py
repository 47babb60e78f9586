"""Acts on requests selected in the inbox: hand them to a colleague, ask their owners for evidence."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from django.urls import reverse

from approvals import forms
from approvals.models import Comment, Stage
from approvals.queries import inbox_page
from approvals.queries.colleagues import colleagues_for
from approvals.services import evidence_ask, stages_assign
from mlops_portal.foundation.people.models import User
from mlops_portal.foundation.web.pages import CreatePage
from mlops_portal.foundation.web.selection import selected
from mlops_portal.foundation.web.words import plural


class OnSelected(CreatePage):
    """An act on the requests of the address, as far as they stand at a stage of this person."""

    right, back_url, fragment = inbox_page.STAGE_RIGHTS, "approvals:inbox", ""
    template_name = "approvals/selected.html"
    crumbs = (("Approvals", "/approvals/"),)
    note = ""

    def prepare(self) -> None:
        """Read the selected requests."""
        chosen = selected(self.request, "change")
        found = inbox_page.at_my_stage(self.request.user).filter(change_id__in=chosen)
        self.rows = inbox_page.queue_rows(found, self.request.user, now=self.now)
        self.changes = [row.change for row in self.rows]

    def more(self) -> Mapping[str, Any]:
        """Name what is selected."""
        return {"rows": self.rows, "note": self.note}


class AskEvidence(OnSelected):
    """Ask the owners of the selected requests."""

    title, submit, form_class = "Ask for evidence", "Ask for evidence", forms.EvidenceQuestion
    note = (
        "A question is no decision: your clock goes on. “Request changes” on the request is the decision that stops it "
        "and hands the request back."
    )

    def act(self, *, by: User, now: datetime, **data: Any) -> list[Comment]:
        """Ask each owner."""
        return evidence_ask(changes=self.changes, by=by, now=now, **data)

    def done(self, result: list[Comment]) -> tuple[str, str]:
        """Return to the inbox."""
        return f"Asked the owners of {plural(len(result), 'request')}.", reverse("approvals:inbox")


class Assign(OnSelected):
    """Hand the selected requests to a colleague of the same stage."""

    title, submit, form_class = "Assign to a colleague", "Assign", forms.Assignment
    note = "An assignment says who takes a request. Everybody else who may decide it still may."

    def form_kwargs(self) -> dict[str, Any]:
        """Offer the people who may decide every one of them."""
        stages = [row.stage for row in self.rows]
        return {"colleagues": colleagues_for(stages, by=self.request.user, now=self.now)}

    def act(self, *, by: User, now: datetime, **data: Any) -> list[Stage]:
        """Assign each."""
        self.to = data["to"]
        return stages_assign(changes=self.changes, by=by, now=now, **data)

    def done(self, result: list[Stage]) -> tuple[str, str]:
        """Return to the inbox."""
        return f"{self.to.name} takes {plural(len(result), 'request')}.", reverse("approvals:inbox")
