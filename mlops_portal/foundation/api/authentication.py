"""Who calls the REST API: a service account by token (Bearer, or Basic with it as password), or a person by session."""

from django.contrib.auth import get_user
from django.http import HttpRequest
from django.utils import timezone
from rest_framework.authentication import BaseAuthentication, SessionAuthentication
from rest_framework.exceptions import AuthenticationFailed
from rest_framework.request import Request

from mlops_portal.foundation.people.models import User
from mlops_portal.foundation.people.principals import Principal, principal_of


class TokenAuthentication(BaseAuthentication):
    """Authenticates service accounts; `request.auth` is the `Principal`."""

    def authenticate(self, request: Request | HttpRequest) -> tuple[User, Principal] | None:
        """Return identity and principal; None when no token was sent."""
        header = request.META.get("HTTP_AUTHORIZATION", "")
        if not header:
            return None
        principal = principal_of(header, now=timezone.now())
        if principal is None:
            raise AuthenticationFailed("The token is unknown, expired or revoked.")
        return principal.user, principal

    def authenticate_header(self, request: Request) -> str:
        """Say how to authenticate, so that 401 is answered instead of 403."""
        return 'Bearer realm="MLOps Portal"'


class PageSession(SessionAuthentication):
    """The session of somebody who is signed in to the pages; writes need the CSRF token."""

    def authenticate(self, request: Request) -> tuple[User, None] | None:
        """Return the person, not Django's lazy stand-in: services save it."""
        found = super().authenticate(request)
        return None if found is None else (get_user(request._request), None)
