"""Who may do what, where. Rights are names declared by the apps; roles are sets of them; grants bind both to units.

`rights_of(person)` costs two statements, once per request. A grant covers the unit's subtree.
"""

import time
from collections import defaultdict
from collections.abc import Collection, Iterable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from django.contrib.auth.models import Permission
from django.contrib.contenttypes.models import ContentType
from django.db.models import CharField, F, Q, QuerySet, Value
from django.db.models.functions import Cast, Now

from mlops_portal.foundation.errors import NotAllowed
from mlops_portal.foundation.people.models import (
    BusinessUnit,
    RightsRevision,
    RoleGrant,
    UnitClosure,
    UnitGroupRight,
    UnitUserRight,
    User,
)
from mlops_portal.foundation.people.roles import ROLES
from mlops_portal.foundation.prepared import Prepared

NO_UNITS: frozenset[int] = frozenset()
OVER = ""  # in place of a role: its last day has passed


@dataclass(frozen=True, slots=True)
class Right:
    """One right: a name such as ``registry.view`` and a sentence for the roles page."""

    name: str
    label: str


_rights: dict[str, Right] = {}


def declare(rights: Iterable[Right]) -> None:
    """Make rights known; called by each app's `ready()`.

    Raises:
        ValueError: two apps declare one name differently.
    """
    for right in rights:
        if _rights.get(right.name, right) != right:
            raise ValueError(f"The right {right.name} is declared twice")
        _rights[right.name] = right


def declared() -> list[Right]:
    """All declared rights by name."""
    return sorted(_rights.values(), key=lambda right: right.name)


def create_permissions(**kwargs: Any) -> None:
    """Create one permission per right on BusinessUnit's content type (guardian refuses any other)."""
    ContentType.objects.clear_cache()  # after a flush the cached row is gone
    content_type = ContentType.objects.get_for_model(BusinessUnit)
    known = set(Permission.objects.filter(content_type=content_type).values_list("codename", flat=True))
    Permission.objects.bulk_create(
        Permission(content_type=content_type, codename=right.name, name=right.label[:255])
        for right in declared()
        if right.name not in known
    )


class _UnitTree:
    """The tree in process memory, read again when the rights revision grows."""

    def __init__(self) -> None:
        self.revision = -1
        self.subtree: dict[int, frozenset[int]] = {}
        self.all_units: frozenset[int] = NO_UNITS

    def load(self, revision: int) -> None:
        if revision == self.revision:
            return
        below: dict[int, set[int]] = defaultdict(set)
        for ancestor, descendant in UnitClosure.objects.values_list("ancestor_id", "descendant_id"):
            below[ancestor].add(descendant)
        self.subtree = {unit: frozenset(units) for unit, units in below.items()}
        self.all_units = frozenset(self.subtree)
        self.revision = revision


_tree = _UnitTree()


@dataclass(slots=True)
class Rights:
    """What one person may do: for each right the units (subtrees included) and, by exception, single models."""

    by_unit: dict[str, frozenset[int]] = field(default_factory=dict)
    by_model: dict[str, frozenset[int]] = field(default_factory=dict)
    all_units: frozenset[int] = NO_UNITS
    ends_at: datetime | None = (
        None  # the first end of a role they rest on: whoever keeps them asks again then
    )

    def units(self, right: str) -> frozenset[int]:
        """Units on which the right is held."""
        return self.by_unit.get(right, NO_UNITS)

    def models(self, right: str) -> frozenset[int]:
        """Single models on which the right is held by exception."""
        return self.by_model.get(right, NO_UNITS)

    def everywhere(self, right: str) -> bool:
        """Tell whether the right covers every unit there is."""
        return bool(self.all_units) and self.units(right) == self.all_units

    def has(self, right: str, *, unit_id: int | None = None, model_id: int | None = None) -> bool:
        """Tell whether the right is held on this unit or model; with neither, anywhere at all."""
        if unit_id is None and model_id is None:
            return bool(self.units(right) or self.models(right))
        return unit_id in self.units(right) or model_id in self.models(right)

    def limited_to(self, names: Iterable[str]) -> "Rights":
        """Return these rights cut down to ``names``: what a token of narrower scope may do."""
        allowed = set(names)
        return Rights(
            by_unit={name: units for name, units in self.by_unit.items() if name in allowed},
            by_model={name: models for name, models in self.by_model.items() if name in allowed},
            all_units=self.all_units,
            ends_at=self.ends_at,
        )

    def reaching(self, added: Iterable[int], *, below: int | None) -> "Rights":
        """Return these rights with units that were just added below a unit on which they are held."""
        fresh = frozenset(added)
        return Rights(
            by_unit={
                name: units | fresh if below in units else units for name, units in self.by_unit.items()
            },
            by_model=self.by_model,
            all_units=self.all_units | fresh,
            ends_at=self.ends_at,
        )


