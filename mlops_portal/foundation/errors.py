"""Domain errors. Apps raise subclasses; doors map `status`, `code` and message to page, fragment or problem JSON."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from mlops_portal.foundation.events import DomainEvent


@dataclass(frozen=True, slots=True)
class FieldError:
    """What is wrong and where: a field name, or a place such as ``row 12, column Tier``."""

    where: str
    message: str


class DomainError(Exception):
    """An anticipated refusal. ``evidence`` is recorded by the door in a transaction of its own."""

    status, code, title = 400, "refused", "Refused"

    def __init__(self, message: str = "", *, evidence: "DomainEvent | None" = None) -> None:
        self.message = message or self.title
        self.evidence = evidence
        super().__init__(self.message)


class NotAllowed(DomainError):
    """The person has no right to do this. ``owner`` names who can grant it; ``right`` and ``unit_id`` say what is missing."""

    status, code, title = 403, "not_allowed", "Not allowed"

    def __init__(
        self,
        message: str = "",
        *,
        owner: str = "",
        right: str = "",
        unit_id: int | None = None,
        evidence: "DomainEvent | None" = None,
    ) -> None:
        self.owner, self.right, self.unit_id = owner, right, unit_id
        super().__init__(message, evidence=evidence)


class NotFound(DomainError):
    """It does not exist, or not for this person: both answer alike."""

    status, code, title = 404, "not_found", "Not found"


class Invalid(DomainError):
    """The input is wrong; each error says what and where."""

    status, code, title = 400, "invalid", "The input has errors"

    def __init__(self, errors: Sequence[FieldError]) -> None:
        self.errors = list(errors)
        super().__init__(" ".join(f"{error.where}: {error.message}" for error in errors))


class Conflict(DomainError):
    """Somebody else changed the record while this person was editing; nothing was saved."""

    status, code, title = 409, "conflict", "Changed while you were reading"


class TooLarge(DomainError):
    """The input exceeds a bound, which the message names."""

    status, code, title = 413, "too_large", "Too large"


class Unavailable(DomainError):
    """A part of the portal that this needs does not answer; nothing was written."""

    status, code, title = 503, "unavailable", "Not available now"


def invalid(where: str, message: str) -> Invalid:
    """Build the error of one field."""
    return Invalid([FieldError(where, message)])
