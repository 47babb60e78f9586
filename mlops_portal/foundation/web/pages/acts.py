"""Pages that act: a form and exactly one service call, on an object or to make one."""

from datetime import datetime
from typing import Any

from django import forms
from django.contrib import messages
from django.http import HttpRequest, HttpResponse, HttpResponseBase
from django.shortcuts import render
from django.urls import reverse
from django.utils.http import url_has_allowed_host_and_scheme

from mlops_portal.foundation.errors import DomainError, Invalid
from mlops_portal.foundation.rules import Blocker, RuleViolation
from mlops_portal.foundation.web.access import is_fragment
from mlops_portal.foundation.web.error_views import record_evidence
from mlops_portal.foundation.web.pages.base import Crumbs, Page, SeeOther
from mlops_portal.foundation.web.pages.objects import ObjectMixin


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
            form = next((form for form in self.get_forms() if field in form.fields), None)
            if form is not None:
                form.add_error(field, one.message)
            else:
                self.form.add_error(None, f"{one.where}: {one.message}")

    def get_forms(self) -> list[Any]:
        """Return the forms of the page; some have two beside each other."""
        return [self.form]

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

    told = "{object} is saved."  # what is said after it; `result` is what the service returned

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
        return self.told_of(result), (self.object or result).get_absolute_url()

    def told_of(self, result: Any) -> str:
        """Say what became of it."""
        return self.told.format(object=self.object, result=result)

    def context(self) -> dict[str, Any]:
        """Name the object in the words of the application, too."""
        return {**super().context(), "object": self.object, self.object_name: self.object}


def safe_next(request: HttpRequest, default: str) -> str:
    """Return the address a form asks to go to, when it lies inside the portal."""
    url = request.POST.get("next", "")
    return url if url_has_allowed_host_and_scheme(url, allowed_hosts={request.get_host()}) else default
