"""What the administration pages read."""

from dataclasses import dataclass
from typing import Any

from django.db.models import Prefetch, Q, QuerySet

from mlops_portal.foundation.people.models import ApiToken, BusinessUnit, RoleGrant, ServiceAccount, User
from mlops_portal.foundation.people.rights import declared, holders, rights_of
from mlops_portal.foundation.people.roles import ROLES, TOXIC_PAIRS
from mlops_portal.foundation.people.services.grants import ADMINISTRATOR


def people() -> QuerySet:
    """People (no machines) with their living grants."""
    living = RoleGrant.objects.filter(revoked_at__isnull=True).select_related("unit").order_by("pk")
    return User.objects.filter(kind=User.Kind.PERSON).prefetch_related(Prefetch("grants", queryset=living))


def units_of(user: User, right: str) -> QuerySet:
    """Units on which the reader holds ``right``."""
    return BusinessUnit.objects.filter(pk__in=rights_of(user).units(right)).order_by("name")


def unit_tree(user: User) -> list[BusinessUnit]:
    """Units the reader may see, parents before children, with their heads."""
    seen = {
        unit.pk: unit
        for unit in units_of(user, "people.view").select_related("head", "parent").order_by("depth", "name")
    }
    ordered: list[BusinessUnit] = []

    def walk(parent_id: int | None) -> None:
        for unit in seen.values():
            above = unit.parent_id if unit.parent_id in seen else None
            if above == parent_id:
                ordered.append(unit)
                walk(unit.pk)

    walk(None)
    return ordered


def grants_to_confirm(user: User) -> list[RoleGrant]:
    """Roles that wait for a second person such as the reader."""
    mine = rights_of(user).units("people.grant")
    waiting = RoleGrant.objects.filter(
        unit_id__in=mine, confirmed_at__isnull=True, revoked_at__isnull=True, is_effective=False
    ).exclude(Q(granted_by=user) | Q(user=user))
    confirmed = [ADMINISTRATOR, *(name for name, role in ROLES.items() if role.deciding)]
    return list(
        waiting.filter(role__in=confirmed).select_related("user", "unit", "granted_by").order_by("pk")[:100]
    )


def confirmers_of(grant: RoleGrant) -> str:
    """Say who can be the second person of a grant, or what is needed where nobody can."""
    if grant.unit_id is None and grant.model_id is None:
        return ""
    able = holders("people.grant", unit_id=grant.unit_id or 0, model_id=grant.model_id)
    others = [person.name for person in able if person.pk not in (grant.granted_by_id, grant.user_id)]
    if others:
        return f"{' or '.join(others)} can confirm it."
    return "Nobody else grants here: a second administrator is needed first."


@dataclass(frozen=True, slots=True)
class MatrixRow:
    """One right and which roles hold it, in the order of roles."""

    name: str
    label: str
    held: list[bool]


def role_matrix() -> dict[str, Any]:
    """Roles × rights, and the pairs that may not meet."""
    roles = list(ROLES.values())
    rows = [
        MatrixRow(right.name, right.label, [right.name in role.rights for role in roles])
        for right in declared()
    ]
    pairs = [sorted(ROLES[name].label for name in pair) for pair in TOXIC_PAIRS]
    return {"roles": roles, "rows": rows, "pairs": sorted(pairs)}


def accounts(user: User) -> QuerySet:
    """Service accounts of the reader's units, with their tokens and roles."""
    tokens = ApiToken.objects.select_related("use", "created_by").order_by("-pk")
    living = RoleGrant.objects.filter(is_effective=True).select_related("unit").order_by("pk")
    return (
        ServiceAccount.objects.filter(unit_id__in=rights_of(user).units("people.manage_accounts"))
        .select_related("owner", "unit", "user")
        .prefetch_related(
            Prefetch("tokens", queryset=tokens),
            Prefetch("user__grants", queryset=living, to_attr="roles_held"),
        )
    )
