"""Acts on requests selected in the inbox: hand them to a colleague, ask their owners for evidence."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from django.urls import reverse

from approvals import forms
from approvals.queries import inbox_page
from approvals.services import evidence_ask, stage_assign
from approvals.services.assignments import colleagues_for
from mlops_portal.foundation.errors import invalid
from mlops_portal.foundation.operations import operation
from mlops_portal.foundation.people.models import User
from mlops_portal.foundation.web.pages import CreatePage
from mlops_portal.foundation.web.words import plural

MOST = 50


class OnSelected(CreatePage):
    """An act on the requests of the address, as far as they stand at a stage of this person."""

    right, back_url, fragment = inbox_page.STAGE_RIGHTS, "approvals:inbox", ""
    template_name = "approvals/selected.html"
    crumbs = (("Approvals", "/approvals/"),)

    def prepare(self) -> None:
        """Read the selected requests."""
        given = self.request.POST if self.request.method == "POST" else self.request.GET
        keys = [int(one) for one in given.getlist("change") if one.isdecimal() and len(one) < 18][:MOST]
        found = inbox_page.at_my_stage(self.request.user).filter(change_id__in=keys)
        self.rows = inbox_page.queue_rows(found, self.request.user, now=self.now)

    def each(self, act: Any) -> int:
        """Act on every selected request, on all of them or on none."""
        if not self.rows:
            raise invalid("__all__", "Select at least one request that stands at a stage of yours.")
        for row in self.rows:
            act(row.change)
        return len(self.rows)

    def more(self) -> Mapping[str, Any]:
        """Name what is selected."""
        return {"rows": self.rows, "note": self.note}

    note = ""


class AskEvidence(OnSelected):
    """Ask the owners of the selected requests."""

    title, submit, form_class = "Ask for evidence", "Ask for evidence", forms.EvidenceQuestion
    note = (
        "A question is no decision: your clock goes on. “Request changes” on the request is the decision that stops it "
        "and hands the request back."
    )

    @operation
    def act(self, *, by: User, now: datetime, **data: Any) -> int:
        """Ask each owner."""
        return self.each(lambda change: evidence_ask(change=change, by=by, now=now, **data))

    def done(self, result: int) -> tuple[str, str]:
        """Return to the inbox."""
        return f"Asked the owners of {plural(result, 'request')}.", reverse("approvals:inbox")


class Assign(OnSelected):
    """Hand the selected requests to a colleague of the same stage."""

    title, submit, form_class = "Assign to a colleague", "Assign", forms.Assignment
    note = "An assignment says who takes a request. Everybody else who may decide it still may."

    def form_kwargs(self) -> dict[str, Any]:
        """Offer the people who may decide every one of them."""
        groups = [colleagues_for(row.change, row.stage, now=self.now) for row in self.rows]
        shared = set(groups[0]).intersection(*groups[1:]) if groups else set()
        return {"colleagues": list(shared)}

    @operation
    def act(self, *, by: User, now: datetime, **data: Any) -> int:
        """Assign each."""
        self.to = data["to"]
        return self.each(lambda change: stage_assign(change=change, by=by, now=now, **data))

    def done(self, result: int) -> tuple[str, str]:
        """Return to the inbox."""
        return f"{self.to.name} takes {plural(result, 'request')}.", reverse("approvals:inbox")
