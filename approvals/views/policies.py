"""Policies: which are in force, what each revision says, how two differ, drafting and publishing by two people."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from django.urls import reverse

from approvals import forms, tones
from approvals.models import ChangeRequest, Policy, PolicyRevision
from approvals.policy.document import default_policy_text
from approvals.policy_in_force import document_of, laxness_of
from approvals.queries import policy_page
from approvals.services import revisions as services
from approvals.states import OPEN_STATES
from approvals.views.signing import SignedMixin
from mlops_portal.foundation.errors import FieldError, Invalid
from mlops_portal.foundation.people.rights import rights_of
from mlops_portal.foundation.rules import Blocker
from mlops_portal.foundation.web.pages import ActionPage, CreatePage, DetailPage, Page
from mlops_portal.foundation.yaml_documents import DocumentInvalid

REVISIONS = PolicyRevision.objects.select_related("policy", "drafted_by", "published_by")
CRUMB = ("Policies", "/policies/")


class PolicyList(Page):
    """Every policy with its revisions, newest first."""

    title, right, template_name = "Policies", "approvals.view", "approvals/policies.html"

    def more(self) -> Mapping[str, Any]:
        """Read policies with revisions; there are few."""
        groups: dict[int, tuple[Policy, list[PolicyRevision]]] = {}
        for revision in REVISIONS.order_by("policy__key", "-number"):
            groups.setdefault(revision.policy_id, (revision.policy, []))[1].append(revision)
        return {
            "policies": list(groups.values()),
            "may_publish": rights_of(self.request.user).has("approvals.publish_policy"),
            "tones": tones,
        }


class RevisionDetail(DetailPage):
    """One revision: readable rules, what it changes, the document itself."""

    queryset = REVISIONS
    template_name, right, object_name = "approvals/policy.html", "approvals.view", "revision"

    def get_crumbs(self) -> list[tuple[str, str]]:
        """Lead over the list."""
        return [CRUMB, (str(self.object), "")]

    def more(self) -> Mapping[str, Any]:
        """Read the revision, and compare it with the one of the address, else the one before it."""
        revision = self.object
        others = list(REVISIONS.filter(policy=revision.policy).exclude(pk=revision.pk).order_by("-number"))
        asked = self.request.GET.get("against", "")
        earlier = [one for one in others if one.number < revision.number]
        against = next((one for one in others if str(one.number) == asked), earlier[0] if earlier else None)
        document = document_of(revision)
        return {
            **policy_page.read(document),
            "others": others,
            "against": against,
            "changes": policy_page.difference(document_of(against), document) if against else [],
            "lines": policy_page.lines(against.document, revision.document) if against else [],
            "laxer": laxness_of(revision),
            "open_under": ChangeRequest.objects.visible_to(self.request.user)
            .filter(policy_revision=revision, state__in=OPEN_STATES)
            .count(),
            "may_publish": revision.state == PolicyRevision.State.DRAFT
            and rights_of(self.request.user).has("approvals.publish_policy"),
            "tones": tones,
        }


class RevisionDraft(CreatePage):
    """Draft a revision as a document; every place that is wrong is named with its line."""

    form_class, right, title, submit = (
        forms.PolicyDraft,
        "approvals.publish_policy",
        "Draft a revision",
        "Keep the draft",
    )
    crumbs, back_url, template_name = (CRUMB,), "approvals:policies", "approvals/policy_draft.html"
    fragment = "approvals/policy_draft.html#form"

    def initial(self) -> dict[str, Any]:
        """Start with the revision in force, else with the shipped policy."""
        found = REVISIONS.filter(state=PolicyRevision.State.PUBLISHED).order_by("-effective_from").first()
        return {"text": found.document if found else default_policy_text()}

    def act(self, *, by: Any, now: datetime, **data: Any) -> PolicyRevision:
        """Keep it.

        Raises:
            Invalid: with every place that is wrong.
        """
        try:
            return services.revision_draft(by=by, now=now, **data)
        except DocumentInvalid as error:
            raise _shown(error) from error

    def done(self, result: PolicyRevision) -> tuple[str, str]:
        """Show it."""
        return f"{result} is drafted. Somebody else publishes it.", reverse(
            "approvals:policy", args=[result.pk]
        )


def _shown(error: DocumentInvalid) -> Invalid:
    """Put every problem of a document on its field."""
    return Invalid([FieldError("text", f"{one.where}: {one.message}") for one in error.errors])


class RevisionPublish(SignedMixin, ActionPage):
    """Put a revision in force, as another person than who drafted it."""

    queryset = REVISIONS
    right, object_name, title, submit = (
        "approvals.publish_policy",
        "revision",
        "Publish {object}",
        "Publish {object}",
    )
    template_name = "approvals/policy_publish.html"

    def get_crumbs(self) -> list[tuple[str, str]]:
        """Lead over the revision."""
        return [
            CRUMB,
            (str(self.object), reverse("approvals:policy", args=[self.object.pk])),
            ("Publish", ""),
        ]

    def get_back_url(self) -> str:
        """Return to the revision."""
        return reverse("approvals:policy", args=[self.object.pk])

    def make_form(self, data: Any = None, files: Any = None) -> forms.Publication:
        """Ask for a signed reason where the revision is laxer than a control."""
        self.laxer = laxness_of(self.object)
        return forms.Publication(data=data, is_laxer=bool(self.laxer))

    def blockers(self) -> list[Blocker]:
        """Two people publish a policy."""
        found = []
        if self.object.state != PolicyRevision.State.DRAFT:
            found.append(Blocker("published", "This revision was published already."))
        if self.object.drafted_by_id == self.request.user.pk:
            found.append(Blocker("own_draft", "Somebody other than the drafter publishes a policy."))
        return found

    def act(self, *, by: Any, now: datetime, **data: Any) -> PolicyRevision:
        """Publish it."""
        return services.revision_publish(revision=self.object, by=by, now=now, **data)

    def done(self, result: PolicyRevision) -> tuple[str, str]:
        """Show it."""
        return f"{result} is in force.", reverse("approvals:policy", args=[result.pk])

    def more(self) -> Mapping[str, Any]:
        """Show what is laxer."""
        return {**super().more(), "laxer": self.laxer}
