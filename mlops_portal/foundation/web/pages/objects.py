"""Pages of one object, and panels that stand in a page."""

from collections.abc import Mapping
from typing import Any, ClassVar

from django.db.models import Model, QuerySet
from django.http import HttpRequest, HttpResponse, HttpResponseBase
from django.shortcuts import render

from mlops_portal.foundation.errors import NotFound
from mlops_portal.foundation.web.access import is_fragment, record_access, scope_of
from mlops_portal.foundation.web.pages.base import Page, visible
from mlops_portal.foundation.web.past import parse_as_of


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
