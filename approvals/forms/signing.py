"""What a person puts their name to, and what proves who they are."""

from typing import Any

from django import forms
from django.db.models import QuerySet

from approvals.forms.fields import DayField, Lines, PersonChoice, area
from approvals.states import Verdict
from mlops_portal.foundation.people.models import User


class Reason(forms.Form):
    """Why."""

    reason = forms.CharField(widget=area(3), max_length=4000)


class SignedReason(forms.Form):
    """Why, as a part of what is signed."""

    reason = forms.CharField(widget=area(4), max_length=4000, label="Your reason")

    def __init__(self, *, minimum: int, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        count_rationale(self.fields["reason"], minimum=minimum, tier=None)


class Proof(forms.Form):
    """The two components that prove who signs. Neither is ever shown again."""

    password = forms.CharField(
        label="Your password",
        strip=False,
        widget=forms.PasswordInput(attrs={"autocomplete": "current-password"}),
    )
    code = forms.CharField(
        label="Code from your authenticator",
        max_length=10,
        widget=forms.TextInput(
            attrs={"class": "code", "inputmode": "numeric", "autocomplete": "one-time-code"}
        ),
    )


class WaiverStatement(forms.Form):
    """Why a risk is accepted for a time, or not."""

    rationale = forms.CharField(widget=area(4), max_length=8000, label="Your rationale")

    def __init__(self, *, minimum: int, tier: int, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        count_rationale(self.fields["rationale"], minimum=minimum, tier=tier)


def count_rationale(field: forms.Field, *, minimum: int, tier: int | None) -> None:
    """Say how long a rationale is, for a tier or without one for any of them, and let the page count."""
    for_tier = f" for tier {tier}" if tier else ""
    field.help_text = f"Part of what you sign. At least {minimum} characters{for_tier}."
    field.widget.attrs |= {"data-count": "rationale-count", "data-least": str(minimum)}


class JointApproval(Proof):
    """One reason for several requests."""

    rationale = forms.CharField(widget=area(3), max_length=8000, label="Your rationale, for each of them")
    acknowledged = forms.BooleanField(
        label="I have read the parts of each request, and what changed in them",
        error_messages={"required": "Say that you have read what you sign."},
    )
    field_order = ["rationale", "acknowledged", "password", "code"]


CONDITIONS = 3
PARTS = ("text", "evidence", "owner", "verifier", "due_on")


class ConditionPlaces(forms.Form):
    """Some places for conditions: each with what, evidence, owner, verifier and due date."""

    def add_places(
        self, owners: QuerySet[User] | None, verifiers: QuerySet[User] | None, *, needed: int
    ) -> None:
        """Add the places, of which the first ``needed`` must be filled in."""
        for place in range(1, CONDITIONS + 1):
            required = place <= needed
            label = f"Condition {place}"
            self.fields[f"text_{place}"] = forms.CharField(
                label=f"{label}: what is to be done", widget=area(2), required=required, max_length=2000
            )
            self.fields[f"evidence_{place}"] = forms.CharField(
                label=f"{label}: evidence",
                required=required,
                max_length=500,
                help_text="What proves it, such as a monitor or a gate.",
            )
            self.fields[f"owner_{place}"] = PersonChoice(
                among=owners, label=f"{label}: owner", required=required
            )
            self.fields[f"verifier_{place}"] = PersonChoice(
                among=verifiers,
                label=f"{label}: verified by",
                required=required,
                help_text="Not the owner.",
            )
            self.fields[f"due_on_{place}"] = DayField(label=f"{label}: due", required=required)

    def condition_groups(self) -> list[tuple[str, list[forms.BoundField]]]:
        """Return the fields of each place under its name; none where no conditions are set."""
        places = [place for place in range(1, CONDITIONS + 1) if f"text_{place}" in self.fields]
        return [(f"Condition {place}", [self[f"{part}_{place}"] for part in PARTS]) for place in places]

    def plain_fields(self) -> list[forms.BoundField]:
        """Return the fields that are no part of a condition."""
        held = {bound.name for _, fields in self.condition_groups() for bound in fields}
        return [bound for bound in self if bound.name not in held]

    def has_whole_conditions(self) -> bool:
        """Tell whether no field of a condition was refused, so that what they lack together can be said."""
        return not any(name.startswith(tuple(f"{part}_" for part in PARTS)) for name in self.errors)

    def condition_places(self) -> list[int]:
        """Return which of the places on the form hold something of a condition."""
        return [
            place
            for place in range(1, CONDITIONS + 1)
            if any(self.cleaned_data.get(f"{part}_{place}") for part in PARTS)
        ]

    def conditions(self) -> list[dict[str, Any]]:
        """Return the conditions that were filled in."""
        data = self.cleaned_data
        return [
            {
                "text": data[f"text_{place}"].strip(),
                "evidence": data[f"evidence_{place}"].strip(),
                "owner": data[f"owner_{place}"].pk if data[f"owner_{place}"] else None,
                "verifier": data[f"verifier_{place}"].pk if data[f"verifier_{place}"] else None,
                "due_on": data[f"due_on_{place}"],
            }
            for place in self.condition_places()
        ]


class Statement(ConditionPlaces):
    """What a person puts their name to: rationale, conditions or items."""

    rationale = forms.CharField(widget=area(4), max_length=8000, label="Your rationale")
    on_behalf_of = forms.ModelChoiceField(
        queryset=User.objects.none(), required=False, empty_label="Myself", label="You decide for"
    )

    def __init__(
        self,
        *,
        verdict: Verdict,
        minimum: int,
        tier: int | None,
        absentees: list[User],
        owners: QuerySet[User] | None = None,
        verifiers: QuerySet[User] | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.verdict = verdict
        rationale = self.fields["rationale"]
        count_rationale(rationale, minimum=minimum, tier=tier)
        if verdict == Verdict.RECUSE:
            rationale.label = "Why you step aside"
            rationale.help_text = "Kept with the request. At least 10 characters."
        if absentees:
            self.fields["on_behalf_of"].queryset = User.objects.filter(pk__in=[one.pk for one in absentees])
        else:
            del self.fields["on_behalf_of"]
        if verdict == Verdict.REQUEST_CHANGES:
            self.fields["items"] = Lines(
                label="What is to be changed", help_text="One item a line. The requester answers each."
            )
        if verdict == Verdict.APPROVE_WITH_CONDITIONS:
            self.add_places(owners, verifiers, needed=1)
