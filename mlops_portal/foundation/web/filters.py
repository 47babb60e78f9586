"""Filters of a list: kept in the address, each shows its value, a chip clears it.

    class ModelFilters(Filters):
        q = SearchFilter(["name", "slug"], label="Name or id")
        tier = ChoiceFacet("Tier", choices=[(1, "Tier 1"), …])                 # several values, field `tier`
        unit = ChoiceFacet("Unit", choices=units_for, field_name="unit_id")    # choices may be f(request)
        due = OneOfFacet("Due", choices=[("7", "within 7 days")], method="due_within")
        counts_facets = True                                                   # how many rows stand behind each value

A facet is counted over its column (`column=`, without a method its field; `none=` is the value that stands for no
value), with every other filter applied and its own not: the number says what one more tick would show. A column that
holds a list (`ListFacet`) counts a row behind each of its values.
`Filters` is a django-filter FilterSet, so the API can use the same class.
"""

import hashlib
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property, reduce
from operator import or_
from typing import Any, ClassVar

import django_filters
from django.db.models import Count, Q, QuerySet
from django.http import HttpRequest, QueryDict

Choices = Sequence[tuple[Any, str]] | Callable[[HttpRequest], Sequence[tuple[Any, str]]]
PLACES = ("after", "before", "export", "pk", "count_of")


class SearchFilter(django_filters.CharFilter):
    """Free text over several fields; every word must be found in one of them."""

    def __init__(self, fields: Sequence[str], label: str = "Search", **kwargs: Any) -> None:
        self.search_fields = tuple(fields)
        super().__init__(label=label, **kwargs)

    def filter(self, qs: QuerySet, value: str) -> QuerySet:
        """Narrow by each word."""
        for word in (value or "").split()[:8]:
            qs = qs.filter(reduce(or_, (Q(**{f"{name}__icontains": word}) for name in self.search_fields)))
        return qs


class _FacetMixin:
    """Choices that may depend on the person who asks, and the column their rows are counted by."""

    facet_choices: Choices
    column: str
    none: str
    field_name: str | None
    method: Any

    @property
    def counted_by(self) -> str:
        """Name the column; empty when rows cannot be counted by value."""
        return self.column or ("" if self.method else self.field_name or "")

    def values_of(self, stored: Any) -> frozenset[str]:
        """Write what is stored as the address does."""
        if stored is None:
            return frozenset({self.none})
        return frozenset({str(stored).lower() if isinstance(stored, bool) else str(stored)})

    def choices_for(self, request: HttpRequest | None) -> list[tuple[str, str]]:
        found = self.facet_choices(request) if callable(self.facet_choices) else self.facet_choices
        return [(str(value), str(label)) for value, label in found]

    @property
    def field(self) -> Any:
        """Build the field with the choices of who asks: each list has a copy of the filter, which knows the request."""
        parent = getattr(self, "parent", None)
        self.extra["choices"] = lambda: self.choices_for(getattr(parent, "request", None))
        return super().field


class ChoiceFacet(_FacetMixin, django_filters.MultipleChoiceFilter):
    """Any of several values."""

    type = "checkbox"

    def __init__(
        self, label: str, choices: Choices, *, column: str = "", none: str = "", **kwargs: Any
    ) -> None:
        self.facet_choices, self.column, self.none = choices, column, none
        # Columns are the row's own or behind a foreign key: no row can come twice, and DISTINCT sorts wide rows.
        super().__init__(label=label, **{"distinct": False, **kwargs})


class ListFacet(ChoiceFacet):
    """Any of several values that a row may have at once; `none` stands for an empty list."""

    def values_of(self, stored: Any) -> frozenset[str]:
        """Write each value of the list."""
        return frozenset(map(str, stored or [self.none]))


class OneOfFacet(_FacetMixin, django_filters.ChoiceFilter):
    """Exactly one value, or any."""

    type = "radio"

    def __init__(
        self, label: str, choices: Choices, *, column: str = "", none: str = "", **kwargs: Any
    ) -> None:
        self.facet_choices, self.column, self.none = choices, column, none
        super().__init__(label=label, **kwargs)


@dataclass(frozen=True, slots=True)
class FacetItem:
    """One value of a facet."""

    value: str
    label: str
    checked: bool
    note: str = ""
    count: int | None = None

    @property
    def mark(self) -> str:
        """Name the value in an element's id: free text is no name that a selector can find."""
        is_name = re.fullmatch(r"[-\w]+", self.value, re.ASCII)
        return self.value if is_name else hashlib.sha256(self.value.encode()).hexdigest()[:12]


@dataclass(frozen=True, slots=True)
class Facet:
    """A filter as a page shows it."""

    name: str
    label: str
    type: str
    items: list[FacetItem] = field(default_factory=list)
    is_counted: bool = False

    @property
    def on(self) -> bool:
        """Tell whether it narrows the list."""
        return any(item.checked and item.value for item in self.items)

    @property
    def value(self) -> str:
        """Say what is chosen, in the words of the choices."""
        chosen = [item.label for item in self.items if item.checked and item.value]
        return ", ".join(chosen) if len(chosen) < 3 else f"{len(chosen)} of {len(self.items)}"