def revision() -> int:
    """Return the present number of the rights revision."""
    return next((number for (number,) in _REVISION.rows(1)), 0)


def _on_units(user_id: int) -> QuerySet[Any, Any]:
    names = ("permission__codename", "content_object_id")
    own = UnitUserRight.objects.filter(user_id=user_id).values_list(*names)
    return own.union(UnitGroupRight.objects.filter(group__user=user_id).values_list(*names))


def effective_grants() -> QuerySet[RoleGrant]:
    """Return the grants in effect; one past its last day is not, though the scheduler did not end it yet."""
    return RoleGrant.objects.filter(Q(valid_until__isnull=True) | Q(valid_until__gt=Now()), is_effective=True)


def _by_grants(user_id: int) -> QuerySet[Any, Any]:
    """Return the roles on single models, those that end with their end, and a mark where one on a unit is over.

    A role that is over and not ended yet stands as ``OVER``. Ends are texts: a query made ready converts nothing.
    """
    own = Q(user_id=user_id) | Q(group__user=user_id)
    of_note = Q(model_id__isnull=False) | Q(valid_until__isnull=False)
    over = RoleGrant.objects.filter(own, is_effective=True, model_id__isnull=True, valid_until__lte=Now())
    ends, names = Cast("valid_until", CharField()), ("held", "model_id", "ends")
    return (
        effective_grants()
        .filter(own, of_note)
        .annotate(held=F("role"), ends=ends)
        .values_list(*names)
        .union(over.annotate(held=Value(OVER), ends=ends).values_list(*names))
    )


def _on_units_by_grants(user_id: int) -> list[tuple[str, int]]:
    """Read the rights on units from the grants themselves: the rows derived from them are behind."""
    own = effective_grants().filter(Q(user_id=user_id) | Q(group__user=user_id), unit_id__isnull=False)
    held = own.values_list("role", "unit_id")
    return [(name, unit_id) for role, unit_id in held if unit_id for name in ROLES[role].rights]


_REVISION = Prepared(lambda key: RightsRevision.objects.filter(pk=key).values_list("number"))
_ON_UNITS, _BY_GRANTS = Prepared(_on_units), Prepared(_by_grants)


def _moment(text: str) -> datetime:
    moment = datetime.fromisoformat(text)
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)


def _load(user: User) -> Rights:
    _tree.load(revision())
    by_unit: dict[str, set[int]] = defaultdict(set)
    on_units, by_grants = _ON_UNITS.rows(user.pk), _BY_GRANTS.rows(user.pk)
    if any(role == OVER for role, _, _ in by_grants):
        on_units = _on_units_by_grants(user.pk)
    for name, unit_id in on_units:
        by_unit[name] |= _tree.subtree.get(unit_id, NO_UNITS)
    by_model: dict[str, set[int]] = defaultdict(set)
    for role, model_id, _ in by_grants:
        for name in ROLES[role].rights if model_id is not None else ():
            by_model[name].add(model_id)
    ends = [_moment(end) for role, _, end in by_grants if end and role != OVER]
    return Rights(
        by_unit={name: frozenset(units) for name, units in by_unit.items()},
        by_model={name: frozenset(models) for name, models in by_model.items()},
        all_units=_tree.all_units,
        ends_at=min(ends, default=None),
    )


def rights_of(user: Any) -> Rights:
    """Return what ``user`` may do, cached on the object; nothing for a stranger or a deactivated person."""
    if user is None or not getattr(user, "is_active", False) or user.pk is None:
        return Rights()
    cached = getattr(user, "_rights", None)
    if cached is None:
        cached = user._rights = _load(user)
    return cached


def forget_rights(user: User) -> None:
    """Drop the cached rights of this object after its grants changed."""
    if hasattr(user, "_rights"):
        del user._rights


def reach_added_units(user: User | None, added: Iterable[int], *, below: int | None) -> None:
    """Let whoever added units go on with them in the same piece of work; what narrows the cached rights stays."""
    cached = getattr(user, "_rights", None)
    if user is not None and cached is not None:
        user._rights = cached.reaching(added, below=below)


