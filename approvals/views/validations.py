"""Independent validations: the list of a model, one validation, its challenges and findings."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from django.http import HttpResponseBase
from django.urls import reverse

from approvals import forms, policies, tones
from approvals.models import Challenge, Validation, ValidationFinding
from approvals.policy_in_force import policy_in_force
from approvals.queries import validation_page
from approvals.queries.condition_people import see_the_model
from approvals.services import validations as services
from mlops_portal.foundation.days import portal_day
from mlops_portal.foundation.errors import NotFound
from mlops_portal.foundation.files.downloads import download
from mlops_portal.foundation.people.rights import rights_of
from mlops_portal.foundation.rules import Blocker
from mlops_portal.foundation.web.access import record_access
from mlops_portal.foundation.web.pages import ActionPage, DetailPage
from mlops_portal.foundation.web.words import day_text
from registry.models import ModelVersion, RegisteredModel

VALIDATIONS = Validation.objects.select_related(
    "model__unit",
    "model__owner",
    "version__model",
    "version__registered_by",
    "unit",
    "validator",
    "report",
    "signature",
)


def crumbs_of(model: RegisteredModel) -> list[tuple[str, str]]:
    """Lead over all validations and those of the model."""
    return [
        ("Validations", reverse("approvals:validation-list")),
        (str(model), reverse("approvals:model-validations", args=[model.pk])),
    ]


class ModelValidations(DetailPage):
    """All validations of one model."""

    queryset = RegisteredModel.objects.alive().select_related("unit", "counter")
    template_name, right, object_name = "approvals/validations.html", "approvals.view", "model"

    def get_title(self) -> str:
        """Name the model."""
        return f"Validations of {self.object}"

    def get_crumbs(self) -> list[tuple[str, str]]:
        """Lead over the model."""
        models = ("Models", reverse("registry:model-list"))
        return [models, (str(self.object), self.object.get_absolute_url()), ("Validations", "")]

    def more(self) -> Mapping[str, Any]:
        """Read the newest 100, and the newest versions to open one for."""
        user = self.request.user
        may = rights_of(user).has("approvals.validate", unit_id=self.object.unit_id, model_id=self.object.pk)
        versions = ModelVersion.objects.alive().filter(model=self.object).order_by("-number")[:5]
        return {
            "validations": list(validation_page.validations_of(self.object, user)[:100]),
            "versions": list(versions) if may else [],
            "tones": tones,
        }


class ValidationOpen(ActionPage):
    """Begin a validation; whoever opens it is its validator."""

    queryset = ModelVersion.objects.alive().select_related("model__unit", "unit", "registered_by")
    right, object_name, form_class = "approvals.validate", "version", forms.ValidationStart
    title, submit = "Validate {object}", "Open the validation"

    def initial(self) -> dict[str, Any]:
        """Start with the kind that what was concluded before speaks for."""
        return {"kind": validation_page.kind_expected(self.object)}

    def more(self) -> Mapping[str, Any]:
        """Say that the version is validated, where it is."""
        held = validation_page.holding(self.object, self.now)
        if held is None:
            return super().more()
        until = day_text(portal_day(held.valid_until))
        told = f"{self.object} holds a valid validation until {until}, concluded by {held.validator.name}."
        return {**super().more(), "lede": told}

    def blockers(self) -> list[Blocker]:
        """Who built, owns or asked for it does not validate it."""
        return services.validation_open_blockers(self.object, by=self.request.user)

    def act(self, *, by: Any, now: datetime, **data: Any) -> Validation:
        """Open it."""
        return services.validation_open(version=self.object, by=by, now=now, **data)

    def done(self, result: Validation) -> tuple[str, str]:
        """Show it."""
        return "The validation is open.", reverse("approvals:validation", args=[result.pk])


class ValidationDetail(DetailPage):
    """Scope, components, challenges, findings, conclusion."""

    queryset = VALIDATIONS
    template_name, right, object_name = "approvals/validation.html", "approvals.view", "validation"

    def get_crumbs(self) -> list[tuple[str, str]]:
        """Lead over all validations, where the navigation leads, and the model."""
        model = self.object.model
        return [
            ("Validations", reverse("approvals:validation-list")),
            (str(model), model.get_absolute_url()),
            (str(self.object), ""),
        ]

    def more(self) -> Mapping[str, Any]:
        """Read the page."""
        validation, user = self.object, self.request.user
        is_open = validation.state == Validation.State.OPEN
        rights = rights_of(user)
        scope = {"unit_id": validation.unit_id, "model_id": validation.model_id}
        return {
            **validation_page.read(validation, policy_in_force(self.now)),
            "is_open": is_open,
            "has_ended": validation.valid_until is not None and validation.valid_until <= self.now,
            "is_validator": is_open and user.pk == validation.validator_id,
            "may_answer": is_open
            and user.pk != validation.validator_id
            and rights.has("approvals.comment", **scope),
            "may_close": rights.has("approvals.validate", **scope),
            "tones": tones,
            "today": portal_day(self.now),
        }


class OfValidation:
    """An act on a validation."""

    queryset = VALIDATIONS
    right: Any = "approvals.validate"
    object_name = "validation"
    object: Any

    @property
    def validation(self) -> Validation:
        """The validation this is about."""
        return self.object if isinstance(self.object, Validation) else self.object.validation

    def get_crumbs(self) -> list[tuple[str, str]]:
        """Lead over the validation."""
        found = self.validation
        url = reverse("approvals:validation", args=[found.pk])
        return [*crumbs_of(found.model), (found.version.name, url), (self.get_title(), "")]

    def done(self, result: Any) -> tuple[str, str]:
        """Return to the validation."""
        return self.told_of(result), reverse("approvals:validation", args=[self.validation.pk])


class OfValidator(OfValidation):
    """An act that only the validator does, while the validation is open; ``its_act`` says what."""

    its_act: str

    def blockers(self) -> list[Blocker]:
        """Say that it is over, or whose it is."""
        by = self.request.user
        return policies.concluded_blockers(self.object) or policies.others_blockers(
            self.object, self.its_act, by=by
        )


class ReportAttach(OfValidator, ActionPage):
    """Attach the report as a file."""

    told = "The report is attached. The conclusion signs its digest."
    form_class, title, submit = forms.Report, "Attach the report", "Attach the report"
    its_act = "attaches the report"

    def act(self, *, by: Any, now: datetime, **data: Any) -> Validation:
        """Attach it."""
        return services.report_attach(validation=self.object, by=by, now=now, **data)


class ValidationReport(DetailPage):
    """The report of a validation, always as an attachment."""

    queryset, right, object_name = VALIDATIONS, "approvals.view", "validation"

    def answer(self, *, fragment: str = "", status: int = 200) -> HttpResponseBase:
        """Send it and note the access."""
        validation = self.object
        if validation.report is None:
            raise NotFound("This validation has no report as a file.")
        record_access(
            self.request,
            "validation report downloaded",
            Validation._meta.label,
            str(validation.pk),
            self.now,
            validation.unit_id,
        )
        return download(validation.report, name=validation.report_name)


class FindingRaise(OfValidator, ActionPage):
    """Record what was found."""

    told = "The finding is raised."
    form_class, title, submit = forms.Finding, "Raise a finding", "Raise the finding"
    its_act = "raises findings"

    def form_kwargs(self) -> dict[str, Any]:
        """Offer who sees the model, but its validator."""
        scope = {"unit_id": self.object.unit_id, "model_id": self.object.model_id}
        return {"among": see_the_model(**scope).exclude(pk=self.object.validator_id)}

    def act(self, *, by: Any, now: datetime, **data: Any) -> ValidationFinding:
        """Raise it."""
        return services.finding_raise(validation=self.object, by=by, now=now, **data)


class ChallengeAsk(OfValidator, ActionPage):
    """Ask the developers."""

    told = "The challenge is asked."
    form_class, title, submit = forms.Question, "Ask a challenge", "Ask"
    its_act = "asks challenges"

    def act(self, *, by: Any, now: datetime, **data: Any) -> Challenge:
        """Ask it."""
        return services.challenge_ask(validation=self.object, by=by, now=now, **data)


CHALLENGES = Challenge.objects.select_related("validation__model__unit", "validation__version__model", "unit")


class ChallengeAnswer(OfValidation, ActionPage):
    """Answer a challenge."""

    told = "The answer is given."
    queryset, right, object_name = CHALLENGES, "approvals.comment", "challenge"
    form_class, title, submit, template_name = (
        forms.Answer,
        "Answer a challenge",
        "Answer",
        "approvals/challenge.html",
    )

    def act(self, *, by: Any, now: datetime, **data: Any) -> Challenge:
        """Answer it."""
        return services.challenge_answer(challenge=self.object, by=by, now=now, **data)


class ChallengeAccept(OfValidation, ActionPage):
    """Accept an answer: the act is the button."""

    told = "The answer is accepted."
    queryset, object_name, title, submit = CHALLENGES, "challenge", "Accept the answer", "Accept the answer"
    template_name = "approvals/challenge.html"

    def get_back_url(self) -> str:
        """Return to the validation."""
        return reverse("approvals:validation", args=[self.validation.pk])

    def act(self, *, by: Any, now: datetime, **data: Any) -> Challenge:
        """Accept it."""
        return services.challenge_accept(challenge=self.object, by=by, now=now)


class FindingClose(OfValidation, ActionPage):
    """Close a finding on evidence."""

    told = "The finding is closed."
    queryset = ValidationFinding.objects.select_related(
        "validation__model__unit", "validation__version__model", "unit", "owner"
    )
    object_name, form_class = "finding", forms.FindingClosure
    title, submit = "Close a finding", "Close the finding"
    template_name = "approvals/finding.html"

    def act(self, *, by: Any, now: datetime, **data: Any) -> ValidationFinding:
        """Close it."""
        return services.finding_close(finding=self.object, by=by, now=now, **data)
