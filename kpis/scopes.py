"""Whose numbers a page shows: the rows a person may see, narrowed by unit, tier and kind."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, TypeVar

from django.db.models import Count, Q, QuerySet

from mlops_portal.foundation.canonical import digest
from mlops_portal.foundation.people.models import UnitClosure
from mlops_portal.foundation.people.rights import rights_of

VIEW = "kpis.view"
Rows = TypeVar("Rows", bound=QuerySet)


@dataclass(frozen=True, slots=True, kw_only=True)
class Scope:
    """What is asked for. Without ``user`` the portal itself asks, and sees everything.

    ``units`` are the units chosen, ``below`` these with all units under them. ``models`` limits a question to a few
    models, as the reasons beside the rows of one page do. ``is_own`` leaves out what is under the units chosen.
    """

    user: Any = None
    units: frozenset[int] = frozenset()
    below: frozenset[int] = frozenset()
    tiers: frozenset[int] = frozenset()
    kinds: frozenset[str] = frozenset()
    models: frozenset[int] | None = None
    is_own: bool = False

    def narrow(self, rows: Any) -> Any:
        """Keep the rows that a person may see, of these units and kinds. Tiers are told apart by the reader of rows."""
        rows = rows.all() if self.user is None else rows.visible_to(self.user, VIEW)
        if self.units:
            rows = rows.filter(unit_id__in=self.below)
        if self.kinds:
            rows = rows.filter(model__kind__in=self.kinds)
        return rows if self.models is None else rows.filter(model_id__in=self.models)


def scope_for(
    user: Any,
    *,
    units: Iterable[int] = (),
    tiers: Iterable[int] = (),
    kinds: Iterable[str] = (),
    is_own: bool = False,
) -> Scope:
    """Return the scope of what a person asks; units hold everything under them, unless only their own is asked for."""
    chosen = frozenset(units)
    below = chosen
    if chosen and not is_own:
        under = UnitClosure.objects.filter(ancestor_id__in=chosen)
        below = frozenset(under.values_list("descendant_id", flat=True))
    return Scope(
        user=user,
        units=chosen,
        below=below,
        tiers=frozenset(tiers),
        kinds=frozenset(kinds),
        is_own=is_own and bool(chosen),
    )


def stored_key(scope: Scope) -> dict[str, Any] | None:
    """Return under which key values of this scope are kept; None when they never are, so that rows must be read."""
    if scope.models is not None or scope.is_own:
        return None
    if len(scope.units) > 1 or len(scope.tiers) > 1 or len(scope.kinds) > 1:
        return None
    unit = next(iter(scope.units), None) if scope.units else _whole_unit(scope)
    if unit == 0:
        return None
    parts = sum(bool(part) for part in (unit, scope.tiers, scope.kinds))
    if parts > 1 or (scope.units and not _sees(scope)):
        return None
    return key(unit=unit, tier=next(iter(scope.tiers), None), kind=next(iter(scope.kinds), None))


def key(*, unit: int | None = None, tier: int | None = None, kind: str | None = None) -> dict[str, Any]:
    """Return the scope of a stored value."""
    return {"unit": unit, "tier": tier, "kind": kind}


def key_digest(scope: Mapping[str, Any]) -> str:
    """Return what finds the series of a scope."""
    return digest(dict(scope)).removeprefix("sha256 ")


def _sees(scope: Scope) -> bool:
    if scope.user is None:
        return True
    rights = rights_of(scope.user)
    return scope.below <= rights.units(VIEW)


def _whole_unit(scope: Scope) -> int | None:
    """Return the unit that is all this person sees: None for the enterprise, 0 when it is no single subtree."""
    if scope.user is None:
        return None
    rights = rights_of(scope.user)
    if rights.everywhere(VIEW):
        return None
    seen = rights.units(VIEW)
    if not seen or rights.models(VIEW):
        return 0
    heads = (
        UnitClosure.objects.filter(ancestor_id__in=seen)
        .values("ancestor_id")
        .annotate(size=Count("pk"))
        .filter(size=len(seen))
        .order_by("ancestor_id")
        .values_list("ancestor_id", flat=True)
    )
    return next(iter(heads[:1]), 0)


def production(prefix: str = "") -> Q:
    """Rows that count: in production, no test."""
    return Q(**{f"{prefix}environment__is_production": True, f"{prefix}is_test": False})
