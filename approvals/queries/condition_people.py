"""Who may carry a condition: people who see the request and whose role fits, never an auditor (RULES 4.5).

And who may repair a finding: whoever sees the model.
"""

from dataclasses import dataclass

from django.db.models import QuerySet

from approvals.models import ChangeRequest
from mlops_portal.foundation.people.models import User
from mlops_portal.foundation.people.rights import holders_of_any

DECIDES = frozenset(
    {"approvals.accept", "approvals.validate", "approvals.approve_risk", "approvals.approve_change"}
)
WORKS = DECIDES | {"approvals.request", "approvals.execute"}
AUDITS = frozenset({"audits.verify"})


@dataclass(frozen=True, slots=True)
class ConditionPeople:
    """Who may own, and who may verify, a condition of one request."""

    owners: QuerySet[User]
    verifiers: QuerySet[User]

    def owner_ids(self) -> set[int]:
        """Return who may own one."""
        return set(self.owners.values_list("pk", flat=True))

    def verifier_ids(self) -> set[int]:
        """Return who may verify one."""
        return set(self.verifiers.values_list("pk", flat=True))


def condition_people(change: ChangeRequest) -> ConditionPeople:
    """Return who may carry a condition of ``change``: owners work on the model, verifiers decide on it."""
    auditors = _holders(AUDITS, change)
    owners, verifiers = (
        _holders(rights, change).exclude(pk__in=auditors.order_by().values("pk"))
        for rights in (WORKS, DECIDES)
    )
    return ConditionPeople(owners, verifiers)


def see_the_model(*, unit_id: int, model_id: int) -> QuerySet[User]:
    """Return the active people who see a model, by name."""
    return holders_of_any({"registry.view"}, unit_id=unit_id, model_id=model_id)


def _holders(rights: frozenset[str], change: ChangeRequest) -> QuerySet[User]:
    return holders_of_any(rights, unit_id=change.unit_id, model_id=change.model_id)
