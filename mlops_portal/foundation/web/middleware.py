"""What happens around every page: the reader's zone, refusals as answers, and what browsers may not use."""

import logging
from collections.abc import Callable

from allauth.core.exceptions import ImmediateHttpResponse, ReauthenticationRequired
from django.core.exceptions import BadRequest, PermissionDenied, SuspiciousOperation
from django.http import Http404, HttpRequest, HttpResponse
from django.utils import timezone

from mlops_portal.foundation.days import zone_named
from mlops_portal.foundation.errors import DomainError
from mlops_portal.foundation.ids import uuid7
from mlops_portal.foundation.web.error_views import render_error

log = logging.getLogger("mlops_portal.web")
# Django and allauth have an answer to these: whoever asks for nonsense fills no log of incidents.
ANSWERED = (
    Http404,
    PermissionDenied,
    SuspiciousOperation,
    BadRequest,
    ImmediateHttpResponse,
    ReauthenticationRequired,
)
Next = Callable[[HttpRequest], HttpResponse]
PERMISSIONS = ", ".join(
    f"{name}=()"
    for name in (
        "accelerometer",
        "camera",
        "display-capture",
        "geolocation",
        "gyroscope",
        "microphone",
        "payment",
        "usb",
    )
)


class PermissionsPolicyMiddleware:
    """Switches off what the portal never uses."""

    def __init__(self, get_response: Next) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        response = self.get_response(request)
        response.headers.setdefault("Permissions-Policy", PERMISSIONS)
        return response


class PrivateAnswersMiddleware:
    """Lets no cache between keep what one person was answered, and no browser keep what signs people in."""

    def __init__(self, get_response: Next) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        response = self.get_response(request)
        keeps_nothing = request.path.startswith(
            "/accounts/"
        )  # recovery codes, the secret of an authenticator
        response.headers.setdefault("Cache-Control", "no-store" if keeps_nothing else "private, no-cache")
        return response


class TimeZoneMiddleware:
    """Shows times in the person's zone, else in the portal's."""

    def __init__(self, get_response: Next) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        with timezone.override(zone_named(getattr(request.user, "time_zone", ""))):
            return self.get_response(request)


class DomainErrorMiddleware:
    """Turns anticipated refusals into answers, so that views need no try. Names other errors by an incident id."""

    def __init__(self, get_response: Next) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        return self.get_response(request)

    def process_exception(self, request: HttpRequest, exception: Exception) -> HttpResponse | None:
        """Answer a domain error; give every other error a number that the page and the log share."""
        if isinstance(exception, DomainError):
            return render_error(request, exception)
        if isinstance(exception, ANSWERED):
            return None
        request.incident_id = str(uuid7())
        log.error("Incident %s at %s", request.incident_id, request.path)
        return None
