"""Errors of the REST API as problem JSON (RFC 9457): one shape, every reason, what and where."""

import logging
from typing import Any

from django.core.exceptions import PermissionDenied, RequestDataTooBig, SuspiciousOperation
from django.http import Http404
from rest_framework import exceptions
from rest_framework.response import Response
from rest_framework.views import set_rollback

from mlops_portal.foundation.errors import DomainError, FieldError, Invalid
from mlops_portal.foundation.evidence import keep_evidence
from mlops_portal.foundation.rules import RuleViolation

MEDIA_TYPE = "application/problem+json"
log = logging.getLogger(__name__)


def problem(status: int, code: str, title: str, detail: str = "", **extra: Any) -> dict[str, Any]:
    """Build the body of a problem."""
    body = {"type": f"urn:mlops-portal:problem:{code}", "status": status, "code": code, "title": title}
    if detail:
        body["detail"] = detail
    return body | {key: value for key, value in extra.items() if value}


def problem_of(error: DomainError) -> dict[str, Any]:
    """Turn a domain error into a problem."""
    extra: dict[str, Any] = {}
    if isinstance(error, Invalid):
        extra["errors"] = [{"where": item.where, "message": item.message} for item in error.errors]
    if isinstance(error, RuleViolation):
        extra["blockers"] = [
            {"code": item.code, "message": item.message, "owner": item.owner} for item in error.blockers
        ]
    return problem(error.status, error.code, error.title, error.message, **extra)


def _flatten(detail: Any, where: str = "") -> list[FieldError]:
    if isinstance(detail, dict):
        return [
            error
            for key, value in detail.items()
            for error in _flatten(value, f"{where}.{key}" if where else str(key))
        ]
    if isinstance(detail, list):
        found = []
        for place, value in enumerate(detail):
            inner = isinstance(value, dict | list)
            found += _flatten(value, f"{where}[{place}]" if inner else where)
        return found
    return [FieldError(where or "body", str(detail))]


def _title(exc: exceptions.APIException) -> str:
    """Return the title; the default of two of them is a pattern, which the detail has filled in."""
    is_pattern = isinstance(exc, exceptions.MethodNotAllowed | exceptions.UnsupportedMediaType)
    return str(exc.detail if is_pattern else exc.default_detail or exc.default_code)


def exception_handler(exc: Exception, context: dict[str, Any]) -> Response | None:
    """Map every anticipated error; anything else is a 500 without details, logged with its traceback."""
    set_rollback()
    headers = {}
    if isinstance(exc, DomainError):
        keep_evidence(exc)
        body = problem_of(exc)
    elif isinstance(exc, exceptions.ValidationError):
        errors = _flatten(exc.detail)
        body = problem_of(Invalid(errors))
    elif isinstance(exc, Http404):
        body = problem(404, "not_found", "Not found", "It does not exist, or not for you.")
    elif isinstance(exc, PermissionDenied):
        body = problem(403, "not_allowed", "Not allowed", str(exc))
    elif isinstance(exc, RequestDataTooBig):
        body = problem(413, "too_large", "Too large", "The body is larger than this installation accepts.")
    elif isinstance(exc, SuspiciousOperation):
        body = problem(400, "malformed", "The request is malformed", str(exc)[:300])
    elif isinstance(exc, exceptions.APIException):
        code = exc.default_code
        body = problem(exc.status_code, code, _title(exc), str(exc.detail))
        if header := getattr(exc, "auth_header", None):
            headers["WWW-Authenticate"] = header
        if wait := getattr(exc, "wait", None):
            headers["Retry-After"] = str(int(wait))
    else:
        return None
    return Response(body, status=body["status"], headers=headers, content_type=MEDIA_TYPE)
