"""Forms of targets."""

from typing import Any

from django import forms
from django.db.models import QuerySet

from kpis import definitions
from mlops_portal.foundation.people.models import BusinessUnit
from mlops_portal.foundation.people.rights import rights_of
from mlops_portal.foundation.web.forms import Day

SET = "kpis.set_target"
TARGETED = [kpi for kpi in definitions.every() if kpi.has_target]
LIMITS = ("value", "green_limit", "amber_limit")


def _units(user: Any) -> QuerySet:
    return BusinessUnit.objects.filter(pk__in=rights_of(user).units(SET)).order_by("name")


class TargetEntry(forms.Form):
    """A target: shares are typed in percent, times in hours."""

    kpi = forms.ChoiceField(
        label="KPI",
        choices=[(kpi.name, f"{kpi.label} ({'%' if kpi.unit == 'ratio' else 'hours'})") for kpi in TARGETED],
    )
    unit = forms.ModelChoiceField(queryset=BusinessUnit.objects.none(), required=False, label="Unit")
    tier = forms.TypedChoiceField(
        label="Tier",
        choices=[("", "All tiers"), *((tier, f"Tier {tier}") for tier in range(1, 5))],
        coerce=int,
        empty_value=None,
        required=False,
    )
    value = forms.FloatField(label="Target", help_text="What is aimed at, in % or hours.")
    green_limit = forms.FloatField(label="On target up to", help_text="The last value that is on target.")
    amber_limit = forms.FloatField(label="Watch up to", help_text="Beyond it the number is off target.")
    valid_from = Day(
        label="Holds from", help_text="A day such as 2026-11-17, not in the past. Charts keep the older line."
    )
    reason = forms.CharField(label="Reason", widget=forms.Textarea(attrs={"rows": 3}), max_length=2000)

    def __init__(self, *args: Any, user: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["unit"].queryset = _units(user)
        self.fields["unit"].empty_label = "All units"
        self.fields["unit"].required = not rights_of(user).everywhere(SET)

    def clean(self) -> dict[str, Any]:
        """Turn percent into shares."""
        data = super().clean() or {}
        if data.get("kpi") and definitions.get(data["kpi"]).unit == "ratio":
            data |= {name: data[name] / 100 for name in LIMITS if data.get(name) is not None}
        return data


class DecisionNote(forms.Form):
    """What the second person says."""

    note = forms.CharField(
        label="Note", widget=forms.Textarea(attrs={"rows": 3}), max_length=2000, required=False
    )


class DeclineNote(forms.Form):
    """Why a target is declined."""

    note = forms.CharField(label="Why", widget=forms.Textarea(attrs={"rows": 3}), max_length=2000)
