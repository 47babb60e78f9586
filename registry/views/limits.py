"""Limits of a model: proposed by one, locked by another."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from django import forms
from django.urls import reverse

from mlops_portal.foundation.rules import Blocker
from mlops_portal.foundation.web.pages import ActionPage
from mlops_portal.foundation.web.rows import AddsRows, Cell, RowsField
from registry import policies
from registry.models import RegisteredModel, ThresholdSet
from registry.services import limits as services
from registry.states import ReviewState
from registry.views.decided import DecisionPage
from registry.views.versions import model_crumbs

DIRECTIONS = [("min", "at least"), ("max", "at most")]
ADVISORY = "advisory"
EFFECTS = [("blocks", "blocks"), (ADVISORY, "is advisory")]
COLUMNS = (
    Cell("code", "Code", required=True, hint="PERF-01"),
    Cell("title", "Title", hint="All applicants"),
    Cell("metric", "Metric", required=True, hint="AUC"),
    Cell("segment", "Group", hint="under 25"),
    Cell("suite", "Suite", hint="out of time"),
    Cell("direction", "Direction", required=True, choices=DIRECTIONS),
    Cell("release", "Release limit", kind="number", required=True, hint="0.75"),
    Cell("watch", "Watch at", kind="number"),
    Cell("act", "Act at", kind="number"),
    Cell("stop", "Stop at", kind="number"),
    Cell("blocking", "If missed", choices=EFFECTS),
)


class LimitsForm(forms.Form):
    """Limits, one a row."""

    limits = RowsField(
        label="Limits",
        columns=COLUMNS,
        noun="the limits",
        help_text="Empty rows are left out. A limit without a group is for all cases. A release limit that is missed "
        "blocks the release unless it is advisory.",
    )
    rationale = forms.CharField(
        widget=forms.Textarea(attrs={"rows": 3}),
        max_length=4000,
        help_text="Why these limits and no others.",
    )

    def clean_limits(self) -> list[dict[str, Any]]:
        """Say of every limit which suite it is for and whether it blocks: what was cleared is not kept."""
        rows = self.cleaned_data["limits"]
        return [
            {**row, "suite": row.get("suite", ""), "blocking": row.get("blocking") != ADVISORY}
            for row in rows
        ]


class LimitsPropose(AddsRows, ActionPage):
    """Propose limits; the second line locks them."""

    queryset = RegisteredModel.objects.alive().select_related("unit", "counter")
    right, object_name, form_class = "registry.edit", "model", LimitsForm
    title, submit = "Propose limits of {object}", "Propose the limits"
    lede = "The release limit decides whether a version may go live; watch, act and stop are for monitoring."

    def get_crumbs(self) -> list[tuple[str, str]]:
        """Lead over the model."""
        return [*model_crumbs(self.object), ("Propose limits", "")]

    def initial(self) -> dict[str, Any]:
        """Start with the newest set."""
        newest = ThresholdSet.objects.filter(model=self.object).order_by("-number").first()
        rows = newest.limits if newest else []
        said = {True: "blocks", False: ADVISORY}
        return {"limits": [{**row, "blocking": said[bool(row.get("blocking", True))]} for row in rows]}

    def act(self, *, by: Any, now: datetime, **data: Any) -> ThresholdSet:
        """Propose."""
        return services.threshold_set_propose(model=self.object, by=by, now=now, **data)

    def done(self, result: ThresholdSet) -> tuple[str, str]:
        """Show the sets."""
        message = f"Set {result.number} is proposed; a validator or risk officer locks it."
        return message, reverse("registry:evidence", args=[result.model_id])


class LimitsLock(DecisionPage):
    """Approve and lock a set as the second person."""

    queryset = ThresholdSet.objects.select_related("model__unit", "proposed_by")
    lookup: Mapping[str, str] = {"pk": "model_id", "limits": "pk"}
    right, object_name = "registry.lock_thresholds", "limits"
    title, submit = "Lock: {object}", "Lock the limits"
    template_name = "registry/limits_lock.html"
    words: Mapping[str, str] = {ReviewState.APPROVED: "Locked", ReviewState.DECLINED: "Declined"}

    def get_crumbs(self) -> list[tuple[str, str]]:
        """Lead over the model."""
        return [*model_crumbs(self.object.model), ("Lock limits", "")]

    def blockers(self) -> list[Blocker]:
        """Say who locks them instead."""
        return policies.limits_decision_blockers(self.object, by=self.request.user)

    def more(self) -> Mapping[str, Any]:
        """Name the model."""
        return {"model": self.object.model}

    def act(self, *, by: Any, now: datetime, **data: Any) -> ThresholdSet:
        """Lock."""
        return services.threshold_set_lock(limits=self.object, by=by, now=now)

    def done(self, result: ThresholdSet) -> tuple[str, str]:
        """Show the sets."""
        return f"Set {result.number} is locked.", reverse("registry:evidence", args=[result.model_id])
