"""Pages of rows to compare."""

from collections.abc import Mapping, Sequence
from typing import Any, ClassVar

from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponseBase
from django.shortcuts import render

from mlops_portal.foundation.errors import FieldError, Invalid, invalid
from mlops_portal.foundation.web import paging
from mlops_portal.foundation.web.access import is_fragment, record_access
from mlops_portal.foundation.web.exports import FORMATS, export_response
from mlops_portal.foundation.web.filters import Filters, clean_query
from mlops_portal.foundation.web.pages.base import Page, visible
from mlops_portal.foundation.web.saved_views import Preset, tabs_for, units_to_share_with
from mlops_portal.foundation.web.selection import BulkAct, acts_for, as_fields, selected
from mlops_portal.foundation.web.tables import Table
from mlops_portal.foundation.web.words import plural

FACETS_SHOWN = 6  # the others stand behind one panel
COUNTED_AT_ONCE = 1000  # beyond that many rows a facet is counted when it is opened


class ListPage(Page):
    """Rows to compare: filters, sorting, paging, columns, saved views, exports."""

    queryset: ClassVar[QuerySet]
    filterset_class: ClassVar[type[Filters]]
    table_class: ClassVar[type[Table]]
    template_name = "components/list.html"
    fragment = "components/list.html#swap"
    counts_name = "components/facet_counts.html"
    noun = "row"
    nouns = ""
    page_size = 50
    exports: Sequence[str] = ("csv",)
    bulk: Sequence[BulkAct] = ()
    always_counted: Sequence[str] = ()
    headline_name = ""
    presets: Sequence[Preset] = ()
    empty_title = ""
    empty_text = "Clear a filter to see more."
    typed: Sequence[str] = ()  # filters that the page draws itself as fields to type into
    problems: Mapping[str, str] = {}

    def get_queryset(self) -> QuerySet:
        """Return every row the person may see. Override to annotate; keep the call of `super()`."""
        return visible(self.queryset, self.request.user)

    def get_presets(self) -> Sequence[Preset]:
        """Views the page itself offers."""
        return self.presets

    @property
    def page_name(self) -> str:
        """Key of saved views."""
        match = self.request.resolver_match
        return match.view_name if match else type(self).__name__

    def get(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:
        """Show the list, a part of it, or a file with its rows."""
        self.filterset = self.filterset_class(request.GET, queryset=self.get_queryset(), request=request)
        self.filtered = self.filterset.qs
        self.order = self.get_order()
        kind, opened = request.GET.get("export", ""), request.GET.getlist("count_of")
        self.problems = self.get_problems()
        if self.problems:
            if kind or is_fragment(request):
                raise Invalid([FieldError(name, text) for name, text in self.problems.items()])
            self.filtered = self.filtered.none()
            return self.answer(status=400)
        if kind:
            return self.export(kind)
        if opened and is_fragment(request):
            return render(request, self.counts_name, {"all_facets": self.filterset.counted(opened)})
        return self.answer(fragment=self.fragment)

    def get_problems(self) -> Mapping[str, str]:
        """Say what is wrong with what was typed, by field; nothing is shown until it is corrected."""
        errors = self.filterset.form.errors
        return {name: " ".join(errors[name]) for name in self.typed if name in errors}

    def get_order(self) -> paging.Order:
        """Read the order from the address.

        Raises:
            Invalid: no column sorts by this name.
        """
        sortable = self.table_class.sortable()
        value = self.request.GET.getlist("sort")[-1:] or [""]
        text = value[0] or self.table_class.default_sort or (next(iter(sortable), "") if sortable else "")
        name = text.lstrip("-")
        if not name:
            return paging.Order("pk", "pk", is_descending=True)
        if name not in sortable:
            raise invalid("sort", f"No column sorts by {name}.")
        return paging.Order(name, sortable[name], text.startswith("-"))

    def bound_table(self, rows: Sequence[Any] = ()) -> Table:
        """Bind the table to rows, with the columns the address asks for."""
        return self.table_class(rows, shown=self.request.GET.getlist("col"), sort=self.order.value)

    def export(self, kind: str) -> HttpResponseBase:
        """Answer with a file of exactly the filtered rows.

        Raises:
            Invalid: the page does not offer this format.
        """
        if kind not in self.exports:
            offered = ", ".join(FORMATS[one] for one in self.exports) or "nothing"
            raise invalid("export", f"This list exports {offered}.")
        chosen = selected(self.request)
        rows = self.filtered.filter(pk__in=chosen) if chosen else self.filtered
        queryset = paging.ordered(rows, self.order)
        record_access(self.request, "web.list_exported", self.queryset.model._meta.label, kind, self.now)
        return export_response(kind, queryset, self.bound_table(), title=self.get_title(), now=self.now)

    def page_of(self, *, after: str, before: str) -> paging.KeysetPage:
        """Read one page of rows."""
        return paging.page_of(self.filtered, self.order, size=self.page_size, after=after, before=before)

    def more(self) -> Mapping[str, Any]:
        """Read one page of rows and what stands around them."""
        given = self.request.GET
        found = self.page_of(after=given.get("after", ""), before=given.get("before", ""))
        query = clean_query(given)
        usual = self.table_class.usual_columns()
        if query.getlist("col") == usual:
            query.pop("col")
        counts = self.filterset.counts(self.always_counted)
        count = self.filterset.total(counts) if counts else paging.bounded_count(self.filtered)
        nouns = self.nouns or f"{self.noun}s"
        current = query.urlencode()
        if count <= COUNTED_AT_ONCE and self.filterset.is_small(COUNTED_AT_ONCE):
            counts = self.filterset.counts(self.filterset.countable)
        facets = self.filterset.facets(counts)
        acts = acts_for(self.request.user, self.bulk)
        return {
            "filterset": self.filterset,
            "facets": facets[:FACETS_SHOWN],
            "more_facets": facets[FACETS_SHOWN:],
            "all_facets": facets,
            "more_on": sum(facet.on for facet in facets[FACETS_SHOWN:]),
            "counts": counts,
            "bulk": acts,
            "bulk_fields": as_fields(query) if acts else [],
            "chips": self.filterset.chips(),
            "table": self.bound_table(found.rows),
            "rows_page": found,
            "count_text": paging.count_text(count, self.noun, nouns),
            "noun": self.noun,
            "nouns": nouns,
            "query": current,
            "sort_value": self.order.value if given.get("sort") else "",
            "tabs": tabs_for(self.request.user, self.page_name, self.get_presets(), current),
            "page_name": self.page_name,
            "share_units": units_to_share_with(self.request.user),
            "default_columns": " ".join(usual),
            "is_filtered": bool(self.filterset.chips()),
            "export_links": [
                (FORMATS[kind], f"?{query.urlencode()}{'&' if current else ''}export={kind}")
                for kind in self.exports
            ],
            "export_note": self._export_note(count),
        }

    def _export_note(self, count: int) -> str:
        """Say how many rows a file holds, and that pages round and files do not."""
        rows = plural(count, "row") if count <= paging.COUNT_LIMIT else "all rows"
        writes_figures = any(column.numeric and column.cell for column in self.table_class.declared)
        return f"{rows}, no figure rounded" if writes_figures else rows
