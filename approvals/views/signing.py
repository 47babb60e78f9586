"""Signatures: what is signed is written first, reviewed with its digest, and only then proved with two components.

The digest is computed here from the words that were typed. The signing step carries them along with that digest and
computes it once more: when the two differ, nothing is signed and the new digest is shown instead.
"""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from django.http import HttpRequest, HttpResponseBase
from django.urls import reverse

from approvals import forms, policies, tones
from approvals.models import Decision, Stage
from approvals.queries import signature_page
from approvals.queries.gate_rows import gates_at_signing
from approvals.services.conversation import dossier_read
from approvals.services.decisions import DossierChanged, decision_preview, decision_sign
from approvals.services.revocations import signature_revoke
from approvals.states import POSITIVE_VERDICTS, ChangeState, Verdict
from approvals.views.scope import ChangeMixin, change_crumbs
from mlops_portal.foundation.errors import DomainError, Invalid, NotFound
from mlops_portal.foundation.rules import RuleViolation
from mlops_portal.foundation.web.error_views import record_evidence
from mlops_portal.foundation.web.ledger_numbers import numbers_of
from mlops_portal.foundation.web.pages import ActionPage, DetailPage, ObjectMixin, Page

TITLES = {
    Verdict.APPROVE: ("Sign: approve", "Sign and approve"),
    Verdict.APPROVE_WITH_CONDITIONS: ("Sign: approve with conditions", "Sign and approve with conditions"),
    Verdict.REQUEST_CHANGES: ("Sign: request changes", "Sign and request changes"),
    Verdict.REJECT: ("Sign: reject", "Sign and reject"),
    Verdict.RECUSE: ("Sign: recuse yourself", "Sign and step aside"),
}


class SignedMixin:
    """A form that ends in a proof of identity."""

    template_name = "approvals/signed_action.html"