@dataclass(frozen=True, slots=True)
class Chip:
    """Clears one filter."""

    label: str
    query: str


class Filters(django_filters.FilterSet):
    """Base of every list's filters; wrong values are ignored with a message, never an empty page without reason."""

    counts_facets: ClassVar[bool] = False

    @property
    def search(self) -> SearchFilter | None:
        """The free-text filter, when there is one."""
        found = self.filters.get("q")
        return found if isinstance(found, SearchFilter) else None

    @property
    def search_value(self) -> str:
        """What was typed."""
        return self.data.get("q", "") if self.data else ""

    def _chosen(self, name: str) -> list[str]:
        return self.data.getlist(name) if isinstance(self.data, QueryDict) else []

    @cached_property
    def _choices(self) -> dict[str, list[tuple[str, str]]]:
        """Choices of every facet, read once for a page."""
        return {
            name: one.choices_for(self.request)
            for name, one in self.filters.items()
            if isinstance(one, _FacetMixin)
        }

    @property
    def countable(self) -> list[str]:
        """Facets whose rows can be counted by value, in the order of declaration."""
        return [name for name in self._choices if self.filters[name].counted_by] if self.counts_facets else []

    def counts(self, names: Sequence[str]) -> dict[str, dict[str, int]]:
        """Count the rows behind each value of the facets, in one statement whatever their number."""
        asked = [name for name in names if name in self.countable]
        if not asked:
            return {}
        wanted = {name: set(chosen) for name in self.countable if (chosen := self._valid(name))}
        rows, _ = self.queryset, self.form.is_valid()
        for name, value in getattr(self.form, "cleaned_data", {}).items():
            if name not in wanted:
                rows = self.filters[name].filter(rows, value)
        columns = list(dict.fromkeys([*asked, *wanted]))
        paths = [self.filters[name].counted_by for name in columns]
        totals: dict[str, dict[str, int]] = {name: {} for name in asked}
        for *stored, number in rows.order_by().values_list(*paths).annotate(facet_rows=Count("pk")):
            row = {
                name: self.filters[name].values_of(value) for name, value in zip(columns, stored, strict=True)
            }
            failing = [name for name, values in wanted.items() if not row[name] & values]
            for name in asked:
                if not failing or failing == [name]:
                    for value in row[name]:
                        totals[name][value] = totals[name].get(value, 0) + number
        return totals

    def total(self, counts: Mapping[str, Mapping[str, int]]) -> int:
        """Count the filtered rows from the counts of a facet of single values: those behind the chosen, or all."""
        name, found = next(
            (name, found) for name, found in counts.items() if not isinstance(self.filters[name], ListFacet)
        )
        chosen = set(self._valid(name))
        return sum(number for value, number in found.items() if not chosen or value in chosen)

    def is_small(self, most: int) -> bool:
        """Tell whether the list without filters has at most so many rows: counting a facet reads all of them."""
        if not self.counts_facets or not self.chips():
            return True  # what is shown is all there is
        return self.queryset.order_by().values("pk")[: most + 1].count() <= most

    def _valid(self, name: str) -> list[str]:
        """Return what is chosen of a facet, as far as it is offered."""
        offered = {value for value, _ in self._choices[name]}
        return [value for value in self._chosen(name) if value in offered]

    def facets(self, counts: Mapping[str, Mapping[str, int]] | None = None) -> list[Facet]:
        """Facets in the order of declaration, with what the address says and how many rows stand behind a value."""
        found, countable = [], self.countable
        for name, choices in self._choices.items():
            one, chosen = self.filters[name], set(self._chosen(name))
            known = (counts or {}).get(name)
            items = [
                FacetItem(value, label, value in chosen, count=None if known is None else known.get(value, 0))
                for value, label in choices
            ]
            if one.type == "radio":
                items.insert(0, FacetItem("", "Any", checked=not any(item.checked for item in items)))
            found.append(Facet(name, one.label, one.type, items, is_counted=name in countable))
        return found

    def counted(self, names: Sequence[str]) -> list[Facet]:
        """Return the facets of these names with how many rows stand behind each value."""
        return [facet for facet in self.facets(self.counts(names)) if facet.name in names]

    def chips(self) -> list[Chip]:
        """One chip per filter that narrows the list."""
        base = clean_query(self.data)
        names = [(facet.name, facet.label.lower()) for facet in self.facets() if facet.on]
        if self.search_value.strip():
            names.insert(0, ("q", "search"))
        chips = []
        for name, label in names:
            rest = base.copy()
            rest.pop(name, None)
            chips.append(Chip(f"Clear {label}", rest.urlencode()))
        return chips


def clean_query(data: QueryDict | None, *drop: str) -> QueryDict:
    """Copy an address without empty values and without places and exports."""
    out = QueryDict(mutable=True)
    for name, values in (data or QueryDict()).lists():
        if name in (*PLACES, *drop):
            continue
        kept = [value for value in values if value]
        if kept:
            out.setlist(name, kept if name not in ("sort", "q") else kept[-1:])
    return out
