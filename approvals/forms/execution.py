"""Starts, reports of operators and the way back."""

from django import forms

from approvals.forms.fields import MomentField, area
from approvals.forms.signing import Proof


class Start(forms.Form):
    """When an approved change starts."""

    start_at = MomentField(label="Start", help_text="YYYY-MM-DD HH:MM, inside the approved window.")


class ExecutionReport(forms.Form):
    """What an operator saw of a step that the portal cannot see."""

    succeeded = forms.TypedChoiceField(
        choices=[("true", "It took effect"), ("false", "It did not take effect")],
        coerce=lambda value: value == "true",
        widget=forms.RadioSelect,
        label="What happened",
    )
    note = forms.CharField(
        widget=area(2), max_length=2000, label="What you saw", help_text="At least 10 characters."
    )


class Containment(Proof):
    """The way back: a reason, signed with two components."""

    reason = forms.CharField(widget=area(3), max_length=4000, help_text="At least 10 characters.")
    incident = forms.CharField(
        max_length=80, required=False, widget=forms.TextInput(attrs={"data-wide": "yes"})
    )
    field_order = ["reason", "incident", "password", "code"]
