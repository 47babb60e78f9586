"""Pages over people, declared as an application would declare them."""

from datetime import datetime
from typing import Any

from django import forms
from django.urls import include, path

from mlops_portal.foundation.errors import Conflict, FieldError, Invalid
from mlops_portal.foundation.people.models import User
from mlops_portal.foundation.rules import Blocker, RuleViolation
from mlops_portal.foundation.web import cells
from mlops_portal.foundation.web.filters import ChoiceFacet, Filters, SearchFilter
from mlops_portal.foundation.web.pages import ActionPage, DetailPage, ListPage
from mlops_portal.foundation.web.tables import Column, Table


class PeopleFilters(Filters):
    """Name, density."""

    q = SearchFilter(["name", "email"], label="Name or address")
    density = ChoiceFacet("Density", choices=[("compact", "Compact"), ("comfortable", "Comfortable")])


class PeopleTable(Table):
    """People; the position may be empty, the end may be unknown."""

    name = Column("Name", header=True, sort="name", link=lambda row: f"/people/{row.pk}/", note="email")
    job_title = Column("Position", sort="job_title", cell=cells.empty_as("no position"))
    deactivated_at = Column("Left", sort="deactivated_at", numeric=False)
    manager = Column("Manager", accessor="line_manager", cell=cells.person, sort="line_manager__name")
    zone = Column("Zone", accessor="time_zone", shown=False)
    default_sort = "name"


class People(ListPage):
    """The list."""

    queryset = User.objects.select_related("line_manager")
    filterset_class = PeopleFilters
    table_class = PeopleTable
    title, noun, nouns = "People", "person", "people"
    right = "people.view"
    exports = ("csv", "xlsx")
    page_size = 5


class Person(DetailPage):
    """One person."""

    queryset = User.objects.all()
    template_name = "components/panel_page.html"
    object_name = "person"
    right = "people.view"
    shows_past = True

    def more(self) -> dict[str, Any]:
        return {"panel_template": "components/as_of.html"}


class Rename(forms.Form):
    """A new name."""

    name = forms.CharField(max_length=40, help_text="As it is printed.")


class RenamePerson(ActionPage):
    """Refuses by name, to show each kind of refusal."""

    queryset = User.objects.all()
    form_class = Rename
    right = "people.manage_accounts"
    title, submit = "Rename", "Rename {object}"

    def act(self, *, by: Any, now: datetime, name: str) -> Any:
        if name == "taken":
            raise Invalid([FieldError("name", "This name is taken.")])
        if name == "blocked":
            raise RuleViolation([Blocker("own", "Someone else must do this.", "the head of unit")])
        if name == "stale":
            raise Conflict("Tomas Reyl changed it at 10:37.")
        return self.object

    def done(self, result: Any) -> tuple[str, str]:
        return "Renamed.", "/people/"


class Press(ActionPage):
    """A button without fields that is refused."""

    queryset = User.objects.all()
    right = "people.manage_accounts"
    title, submit, back_url = "Press", "Press", "people"

    def act(self, *, by: Any, now: datetime) -> Any:
        raise RuleViolation([Blocker("closed", "The window is closed.")])


urlpatterns = [
    path("accounts/", include("allauth.urls")),
    path("", include("mlops_portal.foundation.web.urls")),
    path("people/", People.as_view(), name="people"),
    path("people/<int:pk>/", Person.as_view(), name="person"),
    path("people/<int:pk>/rename/", RenamePerson.as_view(), name="rename"),
    path("people/<int:pk>/press/", Press.as_view(), name="press"),
]
handler500 = "mlops_portal.foundation.web.error_views.server_error"
handler404 = "mlops_portal.foundation.web.error_views.not_found"
handler403 = "mlops_portal.foundation.web.error_views.forbidden"
handler400 = "mlops_portal.foundation.web.error_views.bad_request"
