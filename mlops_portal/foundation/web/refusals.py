"""After a refusal: what is missing, whose it is and who can grant it.

The page carries a signed note of the refusal, so that only what was really refused can be asked for.
"""

from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from django.core import signing
from django.http import HttpRequest

from mlops_portal.foundation.errors import DomainError, NotAllowed
from mlops_portal.foundation.people.models import AccessRequest, BusinessUnit, RoleGrant, User
from mlops_portal.foundation.people.rights import label_of
from mlops_portal.foundation.people.services import access

SALT = "mlops_portal.refusal"
GOOD_FOR = timedelta(days=1)


@dataclass(frozen=True, slots=True)
class Offer:
    """What the page of a refusal says, and what its form carries."""

    right: str
    units: list[BusinessUnit]
    granters: list[User]
    token: str
    waiting: AccessRequest | None

    @property
    def what(self) -> str:
        """The missing right in words, inside a sentence."""
        return access.lower_first(label_of(self.right))

    @property
    def unit(self) -> BusinessUnit:
        """The unit the refused act was about, or the first the person may ask for."""
        return self.units[0]

    @property
    def who(self) -> str:
        """Name who can grant it."""
        return access.names(self.granters)


def offer_for(request: HttpRequest, error: DomainError | None) -> Offer | None:
    """Return what a refused person can ask for; None where asking makes no sense."""
    user = getattr(request, "user", None)
    if not isinstance(error, NotAllowed) or not error.right or not getattr(user, "is_authenticated", False):
        return None
    if not user.is_person:
        return None
    units = _units(user, error.unit_id)
    if not units:
        return None
    path = request.path if request.method == "GET" else ""
    note = {"p": user.pk, "r": error.right, "u": [unit.pk for unit in units], "path": path}
    waiting = AccessRequest.objects.filter(
        person_id=user.pk, right=error.right, unit__in=units, state=AccessRequest.State.ASKED
    )
    return Offer(
        error.right,
        units,
        access.granters(units[0], other_than=user),
        signing.dumps(note, salt=SALT),
        waiting.order_by("pk").first(),
    )


def _units(user: User, unit_id: int | None) -> list[BusinessUnit]:
    """The unit of the refused act; without one those of the person's roles, else the top of the tree."""
    rows = (
        BusinessUnit.objects.filter(closed_at__isnull=True).select_related("head").order_by("depth", "name")
    )
    if unit_id is not None:
        return list(rows.filter(pk=unit_id))
    held = RoleGrant.objects.filter(user_id=user.pk, is_effective=True).values("unit_id")
    return list(rows.filter(pk__in=held)) or list(rows.filter(parent__isnull=True))


def read_note(token: str, user: Any) -> dict[str, Any]:
    """Return the note of a refusal of this person; empty when it is another's, changed, or too old."""
    try:
        note = signing.loads(token, salt=SALT, max_age=GOOD_FOR)
    except signing.BadSignature:
        return {}
    return note if note.get("p") == user.pk else {}
