"""Whether an act is allowed *now*, and if not, why. Who may do it at all is `foundation.people.rights`."""

from collections.abc import Sequence
from dataclasses import dataclass

from mlops_portal.foundation.errors import DomainError


@dataclass(frozen=True, slots=True)
class Blocker:
    """One reason against an act: a code for machines, a sentence for people, and who can repair it."""

    code: str
    message: str
    owner: str = ""


class RuleViolation(DomainError):
    """The right exists, the moment or the record is wrong. Carries every reason, not the first."""

    status, code, title = 409, "rule_violation", "Not possible now"

    def __init__(self, blockers: Sequence[Blocker]) -> None:
        self.blockers = list(blockers)
        super().__init__(" ".join(blocker.message for blocker in blockers))


def refuse_if(blockers: Sequence[Blocker]) -> None:
    """Raise with all reasons when there is at least one."""
    if blockers:
        raise RuleViolation(blockers)
