"""The signed override of governance: written, reviewed line by line with its digest, proved; and the receipt."""

from collections.abc import Mapping
from typing import Any

from django.urls import reverse

from approvals import forms
from approvals.models import Signature
from approvals.override_content import statement_of
from approvals.services.overrides import MIN_REASON, RIGHT, override_preview, override_sign
from approvals.views.two_steps import RecordSteps
from mlops_portal.foundation import canonical
from mlops_portal.foundation.days import portal_day
from mlops_portal.foundation.web.ledger_numbers import act_key, numbers_of
from mlops_portal.foundation.web.pages import DetailPage
from registry.models import GovernanceOverride, RegisteredModel


def crumbs_of(model: RegisteredModel, last: str) -> list[tuple[str, str]]:
    """Lead over the model and its page of ratings and limits."""
    return [
        ("Models", reverse("registry:model-list")),
        (str(model), model.get_absolute_url()),
        ("Risk and limits", page_of(model)),
        (last, ""),
    ]


def page_of(model: RegisteredModel) -> str:
    """Return the address where the governance of a model is shown."""
    return reverse("registry:evidence", args=[model.pk])


class GovernanceOverrideSign(RecordSteps):
    """Override governance in the two steps of every signature."""

    queryset = RegisteredModel.objects.alive().select_related("unit", "owner")
    right, object_name = RIGHT, "model"
    heading, submit = "Sign: override governance", "Sign and override governance"
    record_name, words_field = "approvals/sign_override.html", "reason"
    covers = "model, tier, what the facts say, for how long, reason, meaning, signer"
    binding = "It ends by itself on the day that it names, or earlier when a risk officer ends it."

    def get_title(self) -> str:
        """Name the model."""
        return f"{self.heading} of {self.object}"

    def get_crumbs(self) -> list[tuple[str, str]]:
        """Lead over the model."""
        return crumbs_of(self.object, "Override governance")

    def find_subject(self) -> None:
        """Find the model, what overriding would sign and what keeps this person from it."""
        self.object = self.find()
        self.check_scope(self.object)
        self.preview = override_preview(model=self.object, by=self.request.user, now=self.now)

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

    def sign_now(self, *, read_digest: str, password: str, code: str) -> GovernanceOverride:
        """Override it."""
        return override_sign(
            model=self.object,
            reason=self.form.cleaned_data["reason"],
            read_digest=read_digest,
            password=password,
            code=code,
            by=self.request.user,
            now=self.now,
        )

    def receipt_of(self, result: GovernanceOverride) -> str:
        """Lead to what was signed."""
        return reverse("approvals:override-receipt", args=[result.pk])

    def statement_context(self) -> Mapping[str, Any]:
        """Add the model, and until when."""
        until = next(part for part in self.preview.recorded if part.name == "period").content["until"]
        return {
            "about": str(self.object),
            "back": page_of(self.object),
            "model": self.object,
            "until": until,
        }


class OverrideReceipt(DetailPage):
    """What was signed when governance was overridden, by whom, when, over which digest."""

    queryset = GovernanceOverride.objects.filter(
        signature_digest__in=Signature.objects.filter(
            subject_label=GovernanceOverride._meta.label
        ).values_list("digest")
    ).select_related("model__unit", "decided_by", "ended_by")
    template_name, right, object_name = "approvals/override_receipt.html", "registry.view", "override"

    def get_title(self) -> str:
        """Name the act."""
        return f"Receipt: governance of {self.object.model} overridden"

    def get_crumbs(self) -> list[tuple[str, str]]:
        """Lead over the model."""
        return crumbs_of(self.object.model, "Receipt")

    def more(self) -> Mapping[str, Any]:
        """Add the signature, the parts with their digests and the ledger number."""
        override = self.object
        signature = Signature.objects.get(
            subject_label=GovernanceOverride._meta.label, subject_id=str(override.pk)
        )
        act = act_key(override, override.decided_at, "registry.governance_overridden")
        return {
            "model": override.model,
            "signature": signature,
            "until": portal_day(override.valid_until),
            "has_ended": not override.is_live(self.now),
            "parts": signature.statement.get("parts", {}),
            "dossier_digest": signature.statement.get("content", ""),
            "dossier_words": "Digest of the parts together",
            "number": numbers_of([act]).get(act),
        }
