"""Who decides on the risk of which models: nobody owns what they decide on (RULES 1.3)."""

from collections import defaultdict
from collections.abc import Collection
from dataclasses import dataclass, field
from datetime import datetime

from django.db.models import Q
from django.db.models.functions import Coalesce

from mlops_portal.foundation.people.gates import Granting
from mlops_portal.foundation.people.models import RoleGrant, UnitClosure
from mlops_portal.foundation.people.roles import ROLES
from registry.models import RegisteredModel
from registry.states import LifecycleState

DECIDE = "approvals.approve_risk"
DECIDING_ROLES = tuple(name for name, role in ROLES.items() if DECIDE in role.rights)
OFFICES = ("owner", "accountable_executive")  # whoever holds one of them answers for the model


@dataclass(frozen=True, slots=True)
class Deciders:
    """On which units and on which single models each of some people decides; roles that wait count as held."""

    units: dict[int, frozenset[int]] = field(default_factory=dict)
    models: dict[int, frozenset[int]] = field(default_factory=dict)

    def decides(self, person_id: int, *, unit_id: int | None, model_id: int | None) -> bool:
        """Tell whether the person decides on a model, which may be about to move to this unit."""
        nothing: frozenset[int] = frozenset()
        return unit_id in self.units.get(person_id, nothing) or model_id in self.models.get(
            person_id, nothing
        )


def deciders_among(people: Collection[int | None], *, now: datetime) -> Deciders:
    """Return who of these people decides where; two statements however many they are."""
    asked = {pk for pk in people if pk is not None}
    if not asked:
        return Deciders()
    held = RoleGrant.objects.filter(
        Q(user__in=asked) | Q(group__user__in=asked), role__in=DECIDING_ROLES, revoked_at__isnull=True
    ).exclude(valid_until__lte=now)
    granted: dict[int, set[int]] = defaultdict(set)
    models: dict[int, set[int]] = defaultdict(set)
    rows = held.annotate(holder=Coalesce("user_id", "group__user"))
    for person_id, unit_id, model_id in rows.values_list("holder", "unit_id", "model_id"):
        if model_id is None:
            granted[person_id].add(unit_id)
        else:
            models[person_id].add(model_id)
    below: dict[int, set[int]] = defaultdict(set)
    if wanted := set().union(*granted.values()):
        pairs = UnitClosure.objects.filter(ancestor__in=wanted).values_list("ancestor_id", "descendant_id")
        for ancestor, descendant in pairs:
            below[ancestor].add(descendant)
    return Deciders(
        {pk: frozenset().union(*(below[unit] for unit in units)) for pk, units in granted.items()},
        {pk: frozenset(found) for pk, found in models.items()},
    )


def answered_for(question: Granting) -> list[str]:
    """Name the models within the scope of a deciding role for which its holder answers already."""
    mine = Q(owner__in=question.identities) | Q(accountable_executive__in=question.identities)
    rows = RegisteredModel.objects.alive().exclude(lifecycle_state=LifecycleState.RETIRED).filter(mine)
    if question.unit is None:
        rows = rows.filter(pk__in=[question.model_id])
    else:
        below = UnitClosure.objects.filter(ancestor=question.unit).values("descendant_id")
        rows = rows.filter(unit_id__in=below)
    return list(rows.order_by("name").values_list("name", flat=True))
