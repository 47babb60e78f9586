"""Independent validations: their start, challenges, findings and signed end."""

from datetime import date
from typing import Any

from django import forms
from django.db.models import QuerySet

from approvals.forms.fields import DayField, PersonChoice, area
from approvals.forms.signing import PARTS, ConditionPlaces, count_rationale
from approvals.models import Validation, ValidationFinding
from mlops_portal.foundation.people.models import User

NEEDED = "needed with “Approved with conditions”"


class ValidationStart(forms.Form):
    """A validation of one version."""

    kind = forms.ChoiceField(choices=Validation.Kind.choices)
    scope = forms.CharField(
        widget=area(3), required=False, max_length=8000, help_text="What is examined, and what is not."
    )


class Report(forms.Form):
    """The validator's report."""

    upload = forms.FileField(
        label="File", help_text="At most 50 MB. It takes the place of one attached before."
    )


class Finding(forms.Form):
    """What a validation found."""

    title = forms.CharField(max_length=200)
    severity = forms.ChoiceField(choices=[("", "Choose"), *ValidationFinding.Severity.choices])
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


class Conclusion(ConditionPlaces):
    """The end of a validation, as it will be signed."""

    components = forms.MultipleChoiceField(
        choices=Validation.Component.choices, widget=forms.CheckboxSelectMultiple, label="Examined"
    )
    outcome = forms.ChoiceField(
        choices=Validation.Outcome.choices,
        widget=forms.RadioSelect,
        help_text="“Approved with conditions” needs at least one condition, written below.",
    )
    valid_until = DayField(label="Valid until")
    summary = forms.CharField(widget=area(5), max_length=20_000, label="Your rationale")
    has_no_conflict = forms.BooleanField(required=False, label="I have no conflict of interest.")
    conflict_declaration = forms.CharField(
        widget=area(2),
        required=False,
        max_length=4000,
        label="Conflict of interest",
        help_text="Only when there is one.",
    )

    def __init__(
        self,
        *,
        minimum: int,
        latest: date | None,
        owners: QuerySet[User],
        verifiers: QuerySet[User],
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        count_rationale(self.fields["summary"], minimum=minimum, tier=None)
        if latest is not None:
            self.fields["valid_until"].help_text = f"YYYY-MM-DD, {latest.isoformat()} at the latest."
        self.add_places(owners, verifiers, needed=0)
        for part in PARTS:  # one condition is needed with that outcome, and no field of it is to be left out
            self.fields[f"{part}_1"].mark = NEEDED

    def shows_conditions(self) -> bool:
        """Tell whether the places stand open: something was chosen or written that is about them."""
        return self["outcome"].value() == Validation.Outcome.APPROVED_WITH_CONDITIONS or any(
            bound.errors or bound.value() for _, fields in self.condition_groups() for bound in fields
        )
