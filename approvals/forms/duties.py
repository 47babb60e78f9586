"""What approvals leave behind: waivers, conditions to verify, lapses, stand-ins."""

from typing import Any

from django import forms

from approvals.forms.fields import MomentField, PersonChoice, area
from approvals.models import Lapse


class WaiverRequest(forms.Form):
    """Ask the authority a gate names to accept its failure for a time."""

    gate = forms.ChoiceField(label="Gate")
    reason = forms.CharField(
        widget=area(4), max_length=8000, help_text="Why the failure can be accepted. At least 40 characters."
    )
    compensating_control = forms.CharField(
        widget=area(2), max_length=4000, label="What protects people meanwhile"
    )
    valid_until = MomentField(label="Until", help_text="YYYY-MM-DD HH:MM")

    def __init__(self, *, gates: list[tuple[str, str]], **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.fields["gate"].choices = gates


class Declaration(forms.Form):
    """What the owner of a condition says was done."""

    declaration = forms.CharField(
        widget=area(3),
        max_length=4000,
        label="What was done",
        help_text="At least 10 characters; name the evidence. The verifier reads it.",
    )


class Verification(forms.Form):
    """Whether a condition is met, and what its verifier saw."""

    is_met = forms.TypedChoiceField(
        choices=[("true", "It is met"), ("false", "It is not met: it stays open")],
        coerce=lambda value: value == "true",
        widget=forms.RadioSelect,
        label="The condition",
    )
    verification = forms.CharField(
        widget=area(3),
        max_length=4000,
        label="What you saw",
        help_text="At least 10 characters; name the evidence.",
    )


class LapseClosing(forms.Form):
    """One of four ways out."""

    outcome = forms.ChoiceField(
        choices=Lapse.Outcome.choices, widget=forms.RadioSelect, label="How it was settled"
    )


class StandIn(forms.Form):
    """Who decides while somebody is away."""

    absentee = PersonChoice(label="Who is away")
    stand_in = PersonChoice(label="Who decides meanwhile")
    starts_at = MomentField(label="From", help_text="YYYY-MM-DD HH:MM")
    ends_at = MomentField(label="Until", help_text="YYYY-MM-DD HH:MM")
    reason = forms.CharField(
        widget=area(2),
        required=False,
        max_length=1000,
        help_text="Needed when you name a stand-in for somebody else.",
    )
