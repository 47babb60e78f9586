"""What operators and their machines ask: /healthz, /readyz, /metrics."""

import hmac

from django.conf import settings
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.utils import timezone
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_safe
from prometheus_client import CONTENT_TYPE_LATEST

from mlops_portal.foundation import readiness
from mlops_portal.foundation.web.metrics import exposition

LOOPBACK = frozenset({"127.0.0.1", "::1"})


@never_cache
@require_safe
def healthz(request: HttpRequest) -> HttpResponse:
    """Say that this process answers; asks nothing of anybody else."""
    return HttpResponse("ok\n", content_type="text/plain")


@never_cache
@require_safe
def readyz(request: HttpRequest) -> HttpResponse:
    """Say whether the whole installation can do its work; 503 names what is missing."""
    found = readiness.problems(timezone.now())
    bad = any(found.values())
    body = {"ready": not bad, "checks": {name: problem or "ok" for name, problem in found.items()}}
    return JsonResponse(body, status=503 if bad else 200)


@never_cache
@require_safe
def metrics(request: HttpRequest) -> HttpResponse:
    """Give the figures to who holds PORTAL_METRICS_TOKEN.

    Where no token is set they are for this machine, and in production for nobody: a proxy beside the portal makes
    everybody look like this machine.
    """
    if not _may_read_metrics(request):
        return HttpResponse(
            "Set PORTAL_METRICS_TOKEN and send it as a bearer token.\n", status=403, content_type="text/plain"
        )
    return HttpResponse(exposition(), content_type=CONTENT_TYPE_LATEST)


def _may_read_metrics(request: HttpRequest) -> bool:
    token = settings.PORTAL_METRICS_TOKEN
    if token:
        return hmac.compare_digest(
            request.headers.get("Authorization", "").encode(), f"Bearer {token}".encode()
        )
    if settings.PORTAL_MODE == "production":
        return False
    return request.META.get("REMOTE_ADDR") in LOOPBACK and request.came_directly
