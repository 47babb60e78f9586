"""Targets: list, proposal, approval, history."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from django.urls import reverse

from kpis import definitions, filtersets, forms, policies, tables
from kpis.judging import targets_in_force
from kpis.models import KpiTarget
from kpis.queries.limits import limits_in_force
from kpis.reading import zone
from kpis.services import targets as services
from kpis.windows import local_day
from kpis.words import value_text
from mlops_portal.foundation.rules import Blocker
from mlops_portal.foundation.web.pages import Action, ActionPage, CreatePage, DetailPage, ListPage, Preset

CRUMBS = (("KPIs", "/kpis/"),)
ROWS = KpiTarget.objects.select_related("unit", "proposed_by", "approved_by", "declined_by")


class TargetList(ListPage):
    """All targets, also those that were followed by others: charts keep their line."""

    queryset = ROWS
    filterset_class, table_class = filtersets.TargetFilters, tables.TargetTable
    template_name = "kpis/targets.html"
    title, noun, right, crumbs = "Targets", "target", "kpis.view", CRUMBS
    lede = (
        "Proposed by one person, approved by another, in force from a day on. Deployment frequency has none."
    )
    exports = ("csv", "xlsx")
    presets = (Preset("All", ""), Preset("To approve", "state=proposed"))
    actions = (
        Action("Propose a target", "kpis:target-propose", right="kpis.set_target", icon="plus", primary=True),
    )
    empty_title = "No target yet"
    empty_text = "Until somebody sets one, the limits of the house hold: they are listed below."

    def more(self) -> Mapping[str, Any]:
        """Add the limits that hold today for all units, whoever set them."""
        today = local_day(self.now, zone())
        rows = limits_in_force(targets_in_force(), on=today)
        return {**super().more(), "limits": rows, "today": today}


class TargetDetail(DetailPage):
    """One target with its history."""

    queryset, object_name = ROWS, "target"
    template_name, right = "kpis/target.html", "kpis.view"

    def get_crumbs(self) -> list[tuple[str, str]]:
        """Lead over the list."""
        return [*CRUMBS, ("Targets", reverse("kpis:target-list")), (str(self.object), "")]

    def more(self) -> Mapping[str, Any]:
        """Write the limits in the KPI's unit; show what is between this person and a decision."""
        kpi = definitions.get(self.object.kpi)
        today = local_day(self.now, zone())
        return {
            "kpi": kpi,
            "limits": [
                ("Target", value_text(kpi, self.object.value)),
                ("On target to", value_text(kpi, self.object.green_limit)),
                ("Watch to", value_text(kpi, self.object.amber_limit)),
                ("Holds from", self.object.valid_from),
            ],
            "blockers": policies.target_decision_blockers(self.object, by=self.request.user, today=today),
            "history": self._history(),
        }

    def _history(self) -> list[tuple[Any, Any]]:
        """Return each row with the person: only proposer and decider ever write."""
        target = self.object
        people = {
            str(one.pk): one for one in (target.proposed_by, target.approved_by, target.declined_by) if one
        }
        rows = target.history.order_by("history_date", "history_id")
        return [(row, people.get(str(row.history_user_id))) for row in rows]


class TargetPropose(CreatePage):
    """Propose a target."""

    form_class, right = forms.TargetEntry, "kpis.set_target"
    title, submit, back_url = "Propose a target", "Propose target", "kpis:target-list"
    crumbs = (*CRUMBS, ("Targets", "/kpis/targets/"))

    def form_kwargs(self) -> dict[str, Any]:
        """Offer only units on which the person may set targets."""
        return {"user": self.request.user}

    def act(self, *, by: Any, now: datetime, **data: Any) -> KpiTarget:
        """Propose it."""
        return services.target_propose(by=by, now=now, **data)

    def done(self, result: KpiTarget) -> tuple[str, str]:
        """Show it."""
        return "Proposed. Another person approves it.", result.get_absolute_url()


class TargetApprove(ActionPage):
    """Approve a target as the second person."""

    queryset, object_name, right = ROWS, "target", "kpis.set_target"
    form_class, title, submit = forms.DecisionNote, "Approve {object}", "Approve target"
    crumbs = (*CRUMBS, ("Targets", "/kpis/targets/"))
    approve = True

    def blockers(self) -> list[Blocker]:
        """Say why it is not possible now."""
        today = local_day(self.now, zone())
        return policies.target_decision_blockers(self.object, by=self.request.user, today=today)

    def act(self, *, by: Any, now: datetime, **data: Any) -> KpiTarget:
        """Decide."""
        return services.target_decide(target=self.object, approve=self.approve, by=by, now=now, **data)

    def done(self, result: KpiTarget) -> tuple[str, str]:
        """Show it."""
        return f"The target is {result.state}.", result.get_absolute_url()


class TargetDecline(TargetApprove):
    """Decline a target as the second person."""

    form_class, title, submit = forms.DeclineNote, "Decline {object}", "Decline target"
    approve = False
