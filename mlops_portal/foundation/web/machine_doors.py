"""The short way in for machines: no session, no form token, no messages, only what guards an answer in JSON.

The pages' middleware was half of what reading a version costs. What it protects people from does not concern a caller
who sends a token with every request; what does concern it (host, headers, figures) stays.
"""

import functools

from django.conf import settings
from django.http import HttpRequest, HttpResponse
from django.urls import Resolver404, ResolverMatch, resolve

from mlops_portal.foundation.web.middleware import PERMISSIONS, Next

KNOWN_PATHS = 512
HEADERS = {
    "Content-Security-Policy": "default-src 'none'; frame-ancestors 'none'",
    "X-Frame-Options": settings.X_FRAME_OPTIONS,
    "Permissions-Policy": PERMISSIONS,
    "Cache-Control": "private, no-cache",
}


@functools.lru_cache(KNOWN_PATHS)
def _view_at(path: str) -> ResolverMatch | None:
    """Return the view at a path if it takes no form tokens, which is the sign of a machine's door."""
    try:
        match = resolve(path)
    except Resolver404:
        return None
    return match if getattr(match.func, "csrf_exempt", False) else None


class MachineDoorsMiddleware:
    """Answers calls of the doors that `PORTAL_MACHINE_DOORS` names, right behind the guards of the connection."""

    def __init__(self, get_response: Next) -> None:
        self.get_response = get_response
        self.doors = tuple(settings.PORTAL_MACHINE_DOORS)

    def __call__(self, request: HttpRequest) -> HttpResponse:
        match = _view_at(request.path_info) if request.path_info.startswith(self.doors) else None
        if match is None:
            return self.get_response(request)
        request.get_host()  # refuses a host that is not ours
        request.resolver_match = match
        response = match.func(request, *match.args, **match.kwargs)
        for name, value in HEADERS.items():
            response.headers.setdefault(name, value)
        response.headers["Content-Length"] = str(len(response.content))
        return response
