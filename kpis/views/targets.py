"""Targets: list, proposal, approval, history."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from django.http import HttpRequest
from django.http.response import HttpResponseBase
from django.urls import reverse

from kpis import definitions, filtersets, forms, policies, tables
from kpis.judging import limit_text, target_limits, targets_in_force
from kpis.models import KpiTarget
from kpis.queries.limits import Effect, against, effect_of, limits_in_force
from kpis.reading import read, three_months, zone
from kpis.scopes import scope_for
from kpis.services import targets as services
from kpis.windows import local_day
from kpis.words import period_text
from mlops_portal.foundation.errors import invalid
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


def limits_of(target: KpiTarget) -> list[tuple[str, Any]]:
    """Write the limits of a target in the unit of its KPI, and from when they hold."""
    kpi = definitions.get(target.kpi)
    own = target_limits(kpi, target.value, target.green_limit, target.amber_limit)
    return [
        ("Target", limit_text(kpi, own.goal)),
        ("On target", limit_text(kpi, own.on_target)),
        ("Watch", limit_text(kpi, own.watch)),
        ("Holds from", target.valid_from),
    ]


class TargetDetail(DetailPage):
    """One target with its history."""

    queryset, object_name = ROWS, "target"
    template_name, right = "kpis/target.html", "kpis.view"

    def get_crumbs(self) -> list[tuple[str, str]]:
        """Lead over the list."""
        return [*CRUMBS, ("Targets", reverse("kpis:target-list")), (str(self.object), "")]

    def more(self) -> Mapping[str, Any]:
        """Write the limits in the KPI's unit; show what is between this person and a decision."""
        target, kpi = self.object, definitions.get(self.object.kpi)
        today = local_day(self.now, zone())
        approving, declining = (
            policies.target_decision_blockers(target, approve=approve, by=self.request.user, today=today)
            for approve in (True, False)
        )
        own = target_limits(kpi, target.value, target.green_limit, target.amber_limit)
        return {
            "kpi": kpi,
            "limits": limits_of(target),
            "effect": effect_of(
                self.request.user, kpi, unit=target.unit_id, tier=target.tier, limits=own, now=self.now
            ),
            "approvers": policies.approver_text(target.unit, but=target.proposed_by, reader=self.request.user)
            if target.state == "proposed"
            else "",
            "blockers": approving,
            "decisions": [
                ("Approve target", reverse("kpis:target-approve", args=[target.pk]), bool(approving)),
                ("Decline target", reverse("kpis:target-decline", args=[target.pk]), bool(declining)),
            ],
            "refused": "You cannot decide on this" if declining else "You can only decline this",
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
    """Propose a target of one KPI, chosen by the address, beside what holds and what was measured."""

    form_class, right, template_name = forms.TargetEntry, "kpis.set_target", "kpis/propose.html"
    title, submit, back_url = "Propose a target", "Propose target", "kpis:target-list"
    crumbs = (*CRUMBS, ("Targets", "/kpis/targets/"))
    second_submit = ("show", "Show the effect")
    effect: Effect | None = None

    def prepare(self) -> None:
        """Find the KPI.

        Raises:
            Invalid: there is no KPI with targets of that name.
        """
        known = {kpi.name: kpi for kpi in forms.TARGETED}
        name = self.request.POST.get("kpi") or self.request.GET.get("kpi") or forms.TARGETED[0].name
        if name not in known:
            raise invalid("kpi", f"There is no KPI with targets named {name[:60]}.")
        self.kpi = known[name]

    def initial(self) -> dict[str, Any]:
        """Start with the KPI."""
        return {"kpi": self.kpi.name}

    def form_kwargs(self) -> dict[str, Any]:
        """Offer only units on which the person may set targets, in the words of the KPI."""
        return {"user": self.request.user, "kpi": self.kpi, "today": local_day(self.now, zone())}

    def post(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:
        """Propose it, or only show what it would change."""
        if self.second_submit[0] not in request.POST:
            return super().post(request, *args, **kwargs)
        self.prepare()
        self.form, self.problem = self.make_form(request.POST), None
        if self.form.is_valid():
            self._look(**self.form.cleaned_data)
        return self.answer(fragment=self.fragment, status=400 if self.form.errors else 200)

    def _look(self, **data: Any) -> None:
        limits = {name: data[name] for name in forms.LIMITS}
        for where, message in policies.limit_errors(self.kpi, **limits):
            self.form.add_error(where, message)
        if self.form.is_valid():
            unit = data["unit"]
            self.effect = effect_of(
                self.request.user,
                self.kpi,
                unit=unit.pk if unit else None,
                tier=data["tier"],
                limits=target_limits(self.kpi, **limits),
                now=self.now,
            )
            self.approvers = policies.approver_text(unit, but=self.request.user)

    def more(self) -> Mapping[str, Any]:
        """Show what holds today beside what was measured; after a look, what would change."""
        window, kpi = three_months(self.now), self.kpi
        numbers = read(
            scope_for(self.request.user), [window], now=self.now, names=[kpi.name], cells_of=[window]
        )
        figure = numbers.of(kpi.name, window)
        return {
            "kpi": kpi,
            "choices": [(one.label, f"?kpi={one.name}", one is kpi) for one in forms.TARGETED],
            "period": period_text(window),
            "against": against(figure, targets_in_force(), on=local_day(self.now, zone())),
            "effect": self.effect,
            "approvers": getattr(self, "approvers", ""),
        }

    def act(self, *, by: Any, now: datetime, **data: Any) -> KpiTarget:
        """Propose it."""
        return services.target_propose(by=by, now=now, **data)

    def done(self, result: KpiTarget) -> tuple[str, str]:
        """Show it, and say who is next."""
        who = policies.approver_text(result.unit, but=result.proposed_by)
        return f"Proposed. {who}", result.get_absolute_url()


class TargetApprove(ActionPage):
    """Approve a target as the second person."""

    queryset, object_name, right = ROWS, "target", "kpis.set_target"
    form_class, title, submit = forms.DecisionNote, "Approve the target", "Approve target"
    template_name, approve = "kpis/decide.html", True

    def get_crumbs(self) -> list[tuple[str, str]]:
        """Lead over the target."""
        page = (str(self.object), self.object.get_absolute_url())
        return [*CRUMBS, ("Targets", reverse("kpis:target-list")), page, (self.get_title(), "")]

    def more(self) -> Mapping[str, Any]:
        """Show what is decided on."""
        return {"limits": limits_of(self.object)}

    def blockers(self) -> list[Blocker]:
        """Say why it is not possible now."""
        today = local_day(self.now, zone())
        return policies.target_decision_blockers(
            self.object, approve=self.approve, by=self.request.user, today=today
        )

    def act(self, *, by: Any, now: datetime, **data: Any) -> KpiTarget:
        """Decide."""
        return services.target_decide(target=self.object, approve=self.approve, by=by, now=now, **data)

    def done(self, result: KpiTarget) -> tuple[str, str]:
        """Show it."""
        return f"The target is {result.state}.", result.get_absolute_url()


class TargetDecline(TargetApprove):
    """Decline a target as the second person."""

    form_class, title, submit = forms.DeclineNote, "Decline the target", "Decline target"
    approve = False
