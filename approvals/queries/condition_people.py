"""Who may carry a condition: people who see the request and whose role fits, never an auditor (RULES 4.5).

And who may repair a finding: whoever sees the model.
"""

from dataclasses import dataclass

from django.db.models import QuerySet

from approvals.models import ChangeRequest, Validation
from mlops_portal.foundation.people.models import User
from mlops_portal.foundation.people.rights import holders_of_any

DECIDES = frozenset(
    {"approvals.accept", "approvals.validate", "approvals.approve_risk", "approvals.approve_change"}
)
WORKS = DECIDES | {"approvals.request", "approvals.execute"}
AUDITS = frozenset({"audits.verify"})


@dataclass(frozen=True, slots=True)
class ConditionPeople:
    """Who may own, and who may verify, a condition of one request or validation."""

    owners: QuerySet[User]
    verifiers: QuerySet[User]

    def owner_ids(self) -> set[int]:
        """Return who may own one."""
        return set(self.owners.values_list("pk", flat=True))

    def verifier_ids(self) -> set[int]:
        """Return who may verify one."""
        return set(self.verifiers.values_list("pk", flat=True))


def condition_people(about: ChangeRequest | Validation) -> ConditionPeople:
    """Return who may carry a condition of what it is ``about``: owners work on the model, verifiers decide on it.

    A validator does not fulfil what they ask for, as they do not repair what they found.
    """
    auditors = _holders(AUDITS, about)
    owners, verifiers = (
        _holders(rights, about).exclude(pk__in=auditors.order_by().values("pk"))
        for rights in (WORKS, DECIDES)
    )
    if isinstance(about, Validation):
        owners = owners.exclude(pk=about.validator_id)
    return ConditionPeople(owners, verifiers)


def see_the_model(*, unit_id: int, model_id: int) -> QuerySet[User]:
    """Return the active people who see a model, by name."""
    return holders_of_any({"registry.view"}, unit_id=unit_id, model_id=model_id)


def _holders(rights: frozenset[str], about: ChangeRequest | Validation) -> QuerySet[User]:
    return holders_of_any(rights, unit_id=about.unit_id, model_id=about.model_id)
