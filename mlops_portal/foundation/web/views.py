"""Pages that belong to nobody else: search, jobs, saved views, the profile, the component kit."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any
from zoneinfo import available_timezones

from django import forms
from django.conf import settings
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseBase
from django.shortcuts import render

from mlops_portal.foundation.errors import NotFound
from mlops_portal.foundation.people.models import User
from mlops_portal.foundation.web import kit, saved_views, search
from mlops_portal.foundation.web.access import is_fragment
from mlops_portal.foundation.web.jobs import JobRow
from mlops_portal.foundation.web.models import SavedView
from mlops_portal.foundation.web.pages import CreatePage, DetailPage, Page, SeeOther, safe_next
from mlops_portal.foundation.web.preferences import preferences_change
from mlops_portal.foundation.work import jobs
from mlops_portal.foundation.work.models import Job

FOUND_OF_EACH, FOUND_OF_ONE = 20, 100


class Palette(Page):
    """Results for the palette."""

    template_name = "components/palette_results.html"

    def more(self) -> Mapping[str, Any]:
        """Find what was typed."""
        text = self.request.GET.get("q", "")[:100]
        return {"hits": search.jump(self.request.user, text), "query": text}


class Search(Page):
    """Results by kind."""

    title = "Search"
    template_name = "web/search.html"

    def more(self) -> Mapping[str, Any]:
        """Find what was typed: the first of each kind, or more of one kind."""
        text, kind = self.request.GET.get("q", "")[:100], self.request.GET.get("kind", "")
        found = search.search(self.request.user, text, limit=FOUND_OF_ONE if kind else FOUND_OF_EACH)
        names = [one.name for one in found]
        return {
            "kinds": found,
            "found": [one for one in found if one.name == kind] if kind in names else found,
            "kind": kind if kind in names else "",
            "query": text,
        }


class JobFragment(DetailPage):
    """The row of one job; alone it stands in a page."""

    queryset = Job.objects.all()
    object_name = "job"
    template_name = "web/job.html"

    def answer(self, *, fragment: str = "", status: int = 200) -> HttpResponse:
        """Render the bare row for htmx; a job that ended stops the asking by itself and tells the page."""
        if is_fragment(self.request):
            row = JobRow(self.object)
            response = render(self.request, "components/job.html", {"row": row}, status=status)
            if self.object.is_final:
                response["HX-Trigger"] = row.event
            return response
        return super().answer(fragment=fragment, status=status)


class JobStop(JobFragment):
    """Asks a job to stop."""

    http_method_names = ["post"]

    def post(self, request: HttpRequest, pk: int) -> HttpResponseBase:
        """Stop and show the row."""
        self.object, self.as_of = self.find(), None
        self.object = jobs.stop(job=self.object, by=request.user, now=self.now)
        return self.answer() if is_fragment(request) else SeeOther(safe_next(request, f"/jobs/{pk}/"))


class ViewSave(Page):
    """Keeps the filters of a list under a name."""

    http_method_names = ["post"]

    def post(self, request: HttpRequest) -> HttpResponseBase:
        """Save and return to the list."""
        given = request.POST
        unit = given.get("unit", "")
        shared = (
            saved_views.units_to_share_with(request.user).filter(pk=unit)
            if unit.isdecimal() and len(unit) < 18
            else None
        )
        if shared is not None and not shared.exists():
            raise NotFound("You belong to no such unit.")
        view = saved_views.view_save(
            by=request.user,
            page=given.get("page", "")[:80],
            name=given.get("name", ""),
            query=given.get("query", ""),
            now=self.now,
            unit=shared.first() if shared is not None else None,
        )
        return SeeOther(safe_next(request, f"/?{view.query}"))


class ViewDelete(Page):
    """Forgets a saved view."""

    http_method_names = ["post"]

    def post(self, request: HttpRequest, pk: int) -> HttpResponseBase:
        """Delete and return to the list."""
        view = SavedView.objects.filter(owner=request.user, pk=pk).first()
        if view is None:
            raise NotFound("You have no such view.")
        saved_views.view_delete(view=view, by=request.user, now=self.now)
        return SeeOther(safe_next(request, "/"))


class ProfileForm(forms.Form):
    """How the portal looks and behaves for one person."""

    time_zone = forms.ChoiceField(
        required=False, help_text="Times on pages are shown in this zone. Files always use UTC."
    )
    density = forms.ChoiceField(choices=User._meta.get_field("density").choices, widget=forms.RadioSelect)
    shortcuts_off = forms.BooleanField(
        required=False, label="Switch single-key shortcuts off", help_text="Ctrl K and Esc stay."
    )

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        zones = sorted(zone for zone in available_timezones() if "/" in zone and not zone.startswith("Etc/"))
        default = ("", f"The portal's zone ({settings.PORTAL_TIME_ZONE})")
        self.fields["time_zone"].choices = [default, ("UTC", "UTC"), *((zone, zone) for zone in zones)]


class Profile(CreatePage):
    """One's own settings; name, roles and units are set by administrators."""

    title, submit = "Profile", "Save settings"
    form_class = ProfileForm
    template_name = "web/profile.html"
    back_url = "web:profile"

    def initial(self) -> dict[str, Any]:
        """Return the settings in force."""
        user = self.request.user
        return {"time_zone": user.time_zone, "density": user.density, "shortcuts_off": user.shortcuts_off}

    def act(self, *, by: Any, now: datetime, **data: Any) -> Any:
        """Change the settings."""
        return preferences_change(person=by, now=now, **data)

    def done(self, result: Any) -> tuple[str, str]:
        """Stay here."""
        return "Settings saved.", self.request.path


class Kit(Page):
    """Every component with real tags; for people who build pages, in the demonstration only."""

    title = "Component kit"
    lede = "Every component of the design language, with the states that pages rarely show."
    template_name = "web/kit.html"

    def get(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:
        """Show the kit, except in production."""
        if settings.PORTAL_MODE != "demo" and not settings.DEBUG:
            raise Http404
        return super().get(request, *args, **kwargs)

    def more(self) -> Mapping[str, Any]:
        """Return samples."""
        return kit.samples(self.now)
