"""The door: a token instead of a session, JSON whatever happens, no redirect, no page."""

import logging
from typing import Any

from django.db import IntegrityError, InterfaceError, OperationalError
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.utils import timezone
from django.views.decorators.csrf import csrf_exempt

from integrations.mlflow import alias_endpoints, model_endpoints, version_endpoints  # noqa: F401  (fill the table)
from integrations.mlflow.endpoints import TABLE, Call
from integrations.mlflow.errors import ProtocolError, from_domain
from integrations.mlflow.reading import read
from integrations.mlflow.wire import to_millis
from mlops_portal.foundation.errors import DomainError
from mlops_portal.foundation.evidence import keep_evidence
from mlops_portal.foundation.people.principals import principal_of

logger = logging.getLogger(__name__)

WHO_ARE_YOU = "A token of a service account is needed: MLFLOW_TRACKING_TOKEN, or as MLFLOW_TRACKING_PASSWORD."
BUSY = "The registry is busy or restarting; nothing was written. Try again."
RACE = "Another client changed the same record at the same moment; nothing was written. Try again."
BROKEN = "The registry could not answer. The portal's log holds the reason."


@csrf_exempt
def door(request: HttpRequest, path: str) -> HttpResponse:
    """Answer one call of the protocol."""
    try:
        return JsonResponse(_answer(request, path), json_dumps_params={"separators": (",", ":")})
    except ProtocolError as error:
        return error.response()
    except DomainError as error:
        return _refusal(error)
    except IntegrityError:
        logger.warning("mlflow door: a constraint refused %s %s", request.method, path, exc_info=True)
        return ProtocolError("RESOURCE_CONFLICT", RACE).response()
    except (OperationalError, InterfaceError):
        logger.warning("mlflow door: database not available", exc_info=True)
        return ProtocolError("TEMPORARILY_UNAVAILABLE", BUSY).response()
    except Exception:  # a client reads JSON only, and the log gets the traceback
        logger.exception("mlflow door: %s %s", request.method, path)
        return ProtocolError("INTERNAL_ERROR", BROKEN).response()


def _answer(request: HttpRequest, path: str) -> dict[str, Any]:
    now = timezone.now()
    principal = principal_of(request.headers.get("Authorization", ""), now=now)
    if principal is None:
        raise ProtocolError("UNAUTHENTICATED", WHO_ARE_YOU)
    endpoint = TABLE.get(path.strip("/"), {}).get(request.method or "")
    if endpoint is None:
        raise ProtocolError("ENDPOINT_NOT_FOUND", f"No endpoint for {request.method} {request.path}.")
    return endpoint.answer(Call(principal, to_millis(now), read(request, endpoint.params)))


def _refusal(error: DomainError) -> HttpResponse:
    """Answer a refusal; one that must leave evidence is recorded in a transaction of its own."""
    keep_evidence(error)
    return from_domain(error).response()