def require(user: Any, right: str, *, unit_id: int | None = None, model_id: int | None = None) -> None:
    """Refuse unless ``user`` holds ``right`` on the unit or model. A system actor (None) passes.

    Raises:
        NotAllowed: naming the right in words.
    """
    if user is None:
        return
    if not rights_of(user).has(right, unit_id=unit_id, model_id=model_id):
        label = label_of(right)
        raise NotAllowed(
            f"You have no right to do this here: {label.lower()}.",
            owner="an administrator of the unit",
            right=right,
            unit_id=unit_id,
        )


def label_of(right: str) -> str:
    """Say what a right allows, in words."""
    return _rights[right].label if right in _rights else right


def holders(right: str, *, unit_id: int, model_id: int | None = None) -> list[User]:
    """List the active people who hold ``right`` on this unit (or on the model by exception), by name."""
    return list(holders_of_any({right}, unit_id=unit_id, model_id=model_id))


def holders_at(
    right: str, places: Collection[tuple[int | None, int | None]]
) -> dict[tuple[int | None, int | None], list[User]]:
    """List who :func:`holders` lists for each pair of unit and model; three statements, however many there are."""
    if not places:
        return {}
    grants = effective_grants().filter(
        role__in=[role for role, spec in ROLES.items() if right in spec.rights]
    )
    able = list(_active(grants))
    units = {unit_id for unit_id, _ in places if unit_id is not None}
    held = held_where(right, by=[person.pk for person in able], units=units)
    found = {}
    for unit_id, model_id in places:
        wanted = {(unit_id, None), (None, model_id)} - {(None, None)}
        found[unit_id, model_id] = [person for person in able if not held[person.pk].isdisjoint(wanted)]
    return found


def holders_everywhere(right: str) -> list[User]:
    """List the active people who hold ``right`` on every unit at the top, and so everywhere, by name."""
    tops = BusinessUnit.objects.filter(parent__isnull=True).order_by("pk").values_list("pk", flat=True)
    found = [holders(right, unit_id=top) for top in tops]
    return [person for person in found[0] if all(person in others for others in found)] if found else []


def holders_of_any(rights: Collection[str], *, unit_id: int, model_id: int | None = None) -> QuerySet[User]:
    """Return the active people who hold one of ``rights`` on this unit (or on the model by exception), by name."""
    roles = [role for role, spec in ROLES.items() if not spec.rights.isdisjoint(rights)]
    above = UnitClosure.objects.filter(descendant_id=unit_id).values("ancestor_id")
    scope = Q(unit_id__in=above) | (Q(model_id=model_id) if model_id is not None else Q(pk__in=[]))
    return _active(effective_grants().filter(scope, role__in=roles))


def _active(grants: QuerySet[RoleGrant]) -> QuerySet[User]:
    """Return the active people whom the grants reach, in person or through a group, by name."""
    return (
        User.objects.filter(
            Q(pk__in=grants.values("user_id")) | Q(groups__in=grants.values("group_id")),
            is_active=True,
            kind=User.Kind.PERSON,
        )
        .distinct()
        .order_by("name", "pk")
    )


def held_where(
    right: str, *, by: Collection[int], units: Collection[int]
) -> dict[int, set[tuple[int | None, int | None]]]:
    """Return for each of these people where a grant gives them ``right``: pairs of unit and model, one of them empty.

    A unit above one of ``units`` stands for those below it, too. Two statements, whatever the number of people.
    """
    roles = [role for role, spec in ROLES.items() if right in spec.rights]
    below: dict[int | None, list[int]] = defaultdict(list)
    closure = UnitClosure.objects.filter(descendant_id__in=units) if units else UnitClosure.objects.none()
    for ancestor_id, unit_id in closure.values_list("ancestor_id", "descendant_id"):
        below[ancestor_id].append(unit_id)
    grants = effective_grants().filter(Q(user__in=by) | Q(group__user__in=by), role__in=roles)
    found: dict[int, set[tuple[int | None, int | None]]] = defaultdict(set)
    for user_id, member_id, unit_id, model_id in grants.values_list(
        "user_id", "group__user", "unit_id", "model_id"
    ):
        found[user_id or member_id] |= {(unit_id, model_id), *((one, None) for one in below[unit_id])}
    return found


class RevisionWatch:
    """Answers whether cached rights are still good, asking the database at most once every five seconds."""

    def __init__(self, seconds: float = 5.0) -> None:
        self.seconds = seconds
        self.checked = 0.0
        self.number = -1

    def current(self) -> int:
        """Return the revision, at most ``seconds`` old."""
        if time.monotonic() - self.checked > self.seconds:
            self.number, self.checked = revision(), time.monotonic()
        return self.number
