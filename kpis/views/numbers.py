"""The dashboard and one KPI with the rows behind it."""

from collections.abc import Mapping, Sequence
from typing import Any

from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponseBase
from django.urls import reverse

from approvals.models import ChangeRequest
from kpis import charts, definitions, filtersets, tables
from kpis.asking import Ask, ask
from kpis.collectors import NO_INCIDENT_INTAKE
from kpis.figures import LISTED, Figure
from kpis.judging import TOO_FEW, Targets, judge, targets_in_force
from kpis.queries import dashboard, drilldown, heat, limits
from kpis.queries.places import place_rows
from kpis.queries.stock import documents_today
from kpis.reading import Numbers, closed_day, months, read
from kpis.words import change_of, interval_text, measure, share_text, value_text
from mlops_portal.foundation.errors import NotFound, invalid
from mlops_portal.foundation.web import marks, words
from mlops_portal.foundation.web.access import record_access
from mlops_portal.foundation.web.exports import FORMATS, export_response
from mlops_portal.foundation.web.pages import Action, ListPage, Page
from registry.models import Deployment

SHOWN = 5


class Dashboard(Page):
    """Five numbers of what the person may see, and what to ask about first."""

    title, right, template_name = "Portfolio KPIs", "kpis.view", "kpis/dashboard.html"
    crumbs = ()
    actions = (Action("Targets", "kpis:target-list", right="kpis.view", icon="flag"),)

    def get(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:
        """Show the page, or a file with the numbers by unit and tier."""
        self.ask = ask(request.user, request.GET, self.now)
        kind = request.GET.get("export", "")
        return self.export(kind) if kind else self.answer()

    def _read(self) -> tuple[Numbers, Targets]:
        numbers = dashboard.figures_for(self.ask, self.now)
        return numbers, targets_in_force(self.ask.units)

    def _heat(self, numbers: Numbers, targets: Targets) -> heat.HeatMap:
        name = self.request.GET.get("heat", "") or heat.OFFERED[0]
        if name not in dashboard.ORDER:
            raise invalid("heat", f"There is no KPI {name[:60]}.")
        kpi = definitions.get(name)
        return heat.heat(kpi, numbers.of(name, self.ask.window), self.ask, targets)

    def export(self, kind: str) -> HttpResponseBase:
        """Answer with the numbers by unit and tier, or with the one table of them that is on the page.

        Raises:
            Invalid: there is no such format, or no such table.
        """
        if kind not in FORMATS:
            raise invalid("export", f"This page exports {', '.join(FORMATS.values())}.")
        wanted = self.request.GET.get("table", "")
        if wanted not in ("", "heat"):
            raise invalid("table", f"There is no table {wanted[:40]}. The one on this page is heat.")
        numbers, targets = self._read()
        if wanted:
            shown = self._heat(numbers, targets)
            rows, table, title = heat.heat_rows(shown, self.ask), tables.HeatTable(), shown.kpi.name
        else:
            figures = [numbers.of(name, self.ask.window) for name in dashboard.ORDER]
            rows, table, title = place_rows(figures, self.ask, targets), tables.PlaceTable(), "kpis"
        record_access(self.request, "web.list_exported", "kpis.KpiSnapshot", kind, self.now)
        return export_response(kind, drilldown.Listed(rows), table, title=title, now=self.now)

    def more(self) -> Mapping[str, Any]:
        """Read the numbers once, show them in five ways."""
        asked, now = self.ask, self.now
        numbers, targets = self._read()
        on = closed_day(asked.window)
        figures = {name: numbers.of(name, asked.window) for name in dashboard.ORDER}
        tiles = [
            dashboard.tile(definitions.get(name), asked, numbers, targets, now, on=on)
            for name in dashboard.ORDER
        ]
        shown = self._heat(numbers, targets)
        return {
            "ask": asked,
            "periods": asked.periods(now),
            "facets": asked.facets(),
            "tiles": tiles,
            "summary": dashboard.summary(tiles),
            "too_few": all(one.verdict.word == TOO_FEW for one in tiles if one.kpi.has_target),
            "facts": dashboard.facts_line(asked, numbers, now),
            "first": dashboard.ask_first(asked, figures, targets),
            "specs": self._specs(numbers, targets),
            "heat": shown,
            "heat_file": asked.address(heat=shown.kpi.name, table="heat", export="csv"),
            "heats": [
                (definitions.get(name).label, asked.address(heat=name), name == shown.kpi.name)
                for name in heat.OFFERED
            ],
            "waiting": self._waiting(figures),
            "computed_at": min(one.computed_at for one in figures.values() if one.computed_at),
            "address": asked.address(),
            "exports": [(label, asked.address(export=kind)) for kind, label in FORMATS.items()],
        }

    def _specs(self, numbers: Numbers, targets: Targets) -> dict[str, Any]:
        tiers = self.ask.scope.tiers
        tier = next(iter(tiers)) if len(tiers) == 1 else None
        return {
            name: charts.trend_of(
                definitions.get(name),
                [numbers.of(name, month) for month in months(self.now)],
                targets,
                tier=tier,
                unit=self.ask.unit,
            )
            for name in dashboard.ORDER[1:]
        }

    def _waiting(self, figures: Mapping[str, Figure]) -> list[dict[str, Any]]:
        found = []
        for name, noun in (
            (definitions.APPROVAL_CYCLE_TIME.name, "request,requests"),
            (definitions.LEAD_TIME.name, "version,versions"),
        ):
            kpi, figure = definitions.get(name), figures[name]
            found.append(
                {
                    "kpi": kpi,
                    "noun": noun,
                    "count": figure.open_count,
                    "p50": value_text(kpi, figure.open_p50),
                    "p90": value_text(kpi, figure.open_p90),
                    "rows": drilldown.waiting(kpi, figure, self.ask, self.now, most=SHOWN),
                    "rest": drilldown.open_url(kpi, self.ask) if figure.open_count > SHOWN else "",
                }
            )
        return found


class KpiDetail(ListPage):
    """One KPI: definition, number, trend, units, tiers, distribution, and the rows behind it."""

    right, template_name, fragment = "kpis.view", "kpis/kpi.html", ""
    queryset = Deployment.objects.none()
    filterset_class, table_class = filtersets.RolloutFilters, tables.RolloutTable
    noun, exports = "row", ("csv", "xlsx")
    page_size = 25
    empty_title = "No rows in this period"

    def get(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:
        """Find the KPI and the question, then answer as a list does."""
        try:
            self.kpi = definitions.get(self.kwargs["name"])
        except KeyError:
            raise NotFound(f"There is no KPI {self.kwargs['name'][:60]}.") from None
        self.ask: Ask = ask(request.user, request.GET, self.now)
        self.show = request.GET.get("show", "")
        self.marking = drilldown.Marking(self.kpi, self.ask, self.now)
        if self.kpi.name == drilldown.BY_CHANGE:
            self.filterset_class, self.table_class = filtersets.ChangeFilters, tables.ChangeTable
            self.queryset = ChangeRequest.objects.all()
        else:
            self.queryset = Deployment.objects.all()
            named = {
                definitions.LEAD_TIME.name: tables.LeadTable,
                definitions.DOCUMENTATION_COMPLETENESS.name: tables.DocumentedTable,
            }
            self.table_class = named.get(self.kpi.name, tables.RolloutTable)
        return super().get(request, *args, **kwargs)

    def get_title(self) -> str:
        """Name the KPI."""
        return self.kpi.label

    def get_crumbs(self) -> list[tuple[str, str]]:
        """Lead over the dashboard, with the same question."""
        return [("KPIs", reverse("kpis:dashboard") + self.ask.address()), (self.kpi.label, "")]

    def get_queryset(self) -> QuerySet:
        """Return the rows behind the number that the person may see."""
        return drilldown.narrowed(drilldown.rows_of(self.kpi, self.ask), self.show, self.marking)

    def bound_table(self, rows: Sequence[Any] = ()) -> Any:
        """Note on each row of the page what it did to the number."""
        return super().bound_table(self.marking.rows(list(rows)))

    def export(self, kind: str) -> HttpResponseBase:
        """Answer with a file of exactly the rows shown.

        Raises:
            Invalid: there is no such format.
        """
        if kind not in self.exports:
            raise invalid("export", f"This list exports {', '.join(FORMATS[one] for one in self.exports)}.")
        rows = self.filtered.order_by("pk")
        table = super().bound_table()
        table.columns = [*table.declared]
        record_access(self.request, "web.list_exported", self.queryset.model._meta.label, kind, self.now)
        marked = drilldown.Listed(rows, self.marking.rows)
        return export_response(kind, marked, table, title=self.get_title(), now=self.now)

    def more(self) -> Mapping[str, Any]:
        """Read the number, its trend and its parts."""
        asked, kpi, now = self.ask, self.kpi, self.now
        windows = [asked.window, *([asked.before] if asked.before else []), *months(now)]
        names = {kpi.name, *kpi.beside}
        numbers = read(asked.scope, windows, now=now, names=names, cells_of=[asked.window])
        figure = numbers.of(kpi.name, asked.window)
        on = closed_day(asked.window)
        targets = targets_in_force(asked.units)
        tiers = asked.scope.tiers
        before = numbers.of(kpi.name, asked.before) if asked.before else None
        change = change_of(kpi, figure.value, before.value if before else None)
        amount, unit = measure(kpi, figure.value)
        return {
            **super().more(),
            "kpi": kpi,
            "ask": asked,
            "periods": asked.periods(now),
            "ask_facets": asked.facets(),
            "figure": figure,
            "verdict": judge(figure, targets, on=on, unit=asked.unit, tiers=tiers),
            "against": limits.against(figure, targets, on=on, unit=asked.unit, tiers=tiers),
            "amount": amount,
            "unit": unit,
            "delta": marks.delta(change[0], change[1], change[2])
            if change and not asked.window.is_to_date
            else "",
            "before": f"{value_text(kpi, before.value)}, n {words.number(before.n)}"
            if before
            else "not compared",
            "facts": self._facts(figure),
            "spec": charts.trend_of(
                kpi,
                [numbers.of(kpi.name, month) for month in months(now)],
                targets,
                tier=next(iter(tiers)) if len(tiers) == 1 else None,
                unit=asked.unit,
            ),
            "spread": charts.distribution_of(kpi, figure),
            "heat": heat.heat(kpi, figure, asked, targets),
            "heat_file": asked.address(heat=kpi.name, table="heat", export="csv"),
            "waiting": drilldown.waiting(kpi, figure, asked, now),
            "waiting_rest": max(0, figure.open_count - LISTED),
            "faults": drilldown.faults(kpi, figure, asked),
            "provenance": drilldown.provenance(kpi, figure, asked),
            "beside": [
                dashboard.tile(definitions.get(name), asked, numbers, targets, now, on=on)
                for name in kpi.beside
            ],
            "shows": self._shows(figure),
            "stages": self._stages(figure),
            "way": drilldown.way_to_production(kpi, figure),
            "stock": documents_today(asked.scope, asked.window, now=now)
            if kpi is definitions.DOCUMENTATION_COMPLETENESS
            else None,
            "incidents": NO_INCIDENT_INTAKE,
        }

    def _stages(self, figure: Figure) -> list[dict[str, Any]]:
        """What approvers owed, stage by stage; of whom is never said."""
        return [
            {
                "role": name.removeprefix("queue:").replace("_", " "),
                "part": part,
                "median": value_text(self.kpi, part.value),
                "p90": value_text(self.kpi, part.p90),
            }
            for name, part in figure.parts.items()
            if name.startswith("queue:") and part.n
        ]

    def _facts(self, figure: Figure) -> list[tuple[str, Any, str]]:
        """Numerator, denominator and companions, each with the way to its rows where it has rows."""
        kpi = self.kpi
        rows: list[tuple[str, Any, str]] = []
        if kpi.unit == "hours":
            rows.append(("Counted", words.number(figure.n), ""))
            rows.append(("Median", value_text(kpi, figure.p50), ""))
            rows.append(("90th percentile", value_text(kpi, figure.p90), ""))
            rows.append(("Mean", value_text(kpi, figure.mean), "detail, never the headline"))
        else:
            rows.append(("Numerator", _plain(figure.numerator), ""))
            rows.append(("Denominator", _plain(figure.denominator), "weeks" if kpi.unit != "ratio" else ""))
        if figure.interval:
            rows.append(("Interval", interval_text(figure.interval), "Wilson"))
        for name, part in figure.parts.items():
            if part.n and not name.startswith("queue:"):
                hours = name not in ("matured", "first_pass", "emergency", "withdrawn")
                shown = f"{_plain(part.value)} h" if hours else share_text(part.value or 0)
                rows.append(
                    (
                        PART_WORDS.get(name, name.replace("_", " ")),
                        shown,
                        f"n {words.number(part.n)}",
                    )
                )
        for name, value in figure.notes.items():
            if name in NOTE_WORDS:
                rows.append((NOTE_WORDS[name], _plain(value), ""))
        return rows

    def _shows(self, figure: Figure) -> list[tuple[str, str, bool]]:
        """The ways to narrow the rows."""
        labels = {"": "All rows", "counted": "Counted"}
        if self.kpi.name == definitions.CHANGE_FAILURE_RATE.name:
            labels["hit"] = "Needed intervention"
        if self.kpi.name == definitions.DOCUMENTATION_COMPLETENESS.name:
            labels |= {"complete": "Complete", "below": "Below the threshold"}
        if self.kpi.name == drilldown.BY_CHANGE:
            labels["open"] = "Still open"
        labels |= {"out": "Left out", "error": "Data errors"}
        return [
            (label, self.ask.address(show=show or None) or "?", show == self.show)
            for show, label in labels.items()
        ]


PART_WORDS = {
    "matured": "Matured only",
    "total": "Whole request",
    "approved": "Approved",
    "rejected": "Rejected",
    "touch": "Less time with requester",
    "automatic": "Decided by rule",
    "first_pass": "First-pass approval",
    "emergency": "Emergency share",
    "withdrawn": "Withdrawn share",
}
NOTE_WORDS = {
    "pace": "Pace",
    "rollbacks": "Rollbacks",
    "running": "Models in production",
    "immature": "May still fail",
    "approvals_per_change": "Approvals per change",
}


def _plain(value: Any) -> str:
    if value is None:
        return "none"
    return value if isinstance(value, str) else words.number(value, 1).removesuffix(".0")
