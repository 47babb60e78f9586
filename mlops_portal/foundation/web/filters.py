"""Filters of a list: kept in the address, each shows its value, a chip clears it.

    class ModelFilters(Filters):
        q = SearchFilter(["name", "slug"], label="Name or id")
        tier = ChoiceFacet("Tier", choices=[(1, "Tier 1"), …])                 # several values, field `tier`
        unit = ChoiceFacet("Unit", choices=units_for, field_name="unit_id")    # choices may be f(request)
        due = OneOfFacet("Due", choices=[("7", "within 7 days")], method="due_within")

`Filters` is a django-filter FilterSet, so the API can use the same class.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import reduce
from operator import or_
from typing import Any

import django_filters
from django.db.models import Q, QuerySet
from django.http import HttpRequest, QueryDict

Choices = Sequence[tuple[Any, str]] | Callable[[HttpRequest], Sequence[tuple[Any, str]]]
CONTROLS = ("after", "before", "export", "sort", "col")


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
    """Choices that may depend on the person who asks."""

    facet_choices: Choices

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

    def __init__(self, label: str, choices: Choices, **kwargs: Any) -> None:
        self.facet_choices = choices
        super().__init__(label=label, **kwargs)


class OneOfFacet(_FacetMixin, django_filters.ChoiceFilter):
    """Exactly one value, or any."""

    type = "radio"

    def __init__(self, label: str, choices: Choices, **kwargs: Any) -> None:
        self.facet_choices = choices
        super().__init__(label=label, **kwargs)


@dataclass(frozen=True, slots=True)
class FacetItem:
    """One value of a facet."""

    value: str
    label: str
    checked: bool
    note: str = ""


@dataclass(frozen=True, slots=True)
class Facet:
    """A filter as a page shows it."""

    name: str
    label: str
    type: str
    items: list[FacetItem] = field(default_factory=list)

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

    def facets(self) -> list[Facet]:
        """Facets in the order of declaration, with what the address says."""
        found = []
        for name, one in self.filters.items():
            if not isinstance(one, _FacetMixin):
                continue
            chosen = set(self._chosen(name))
            items = [
                FacetItem(value, label, checked=value in chosen)
                for value, label in one.choices_for(self.request)
            ]
            if one.type == "radio":
                items.insert(0, FacetItem("", "Any", checked=not any(item.checked for item in items)))
            found.append(Facet(name, one.label, one.type, items))
        return found

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
        if name in ("after", "before", "export", *drop):
            continue
        kept = [value for value in values if value]
        if kept:
            out.setlist(name, kept if name not in ("sort", "q") else kept[-1:])
    return out
