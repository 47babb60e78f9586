"""What the administration pages read."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from django.db.models import Prefetch, Q, QuerySet
from django.utils import timezone

from mlops_portal.foundation.people.models import (
    ApiToken,
    BusinessUnit,
    RoleGrant,
    ServiceAccount,
    UnitClosure,
    User,
)
from mlops_portal.foundation.people.rights import declared, holders, holders_at, rights_of
from mlops_portal.foundation.people.roles import ROLES, TOXIC_PAIRS
from mlops_portal.foundation.people.services.grants import living, waiting

SHOWN = 8


def people() -> QuerySet:
    """People (no machines) with their grants that did not end."""
    held = living(timezone.now()).select_related("unit").order_by("pk")
    return User.objects.filter(kind=User.Kind.PERSON).prefetch_related(Prefetch("grants", queryset=held))


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


def _unconfirmed(user: User) -> QuerySet[RoleGrant]:
    """Roles on the reader's units that two people give and one has given."""
    there = waiting(timezone.now()).filter(unit_id__in=rights_of(user).units("people.grant"))
    return there.select_related("user", "unit", "granted_by").order_by("pk")


def grants_to_confirm(user: User) -> list[RoleGrant]:
    """Roles that wait for a second person such as the reader."""
    return list(_unconfirmed(user).exclude(Q(granted_by=user) | Q(user=user))[:100])


def revocations_to_confirm(user: User) -> list[RoleGrant]:
    """Roles of administrators that somebody else asked to revoke, and that wait for a second person."""
    asked = RoleGrant.objects.filter(
        unit_id__in=rights_of(user).units("people.grant"),
        revocation_asked_at__isnull=False,
        revoked_at__isnull=True,
        is_effective=True,
    ).exclude(revocation_asked_by=user)
    return list(asked.select_related("user", "unit", "revocation_asked_by").order_by("pk")[:100])


def grants_at_home(user: User) -> Mapping[str, Any] | None:
    """Roles that wait for the reader to confirm them, and those the reader gave, with who can: a part of the home page."""
    given = list(_unconfirmed(user).filter(granted_by=user)[:SHOWN])
    able = second_people(given)
    found = {
        "to_confirm": grants_to_confirm(user),
        "to_revoke": revocations_to_confirm(user),
        "given": [(grant, confirmers_of(grant, able[grant.pk])) for grant in given],
    }
    return found if any(found.values()) else None


def second_people(grants: Sequence[RoleGrant]) -> dict[int, list[User]]:
    """Return who can be the second person of each grant: whoever grants there, but its granter and its holder.

    A few statements, whatever the number of grants.
    """
    able = holders_at("people.grant", {(grant.unit_id, grant.model_id) for grant in grants})
    return {
        grant.pk: [
            person
            for person in able[grant.unit_id, grant.model_id]
            if person.pk not in (grant.granted_by_id, grant.user_id)
        ]
        for grant in grants
    }


def confirmers_of(grant: RoleGrant, able: Sequence[User], *, reader: User | None = None) -> str:
    """Name who can confirm a grant, the reader first; without anybody, say what makes somebody able to.

    ``able`` are its possible second people.
    """
    if grant.unit_id is None and grant.model_id is None:
        return ""
    names = [person.name for person in able if person != reader]
    if able:
        you = ["You"] if len(names) < len(able) else []
        return f"{' or '.join(you + names)} can confirm it."
    return (
        "Nobody else grants here. Make another person administrator first: while there is only one, that takes "
        "effect at once, and they can confirm this."
    )


def revokers_of(grant: RoleGrant, *, asker: User) -> str:
    """Say who can be the second person of a revocation: everybody who grants there, the holder included."""
    able = holders("people.grant", unit_id=grant.unit_id or 0, model_id=grant.model_id)
    return " or ".join(person.name for person in able if person.pk != asker.pk)


def grant_facts(grant: RoleGrant) -> dict[str, Any]:
    """Return what the second person decides on: what the role allows, where, and what the holder has beside it."""
    role = ROLES[grant.role]
    below = BusinessUnit.objects.filter(
        pk__in=UnitClosure.objects.filter(ancestor_id=grant.unit_id).values("descendant_id")
    ).exclude(pk=grant.unit_id)
    others = (
        living(timezone.now())
        .filter(user=grant.user)
        .exclude(pk=grant.pk)
        .select_related("unit")
        .order_by("pk")
    )
    return {
        "role": role,
        "allowed": [right.label for right in declared() if right.name in role.rights],
        "below": list(below.order_by("name").values_list("name", flat=True)) if grant.unit_id else [],
        "held": [(ROLES[other.role].label, other) for other in others],
    }


@dataclass(frozen=True, slots=True)
class MatrixRow:
    """One right and which roles hold it, by their names."""

    name: str
    label: str
    held: dict[str, bool]


def role_matrix() -> dict[str, Any]:
    """Roles × rights, and the pairs that may not meet."""
    roles = list(ROLES.values())
    rows = [
        MatrixRow(right.name, right.label, {role.name: right.name in role.rights for role in roles})
        for right in declared()
    ]
    pairs = [sorted(ROLES[name].label for name in pair) for pair in TOXIC_PAIRS]
    return {"roles": roles, "rows": rows, "pairs": sorted(pairs)}


def roles_of_account(account: ServiceAccount) -> list[str]:
    """Return the names of the roles that an account holds."""
    held = RoleGrant.objects.filter(user=account.user, is_effective=True)
    return list(held.order_by("role").values_list("role", flat=True).distinct())


def accounts(user: User) -> QuerySet:
    """Service accounts of the reader's units, with their tokens and roles."""
    tokens = ApiToken.objects.select_related("use", "created_by").order_by("-pk")
    roles = RoleGrant.objects.filter(is_effective=True).select_related("unit").order_by("pk")
    return (
        ServiceAccount.objects.filter(unit_id__in=rights_of(user).units("people.manage_accounts"))
        .select_related("owner", "unit", "user")
        .prefetch_related(
            Prefetch("tokens", queryset=tokens),
            Prefetch("user__grants", queryset=roles, to_attr="roles_held"),
        )
    )
