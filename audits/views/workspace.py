"""The audit workspace: integrity first, then what can be taken away."""

from collections.abc import Mapping
from typing import Any

from django.http import HttpRequest, HttpResponse, HttpResponseBase
from django.utils import timezone

from approvals.queries.inbox_page import executed_lately
from audits.keys import public_pem
from audits.models import SigningKey
from audits.packs import VERIFIER
from audits.queries import names_of
from audits.reading import workspace
from audits.services import exports
from audits.services.sequencing import verification_key
from mlops_portal.foundation.errors import NotFound
from mlops_portal.foundation.people.rights import rights_of
from mlops_portal.foundation.web.pages import CreatePage, Page

VIEW = "audits.view_ledger"
SAMPLED = 8
LATER = (
    ("Coverage by framework", "Checks of controls are not connected yet."),
    ("Failing controls", "Checks of controls are not connected yet."),
    ("Audit findings", "Engagements and findings are not connected yet. Findings of validations stand on the model's page."),
)  # fmt: skip


class Workspace(Page):
    """What an auditor sees first."""

    title, right, template_name = "Audit workspace", VIEW, "audits/workspace.html"

    def more(self) -> Mapping[str, Any]:
        """Read verdict, late entries and exports."""
        user, found = self.request.user, workspace.integrity()
        last, executed = found.last, executed_lately(user, self.now)
        return {
            "integrity": found,
            "verified_by": names_of([last.by_id]).get(last.by_id, "the portal") if last else "",
            "sees_all": rights_of(user).everywhere(VIEW),
            "executed": list(executed[:SAMPLED]),
            "executed_count": executed.count(),
            "late": workspace.late_entries(user),
            "exports": workspace.exports_of(user, limit=5),
            "verifying": workspace.verifying(user),
            "later": LATER,
            "today": timezone.localtime(self.now),
        }


class Verify(CreatePage):
    """Starts a verification of the whole ledger."""

    right, title, submit, back_url = "audits.verify", "Verify the ledger", "Verify now", "audits:workspace"
    lede = "Every entry is hashed again, every signature checked, and history compared with the live rows. The outcome becomes an entry itself."
    crumbs = (("Audit", "/audit/"),)

    def act(self, *, by: Any, now: Any, **data: Any) -> Any:
        """Queue it."""
        return exports.verification_start(by=by, now=now)

    def done(self, result: Any) -> tuple[str, str]:
        """Return to the workspace, where its progress shows."""
        return "The verification has started.", "/audit/#integrity"


class PublicKey(Page):
    """The key that signs now, for keeping elsewhere."""

    right = VIEW

    def get(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:
        """Send it as a file."""
        key = SigningKey.objects.filter(valid_until=None).order_by("-valid_from").first()
        if key is None:
            raise NotFound("The ledger has no key yet: the sequencer has not run.")
        return _file(public_pem(verification_key(key)), "ledger-public-key.pem", "application/x-pem-file")


class Verifier(Page):
    """The program that verifies packs without the portal."""

    right = ("audits.view_ledger", "audits.export")

    def get(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:
        """Send it as a file."""
        return _file(VERIFIER.read_text(), "verify.py", "text/x-python")


def _file(text: str, name: str, content_type: str) -> HttpResponse:
    response = HttpResponse(text, content_type=f"{content_type}; charset=utf-8")
    response["Content-Disposition"] = f'attachment; filename="{name}"'
    response["X-Content-Type-Options"] = "nosniff"
    return response
