"""Remarks on a request and the second line's word on materiality."""

from typing import Any

from django import forms

from approvals.forms.fields import PersonChoice, area, people
from approvals.models import ChangeRequest
from mlops_portal.foundation.people.models import User


class Comment(forms.Form):
    """A remark on a request, or on one of its gates."""

    text = forms.CharField(
        widget=area(2),
        max_length=10_000,
        label="Add to the discussion",
        help_text="Seen by everyone on this request. It cannot be edited later.",
    )
    gate = forms.ChoiceField(required=False, label="About")

    def __init__(self, *, gates: list[str], **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.fields["gate"].choices = [("", "The whole request"), *((gate, gate) for gate in gates)]


class EvidenceQuestion(forms.Form):
    """What an approver needs to see before they can decide."""

    text = forms.CharField(
        widget=area(3),
        max_length=10_000,
        label="What you need to see",
        help_text="Goes to the owner of the model and stands in the discussion. It cannot be edited later.",
    )


class Assignment(forms.Form):
    """Which colleague takes the stage."""

    to = PersonChoice(
        label="Who takes it", help_text="Only people who may decide every request listed above."
    )

    def __init__(self, *, colleagues: list[User], **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.fields["to"].queryset = people().filter(pk__in=[one.pk for one in colleagues])


class MaterialityConfirmation(forms.Form):
    """The second line confirms what was computed, or decides otherwise."""

    materiality = forms.ChoiceField(
        choices=ChangeRequest.Materiality.choices, widget=forms.RadioSelect, label="This change is"
    )
    reason = forms.CharField(
        widget=area(2), required=False, help_text="Needed when you decide otherwise: at least 20 characters."
    )
