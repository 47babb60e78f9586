"""A signature in two steps: what is signed is written first, reviewed with its digest, and only then proved.

The digest is computed from the words that were typed. The signing step carries them along with that digest and
computes it once more: when the two differ, nothing is signed and the new digest is shown instead.
"""

from collections.abc import Mapping
from typing import Any

from django.forms import Form
from django.http import HttpRequest, HttpResponseBase

from approvals import forms
from approvals.models import ChangeRequest
from approvals.services.reading import DossierChanged
from mlops_portal.foundation.errors import DomainError, Invalid
from mlops_portal.foundation.rules import RuleViolation
from mlops_portal.foundation.web.error_views import record_evidence
from mlops_portal.foundation.web.pages import ActionPage, ObjectMixin, Page
from mlops_portal.foundation.web.words import plural


class TwoSteps(ObjectMixin, Page):
    """Write, then review and sign. Without scripts the same steps are two pages."""

    template_name, crumb = "approvals/sign.html", "Sign"
    fragment = "approvals/sign_form.html"
    record_name = ""  # the sentence that a person puts their name to
    covers = ""  # what the digest covers, in words
    binding = ""  # who can take the signature back
    heading = submit = ""
    change: ChangeRequest
    preview: Any  # parts, meaning, blockers, digest of the dossier

    def find_subject(self) -> None:
        """Find what is signed and how it reads now."""
        raise NotImplementedError

    def make_form(self, data: Any = None) -> Form:
        """Build the form of what is signed."""
        raise NotImplementedError

    def complaints(self) -> list[tuple[str | None, str]]:
        """Return what signing would refuse about the words, each with its field."""
        raise NotImplementedError

    def digest_now(self) -> str:
        """Return the digest of exactly what was typed."""
        raise NotImplementedError

    def sign_now(self, *, read_digest: str, password: str, code: str) -> Any:
        """Sign by the one service."""
        raise NotImplementedError

    def receipt_of(self, result: Any) -> str:
        """Return the address of the receipt."""
        raise NotImplementedError

    def statement_context(self) -> Mapping[str, Any]:
        """Return what the sentence needs."""
        return {}

    def prepare(self) -> None:
        """Find the subject, and start at the first step."""
        self.problem: DomainError | None = None
        self.notice, self.is_unread = "", False
        self.step, self.digest = "write", ""
        self.find_subject()

    def get(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:
        """Show the first step."""
        self.prepare()
        self.form, self.proof = self.make_form(), forms.Proof()
        return self.answer(fragment=self.fragment)

    def post(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:
        """Go on to the review, back to writing, or sign."""
        self.prepare()
        self.form, self.proof = self.make_form(request.POST), forms.Proof()
        step = request.POST.get("step", "")
        if not self.is_complete():
            return self.answer(fragment=self.fragment, status=400)
        if step == "write":
            return self.answer(fragment=self.fragment)
        self.step, self.digest = "sign", self.digest_now()
        if step != "sign":
            return self.answer(fragment=self.fragment)
        return self.sign()

    def is_complete(self) -> bool:
        """Check the words as signing will, and put every complaint on the form at once."""
        self.form.is_valid()
        for field, message in self.complaints():
            if field is None or field not in self.form.errors:
                self.form.add_error(field, message)
        return not self.form.errors

    @property
    def must_acknowledge(self) -> list[str]:
        """Name the parts this person has not read as they are now."""
        if not self.preview.has_read_before:
            return [part.title for part in self.preview.parts]
        return [part.title for part in self.preview.parts if part.is_changed]

    def reading_words(self) -> str:
        """Return what a person says who has not noted reading the dossier as it is."""
        parts = plural(len(self.must_acknowledge), "part")
        if self.preview.has_read_before:
            return f"I have read the {parts} that changed"
        return f"I have read the {parts} of the dossier"

    def sign(self) -> HttpResponseBase:
        """Prove and sign; a refusal shows the step again and clears the password."""
        given = self.request.POST
        proof = forms.Proof(data=given)
        if self.must_acknowledge and not given.get("acknowledged"):
            self.is_unread = True
            return self.answer(fragment=self.fragment, status=400)
        if not proof.is_valid():
            self.proof = cleared(proof)
            return self.answer(fragment=self.fragment, status=400)
        if given.get("digest") != self.digest:
            self.notice = (
                "What you sign is no longer what you reviewed. Nothing was signed; this is the new digest."
            )
            return self.answer(fragment=self.fragment, status=409)
        try:
            result = self.sign_now(read_digest=given.get("read", ""), **proof.cleaned_data)
        except Invalid as error:
            record_evidence(error)
            for one in error.errors:
                proof.add_error(one.where if one.where in proof.fields else None, one.message)
            self.proof = cleared(proof)
            return self.answer(fragment=self.fragment, status=error.status)
        except DomainError as error:
            if error.status != 409:
                raise
            record_evidence(error)
            self.problem = error
            return self.answer(fragment=self.fragment, status=409)
        return ActionPage.finish(self, "Signed. This is your receipt.", self.receipt_of(result))

    def more(self) -> Mapping[str, Any]:
        """Everything the dialog lists."""
        preview, change, given = self.preview, self.change, self.request.POST
        signing = self.step == "sign"
        return {
            "preview": preview,
            "object": self.object,
            "change": change,
            "heading": self.heading,
            "submit": self.submit,
            "record_name": self.record_name,
            "covers": self.covers,
            "binding": self.binding,
            "form": self.form,
            "proof": self.proof,
            "step": self.step,
            "digest": self.digest,
            "read_digest": given.get("read") or change.dossier_digest,
            "changed_parts": [part for part in preview.parts if part.is_changed],
            "acknowledge": self.must_acknowledge,
            "has_acknowledged": bool(given.get("acknowledged")),
            "is_unread": self.is_unread,
            "reading_words": self.reading_words(),
            "reading": change.readings.filter(reader=self.request.user).first(),
            "problem": self.problem,
            "problem_blockers": self.problem.blockers if isinstance(self.problem, RuleViolation) else [],
            "has_moved": isinstance(self.problem, DossierChanged) or not preview.is_current,
            "notice": self.notice,
            "statement_text": self.form.cleaned_data["rationale"].strip() if signing else "",
            **self.statement_context(),
        }


def cleared(proof: forms.Proof) -> forms.Proof:
    """Show the errors of a proof, never what was typed into it."""
    empty = forms.Proof(data={})
    empty._errors = proof.errors
    empty.cleaned_data = {}
    return empty
