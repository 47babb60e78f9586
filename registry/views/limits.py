"""Limits and the monitoring plan of a model."""

from collections.abc import Iterator, Mapping
from datetime import datetime
from typing import Any

from django import forms
from django.urls import reverse

from mlops_portal.foundation.web.pages import ActionPage
from registry.models import RegisteredModel, ThresholdSet
from registry.services import limits as services
from registry.views.versions import model_crumbs

ROWS = 8
COLUMNS = ("code", "title", "metric", "segment", "direction", "release", "watch", "stop", "act")
DIRECTIONS = [("min", "at least"), ("max", "at most")]
NUMBERS = ("release", "watch", "stop", "act")


class LimitGrid(forms.Form):
    """Up to eight limits as a grid; a row without code is left out."""

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        for row in range(ROWS):
            for column in COLUMNS:
                self.fields[f"{column}-{row}"] = self._field(column, row)
        self.fields["rationale"] = forms.CharField(
            widget=forms.Textarea(attrs={"rows": 3}),
            max_length=4000,
            help_text="Why these limits and no others.",
        )

    @staticmethod
    def _field(column: str, row: int) -> forms.Field:
        label = f"{column.capitalize()} of limit {row + 1}"
        if column == "direction":
            return forms.ChoiceField(choices=DIRECTIONS, label=label, required=False)
        if column in NUMBERS:
            return forms.FloatField(label=label, required=False)
        return forms.CharField(label=label, required=False, max_length=160)

    def grid(self) -> Iterator[list[forms.BoundField]]:
        """Yield the cells row by row."""
        for row in range(ROWS):
            yield [self[f"{column}-{row}"] for column in COLUMNS]

    def clean(self) -> dict[str, Any]:
        """Gather the rows into limits."""
        given = self.cleaned_data
        limits = []
        for row in range(ROWS):
            cells = {column: given.get(f"{column}-{row}") for column in COLUMNS}
            if cells["code"]:
                limits.append({name: value for name, value in cells.items() if value not in (None, "")})
        if not limits:
            raise forms.ValidationError("Enter at least one limit with a code, a metric and a release limit.")
        return {"limits": limits, "rationale": given.get("rationale", "")}


class LimitsPropose(ActionPage):
    """Propose limits; the second line locks them."""

    queryset = RegisteredModel.objects.alive().select_related("unit", "counter")
    right, object_name, form_class = "registry.edit", "model", LimitGrid
    title, submit, template_name = (
        "Propose limits of {object}",
        "Propose the limits",
        "registry/limits_propose.html",
    )

    def get_crumbs(self) -> list[tuple[str, str]]:
        """Lead over the model."""
        return [*model_crumbs(self.object), ("Propose limits", "")]

    def initial(self) -> dict[str, Any]:
        """Start with the newest set."""
        newest = ThresholdSet.objects.filter(model=self.object).order_by("-number").first()
        rows = newest.limits[:ROWS] if newest else []
        return {f"{column}-{place}": row.get(column) for place, row in enumerate(rows) for column in COLUMNS}

    def more(self) -> Mapping[str, Any]:
        """Name the columns."""
        return {"columns": [name.capitalize() for name in COLUMNS]}

    def act(self, *, by: Any, now: datetime, **data: Any) -> ThresholdSet:
        """Propose."""
        return services.threshold_set_propose(model=self.object, by=by, now=now, **data)

    def done(self, result: ThresholdSet) -> tuple[str, str]:
        """Show the sets."""
        message = f"Set {result.number} is proposed; a validator or risk officer locks it."
        return message, reverse("registry:evidence", args=[result.model_id])


class LimitsLock(ActionPage):
    """Approve and lock a set as the second person."""

    queryset = ThresholdSet.objects.select_related("model__unit", "proposed_by")
    lookup: Mapping[str, str] = {"pk": "model_id", "limits": "pk"}
    right, object_name = "registry.lock_thresholds", "limits"
    title, submit = "Lock: {object}", "Lock the limits"
    template_name = "registry/limits_lock.html"

    def get_crumbs(self) -> list[tuple[str, str]]:
        """Lead over the model."""
        return [*model_crumbs(self.object.model), ("Lock limits", "")]

    def act(self, *, by: Any, now: datetime, **data: Any) -> ThresholdSet:
        """Lock."""
        return services.threshold_set_lock(limits=self.object, by=by, now=now)

    def done(self, result: ThresholdSet) -> tuple[str, str]:
        """Show the sets."""
        return f"Set {result.number} is locked.", reverse("registry:evidence", args=[result.model_id])
