"""Risk ratings, answered by one person and decided by another of the second line; and the end of an override."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from django import forms
from django.urls import reverse

from mlops_portal.foundation.days import portal_day
from mlops_portal.foundation.rules import Blocker
from mlops_portal.foundation.web.pages import ActionPage
from mlops_portal.foundation.web.words import day_text, figure
from registry import forms as registry_forms
from registry import policies
from registry.models import GovernanceOverride, RegisteredModel, RiskAssessment
from registry.questionnaire import load_questionnaire
from registry.services import governance_override_end
from registry.services import ratings as services
from registry.states import EuAiClass
from registry.views.decided import DecisionPage
from registry.views.versions import model_crumbs

PREFIX = "answer-"


class RatingForm(forms.Form):
    """The questionnaire; follow-up questions may stay open until their condition holds."""

    eu_ai_class = forms.ChoiceField(
        label="Class under the EU AI Act",
        choices=[("", "Not classified"), *(choice for choice in EuAiClass.choices if choice[0])],
        required=False,
        help_text="A release needs one.",
    )
    eu_ai_class_rationale = forms.CharField(
        label="Why this class",
        widget=forms.Textarea(attrs={"rows": 2}),
        required=False,
        max_length=2000,
        help_text="Needed with a class.",
    )
    rationale = forms.CharField(
        label="Rationale of the rating", widget=forms.Textarea(attrs={"rows": 3}), max_length=4000
    )

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.questionnaire = load_questionnaire()
        titles = self.questionnaire.titles
        asked = {}
        for question in self.questionnaire.questions:
            hint = f"{titles[question.dimension]}. {question.help}".strip()
            if question.asked_when:
                hint += " Only when an earlier answer leads here."
            asked[PREFIX + question.id] = forms.ChoiceField(
                label=question.text,
                help_text=hint,
                choices=[(choice.value, choice.label) for choice in question.choices],
                widget=forms.RadioSelect,
                required=not question.asked_when,
            )
        self.fields = {**asked, **self.fields}

    def clean(self) -> dict[str, Any]:
        """Gather the answers into one mapping, leaving out questions that were not asked."""
        given = self.cleaned_data
        answers = {
            name.removeprefix(PREFIX): value
            for name, value in given.items()
            if name.startswith(PREFIX) and value
        }
        asked = {question.id for question in self.questionnaire.asked(answers)}
        rest = {name: value for name, value in given.items() if not name.startswith(PREFIX)}
        return {**rest, "answers": {name: value for name, value in answers.items() if name in asked}}


class RatingPropose(ActionPage):
    """Answer the questionnaire."""

    queryset = RegisteredModel.objects.alive().select_related("unit")
    right, object_name, form_class = "registry.rate", "model", RatingForm
    title, submit = "Rate the risk of {object}", "Propose the rating"

    def get_crumbs(self) -> list[tuple[str, str]]:
        """Lead over the model."""
        return [*model_crumbs(self.object), ("Rate the risk", "")]

    def initial(self) -> dict[str, Any]:
        """Start with the rating in force."""
        last = RiskAssessment.objects.filter(model=self.object).order_by("-pk").first()
        if last is None:
            return {}
        known = {PREFIX + name: value for name, value in last.answers.items()}
        return {**known, "eu_ai_class": last.eu_ai_class, "eu_ai_class_rationale": last.eu_ai_class_rationale}

    def act(self, *, by: Any, now: datetime, **data: Any) -> RiskAssessment:
        """Propose."""
        return services.rating_propose(model=self.object, by=by, now=now, **data)

    def done(self, result: RiskAssessment) -> tuple[str, str]:
        """Show what it came to."""
        url = reverse("registry:evidence", args=[result.model_id])
        return (
            f"Proposed: tier {result.tier}, score {figure(result.score)}. A risk officer decides.",
            url,
        )


class RatingDecision(forms.Form):
    """Approve or decline."""

    approve = forms.TypedChoiceField(
        label="Decision",
        choices=[("true", "Approve the rating"), ("false", "Decline")],
        coerce=lambda value: value == "true",
        widget=forms.RadioSelect,
    )
    note = forms.CharField(widget=forms.Textarea(attrs={"rows": 3}), max_length=2000)


class RatingDecide(DecisionPage):
    """Decide on a rating as the second person."""

    queryset = RiskAssessment.objects.select_related("model__unit", "proposed_by")
    lookup: Mapping[str, str] = {"pk": "model_id", "rating": "pk"}
    right, object_name, form_class = "registry.approve_rating", "rating", RatingDecision
    title, submit = "{object}", "Decide"
    template_name = "registry/rating_decide.html"

    def get_crumbs(self) -> list[tuple[str, str]]:
        """Lead over the model."""
        return [*model_crumbs(self.object.model), ("Decide on the rating", "")]

    def blockers(self) -> list[Blocker]:
        """Say who decides on it instead."""
        return policies.rating_decision_blockers(self.object, by=self.request.user)

    def more(self) -> Mapping[str, Any]:
        """Show questions with the answers given."""
        questionnaire = load_questionnaire(self.object.questionnaire, self.object.questionnaire_revision)
        answers = self.object.answers
        titles = questionnaire.titles
        asked = []
        for question in questionnaire.asked(answers):
            choice = question.choice(answers.get(question.id, ""))
            asked.append((question, titles[question.dimension], choice.label if choice else "not answered"))
        known = dict(EuAiClass.choices)
        given = self.object.eu_ai_class
        return {"model": self.object.model, "asked": asked, "eu_ai_class": known.get(given, given)}

    def act(self, *, by: Any, now: datetime, **data: Any) -> RiskAssessment:
        """Decide."""
        return services.rating_decide(rating=self.object, by=by, now=now, **data)

    def done(self, result: RiskAssessment) -> tuple[str, str]:
        """Return to the model's ratings."""
        return f"{result.get_state_display()}.", reverse("registry:evidence", args=[result.model_id])


class OverrideEnd(ActionPage):
    """End an override of governance before its day."""

    queryset = GovernanceOverride.objects.select_related("model__unit", "model__owner", "decided_by")
    lookup: Mapping[str, str] = {"pk": "model_id", "override": "pk"}
    right, object_name, form_class = "registry.approve_rating", "override", registry_forms.Reason
    submit, danger = "End the override", True

    def get_title(self) -> str:
        """Name the model."""
        return f"End the override of governance of {self.object.model}"

    def get_crumbs(self) -> list[tuple[str, str]]:
        """Lead over the model."""
        return [*model_crumbs(self.object.model), ("End the override", "")]

    @property
    def lede(self) -> str:
        """Say what the end does."""
        until = day_text(portal_day(self.object.valid_until))
        return (
            f"{self.object.decided_by} signed it until {until}. When you end it, what the facts say applies at once: "
            "where they make governance mandatory, a task asks for what is missing."
        )

    def blockers(self) -> list[Blocker]:
        """Say that it is over, or who ends it instead."""
        return policies.override_end_blockers(self.object, by=self.request.user, now=self.now)

    def act(self, *, by: Any, now: datetime, **data: Any) -> GovernanceOverride:
        """End it."""
        return governance_override_end(override=self.object, by=by, now=now, **data)

    def done(self, result: GovernanceOverride) -> tuple[str, str]:
        """Return to where governance is shown."""
        message = "The override is ended. What the facts say applies again."
        return message, reverse("registry:evidence", args=[result.model_id])