class Sign(ChangeMixin, ObjectMixin, Page):
    """Two steps: write, then review and sign. Without scripts the same steps are two pages."""

    template_name, crumb = "approvals/sign.html", "Sign"
    fragment = "approvals/sign_form.html"

    def get_title(self) -> str:
        """Name verb and request."""
        return f"{TITLES[self.verdict][0]} {self.object.code}"

    def prepare(self) -> None:
        """Find request, stage and verdict, and what the signature would say.

        Raises:
            NotFound: there is no such verdict, or no stage decides now.
        """
        self.object = self.find()
        self.check_scope(self.object)
        if self.kwargs["verdict"] not in Verdict.values:
            raise NotFound("There is no such decision.")
        self.verdict = Verdict(self.kwargs["verdict"])
        stage = self.object.stages.filter(state=Stage.State.CURRENT).first()
        if stage is None or self.object.state != ChangeState.IN_REVIEW:
            raise NotFound(
                f"{self.object.code} is {self.object.get_state_display().lower()}; nothing is to be signed."
            )
        self.stage = stage
        self.problem: DomainError | None = None
        self.notice = ""
        self.step, self.digest = "write", ""
        self.absentees = signature_page.absentees_of(self.request.user, self.now)
        self.preview = decision_preview(stage=stage, verdict=self.verdict, by=self.request.user, now=self.now)
        self.waivers = signature_page.waivers_in(signature_page.filed_dossier(self.object))

    def make_form(self, data: Any = None) -> forms.Statement:
        """Build the form of what is signed."""
        return forms.Statement(
            data=data,
            verdict=self.verdict,
            minimum=self.preview.rationale_min_length,
            tier=self.object.decided_tier or 1,
            absentees=self.absentees,
            user=self.request.user,
        )

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
        if not self.form.is_valid() or not self.is_complete():
            return self.answer(fragment=self.fragment, status=400)
        if step == "write":
            return self.answer(fragment=self.fragment)
        self.step, self.digest = "sign", self.digest_now()
        if step != "sign":
            return self.answer(fragment=self.fragment)
        return self.sign()

    def is_complete(self) -> bool:
        """Check length and conditions as signing will, and put each complaint on the form."""
        data = self.form.cleaned_data
        blockers = policies.rationale_blockers(
            data["rationale"], minimum=self.preview.rationale_min_length, verdict=self.verdict
        )
        for blocker in blockers:
            self.form.add_error("rationale", blocker.message)
        for blocker in policies.condition_blockers(self.verdict, self.form.conditions(), now=self.now):
            self.form.add_error(None, blocker.message)
        return not self.form.errors

    def digest_now(self) -> str:
        """Return the digest of exactly what was typed."""
        return signature_page.digest_of(
            self.object,
            self.stage,
            verdict=self.verdict,
            meaning=self.preview.meaning,
            waivers=self.waivers,
            rationale=self.form.cleaned_data["rationale"],
            conditions=self.form.conditions(),
            signer=self.request.user,
            on_behalf_of=self.form.cleaned_data.get("on_behalf_of"),
        )

    @property
    def must_acknowledge(self) -> list[str]:
        """Name the parts this person has not read as they are now."""
        if not self.preview.has_read_before:
            return [part.title for part in self.preview.parts]
        return [part.title for part in self.preview.parts if part.is_changed]

    def sign(self) -> HttpResponseBase:
        """Prove and sign; a refusal shows the step again and clears the password."""
        given = self.request.POST
        proof = forms.Proof(data=given)
        if self.must_acknowledge and not given.get("acknowledged"):
            self.notice = "Say that you have read what you sign."
            return self.answer(fragment=self.fragment, status=400)
        if not proof.is_valid():
            self.proof = self.cleared(proof)
            return self.answer(fragment=self.fragment, status=400)
        if given.get("digest") != self.digest:
            self.notice = (
                "What you sign is no longer what you reviewed. Nothing was signed; this is the new digest."
            )
            return self.answer(fragment=self.fragment, status=409)
        try:
            decision = decision_sign(
                stage=self.stage,
                verdict=self.verdict.value,
                rationale=self.form.cleaned_data["rationale"],
                read_digest=given.get("read", ""),
                conditions=self.form.conditions(),
                items=self.form.cleaned_data.get("items", []),
                on_behalf_of=self.form.cleaned_data.get("on_behalf_of"),
                by=self.request.user,
                now=self.now,
                **proof.cleaned_data,
            )
        except Invalid as error:
            record_evidence(error)
            for one in error.errors:
                proof.add_error(one.where if one.where in proof.fields else None, one.message)
            self.proof = self.cleared(proof)
            return self.answer(fragment=self.fragment, status=error.status)
        except DomainError as error:
            if error.status != 409:
                raise
            record_evidence(error)
            self.problem = error
            return self.answer(fragment=self.fragment, status=409)
        dossier_read(change=self.object, by=self.request.user, now=self.now)
        return self.finished(decision)

    def cleared(self, proof: forms.Proof) -> forms.Proof:
        """Show the errors of a proof, never what was typed into it."""
        empty = forms.Proof(data={})
        empty._errors = proof.errors
        empty.cleaned_data = {}
        return empty

    def finished(self, decision: Decision) -> HttpResponseBase:
        """Show the receipt."""
        return ActionPage.finish(
            self, "Signed. This is your receipt.", reverse("approvals:receipt", args=[decision.pk])
        )

    def more(self) -> Mapping[str, Any]:
        """Everything the dialog lists."""
        preview, given = self.preview, self.request.POST
        changed = [part for part in preview.parts if part.is_changed]
        statement_text = ""
        if self.step == "sign":
            statement_text = self.form.cleaned_data["rationale"].strip()
        return {
            "preview": preview,
            "object": self.object,
            "change": self.object,
            "stage": self.stage,
            "verdict": self.verdict,
            "heading": TITLES[self.verdict][0],
            "submit": TITLES[self.verdict][1],
            "record_verb": signature_page.record_verb(preview.meaning, self.verdict),
            "is_positive": self.verdict in POSITIVE_VERDICTS,
            "form": self.form,
            "proof": self.proof,
            "step": self.step,
            "digest": self.digest,
            "read_digest": given.get("read") or self.object.dossier_digest,
            "changed_parts": changed,
            "acknowledge": self.must_acknowledge,
            "waivers": self.waivers if self.verdict in POSITIVE_VERDICTS else [],
            "reading": self.object.readings.filter(reader=self.request.user).first(),
            "problem": self.problem,
            "problem_blockers": self.problem.blockers if isinstance(self.problem, RuleViolation) else [],
            "has_moved": isinstance(self.problem, DossierChanged) or not preview.is_current,
            "notice": self.notice,
            "statement_text": statement_text,
            "conditions": self.form.conditions() if self.step == "sign" else [],
            "people": self._names() if self.step == "sign" else {},
            "items": self.form.cleaned_data.get("items", []) if self.step == "sign" else [],
            "behalf": self.form.cleaned_data.get("on_behalf_of") if self.step == "sign" else None,
        }

    def _names(self) -> dict[int, str]:
        ids = {row[key] for row in self.form.conditions() for key in ("owner", "verifier")}
        return {person.pk: person.name for person in forms.people() if person.pk in ids} if ids else {}


