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

from mlops_portal.foundation.web.pages.acts import ActionPage, CreatePage, NoFields, safe_next
from mlops_portal.foundation.web.pages.base import Action, Crumbs, Page, SeeOther, visible
from mlops_portal.foundation.web.pages.lists import ListPage
from mlops_portal.foundation.web.pages.objects import DetailPage, ObjectMixin, PanelPage
from mlops_portal.foundation.web.past import parse_as_of
from mlops_portal.foundation.web.saved_views import Preset
from mlops_portal.foundation.web.selection import BulkAct

__all__ = [
    "Action",
    "ActionPage",
    "BulkAct",
    "CreatePage",
    "Crumbs",
    "DetailPage",
    "ListPage",
    "NoFields",
    "ObjectMixin",
    "Page",
    "PanelPage",
    "Preset",
    "SeeOther",
    "parse_as_of",
    "safe_next",
    "visible",
]
