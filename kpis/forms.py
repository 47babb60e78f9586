"""Forms of targets."""

from datetime import date, timedelta
from typing import Any

from django import forms
from django.db.models import QuerySet

from kpis import definitions, words
from kpis.definitions import LOWER, Kpi
from kpis.rights import SET
from mlops_portal.foundation.people.models import BusinessUnit
from mlops_portal.foundation.people.rights import rights_of
from mlops_portal.foundation.web.forms import Day, UnitChoice

TARGETED = [kpi for kpi in definitions.every() if kpi.has_target]
LIMITS = ("value", "green_limit", "amber_limit")


def _units(user: Any) -> QuerySet:
    return BusinessUnit.objects.filter(pk__in=rights_of(user).units(SET)).order_by("name")


class TargetEntry(forms.Form):
    """A target of one KPI, typed in what its numbers are read in; the words follow its direction."""

    kpi = forms.ChoiceField(
        label="KPI", choices=[(kpi.name, kpi.label) for kpi in TARGETED], widget=forms.HiddenInput
    )
    unit = UnitChoice(required=False, label="Unit")
    tier = forms.TypedChoiceField(
        label="Tier",
        choices=[("", "All tiers"), *((tier, f"Tier {tier}") for tier in range(1, 5))],
        coerce=int,
        empty_value=None,
        required=False,
    )
    value = forms.FloatField()
    green_limit = forms.FloatField()
    amber_limit = forms.FloatField()
    valid_from = Day(label="Holds from")
    reason = forms.CharField(label="Reason", widget=forms.Textarea(attrs={"rows": 3}), max_length=2000)

    def __init__(self, *args: Any, user: Any, kpi: Kpi, today: date, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.kpi = kpi
        unit, lower = words.entry_unit(kpi), kpi.direction == LOWER
        self.fields["value"].label = f"Target, in {unit}"
        self.fields["value"].help_text = "What is aimed at."
        self.fields["green_limit"].label = f"On target {'up to' if lower else 'from'}, in {unit}"
        end, beyond = ("highest", "Above") if lower else ("lowest", "Below")
        self.fields["green_limit"].help_text = f"The {end} value that is on target."
        self.fields["amber_limit"].label = f"Watch {'up to' if lower else 'from'}, in {unit}"
        self.fields["amber_limit"].help_text = f"{beyond} it the number is off target."
        example = today + timedelta(days=1)
        self.fields[
            "valid_from"
        ].help_text = f"A day such as {example}, not in the past. Charts keep the older line."
        self.fields["unit"].required = not rights_of(user).everywhere(SET)
        self.fields["unit"].empty_label = "Choose a unit" if self.fields["unit"].required else "All units"
        self.fields["unit"].offer(_units(user))

    def clean(self) -> dict[str, Any]:
        """Turn what was typed into what is kept: percent into shares, days into hours."""
        data = super().clean() or {}
        typed = {name: data[name] for name in LIMITS if data.get(name) is not None}
        return data | {name: words.entered(self.kpi, value) for name, value in typed.items()}


class DecisionNote(forms.Form):
    """What the second person says."""

    note = forms.CharField(
        label="Note", widget=forms.Textarea(attrs={"rows": 3}), max_length=2000, required=False
    )


class DeclineNote(forms.Form):
    """Why a target is declined."""

    note = forms.CharField(label="Why", widget=forms.Textarea(attrs={"rows": 3}), max_length=2000)
