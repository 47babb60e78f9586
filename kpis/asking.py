"""What a page or a call asks for, read from the address: period, units (or only their own), tiers, kinds."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

from django.http import QueryDict

from kpis.reading import closed_day, period, three_months, year, zone
from kpis.scopes import VIEW, Scope, scope_for
from kpis.windows import (
    Window,
    calendar_quarter,
    last_quarter,
    local_day,
    month_of,
    month_to_date,
    previous,
    trailing,
)
from kpis.words import period_text, quarter_label, quarter_name
from mlops_portal.foundation.errors import invalid
from mlops_portal.foundation.people.models import BusinessUnit
from mlops_portal.foundation.people.rights import rights_of
from mlops_portal.foundation.web.filters import Facet, FacetItem
from mlops_portal.foundation.years import year_problem
from registry.states import INVENTORY_KINDS, Tier

KINDS = {kind.value: kind.label for kind in INVENTORY_KINDS}
TIERS = dict(Tier.choices)
NARROWING = ("unit", "own", "tier", "kind")
USUAL, CUSTOM = "3m", "custom"
QUARTERLY = re.compile(r"([12]\d{3})-q([1-4])", re.ASCII)
NO_ONE_DAY = "is no date. Write it as 2026-11-17."


@dataclass(frozen=True, slots=True)
class Period:
    """One choice of the period switch."""

    label: str
    value: str
    is_current: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Ask:
    """One question, and the words it is shown with."""

    scope: Scope
    window: Window
    before: Window | None
    period: str
    units: Mapping[int, BusinessUnit]
    query: QueryDict

    @property
    def period_text(self) -> str:
        """The period in words."""
        return period_text(self.window)

    @property
    def before_text(self) -> str:
        """The period it is compared with, in words."""
        return period_text(self.before) if self.before else ""

    @property
    def unit(self) -> int | None:
        """The unit asked for, when it is one."""
        return next(iter(self.scope.units)) if len(self.scope.units) == 1 else None

    @property
    def with_below(self) -> str:
        """The same question with the units under those chosen."""
        return self.address(own=None)

    def periods(self, now: datetime) -> list[Period]:
        """Offer the usual periods."""
        quarters = {quarter_name(last_quarter(now, zone()))}
        if QUARTERLY.fullmatch(self.period):
            quarters.add(self.period)
        usual = (
            (period_text(three_months(now)), USUAL),
            *((quarter_label(name), name) for name in sorted(quarters)),
            ("12 months", "12m"),
            ("90 days", "90d"),
            ("Month to date", "mtd"),
            ("Today", "today"),
        )
        return [Period(label, value, value == self.period) for label, value in usual]

    def days(self) -> tuple[str, str]:
        """First and last day as the date fields write them."""
        first = local_day(self.window.start, self.window.zone)
        last = closed_day(self.window) if self.window.end > self.window.start else first
        return first.isoformat(), last.isoformat()

    def facets(self) -> list[Facet]:
        """Units, tiers and kinds with what is chosen."""
        return [
            Facet(
                "unit",
                "Unit",
                "checkbox",
                [
                    FacetItem(str(pk), unit.name, pk in self.scope.units)
                    for pk, unit in sorted(self.units.items(), key=lambda pair: pair[1].name)
                ],
            ),
            Facet(
                "tier",
                "Tier",
                "checkbox",
                [FacetItem(str(tier), label, tier in self.scope.tiers) for tier, label in TIERS.items()],
            ),
            Facet(
                "kind",
                "Kind",
                "checkbox",
                [FacetItem(kind, label, kind in self.scope.kinds) for kind, label in KINDS.items()],
            ),
        ]

    def address(self, **more: Any) -> str:
        """Return the question as it stands in an address, with other values for some names."""
        query = QueryDict(mutable=True)
        if self.period != USUAL:
            query["period"] = self.period
        if self.period == CUSTOM:
            query["from"], query["to"] = self.days()
        for name in NARROWING:
            values = [value for value in self.query.getlist(name) if value]
            if values:
                query.setlist(name, values)
        for name, value in more.items():
            if value is None:
                query.pop(name, None)
            else:
                query.setlist(name, [str(value)])
        return f"?{query.urlencode()}" if query else ""


def ask(user: Any, query: QueryDict, now: datetime) -> Ask:
    """Read a question.

    Raises:
        Invalid: naming the part of the address that makes no sense, or a unit that cannot be seen.
    """
    seen = rights_of(user).units(VIEW)
    units = {unit.pk: unit for unit in BusinessUnit.objects.filter(pk__in=seen)}
    chosen = _numbers(query, "unit")
    for unit in chosen:
        if unit not in units:
            raise invalid("unit", f"There is no unit {unit} that you can see.")
    tiers = _numbers(query, "tier")
    for tier in tiers:
        if tier not in TIERS:
            raise invalid("tier", f"There is no tier {tier}. Tiers are 1 to 4.")
    kinds = [kind for kind in query.getlist("kind") if kind]
    for kind in kinds:
        if kind not in KINDS:
            raise invalid("kind", f"There is no kind {kind}. Kinds are {', '.join(KINDS)}.")
    own = query.get("own", "")
    if own not in ("", "1"):
        raise invalid("own", "Write own=1 for the models of the units alone, or leave it out.")
    window, name = window_of(query, now)
    return Ask(
        scope=scope_for(user, units=chosen, tiers=tiers, kinds=kinds, is_own=own == "1"),
        window=window,
        before=previous(window),
        period=name,
        units=units,
        query=query,
    )


def _numbers(query: QueryDict, name: str) -> list[int]:
    found = []
    for value in query.getlist(name):
        if not value:
            continue
        if not re.fullmatch(r"[0-9]{1,9}", value):
            raise invalid(name, f"{value[:40]} is no number.")
        found.append(int(value))
    return found


def window_of(query: QueryDict, now: datetime) -> tuple[Window, str]:
    """Read the period: days from and to, a month or quarter, or one of the usual names; three complete months when
    nothing is said. Days that were typed count for more than the period shown, a button pressed for more than days.

    Raises:
        Invalid: it is no period, ends before it begins, or lies in the future.
    """
    first, last = query.get("from", "").strip(), query.get("to", "").strip()
    names = [name.strip() for name in query.getlist("period") if name.strip()]
    name = names[-1] if names else USUAL
    is_pressed = len(names) > 1  # the form sends the period it shows, then that of a button that was pressed
    if name == CUSTOM or ((first or last) and not is_pressed):
        return _custom(first, last, now), CUSTOM
    return _named(name, now), name


def _named(name: str, now: datetime) -> Window:
    today = local_day(now, zone())
    if re.fullmatch(r"[12]\d{3}-(0[1-9]|1[0-2])", name, re.ASCII):
        first = date.fromisoformat(f"{name}-01")
        if problem := year_problem(first):
            raise invalid("period", problem)
        if first > today:
            raise invalid("period", f"{name} is in the future.")
        is_open = (first.year, first.month) == (today.year, today.month)
        return month_to_date(now, zone()) if is_open else month_of(first, zone())
    if found := QUARTERLY.fullmatch(name):
        if problem := year_problem(date(int(found[1]), 1, 1)):
            raise invalid("period", problem)
        window = calendar_quarter(int(found[1]), int(found[2]), zone(), now=now)
        if window.start > now:
            raise invalid("period", f"{name} is in the future.")
        return window
    named = {
        USUAL: lambda: three_months(now),
        "90d": lambda: trailing(now, zone()),
        "12m": lambda: year(now),
        "mtd": lambda: month_to_date(now, zone()),
        "today": lambda: period(today, today, now),
    }
    if name not in named:
        raise invalid(
            "period", f"There is no period {name[:40]}. Use 3m, 90d, 12m, mtd, today, a month or a quarter."
        )
    return named[name]()


def _custom(first: str, last: str, now: datetime) -> Window:
    today = local_day(now, zone())
    days = []
    for where, text, usual in (("from", first, None), ("to", last, today)):
        try:
            day = date.fromisoformat(text) if text else usual
        except ValueError:
            raise invalid(where, f"{text[:40]} {NO_ONE_DAY}") from None
        if day is None:
            raise invalid(where, "Say from which day on.")
        if day > today:
            raise invalid(where, f"{day} is in the future.")
        if problem := year_problem(day):
            raise invalid(where, problem)
        days.append(day)
    if days[1] < days[0]:
        raise invalid("to", f"{days[1]} is before {days[0]}.")
    return period(days[0], days[1], now)
