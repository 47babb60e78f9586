"""Who may carry a condition: people who see the request and whose role fits, never an auditor (RULES 4.5)."""

from dataclasses import dataclass

from django.db.models import Q, QuerySet

from approvals.models import ChangeRequest
from mlops_portal.foundation.people.models import RoleGrant, UnitClosure, User
from mlops_portal.foundation.people.roles import ROLES

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


def _holders(rights: frozenset[str], change: ChangeRequest) -> QuerySet[User]:
    roles = [role for role, spec in ROLES.items() if spec.rights & rights]
    above = UnitClosure.objects.filter(descendant_id=change.unit_id).values("ancestor_id")
    grants = RoleGrant.objects.filter(
        Q(unit_id__in=above) | Q(model_id=change.model_id), role__in=roles, is_effective=True
    )
    return (
        User.objects.filter(
            Q(pk__in=grants.values("user_id")) | Q(groups__in=grants.values("group_id")),
            is_active=True,
            kind=User.Kind.PERSON,
        )
        .distinct()
        .order_by("name", "pk")
    )
