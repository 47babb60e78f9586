"""Independent validations: their start, challenges, findings and signed end."""

from typing import Any

from django import forms
from django.db.models import QuerySet

from approvals.forms.fields import DayField, PersonChoice, area
from approvals.forms.signing import Proof
from approvals.models import Validation, ValidationFinding
from mlops_portal.foundation.people.models import User


class ValidationStart(forms.Form):
    """A validation of one version."""

    kind = forms.ChoiceField(choices=Validation.Kind.choices)
    scope = forms.CharField(
        widget=area(3), required=False, max_length=8000, help_text="What is examined, and what is not."
    )


class Finding(forms.Form):
    """What a validation found."""

    title = forms.CharField(max_length=200)
    severity = forms.ChoiceField(choices=ValidationFinding.Severity.choices)
    detail = forms.CharField(widget=area(4), required=False, max_length=8000)
    owner = PersonChoice(label="Who repairs it", help_text="People who see this model.")
    due_on = DayField(label="Due")

    def __init__(self, *, among: QuerySet[User], **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.fields["owner"].queryset = among
        self.fields["owner"].error_messages["invalid_choice"] = (
            "Choose somebody who sees this model and does not validate it."
        )


class Question(forms.Form):
    """A challenge to the developers."""

    question = forms.CharField(widget=area(3), max_length=4000)


class Answer(forms.Form):
    """An answer to a challenge."""

    answer = forms.CharField(widget=area(4), max_length=8000)


class FindingClosure(forms.Form):
    """What proves the repair."""

    evidence = forms.CharField(widget=area(3), max_length=4000, help_text="At least 10 characters.")


class Conclusion(Proof):
    """The signed end of a validation."""

    components = forms.MultipleChoiceField(
        choices=Validation.Component.choices, widget=forms.CheckboxSelectMultiple, label="Examined"
    )
    outcome = forms.ChoiceField(choices=Validation.Outcome.choices, widget=forms.RadioSelect)
    summary = forms.CharField(widget=area(5), max_length=20_000, help_text="At least 40 characters.")
    has_no_conflict = forms.BooleanField(required=False, label="I have no conflict of interest.")
    conflict_declaration = forms.CharField(
        widget=area(2),
        required=False,
        max_length=4000,
        label="Conflict of interest",
        help_text="Only when there is one.",
    )
    field_order = [
        "components",
        "outcome",
        "summary",
        "has_no_conflict",
        "conflict_declaration",
        "password",
        "code",
    ]
