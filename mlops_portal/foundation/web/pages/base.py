"""What every page is: title, crumbs, actions, the moment it shows, and the answer."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, ClassVar

from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse, HttpResponseBase, HttpResponseRedirect
from django.shortcuts import render
from django.urls import reverse
from django.utils import timezone
from django.utils.http import urlencode
from django.views.generic import View

from mlops_portal.foundation.web import navigation
from mlops_portal.foundation.web.access import PermittedMixin, is_fragment
from mlops_portal.foundation.web.past import parse_as_of

Crumbs = Sequence[tuple[str, str]]


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
