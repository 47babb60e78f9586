"""Saved views: filters, sorting and columns of a list under a name, one's own or shared with a unit."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.db.models import Q, QuerySet
from django.http import QueryDict

from mlops_portal.foundation.errors import NotAllowed, invalid
from mlops_portal.foundation.operations import operation
from mlops_portal.foundation.people.models import BusinessUnit, User
from mlops_portal.foundation.people.rights import rights_of
from mlops_portal.foundation.web.filters import clean_query
from mlops_portal.foundation.web.models import SavedView

SHARE_RIGHT = "registry.view"


@dataclass(frozen=True, slots=True)
class Preset:
    """A view that the page itself offers, e.g. `Preset("Tier 1", "tier=1")`."""

    name: str
    query: str = ""
    count: int | None = None
    tone: str = ""


@dataclass(frozen=True, slots=True)
class Tab:
    """A view as a tab of the list."""

    name: str
    query: str
    is_current: bool
    pk: int | None = None
    note: str = ""
    count: int | None = None
    tone: str = ""


def views_for(person: User, page: str) -> QuerySet[SavedView]:
    """Views of this person on a page, and those shared with the person's units."""
    units = rights_of(person).units(SHARE_RIGHT)
    return (
        SavedView.objects.filter(Q(owner=person) | Q(unit_id__in=units), page=page)
        .select_related("owner", "unit")
        .order_by("name", "pk")
    )


def units_to_share_with(person: User) -> QuerySet[BusinessUnit]:
    """Units this person may share a view with."""
    return BusinessUnit.objects.filter(pk__in=rights_of(person).units(SHARE_RIGHT)).order_by("name")


def same_query(one: str, other: str) -> bool:
    """Tell whether two addresses filter alike, whatever the order."""
    first, second = clean_query(QueryDict(one)), clean_query(QueryDict(other))
    return {k: sorted(v) for k, v in first.lists()} == {k: sorted(v) for k, v in second.lists()}


def tabs_for(person: User, page: str, presets: Sequence[Preset], current: str) -> list[Tab]:
    """Tabs of a list: all, what the page offers, what people saved."""
    offered = [
        Tab(p.name, p.query, same_query(p.query, current), count=p.count, tone=p.tone) for p in presets
    ]
    if not any(not preset.query for preset in presets):
        offered.insert(0, Tab("All", "", same_query("", current)))
    for view in views_for(person, page):
        note = f"shared by {view.owner}" if view.owner_id != person.pk else ""
        own = view.pk if view.owner_id == person.pk else None
        offered.append(Tab(view.name, view.query, same_query(view.query, current), pk=own, note=note))
    return offered


@operation
def view_save(
    *, by: User, page: str, name: str, query: str, now: datetime, unit: BusinessUnit | None = None
) -> SavedView:
    """Keep a view; a view of this name on this page is replaced.

    Raises:
        Invalid: the name is missing or the address too long.
        NotAllowed: the person has no right in the unit.
    """
    name = name.strip()
    if not name or not (name + page).isprintable():
        raise invalid("name", "Give the view a name.")
    cleaned = clean_query(QueryDict(query)).urlencode()
    if len(cleaned) > (SavedView._meta.get_field("query").max_length or 0):
        raise invalid("query", "These filters are too long to keep. Use fewer values.")
    if unit is not None and unit.pk not in rights_of(by).units(SHARE_RIGHT):
        raise NotAllowed("You can share a view only with a unit you belong to.")
    values: dict[str, Any] = {"query": cleaned, "unit": unit, "created_at": now}
    return SavedView.objects.update_or_create(owner=by, page=page, name=name[:60], defaults=values)[0]


@operation
def view_delete(*, view: SavedView, by: User, now: datetime) -> None:
    """Forget a view of one's own.

    Raises:
        NotAllowed: it is somebody else's.
    """
    if view.owner_id != by.pk:
        raise NotAllowed(f"Only {view.owner} can remove this view.")
    view.delete()
