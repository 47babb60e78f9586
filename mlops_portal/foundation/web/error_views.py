"""Refusals as pages and fragments. Statuses and words come from `foundation.errors`; here is only how they look."""

import logging
from typing import Any

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils.cache import patch_vary_headers
from django.utils.http import url_has_allowed_host_and_scheme

from mlops_portal.foundation.errors import DomainError, Invalid, NotAllowed, NotFound
from mlops_portal.foundation.events import emit
from mlops_portal.foundation.ids import uuid7
from mlops_portal.foundation.operations import act
from mlops_portal.foundation.rules import RuleViolation
from mlops_portal.foundation.web.access import is_fragment
from mlops_portal.foundation.web.refusals import offer_for

log = logging.getLogger("mlops_portal.web")

TITLES = {
    400: "This address does not fit",
    403: "You cannot open this",
    404: "Not found",
    405: "Not possible here",
    409: "Not possible now",
    413: "Too large",
    503: "Not available now",
}

TYPED_DATES = {
    "as_of": "As of", "at": "As of", "from": "From", "to": "To", "since": "From", "until": "To",
}  # fmt: skip
LONGEST_TYPED = 40


def record_evidence(error: DomainError) -> None:
    """Enter the evidence of a refusal in the ledger, in a transaction of its own: the refused one is gone."""
    if error.evidence is not None:
        with act():
            emit(error.evidence)


def render_error(request: HttpRequest, error: DomainError) -> HttpResponse:
    """Answer a refusal: a fragment for htmx, a message and 303 after a refused form, a page otherwise."""
    record_evidence(error)
    context = {
        "problem": error,
        "problem_blockers": error.blockers if isinstance(error, RuleViolation) else [],
        "problem_errors": error.errors if isinstance(error, Invalid) else [],
    }
    if is_fragment(request):
        response = render(request, "components/problem.html", context, status=error.status)
        response["HX-Retarget"], response["HX-Reswap"] = "#notice", "innerHTML"
        return response
    back = request.META.get("HTTP_REFERER", "")
    comes_from_here = url_has_allowed_host_and_scheme(back, allowed_hosts={request.get_host()})
    if request.method == "POST" and error.status in (400, 409, 413) and comes_from_here:
        messages.error(request, error.message)
        return HttpResponse(status=303, headers={"Location": back})
    return error_page(request, error.status, {**context, **typed_again(request, error)})


def typed_again(request: HttpRequest, error: DomainError) -> dict[str, Any]:
    """Return the dates of the address as fields, the wrong one with its message, and the rest of it to be kept."""
    if request.method != "GET" or not isinstance(error, Invalid):
        return {}
    wrong = {one.where: one.message for one in error.errors}
    if not wrong.keys() <= TYPED_DATES.keys():
        return {}
    fields = [
        (name, label, request.GET.get(name, "")[:LONGEST_TYPED], wrong.get(name, ""))
        for name, label in TYPED_DATES.items()
        if name in request.GET or name in wrong
    ]
    kept = [(name, one) for name, values in request.GET.lists() if name not in TYPED_DATES for one in values]
    return {"typed_fields": fields, "typed_rest": kept}


def error_page(request: HttpRequest, status: int, context: dict[str, Any]) -> HttpResponse:
    """Render the page of a status; strangers get one without navigation."""
    template = f"errors/{status}.html" if status in (400, 403, 404, 409) else "errors/error.html"
    problem = context.get("problem")
    title = (
        problem.title
        if problem is not None and status not in (403, 404)
        else TITLES.get(status, "Not possible")
    )
    shell = (
        "base.html"
        if getattr(getattr(request, "user", None), "is_authenticated", False)
        else "base_plain.html"
    )
    if status == 403:
        context = {**context, "offer": offer_for(request, problem)}
    full = {"title": title, "status": status, "shell": shell, "crumbs": [(title, "")], **context}
    response = render(request, template, full, status=status)
    patch_vary_headers(response, ["HX-Request", "Cookie"])
    return response


def bad_request(request: HttpRequest, exception: Exception) -> HttpResponse:
    """Answer a request that Django refuses (handler400)."""
    return error_page(request, 400, {"problem": DomainError("The portal could not read this request.")})


def forbidden(request: HttpRequest, exception: Exception) -> HttpResponse:
    """Answer Django's own refusals (handler403)."""
    return error_page(
        request, 403, {"problem": NotAllowed(str(exception) or "Your role does not cover this.")}
    )


def not_found(request: HttpRequest, exception: Exception) -> HttpResponse:
    """Answer an address that does not exist (handler404)."""
    return error_page(request, 404, {"problem": NotFound(f"There is no page {request.path}.")})


def csrf_failure(request: HttpRequest, reason: str = "") -> HttpResponse:
    """Answer a form that was open too long, or came from elsewhere."""
    text = "This form was open too long or came from another site. Nothing was saved. Open the page again."
    return error_page(request, 403, {"problem": NotAllowed(text), "is_csrf": True})


def server_error(request: HttpRequest) -> HttpResponse:
    """Answer an error of the portal itself, without reading anything from it (handler500)."""
    incident = getattr(request, "incident_id", None) or str(uuid7())
    return render(None, "errors/500.html", {"incident": incident, "title": "Something failed"}, status=500)
