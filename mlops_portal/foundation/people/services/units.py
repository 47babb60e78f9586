"""Business units: a tree of at most four levels with its closure table."""

import secrets
from collections.abc import Mapping
from datetime import datetime

from mlops_portal.foundation.errors import invalid
from mlops_portal.foundation.history import bulk_save_as, save_as
from mlops_portal.foundation.locks import lock
from mlops_portal.foundation.operations import operation, taken_is_told
from mlops_portal.foundation.people.models import (
    MAX_UNIT_DEPTH,
    BusinessUnit,
    RightsRevision,
    UnitClosure,
    User,
)
from mlops_portal.foundation.people.rights import reach_added_units, require


def bump_revision() -> None:
    """Let every process forget cached rights, units and tokens.

    The number is drawn, not counted: one that was rolled back never comes again with other content.
    """
    number = secrets.randbits(62)
    if not RightsRevision.objects.filter(pk=1).update(number=number):
        RightsRevision.objects.create(pk=1, number=number)


def _rebuild_closure() -> None:
    parents = dict(BusinessUnit.objects.values_list("pk", "parent_id"))
    pairs = set()
    for unit in parents:
        ancestor: int | None = unit
        while ancestor is not None:
            pairs.add((ancestor, unit))
            ancestor = parents[ancestor]
    known = set(UnitClosure.objects.values_list("ancestor_id", "descendant_id"))
    for ancestor_id, descendant_id in known - pairs:
        UnitClosure.objects.filter(ancestor_id=ancestor_id, descendant_id=descendant_id).delete()
    UnitClosure.objects.bulk_create(UnitClosure(ancestor_id=a, descendant_id=d) for a, d in pairs - known)
    bump_revision()


def _depth(parent: BusinessUnit | None) -> int:
    depth = 0 if parent is None else parent.depth + 1
    if depth >= MAX_UNIT_DEPTH:
        raise invalid("parent", f"Units have at most {MAX_UNIT_DEPTH} levels; {parent} is on the last.")
    return depth


@operation
def unit_create(
    *,
    code: str,
    name: str,
    parent: BusinessUnit | None = None,
    head: User | None = None,
    by: User | None,
    now: datetime,
) -> BusinessUnit:
    """Add a unit below ``parent``.

    Raises:
        Invalid: the tree would get too deep, or code or name is taken.
    """
    require(by, "people.manage_units", unit_id=parent.pk if parent else None)
    if BusinessUnit.objects.filter(code=code).exists():
        raise invalid("code", f"A unit with the code {code} exists.")
    if BusinessUnit.objects.filter(name=name).exists():
        raise invalid("name", f"A unit named {name} exists.")
    unit = BusinessUnit(code=code, name=name, parent=parent, head=head, depth=_depth(parent))
    with taken_is_told("name", f"A unit named {name} or with the code {code} exists."):
        save_as(unit, by=by, now=now, reason="Unit created")
    _rebuild_closure()
    reach_added_units(by, [unit.pk], below=unit.parent_id)
    return unit


@operation
def units_create(
    *, named: Mapping[str, str], parent: BusinessUnit, by: User | None, now: datetime
) -> dict[str, BusinessUnit]:
    """Add the units of ``named``, code to name, below ``parent`` in a few statements; return them by code.

    Raises:
        Invalid: the tree would get too deep, or a code or name is taken.
    """
    require(by, "people.manage_units", unit_id=parent.pk)
    depth = _depth(parent)
    units = [BusinessUnit(code=code, name=name, parent=parent, depth=depth) for code, name in named.items()]
    with taken_is_told("name", "A unit with one of the names or codes exists."):
        bulk_save_as(units, by=by, now=now, reason="Unit created")
    _rebuild_closure()
    reach_added_units(by, [unit.pk for unit in units], below=parent.pk)
    return {unit.code: unit for unit in units}


@operation
def unit_update(
    *, unit: BusinessUnit, name: str, head: User | None, by: User | None, now: datetime, reason: str = ""
) -> BusinessUnit:
    """Rename a unit or name its head."""
    require(by, "people.manage_units", unit_id=unit.pk)
    unit = lock(BusinessUnit.objects.all(), unit.pk)
    if BusinessUnit.objects.filter(name=name).exclude(pk=unit.pk).exists():
        raise invalid("name", f"A unit named {name} exists.")
    unit.name, unit.head = name, head
    return save_as(unit, by=by, now=now, reason=reason or "Unit changed")
