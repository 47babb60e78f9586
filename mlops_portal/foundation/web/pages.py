"""Pages by declaration. What a page is allowed to do, to read and to write is declared; the rest comes from here.

A list is five declarations (filters, sorting, paging by key, column picker, saved views, CSV, XLSX and htmx included):

    class VersionList(ListPage):
        queryset = ModelVersion.objects.select_related("model", "owner")   # visible_to(user) is applied by the page
        filterset_class = filtersets.VersionFilters                        # web.filters.Filters
        table_class = tables.VersionTable                                  # web.tables.Table
        title, noun, right = "Model versions", "version", "registry.view"
        exports = ("csv", "xlsx")
        actions = (Action("Register a model", "registry:model-register", right="registry.register", icon="plus"),)
        bulk = (BulkAct("Assign an owner", "registry:models-assign-owner", right="registry.edit", icon="users"),)

Rows can be selected where there is an act for several of them (`bulk`, see `selection`); what is selected can also be exported.

A page of one object (404 when not visible, 403 without the right on its unit; with `shows_past`, `?as_of=` shows the
past as `self.as_of`, and templates append `{{ then }}` to links; without it the page says that it shows today):

    class ModelDetail(DetailPage):
        queryset = RegisteredModel.objects.select_related("owner", "unit")
        template_name, right = "registry/model.html", "registry.view"      # extends base.html, variable = object_name
        object_name = "model"
        def more(self) -> dict: return {"versions": queries.versions_of(self.object)}

An act on an object, or the making of one: a form that parses, and exactly one service call:

    class VersionLock(ActionPage):
        queryset, right, object_name = ModelVersion.objects.all(), "registry.lock_thresholds", "version"
        form_class, title, submit = forms.Lock, "Lock thresholds", "Lock thresholds of {object}"
        def blockers(self): return policies.lock_blockers(self.object, by=self.request.user)   # greys the button, says why
        def act(self, *, by, now, **data): return services.thresholds_lock(version=self.object, by=by, now=now, **data)
        def done(self, result): return "Thresholds locked", result.get_absolute_url()

    class ModelRegister(CreatePage):        # like ActionPage, without an object
        form_class, right, title, submit = forms.Registration, "registry.register", "Register a model", "Register model"
        def act(self, *, by, now, **data): return services.model_register(by=by, now=now, **data)

    class VersionPanel(PanelPage): …        # a DetailPage whose template is one <section class="panel">

Views never catch errors. `Invalid` lands on its fields, `RuleViolation` and `Conflict` become a 409 with a callout above
the form that keeps what was typed; an act without fields answers with a message and 303. Elsewhere the middleware does it.
Templates: `components/list.html`, `components/action.html` are the defaults; extend them to add to a page.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, ClassVar

from django import forms
from django.contrib import messages
from django.db.models import Model, QuerySet
from django.http import HttpRequest, HttpResponse, HttpResponseBase, HttpResponseRedirect
from django.shortcuts import render
from django.urls import reverse
from django.utils import timezone
from django.utils.http import url_has_allowed_host_and_scheme, urlencode
from django.views.generic import View

from mlops_portal.foundation.errors import DomainError, FieldError, Invalid, NotFound, invalid
from mlops_portal.foundation.rules import Blocker, RuleViolation
from mlops_portal.foundation.web import navigation, paging
from mlops_portal.foundation.web.access import PermittedMixin, is_fragment, record_access, scope_of
from mlops_portal.foundation.web.error_views import record_evidence
from mlops_portal.foundation.web.exports import FORMATS, export_response
from mlops_portal.foundation.web.filters import Filters, clean_query
from mlops_portal.foundation.web.past import parse_as_of
from mlops_portal.foundation.web.saved_views import Preset, tabs_for, units_to_share_with
from mlops_portal.foundation.web.selection import BulkAct, acts_for, as_fields, selected
from mlops_portal.foundation.web.tables import Table
from mlops_portal.foundation.web.words import number

Crumbs = Sequence[tuple[str, str]]
FACETS_SHOWN = 6  # the others stand behind one panel
COUNTED_AT_ONCE = 1000  # beyond that many rows a facet is counted when it is opened


class SeeOther(HttpResponseRedirect):
    """Redirects with 303: what was posted is done, now read the next page."""

    status_code = 303


@dataclass(frozen=True, slots=True)
class Action:
    """A button in the head of a page. It vanishes only when the role can never use it."""

    label: str
    url_name: str
    right: str | None = None
    icon: str = ""
    primary: bool = False

    @property
    def url(self) -> str:
        """Where it leads."""
        return reverse(self.url_name)


class Page(PermittedMixin, View):
    """What all pages share: title, crumbs, actions, the moment of the request."""

    title: str = ""
    lede: str = ""
    crumbs: Crumbs = ()
    actions: Sequence[Action] = ()
    template_name: str = ""
    shows_past: ClassVar[bool] = (
        False  # whether `?as_of=` changes what is shown; other pages say that they do not
    )

    @property
    def now(self) -> datetime:
        """The moment of this request: services are given it."""
        if not hasattr(self, "_now"):
            self._now = timezone.now()
        return self._now

    def get_title(self) -> str:
        """Return the heading."""
        return self.title

    def get_crumbs(self) -> Crumbs:
        """Return the way to this page; this page comes last, without address."""
        return [*self.crumbs, (self.get_title(), "")]

    def get_actions(self) -> list[Action]:
        """Actions this person can use somewhere."""
        return [action for action in self.actions if navigation.may(self.request.user, action.right)]

    def more(self) -> Mapping[str, Any]:
        """Return what else the template needs."""
        return {}

    def context(self) -> dict[str, Any]:
        """Gather what the template needs."""
        crumbs = self.get_crumbs()
        # The navigation marks where the crumbs begin, so that both say the same.
        self.request.crumb_root = crumbs[0][1] if len(crumbs) > 1 else ""
        return {
            "page": self,
            "title": self.get_title(),
            "lede": self.lede,
            "crumbs": crumbs,
            "actions": self.get_actions(),
            **self.past(),
            **self.more(),
        }

    def past(self) -> dict[str, Any]:
        """Name the moment that is shown, and what links append so that the next page knows it, too."""
        moment = parse_as_of(self.request)
        if moment is None:
            return {"as_of": None, "then": "", "and_then": ""}
        carried = urlencode({"as_of": self.request.GET["as_of"].strip()})
        return {
            "as_of": moment if self.shows_past else None,
            "left_past": None if self.shows_past else moment,
            "then": f"?{carried}",
            "and_then": f"&{carried}",
        }

    def answer(self, *, fragment: str = "", status: int = 200) -> HttpResponse:
        """Render the page, or for htmx the part named `template.html#part`."""
        wants_part = bool(fragment) and is_fragment(self.request)
        context = {**self.context(), "is_fragment": wants_part}
        response = render(
            self.request, fragment if wants_part else self.template_name, context, status=status
        )
        response["Vary"] = "HX-Request, Cookie"
        return response

    def get(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:
        """Show the page."""
        return self.answer()


def visible(queryset: QuerySet, user: Any) -> QuerySet:
    """Begin with what the person may see; query sets without `visible_to` hold nothing that is scoped."""
    narrowed = getattr(queryset.all(), "visible_to", None)
    return narrowed(user) if narrowed else queryset.all()


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
            counted = self.filterset.facets(self.filterset.counts(opened))
            shown = [facet for facet in counted if facet.name in opened]
            return render(request, self.counts_name, {"all_facets": shown})
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

    def more(self) -> Mapping[str, Any]:
        """Read one page of rows."""
        given = self.request.GET
        found = paging.page_of(
            self.filtered,
            self.order,
            size=self.page_size,
            after=given.get("after", ""),
            before=given.get("before", ""),
        )
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
            "export_note": f"{number(count)} rows" if count <= paging.COUNT_LIMIT else "all rows",
        }


class ObjectMixin:
    """Finds the one object of a page among those the person may see."""

    queryset: ClassVar[QuerySet]
    object_name = "object"
    lookup: Mapping[str, str] = {"pk": "pk"}
    request: HttpRequest
    kwargs: dict[str, Any]
    object: Any

    def get_queryset(self) -> QuerySet:
        """Return every object the person may see."""
        return visible(self.queryset, self.request.user)

    def find(self) -> Model:
        """Return the object that the address names.

        Raises:
            NotFound: it does not exist for this person.
        """
        where = {field: self.kwargs[name] for name, field in self.lookup.items() if name in self.kwargs}
        try:
            return self.get_queryset().get(**where)
        except (self.queryset.model.DoesNotExist, ValueError, OverflowError) as error:
            noun = self.queryset.model._meta.verbose_name
            named = ", ".join(str(value) for value in where.values())
            raise NotFound(f"There is no {noun} {named} that you can see.") from error


class DetailPage(ObjectMixin, Page):
    """Everything about one object; read-only. `recorded_as` names the read for the access log, empty for none."""

    recorded_as = ""

    def get_title(self) -> str:
        """Name the object."""
        return self.title.format(object=self.object) if self.title else str(self.object)

    def get(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:
        """Show the object, now or as of a moment."""
        self.as_of = parse_as_of(request) if self.shows_past else None
        self.object = self.find()
        self.check_scope(self.object)
        if self.recorded_as:
            label, unit_id = self.object._meta.label, scope_of(self.object)["unit_id"]
            record_access(request, self.recorded_as, label, str(self.object.pk), self.now, unit_id)
        return self.answer()

    def context(self) -> dict[str, Any]:
        """Name the object in the words of the application, too."""
        return {
            **super().context(),
            "object": self.object,
            self.object_name: self.object,
        }


class PanelPage(DetailPage):
    """One panel of somebody else's page. The template is a `<section class="panel">`; alone it stands in a page."""

    wrapper_name = "components/panel_page.html"

    def answer(self, *, fragment: str = "", status: int = 200) -> HttpResponse:
        """Render the panel bare for htmx, inside a page otherwise."""
        name = self.template_name if is_fragment(self.request) else self.wrapper_name
        context = {**self.context(), "panel_template": self.template_name}
        response = render(self.request, name, context, status=status)
        response["Vary"] = "HX-Request, Cookie"
        return response


