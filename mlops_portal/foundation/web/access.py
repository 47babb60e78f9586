"""Who may open a page: sign in, hold the right, see the object. The answer comes before anything is read."""

from datetime import datetime
from typing import Any

from django.contrib.auth.middleware import get_user
from django.contrib.auth.views import redirect_to_login
from django.http import HttpRequest, HttpResponse, HttpResponseBase
from django.shortcuts import render

from mlops_portal.foundation.errors import NotAllowed
from mlops_portal.foundation.events import Access, accessed
from mlops_portal.foundation.people import rights as people_rights

STOP_POLLING = 286  # what htmx takes as the end of a poll


def is_fragment(request: HttpRequest) -> bool:
    """Tell a request for a part of a page from one for the whole (a restored page is whole)."""
    htmx = getattr(request, "htmx", None)
    return bool(htmx) and not htmx.history_restore_request and not htmx.boosted


def scope_of(subject: Any) -> dict[str, int | None]:
    """Unit and model that decide who may act on an object."""
    label = subject._meta.label_lower
    unit_id = subject.pk if label == "foundation.businessunit" else getattr(subject, "unit_id", None)
    model_id = subject.pk if label == "registry.registeredmodel" else getattr(subject, "model_id", None)
    return {"unit_id": unit_id, "model_id": model_id}


def record_access(
    request: HttpRequest,
    what: str,
    subject_label: str,
    subject_id: str,
    at: datetime,
    unit_id: int | None = None,
) -> None:
    """Tell whoever keeps evidence that somebody read or exported this."""
    access = Access(
        what=what,
        subject_label=subject_label,
        subject_id=subject_id,
        actor_id=str(request.user.pk),
        at=at,
        client=request.META.get("REMOTE_ADDR", ""),
        unit_id=unit_id,
    )
    accessed.send(sender=Access, access=access)


def _session_ended(request: HttpRequest) -> HttpResponse:
    """Say so on the page as it stands, so that nothing typed on it is lost; a page that asks again and again stops."""
    try:
        page = getattr(request, "htmx", None) and request.htmx.current_url_abs_path
    except ValueError:  # the header names no address
        page = None
    sign_in = redirect_to_login(page or request.get_full_path()).url
    answer = render(request, "components/session_ended.html", {"sign_in": sign_in}, status=STOP_POLLING)
    answer.headers["HX-Reswap"], answer.headers["HX-Push-Url"] = "none", "false"
    return answer


class PermittedMixin:
    """Login first, then the right (403). `right = None` means: everybody who is signed in.

    A list asks whether the right is held anywhere; pages of one object ask on that object's unit.
    """

    right: str | tuple[str, ...] | None = None
    request: HttpRequest

    def dispatch(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:
        """Refuse strangers before the page does anything."""
        if not request.user.is_authenticated:
            return (
                _session_ended(request)
                if is_fragment(request)
                else redirect_to_login(request.get_full_path())
            )
        request.user = get_user(request)  # the person, not Django's lazy stand-in: services save it
        self.check_right()
        return super().dispatch(request, *args, **kwargs)

    def check_right(self) -> None:
        """Refuse people who hold the right nowhere.

        Raises:
            NotAllowed: naming the right in words.
        """
        if self.right is not None and not self.holds(self.right):
            first = self.right if isinstance(self.right, str) else self.right[0]
            people_rights.require(self.request.user, first)

    def check_scope(self, subject: Any) -> None:
        """Refuse people who do not hold the right on this object.

        Raises:
            NotAllowed: naming the right in words.
        """
        if self.right is None:
            return
        scope = scope_of(subject)
        if scope["unit_id"] is None and scope["model_id"] is None:
            return
        if not self.holds(self.right, **scope):
            first = self.right if isinstance(self.right, str) else self.right[0]
            people_rights.require(self.request.user, first, **scope)
            raise NotAllowed("You have no right to do this here.")

    def holds(self, right: str | tuple[str, ...], **scope: int | None) -> bool:
        """Tell whether the person holds one of the rights, here or anywhere."""
        rights = people_rights.rights_of(self.request.user)
        return any(rights.has(name, **scope) for name in ([right] if isinstance(right, str) else right))
