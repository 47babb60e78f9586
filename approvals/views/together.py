"""Signing together: one rule, said for each selected request before anything is signed."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from django.urls import reverse

from approvals import forms, policies
from approvals.models import Decision
from approvals.queries import inbox_page
from approvals.services.reading import filed_dossiers
from approvals.services.together import decisions_sign_together
from approvals.views.inbox import RULE
from mlops_portal.foundation.errors import invalid
from mlops_portal.foundation.web.pages import CreatePage
from mlops_portal.foundation.web.selection import selected
from mlops_portal.foundation.web.words import plural

MOST = 50  # each is checked and signed in the request: more would keep the signer waiting


class SignTogether(CreatePage):
    """Approve several tier 4 requests, each over its own digest."""

    title, form_class, right = "Sign together", forms.JointApproval, inbox_page.STAGE_RIGHTS
    template_name, fragment, back_url = "approvals/together.html", "", "approvals:inbox"
    crumbs = (("Approvals", "/approvals/"),)

    def prepare(self) -> None:
        """Read the selected requests that stand at a stage of this person."""
        user = self.request.user
        self.keys = keys = selected(self.request, "change", most=MOST)
        rows = inbox_page.queue_rows(
            inbox_page.at_my_stage(user).filter(change_id__in=keys), user, now=self.now
        )
        self.chosen = [
            (
                row,
                " ".join(
                    blocker.message for blocker in [*policies.together_blockers(row.change), *row.blockers]
                ),
            )
            for row in rows
        ]
        self.allowed = [row for row, why in self.chosen if not why]
        self.dossiers = filed_dossiers([row.change for row in self.allowed], user)

    def act(self, *, by: Any, now: datetime, **data: Any) -> list[Decision]:
        """Sign each over the digest that the page showed."""
        if not self.allowed:
            raise invalid("rationale", "Nothing here can be signed together.")
        data.pop("acknowledged")  # asked by the form; the signature notes the reading
        given = self.request.POST
        stages = [(row.stage, given.get(f"read-{row.change.pk}", "")) for row in self.allowed]
        return decisions_sign_together(stages=stages, by=by, now=now, **data)

    def done(self, result: list[Decision]) -> tuple[str, str]:
        """Show the receipts."""
        return f"Signed {plural(len(result), 'request')}.", f"{reverse('approvals:inbox')}?queue=decided"

    def more(self) -> Mapping[str, Any]:
        """Show what can be signed and what not."""
        return {
            "chosen": [(row, why, self.dossiers.get(row.change.pk)) for row, why in self.chosen],
            "selected": bool(self.keys),
            "allowed": len(self.allowed),
            "rule": RULE,
        }
