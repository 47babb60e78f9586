"""Signatures of decisions: the two steps, the receipt, and taking one back."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from django.urls import reverse

from approvals import forms, policies, tones
from approvals.models import Decision, Stage
from approvals.queries import signature_page
from approvals.queries.condition_people import condition_people
from approvals.queries.gate_rows import gates_at_signing
from approvals.queries.record_log import act_of_decision
from approvals.services.decisions import decision_preview, decision_sign
from approvals.services.revocations import signature_revoke
from approvals.states import POSITIVE_VERDICTS, ChangeClass, ChangeState, Verdict, act_word
from approvals.views.scope import ChangeMixin, change_crumbs
from approvals.views.two_steps import TwoSteps
from mlops_portal.foundation.errors import NotFound
from mlops_portal.foundation.web.ledger_numbers import numbers_of
from mlops_portal.foundation.web.pages import ActionPage, DetailPage

TITLES = {
    Verdict.APPROVE_WITH_CONDITIONS: ("Sign: approve with conditions", "Sign and approve with conditions"),
    Verdict.REQUEST_CHANGES: ("Sign: request changes", "Sign and request changes"),
    Verdict.REJECT: ("Sign: reject", "Sign and reject"),
    Verdict.RECUSE: ("Sign: recuse yourself", "Sign and step aside"),
}


class SignedMixin:
    """A form that ends in a proof of identity."""

    template_name = "approvals/signed_action.html"


class Sign(ChangeMixin, TwoSteps):
    """A decision at the stage that decides now."""

    record_name = "approvals/sign_decision.html"
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
        act = act_of_decision(decision)
        return {
            "change": decision.change,
            "signature": decision.signature,
            "dossier_digest": decision.dossier_digest,
            "dossier_words": f"Dossier digest of revision {decision.dossier_number}",
            "conditions": list(decision.condition_rows.select_related("owner", "verifier").order_by("pk")),
            "gates": gates_at_signing(decision),
            "waivers": list(decision.change.waivers.filter(pk__in=decision.waiver_ids).order_by("pk")),
            "number": numbers_of([act]).get(act),
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
