"""The signed end of a validation: written, reviewed line by line with its digest, proved; and the receipt."""

from collections.abc import Mapping, Sequence
from typing import Any

from django.urls import reverse

from approvals import forms, policies
from approvals.conclusion_content import (
    PART_WORDS,
    Conclusion,
    series,
    statement_of,
    told_conditions,
    written_parts,
)
from approvals.models import Validation
from approvals.queries.condition_people import condition_people
from approvals.queries.record_log import act_of_conclusion
from approvals.queries.validation_page import effects_of
from approvals.services import conclusions
from approvals.signed_content import SignedPart
from approvals.views.two_steps import RecordSteps
from approvals.views.validations import VALIDATIONS, crumbs_of
from mlops_portal.foundation import canonical
from mlops_portal.foundation.days import day_end, portal_day
from mlops_portal.foundation.web.ledger_numbers import numbers_of
from mlops_portal.foundation.web.pages import DetailPage


def page_of(validation: Validation) -> str:
    """Return the address of the page of a validation."""
    return reverse("approvals:validation", args=[validation.pk])


class ValidationConclude(RecordSteps):
    """Conclude a validation in the two steps of every signature."""

    queryset, right, object_name = VALIDATIONS, "approvals.validate", "validation"
    heading, submit = "Sign: conclude the validation", "Sign and conclude"
    record_name, fields_name = "approvals/sign_conclusion.html", "approvals/sign_conclusion_fields.html"
    words_field = "summary"
    covers = (
        "version, scope, findings, challenges, report, metrics, what was examined, conflict of interest, outcome, conditions, "
        "validity, rationale, meaning, signer"
    )
    binding = "A concluded validation is never changed; another one of the version takes its place."
    form: forms.Conclusion

    def get_title(self) -> str:
        """Name the version."""
        return f"{self.heading} of {self.object.version}"

    def get_crumbs(self) -> list[tuple[str, str]]:
        """Lead over the validation."""
        found = self.object
        return [*crumbs_of(found.model), (found.version.name, page_of(found)), ("Conclude", "")]

    def find_subject(self) -> None:
        """Find the validation and how its record reads now."""
        self.object = self.find()
        self.check_scope(self.object)
        self.preview = conclusions.conclusion_preview(
            validation=self.object, by=self.request.user, now=self.now
        )
        self.most = conclusions.valid_until_most(self.object, self.now)

    def make_form(self, data: Any = None) -> forms.Conclusion:
        """Build the form; it starts with the longest validity."""
        bearers = condition_people(self.object)
        latest = portal_day(self.most) if self.most else None
        return forms.Conclusion(
            data=data,
            minimum=conclusions.MIN_SUMMARY,
            latest=latest,
            owners=bearers.owners,
            verifiers=bearers.verifiers,
            initial={"components": self.object.components, "valid_until": latest},
        )

    def words(self) -> Conclusion:
        """Return what was typed."""
        data = self.form.cleaned_data
        return Conclusion(
            components=tuple(sorted(set(data["components"]))),
            outcome=data["outcome"],
            summary=data["summary"].strip(),
            has_no_conflict=data["has_no_conflict"],
            conflict_declaration=data["conflict_declaration"].strip(),
            conditions=tuple(self.form.conditions()),
            valid_until=day_end(data["valid_until"]),
        )

    def complaints(self) -> list[tuple[str | None, str]]:
        """Check what was written as signing will."""
        if self.form.errors:
            return []
        words = self.words()
        found: list[tuple[str | None, str]] = [
            (field, blocker.message)
            for field, blocker in conclusions.conclusion_complaints(self.object, words, now=self.now)
        ]
        return found + self._about_conditions(words)

    def _about_conditions(self, words: Conclusion) -> list[tuple[str | None, str]]:
        is_conditional = words.outcome == Validation.Outcome.APPROVED_WITH_CONDITIONS
        if not (is_conditional and words.conditions):
            blockers = conclusions.condition_complaints(self.object, words, now=self.now)
            return [("outcome", blocker.message) for blocker in blockers]
        bearers, places = condition_people(self.object), self.form.condition_places()
        lacking = policies.condition_complaints(
            words.conditions, owners=bearers.owner_ids(), verifiers=bearers.verifier_ids(), now=self.now
        )
        return [(f"{name}_{places[place - 1]}", blocker.message) for place, name, blocker in lacking]

    def digest_now(self) -> str:
        """Return the digest of exactly what was typed, over what the records say."""
        return canonical.digest(
            statement_of(self.object, self.preview.recorded, self.words(), by=self.request.user)
        )

    def written(self) -> Sequence[SignedPart]:
        """Return what the validator wrote."""
        return written_parts(self.words())

    def sign_now(self, *, read_digest: str, password: str, code: str) -> Validation:
        """Conclude it."""
        words = self.words()
        return conclusions.validation_conclude(
            validation=self.object,
            components=words.components,
            outcome=words.outcome,
            summary=words.summary,
            has_no_conflict=words.has_no_conflict,
            conflict_declaration=words.conflict_declaration,
            conditions=self.form.conditions(),
            valid_until=words.valid_until,
            read_digest=read_digest,
            password=password,
            code=code,
            by=self.request.user,
            now=self.now,
        )

    def receipt_of(self, result: Validation) -> str:
        """Lead to what was signed."""
        return reverse("approvals:validation-receipt", args=[result.pk])

    def statement_context(self) -> Mapping[str, Any]:
        """Add the validation and, at signing, what the sentence says of it."""
        found: dict[str, Any] = {
            "about": str(self.object),
            "back": page_of(self.object),
            "validation": self.object,
            "effects_title": "What concluding does",
            "effects": effects_of(self.object, self.request.user),
        }
        if self.step == "sign":
            words = self.words()
            found |= {
                "outcome": Validation.Outcome(words.outcome).label,
                "until": portal_day(words.valid_until),
                "conflict": "" if words.has_no_conflict else words.conflict_declaration,
                "conditions": told_conditions(words.conditions),
            }
        return found


class ValidationReceipt(DetailPage):
    """What was signed at the end of a validation, by whom, when, over which digest."""

    queryset = VALIDATIONS.filter(signature__isnull=False)
    template_name, right, object_name = (
        "approvals/validation_receipt.html",
        "approvals.view",
        "validation",
    )

    def get_title(self) -> str:
        """Name the act."""
        return f"Receipt: validation of {self.object.version} concluded"

    def get_crumbs(self) -> list[tuple[str, str]]:
        """Lead over the validation."""
        found = self.object
        return [*crumbs_of(found.model), (found.version.name, page_of(found)), ("Receipt", "")]

    def more(self) -> Mapping[str, Any]:
        """Add the conditions, the parts with their digests and the ledger number."""
        validation = self.object
        act = act_of_conclusion(validation)
        labels = dict(Validation.Component.choices)
        return {
            "signature": validation.signature,
            "conditions": list(validation.conditions.select_related("owner", "verifier").order_by("pk")),
            "examined": series(labels.get(name, name) for name in validation.components),
            "until": portal_day(validation.valid_until) if validation.valid_until else None,
            "parts": {
                PART_WORDS.get(name, name): digest
                for name, digest in validation.signature.statement.get("parts", {}).items()
            },
            "dossier_digest": validation.content_digest,
            "dossier_words": "Digest of the parts together",
            "number": numbers_of([act]).get(act) if act else None,
        }
