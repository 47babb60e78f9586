"""The monitoring plan of a model, one measure a row."""

from collections.abc import Iterable
from datetime import datetime
from typing import Any

from django import forms

from mlops_portal.foundation.web.rows import AddsRows, Cell, RowsField
from registry.forms import PersonChoice
from registry.gates import watched_of
from registry.models import MonitoringPlan
from registry.services import evidence as services
from registry.views.evidence import ModelAction


def _in_words(dimension: str) -> str:
    """Write a dimension as people say it."""
    return dimension.replace("_", " ").capitalize()


def columns_of(dimensions: Iterable[str]) -> tuple[Cell, ...]:
    """Return the columns of a plan; what is watched is one of these dimensions, or any text when there are none."""
    choices = [(one, _in_words(one)) for one in dimensions]
    return (
        Cell("measure", "Metric", required=True, hint="PSI of stated income"),
        Cell("dimension", "Watches over", required=True, choices=choices, given=True),
        Cell("segment", "Group", hint="all"),
        Cell("watch", "Watch at", kind="number", hint="0.10"),
        Cell("act", "Act at", kind="number", required=True, hint="0.20"),
        Cell("stop", "Stop at", kind="number", hint="0.35"),
        Cell("cadence_hours", "Every, h", kind="number", required=True, hint="24"),
        Cell("route", "Who is told", required=True, hint="owner"),
    )


class PlanForm(forms.Form):
    """A monitoring plan."""

    owner = PersonChoice(required=False)
    field_order = ["measures", "owner"]

    def __init__(self, *, dimensions: Iterable[str], **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.fields["measures"] = RowsField(
            label="Measures",
            columns=columns_of(dimensions),
            noun="the monitoring plan",
            help_text="Rows that only say what they watch over are left out. Limits of a release stand in the limits.",
        )
        self.order_fields(self.field_order)


class PlanEdit(AddsRows, ModelAction):
    """Write the next edition of the monitoring plan."""

    told = "The monitoring plan of {object} is saved."
    form_class, tab = PlanForm, "registry:evidence"
    title, submit = "Monitoring plan of {object}", "Save the plan"

    @property
    def plan(self) -> MonitoringPlan | None:
        """The plan in force."""
        return MonitoringPlan.objects.filter(model=self.object, is_current=True).first()

    def form_kwargs(self) -> dict[str, Any]:
        """Offer what the policy names, and what the plan in force watches beside that."""
        plan = self.plan
        held = [str(row["dimension"]) for row in plan.measures if row.get("dimension")] if plan else []
        return {"dimensions": dict.fromkeys([*watched_of(self.object, self.now), *held])}

    def initial(self) -> dict[str, Any]:
        """Start with the plan in force, and a row for each dimension that the tier needs and nothing watches."""
        plan = self.plan
        rows = list(plan.measures) if plan else []
        held = {row.get("dimension") for row in rows}
        lacking = [name for name, needed in watched_of(self.object, self.now).items() if needed]
        rows += [{"dimension": name} for name in lacking if name not in held]
        return {"measures": rows, "owner": plan.owner if plan else self.object.owner}

    def act(self, *, by: Any, now: datetime, **data: Any) -> MonitoringPlan:
        """Save."""
        return services.monitoring_plan_save(model=self.object, by=by, now=now, **data)