class Receipt(DetailPage):
    """What was signed, by whom, when, over which digest."""

    queryset = Decision.objects.select_related(
        "change__model", "change__unit", "change__policy_revision__policy", "stage", "signer", "signature__revoked_by",
        "on_behalf_of", "unit",
    )  # fmt: skip
    template_name, right, object_name = "approvals/receipt.html", "approvals.view", "decision"

    def get_title(self) -> str:
        """Name the act."""
        return f"Receipt: {self.object.get_verdict_display().lower()}, {self.object.change.code}"

    def get_crumbs(self) -> list[tuple[str, str]]:
        """Lead over the request."""
        return [*change_crumbs(self.object.change), ("Receipt", "")]

    def more(self) -> Mapping[str, Any]:
        """Add the conditions, the waivers relied on and the ledger number."""
        decision = self.object
        subject = (decision._meta.label, str(decision.pk))
        return {
            "change": decision.change,
            "signature": decision.signature,
            "conditions": list(decision.condition_rows.select_related("owner", "verifier").order_by("pk")),
            "gates": gates_at_signing(decision),
            "waivers": list(decision.change.waivers.filter(pk__in=decision.waiver_ids).order_by("pk")),
            "number": numbers_of([subject]).get(subject),
            "record_verb": signature_page.record_verb(decision.meaning, Verdict(decision.verdict)),
            "tones": tones,
            "may_revoke": decision.verdict in POSITIVE_VERDICTS and decision.voided_at is None,
        }


class Revoke(SignedMixin, ActionPage):
    """Revoke an approval, signed with a reason; it is never erased."""

    queryset = Decision.objects.select_related(
        "change__model", "change__unit", "stage", "signature", "signer"
    )
    right, object_name, form_class, danger = "approvals.view", "decision", forms.SignedReason, True
    title, submit = "Revoke an approval", "Sign and revoke this approval"

    def get_crumbs(self) -> list[tuple[str, str]]:
        """Lead over the request."""
        receipt = reverse("approvals:receipt", args=[self.object.pk])
        return [*change_crumbs(self.object.change), ("Receipt", receipt), (self.get_title(), "")]

    def act(self, *, by: Any, now: datetime, **data: Any) -> Any:
        """Revoke it."""
        return signature_revoke(decision=self.object, by=by, now=now, **data)

    def done(self, result: Any) -> tuple[str, str]:
        """Show the receipt, which now says so."""
        return "The approval is revoked.", reverse("approvals:receipt", args=[self.object.pk])
