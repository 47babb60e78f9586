"""Signatures of decisions: the two steps, the receipt, and taking one back."""

from collections.abc import Mapping
from typing import Any

from django.urls import reverse

from approvals import forms, policies, tones
from approvals.models import Decision, Stage
from approvals.queries import signature_page
from approvals.queries.condition_people import condition_people
from approvals.queries.gate_rows import gates_at_signing
from approvals.queries.record_log import act_of_decision, act_of_revocation
from approvals.revocation_content import statement_of
from approvals.services.decisions import decision_preview, decision_sign
from approvals.services.revocations import MIN_REASON, revocation_preview, signature_revoke
from approvals.states import POSITIVE_VERDICTS, ChangeClass, ChangeState, Verdict, act_word
from approvals.views.scope import ChangeMixin, change_crumbs
from approvals.views.two_steps import DossierSteps, RecordSteps
from mlops_portal.foundation import canonical
from mlops_portal.foundation.errors import NotFound
from mlops_portal.foundation.web.ledger_numbers import numbers_of
from mlops_portal.foundation.web.pages import DetailPage

TITLES = {
    Verdict.APPROVE_WITH_CONDITIONS: ("Sign: approve with conditions", "Sign and approve with conditions"),
    Verdict.REQUEST_CHANGES: ("Sign: request changes", "Sign and request changes"),
    Verdict.REJECT: ("Sign: reject", "Sign and reject"),
    Verdict.RECUSE: ("Sign: recuse yourself", "Sign and step aside"),
}


class SignedMixin:
    """A form that ends in a proof of identity."""

    template_name = "approvals/signed_action.html"


