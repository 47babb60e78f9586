"""Signing in as a persona with one click, and the code its authenticator shows."""

from django.contrib import auth
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils.http import url_has_allowed_host_and_scheme
from django.views.decorators.http import require_GET, require_POST

from mlops_portal.demonstration.cast import PERSONAS
from mlops_portal.foundation.people.models import User

BACKEND = "allauth.account.auth_backends.AuthenticationBackend"


@require_POST
def become(request: HttpRequest, key: str) -> HttpResponse:
    """Sign in as the persona named ``key``; whoever was signed in is signed out."""
    persona = next((one for one in PERSONAS if one.key == key), None)
    person = User.objects.filter(email=persona.email, is_active=True).first() if persona else None
    if person is None:
        raise Http404("There is no such persona.")
    auth.logout(request)
    auth.login(request, person, backend=BACKEND)
    wanted = request.POST.get("next", "")
    inside = url_has_allowed_host_and_scheme(wanted, {request.get_host()}, require_https=request.is_secure())
    return redirect(wanted if inside else "home")


@require_GET
def code(request: HttpRequest) -> HttpResponse:
    """Show the reader's own code as it is now; nothing for who is no persona."""
    answer = render(request, "demonstration/authenticator.html")
    answer["Cache-Control"] = "no-store"
    return answer
