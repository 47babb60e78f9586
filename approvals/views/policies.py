"""Policies: which are in force, what each revision says, how two differ, drafting and publishing by two people."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from django.urls import reverse

from approvals import forms, tones
from approvals.models import ChangeRequest, Policy, PolicyRevision, Signature
from approvals.policy.document import default_policy_text
from approvals.policy_in_force import document_of, laxness_of
from approvals.publication_content import statement_of
from approvals.queries import policy_page
from approvals.services import publications
from approvals.services import revisions as services
from approvals.states import OPEN_STATES, Meaning
from approvals.views.two_steps import RecordSteps
from mlops_portal.foundation import canonical
from mlops_portal.foundation.errors import FieldError, Invalid
from mlops_portal.foundation.people.rights import rights_of
from mlops_portal.foundation.web.ledger_numbers import act_key, numbers_of
from mlops_portal.foundation.web.pages import CreatePage, DetailPage, Page
from mlops_portal.foundation.yaml_documents import DocumentInvalid

REVISIONS = PolicyRevision.objects.select_related("policy", "drafted_by", "published_by")
CRUMB = ("Policies", "/policies/")


def page_of(revision: PolicyRevision) -> str:
    """Return the address of the page of a revision."""
    return reverse("approvals:policy", args=[revision.pk])


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
            **self.signature(),
            "tones": tones,
        }

    def signature(self) -> Mapping[str, Any]:
        """Find how the revision was published; the shipped policy of a fresh installation is signed by nobody."""
        revision = self.object
        if revision.published_at is None:
            return {}
        signed = Signature.objects.filter(
            subject_label=PolicyRevision._meta.label, subject_id=str(revision.pk)
        )
        act = act_key(revision, revision.published_at, "approvals.policy_published")
        return {"signature": signed.order_by("-pk").first(), "number": numbers_of([act]).get(act)}


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
        return f"{result} is drafted. Somebody else publishes it.", page_of(result)


def _shown(error: DocumentInvalid) -> Invalid:
    """Put every problem of a document on its field."""
    return Invalid([FieldError("text", f"{one.where}: {one.message}") for one in error.errors])


class RevisionPublish(RecordSteps):
    """Put a revision in force in the two steps of every signature, as another person than who drafted it."""

    queryset = REVISIONS
    right, object_name = "approvals.publish_policy", "revision"
    heading, submit = "Sign: publish the policy", "Sign and publish"
    record_name, words_field = "approvals/sign_publication.html", "reason"
    covers = "digest of the document, controls, difference, start, reason, meaning, signer"
    binding = "A revision in use is never edited; only another one succeeds it."

    def get_title(self) -> str:
        """Name the revision."""
        return f"{self.heading} {self.object}"

    def get_crumbs(self) -> list[tuple[str, str]]:
        """Lead over the revision."""
        return [CRUMB, (str(self.object), page_of(self.object)), ("Publish", "")]

    def find_subject(self) -> None:
        """Find the revision, what publishing would sign and what keeps this person from it."""
        self.object = self.find()
        self.check_scope(self.object)
        self.preview = publications.publication_preview(revision=self.object, by=self.request.user)

    def make_form(self, data: Any = None) -> forms.SignedReason:
        """Build the form of the reason."""
        return forms.SignedReason(data=data, minimum=publications.MIN_REASON)

    def complaints(self) -> list[tuple[str | None, str]]:
        """Check the length."""
        reason, least = self.form.cleaned_data.get("reason", "").strip(), publications.MIN_REASON
        if len(reason) >= least:
            return []
        return [("reason", f"The reason has {len(reason)} characters; at least {least} are needed.")]

    def digest_now(self) -> str:
        """Return the digest of exactly what was typed, over what the records say."""
        reason = self.form.cleaned_data["reason"].strip()
        return canonical.digest(
            statement_of(self.object, self.preview.recorded, reason, by=self.request.user)
        )

    def sign_now(self, *, read_digest: str, password: str, code: str) -> PolicyRevision:
        """Publish it."""
        return publications.revision_publish(
            revision=self.object,
            reason=self.form.cleaned_data["reason"],
            read_digest=read_digest,
            password=password,
            code=code,
            by=self.request.user,
            now=self.now,
        )

    def receipt_of(self, result: PolicyRevision) -> str:
        """Lead to the revision, which names its signature."""
        return f"{page_of(result)}#signature"

    def statement_context(self) -> Mapping[str, Any]:
        """Add the revision."""
        revision = self.object
        return {
            "about": f"{revision.policy.title}, revision {revision.number}",
            "back": page_of(revision),
            "revision": revision,
            "is_laxer": self.preview.meaning == Meaning.ACCEPT_RISK,
        }