class NoFields(forms.Form):
    """Nothing to fill in: the act is the button."""


class CreatePage(Page):
    """A form and one service call."""

    form_class: type[forms.BaseForm] = NoFields
    submit = "Save"
    danger = False
    back_url = ""
    template_name = "components/action.html"
    fragment = "components/action.html#form"
    object: Any = None

    def act(self, *, by: Any, now: datetime, **data: Any) -> Any:
        """Call the one service; `data` is what the form parsed."""
        raise NotImplementedError

    def done(self, result: Any) -> tuple[str, str]:
        """Return the message and the next address."""
        return "Saved.", result.get_absolute_url()

    def blockers(self) -> list[Blocker]:
        """Return why the act is not possible now."""
        return []

    def initial(self) -> dict[str, Any]:
        """Return what the form starts with."""
        return {}

    def form_kwargs(self) -> dict[str, Any]:
        """Return what else the form needs."""
        return {}

    def make_form(self, data: Any = None, files: Any = None) -> forms.BaseForm:
        """Build the form, bound when there is data."""
        return self.form_class(data=data, files=files, initial=self.initial(), **self.form_kwargs())

    def prepare(self) -> None:
        """Find what the page is about; nothing for a page that creates."""

    def get_back_url(self) -> str:
        """Where "Cancel" leads, and an act without fields returns when refused."""
        if self.back_url:
            return reverse(self.back_url)
        crumbs = [url for _, url in self.get_crumbs() if url]
        return crumbs[-1] if crumbs else "/"

    def get_submit(self) -> str:
        """Name the effect in the button."""
        return self.submit

    def get(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:
        """Show the form."""
        self.prepare()
        self.form = self.make_form()
        self.problem: DomainError | None = None
        return self.answer()

    def post(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:
        """Parse, act once, go on."""
        self.prepare()
        self.form = self.make_form(request.POST, request.FILES)
        self.problem = None
        if not self.form.is_valid():
            return self.refused(400)
        try:
            result = self.act(by=request.user, now=self.now, **self.form.cleaned_data)
        except Invalid as error:
            record_evidence(error)
            self.place_errors(error)
            return self.refused(error.status)
        except DomainError as error:
            if error.status != 409:
                raise
            record_evidence(error)
            self.problem = error
            return self.refused(error.status)
        return self.finish(*self.done(result))

    def finish(self, message: str, url: str) -> HttpResponseBase:
        """Say what was done and go to the next page."""
        if message:
            messages.success(self.request, message)
        if is_fragment(self.request):
            return HttpResponse(status=204, headers={"HX-Redirect": url})
        return SeeOther(url)

    def place_errors(self, error: Invalid) -> None:
        """Put each error on its field, or above the form when there is no such field.

        Services that take several rows name a row before the field; a form about one of them has just the field.
        """
        for one in error.errors:
            field = one.where.rpartition(", ")[2]
            known = field in self.form.fields
            self.form.add_error(
                field if known else None, one.message if known else f"{one.where}: {one.message}"
            )

    def refused(self, status: int) -> HttpResponseBase:
        """Show the form again with what was typed; an act without fields goes back with a message."""
        if self.problem is not None and not self.form.visible_fields():
            if is_fragment(self.request):
                response = render(
                    self.request, "components/problem.html", {"problem": self.problem}, status=status
                )
                response["HX-Retarget"], response["HX-Reswap"] = "#notice", "innerHTML"
                return response
            messages.error(self.request, self.problem.message)
            return SeeOther(self.get_back_url())
        response = self.answer(fragment=self.fragment, status=status)
        if is_fragment(self.request):
            response["HX-Retarget"], response["HX-Reswap"] = "#action-form", "outerHTML"
        return response

    def context(self) -> dict[str, Any]:
        """Add form, reasons and buttons."""
        problem = self.problem
        return {
            **super().context(),
            "form": self.form,
            "problem": problem,
            "problem_blockers": problem.blockers if isinstance(problem, RuleViolation) else [],
            "blockers": self.blockers(),
            "submit": self.get_submit(),
            "danger": self.danger,
            "back_url": self.get_back_url(),
        }


class ActionPage(ObjectMixin, CreatePage):
    """An act on one object: finds it among what the person may see, asks for the right on its unit, acts once."""

    def prepare(self) -> None:
        """Find the object and ask for the right on it."""
        self.object = self.find()
        self.check_scope(self.object)

    def get_submit(self) -> str:
        """Name the object in the button."""
        return self.submit.format(object=self.object)

    def get_title(self) -> str:
        """Name the act."""
        return self.title.format(object=self.object)

    def get_crumbs(self) -> Crumbs:
        """Lead over the object."""
        url = self.object.get_absolute_url() if hasattr(self.object, "get_absolute_url") else ""
        return [*self.crumbs, *([(str(self.object), url)] if url else []), (self.get_title(), "")]

    def done(self, result: Any) -> tuple[str, str]:
        """Return to the object."""
        return f"{self.get_title()}: done.", (self.object or result).get_absolute_url()

    def context(self) -> dict[str, Any]:
        """Name the object in the words of the application, too."""
        return {**super().context(), "object": self.object, self.object_name: self.object}


def safe_next(request: HttpRequest, default: str) -> str:
    """Return the address a form asks to go to, when it lies inside the portal."""
    url = request.POST.get("next", "")
    return url if url_has_allowed_host_and_scheme(url, allowed_hosts={request.get_host()}) else default


__all__ = [
    "Action",
    "ActionPage",
    "BulkAct",
    "CreatePage",
    "DetailPage",
    "ListPage",
    "NoFields",
    "Page",
    "PanelPage",
    "Preset",
    "SeeOther",
    "parse_as_of",
    "safe_next",
]
