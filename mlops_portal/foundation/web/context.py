"""What every page needs around its content. Values are computed only when a template uses them."""

from typing import Any

from django.conf import settings
from django.http import HttpRequest
from django.utils.functional import SimpleLazyObject

from mlops_portal.foundation.web import navigation, notifications, signin, signing_aids


def portal(request: HttpRequest) -> dict[str, Any]:
    """Return the organisation, the navigation, the ledger's state and the number of unread notices."""
    return {
        "organisation": settings.PORTAL_ORGANISATION,
        "is_demo": settings.PORTAL_MODE == "demo",
        "navigation": SimpleLazyObject(lambda: navigation.groups_for(request)),
        "ledger": SimpleLazyObject(lambda: navigation.ledger_box(request)),
        "signin_extras": SimpleLazyObject(signin.templates),
        "signing_aids": SimpleLazyObject(signing_aids.templates),
        "unread_notices": SimpleLazyObject(lambda: notifications.unread_count(request.user)),
    }
