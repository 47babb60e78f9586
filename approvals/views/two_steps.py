"""A signature in two steps: what is signed is written first, reviewed with its digest, and only then proved.

The digest is computed from the words that were typed. The signing step carries them along with that digest and
computes it once more: when the two differ, nothing is signed and the new digest is shown instead.
"""

from collections.abc import Mapping, Sequence
from typing import Any

from django.forms import Form
from django.http import HttpRequest, HttpResponseBase

from approvals import forms
from approvals.models import ChangeRequest
from approvals.services.reading import (
    DossierChanged,
    PreviewPart,
    RecordChanged,
    RecordPreview,
    listed,
)
from approvals.signed_content import SignedPart
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
    manifest_name = ""  # the list of the parts that are signed
    fields_name = "approvals/sign_fields.html"  # the fields of the first step
    words_field = "rationale"  # the field that holds the reason
    covers = ""  # what the digest covers, in words
    binding = ""  # who can take the signature back
    heading = submit = ""
    preview: Any  # meaning, blockers, whether what is signed is what was filed

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
        raise NotImplementedError

    @property
    def parts(self) -> Sequence[PreviewPart]:
        """The parts that the signer reads."""
        raise NotImplementedError

    @property
    def read_digest(self) -> str:
        """The digest of what the signer has before them."""
        raise NotImplementedError

    @property
    def must_acknowledge(self) -> list[str]:
        """Name the parts this person has not read as they are now."""
        return [part.title for part in self.parts if part.is_changed]

    def reading_words(self) -> str:
        """Return what a person says who has not noted reading what they sign as it is."""
        return f"I have read the {plural(len(self.must_acknowledge), 'part')} that changed"

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
            return self.refused(error)
        return ActionPage.finish(self, "Signed. This is your receipt.", self.receipt_of(result))

    def refused(self, problem: DomainError) -> HttpResponseBase:
        """Show why nothing was signed; the words are kept."""
        self.problem = problem
        return self.answer(fragment=self.fragment, status=409)

    @property
    def has_moved(self) -> bool:
        """Tell whether what is signed changed under the signer."""
        return isinstance(self.problem, DossierChanged | RecordChanged) or not self.preview.is_current

    def more(self) -> Mapping[str, Any]:
        """Everything the dialog lists."""
        problem, parts = self.problem, self.parts
        return {
            "preview": self.preview,
            "object": self.object,
            "heading": self.heading,
            "submit": self.submit,
            "record_name": self.record_name,
            "manifest_name": self.manifest_name,
            "fields_name": self.fields_name,
            "words_field": self.words_field,
            "covers": self.covers,
            "binding": self.binding,
            "form": self.form,
            "proof": self.proof,
            "step": self.step,
            "digest": self.digest,
            "read_digest": self.read_digest,
            "parts": parts,
            "changed_parts": [part for part in parts if part.is_changed],
            "acknowledge": self.must_acknowledge,
            "has_acknowledged": bool(self.request.POST.get("acknowledged")),
            "is_unread": self.is_unread,
            "reading_words": self.reading_words(),
            "problem": problem,
            "problem_blockers": problem.blockers if isinstance(problem, RuleViolation) else [],
            "has_moved": self.has_moved,
            "notice": self.notice,
            "statement_text": self.form.cleaned_data[self.words_field].strip() if self.step == "sign" else "",
            **self.statement_context(),
        }


class DossierSteps(TwoSteps):
    """A signature over the filed dossier of a request. What changed is told since the signer last noted reading it."""

    manifest_name = "approvals/sign_dossier.html"
    change: ChangeRequest

    @property
    def parts(self) -> Sequence[PreviewPart]:
        """The parts of the dossier."""
        return self.preview.parts

    @property
    def read_digest(self) -> str:
        """The revision that the signer began to read: no other is signed."""
        return self.request.POST.get("read") or self.change.dossier_digest

    @property
    def must_acknowledge(self) -> list[str]:
        """Name the parts this person has not read as they are now: all of them, if they never noted reading any."""
        if not self.preview.has_read_before:
            return [part.title for part in self.parts]
        return super().must_acknowledge

    def reading_words(self) -> str:
        """Return what a person says who has not noted reading the dossier as it is."""
        if self.preview.has_read_before:
            return super().reading_words()
        return f"I have read the {plural(len(self.must_acknowledge), 'part')} of the dossier"

    def more(self) -> Mapping[str, Any]:
        """Add the request and when its dossier was read."""
        change = self.change
        return {
            **super().more(),
            "change": change,
            "show_changes": change.get_absolute_url(),
            "reading": change.readings.filter(reader=self.request.user).first(),
        }


class RecordSteps(TwoSteps):
    """A signature over records, which the pages of this signature list themselves, line by line.

    Each page carries the digest of what it lists. What changed is told since the signer opened the first of them.
    """

    manifest_name = "approvals/sign_records.html"
    preview: RecordPreview

    def written(self) -> Sequence[SignedPart]:
        """Return the parts that the signer wrote beside their reason, once they are complete."""
        return ()

    @property
    def known(self) -> dict[str, str]:
        """The digest of each part as the signer opened it."""
        return dict(part.split(":", 1) for part in self.request.POST.getlist("part") if ":" in part)

    @property
    def parts(self) -> Sequence[PreviewPart]:
        """What the records say."""
        return listed(self.preview.recorded, self.known)

    @property
    def read_digest(self) -> str:
        """What this page lists."""
        return self.preview.digest

    def sign(self) -> HttpResponseBase:
        """Sign, unless the records moved since the page was shown."""
        if self.request.POST.get("read") != self.preview.digest:
            return self.refused(RecordChanged())
        return super().sign()

    def refused(self, problem: DomainError) -> HttpResponseBase:
        """Go back to the first step with what the records say now, and say which of them changed."""
        self.find_subject()
        self.step = "write"
        if isinstance(problem, RecordChanged):
            changed = ", ".join(part.title.lower() for part in self.parts if part.is_changed)
            problem.message = (
                f"Changed: {changed}." if changed else "What you sign is no longer what you read."
            )
        return super().refused(problem)

    def more(self) -> Mapping[str, Any]:
        """Add what the signer wrote, and how each part read when they began."""
        found = super().more()
        return {
            **found,
            "known": [f"{part.name}:{self.known.get(part.name, part.digest)}" for part in found["parts"]],
            "written": listed(self.written(), {}) if self.step == "sign" else (),
        }


def cleared(proof: forms.Proof) -> forms.Proof:
    """Show the errors of a proof, never what was typed into it."""
    empty = forms.Proof(data={})
    empty._errors = proof.errors
    empty.cleaned_data = {}
    return empty