class Sign(ChangeMixin, DossierSteps):
    """A decision at the stage that decides now."""

    record_name = "approvals/sign_decision.html"
    fields_name = "approvals/sign_statement_fields.html"
    covers = "dossier, stage, verdict, meaning, conditions, waivers, rationale, signer"
    binding = "You, the head of model risk or an approver of this stage can revoke it, with a reason; it is never erased."

    def get_title(self) -> str:
        """Name verb and request."""
        return f"{self.heading} {self.object.code}"

    def find_subject(self) -> None:
        """Find request, stage and verdict, and what the signature would say.

        Raises:
            NotFound: there is no such verdict, or no stage decides now.
        """
        self.object = self.change = self.find()
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
        if self.verdict == Verdict.APPROVE:
            word = act_word(stage.meaning, self.verdict).lower()
            self.heading, self.submit = f"Sign: {word}", f"Sign and {word}"
        else:
            self.heading, self.submit = TITLES[self.verdict]
        self.bearers = condition_people(self.object)
        self.absentees = signature_page.absentees_of(self.request.user, self.now)
        self.preview = decision_preview(stage=stage, verdict=self.verdict, by=self.request.user, now=self.now)
        self.waivers = signature_page.waivers_in(signature_page.filed_dossier(self.object))

    @property
    def must_acknowledge(self) -> list[str]:
        """Ask nobody to have read what they step aside from."""
        return [] if self.verdict == Verdict.RECUSE else super().must_acknowledge

    def make_form(self, data: Any = None) -> forms.Statement:
        """Build the form of what is signed."""
        return forms.Statement(
            data=data,
            verdict=self.verdict,
            minimum=self.preview.rationale_min_length,
            tier=None
            if self.object.change_class == ChangeClass.CONTAINMENT
            else self.object.decided_tier or 1,
            absentees=self.absentees,
            owners=self.bearers.owners,
            verifiers=self.bearers.verifiers,
        )

    def complaints(self) -> list[tuple[str | None, str]]:
        """Check length and conditions."""
        blockers = policies.rationale_blockers(
            self.form.cleaned_data.get("rationale", ""),
            minimum=self.preview.rationale_min_length,
            verdict=self.verdict,
            change_class=self.object.change_class,
        )
        found: list[tuple[str | None, str]] = [("rationale", blocker.message) for blocker in blockers]
        if self.form.has_whole_conditions():
            places = self.form.condition_places()
            lacking = policies.condition_complaints(
                self.form.conditions(),
                owners=self.bearers.owner_ids(),
                verifiers=self.bearers.verifier_ids(),
                now=self.now,
            )
            found += [(f"{name}_{places[place - 1]}", blocker.message) for place, name, blocker in lacking]
        return found

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

    def sign_now(self, *, read_digest: str, password: str, code: str) -> Decision:
        """Sign the decision."""
        return decision_sign(
            stage=self.stage,
            verdict=self.verdict.value,
            rationale=self.form.cleaned_data["rationale"],
            read_digest=read_digest,
            password=password,
            code=code,
            conditions=self.form.conditions(),
            items=self.form.cleaned_data.get("items", []),
            on_behalf_of=self.form.cleaned_data.get("on_behalf_of"),
            by=self.request.user,
            now=self.now,
        )

    def receipt_of(self, result: Decision) -> str:
        """Lead to what was signed."""
        return reverse("approvals:receipt", args=[result.pk])

    def statement_context(self) -> Mapping[str, Any]:
        """Add stage, conditions, waivers and whom it is decided for."""
        signing = self.step == "sign"
        return {
            "about": f"{self.object.code}, revision {self.object.dossier_number}, {self.stage.title}",
            "back": self.object.get_absolute_url(),
            "stage": self.stage,
            "verdict": self.verdict,
            "record_verb": signature_page.record_verb(self.preview.meaning, self.verdict),
            "waivers": self.waivers if self.verdict in POSITIVE_VERDICTS else [],
            "conditions": self.form.conditions() if signing else [],
            "people": self._names() if signing else {},
            "items": self.form.cleaned_data.get("items", []) if signing else [],
            "behalf": self.form.cleaned_data.get("on_behalf_of") if signing else None,
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
        return f"Receipt: {self.object.act_word.lower()}, {self.object.change.code}"

    def get_crumbs(self) -> list[tuple[str, str]]:
        """Lead over the request."""
        return [*change_crumbs(self.object.change), ("Receipt", "")]

    def more(self) -> Mapping[str, Any]:
        """Add the conditions, the waivers relied on and the ledger number."""
        decision = self.object
        act, revoked = act_of_decision(decision), act_of_revocation(decision)
        numbers = numbers_of([one for one in (act, revoked) if one])
        return {
            "change": decision.change,
            "signature": decision.signature,
            "dossier_digest": decision.dossier_digest,
            "dossier_words": f"Dossier digest of revision {decision.dossier_number}",
            "conditions": list(decision.condition_rows.select_related("owner", "verifier").order_by("pk")),
            "gates": gates_at_signing(decision),
            "waivers": list(decision.change.waivers.filter(pk__in=decision.waiver_ids).order_by("pk")),
            "number": numbers.get(act),
            "revocation": signature_page.revocation_of(decision) if revoked else None,
            "revocation_number": numbers.get(revoked) if revoked else None,
            "record_verb": signature_page.record_verb(decision.meaning, Verdict(decision.verdict)),
            "tones": tones,
            "may_revoke": decision.verdict in POSITIVE_VERDICTS and decision.voided_at is None,
        }


class Revoke(RecordSteps):
    """Revoke an approval, signed over what is revoked and what follows; it is never erased."""

    queryset = Decision.objects.select_related(
        "change__model", "change__unit", "change__version__model", "stage", "signature", "signer"
    )
    right, object_name = "approvals.view", "decision"
    heading, submit = "Sign: revoke the approval", "Sign and revoke this approval"
    record_name, words_field = "approvals/sign_revocation.html", "reason"
    covers = "the approval, its dossier, its version and where it runs, what follows, reason, meaning, signer"
    binding = "A revocation stands; only a new decision approves again."

    def get_title(self) -> str:
        """Name the request."""
        return f"{self.heading} of {self.object.change.code}"

    def get_crumbs(self) -> list[tuple[str, str]]:
        """Lead over the request."""
        receipt = reverse("approvals:receipt", args=[self.object.pk])
        return [*change_crumbs(self.object.change), ("Receipt", receipt), ("Revoke", "")]

    def find_subject(self) -> None:
        """Find the decision, what revoking it would sign and what keeps this person from it."""
        self.object = self.find()
        self.check_scope(self.object)
        self.preview = revocation_preview(decision=self.object, by=self.request.user, now=self.now)

    def make_form(self, data: Any = None) -> forms.SignedReason:
        """Build the form of the reason."""
        return forms.SignedReason(data=data, minimum=MIN_REASON)

    def complaints(self) -> list[tuple[str | None, str]]:
        """Check the length."""
        reason = self.form.cleaned_data.get("reason", "").strip()
        if len(reason) >= MIN_REASON:
            return []
        return [("reason", f"The reason has {len(reason)} characters; at least {MIN_REASON} are needed.")]

    def digest_now(self) -> str:
        """Return the digest of exactly what was typed, over what the records say."""
        reason = self.form.cleaned_data["reason"].strip()
        return canonical.digest(
            statement_of(self.object, self.preview.recorded, reason, by=self.request.user)
        )

    def sign_now(self, *, read_digest: str, password: str, code: str) -> Decision:
        """Revoke it."""
        return signature_revoke(
            decision=self.object,
            reason=self.form.cleaned_data["reason"],
            read_digest=read_digest,
            password=password,
            code=code,
            by=self.request.user,
            now=self.now,
        )

    def receipt_of(self, result: Decision) -> str:
        """Lead to the receipt of the approval, which now says how it was revoked."""
        return f"{reverse('approvals:receipt', args=[result.pk])}#revocation"

    def statement_context(self) -> Mapping[str, Any]:
        """Add the decision."""
        decision = self.object
        about = f"{decision.change.code}, revision {decision.dossier_number}, {decision.stage.title}"
        return {
            "about": about,
            "back": reverse("approvals:receipt", args=[decision.pk]),
            "decision": decision,
        }
