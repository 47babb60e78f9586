"""The main navigation: applications register items in `ready()`; pages sort them and hide what nobody can use."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from django.http import HttpRequest
from django.urls import NoReverseMatch, reverse

from mlops_portal.foundation.people.rights import rights_of

GROUPS = ("Work", "Portfolio", "Oversight", "System")
COUNTED = "_counted_for_navigation"


@dataclass(frozen=True, slots=True)
class NavItem:
    """One link. `count(user)` gives a number or None; `tone` colours it; `right` hides it, None shows it to all.

    `query(user)` narrows the page to what this person comes for; whoever clears its filters sees all of it.
    """

    group: str
    label: str
    icon: str
    url_name: str
    right: str | tuple[str, ...] | None = None
    order: int = 100
    count: Callable[[Any], int | None] | None = None
    tone: str = ""
    query: Callable[[Any], str] | None = None

    def address(self, user: Any) -> str:
        """Return where the link leads this person."""
        query = self.query(user) if self.query else ""
        return f"{reverse(self.url_name)}{query and '?'}{query}"


@dataclass(frozen=True, slots=True)
class LedgerBox:
    """What the foot of the navigation and the first line on paper say about the ledger.

    ``head`` is the digest of the tree over the ``signed`` first entries, in full; how far it was verified is in the words.
    """

    tone: str
    title: str
    text: str
    head: str
    url: str = ""
    signed: int = 0


@dataclass(frozen=True, slots=True)
class Link:
    """A navigation item as a page shows it."""

    label: str
    icon: str
    url: str
    is_current: bool
    count: int | None
    tone: str


_items: dict[tuple[str, str], NavItem] = {}
_ledger_box: list[Callable[[HttpRequest], LedgerBox | None]] = []


def register(item: NavItem) -> None:
    """Add one item; registering the same item again changes nothing.

    Raises:
        ValueError: the group is unknown, or another item has this label.
    """
    if item.group not in GROUPS:
        raise ValueError(f"{item.label}: no navigation group {item.group!r}, use one of {', '.join(GROUPS)}")
    known = _items.get((item.group, item.label))
    if known is not None and known.url_name != item.url_name:
        raise ValueError(f"The navigation has {item.group} / {item.label} already")
    _items[item.group, item.label] = item


def register_ledger_box(provider: Callable[[HttpRequest], LedgerBox | None]) -> None:
    """Set who tells the state of the ledger; None keeps the box away for people who may not see it."""
    _ledger_box[:] = [provider]


def ledger_box(request: HttpRequest) -> LedgerBox | None:
    """Return the state of the ledger as this person may see it."""
    return _ledger_box[0](request) if _ledger_box else None


def may(user: Any, right: str | tuple[str, ...] | None) -> bool:
    """Tell whether the person holds the right (or one of them) anywhere."""
    if right is None:
        return True
    rights = rights_of(user)
    return any(rights.has(name) for name in ([right] if isinstance(right, str) else right))


def items_for(user: Any) -> list[NavItem]:
    """Items this person can ever use, in the order of groups."""
    allowed = [item for item in _items.values() if may(user, item.right)]
    return sorted(allowed, key=lambda item: (GROUPS.index(item.group), item.order, item.label))


def counted(request: HttpRequest, url_name: str, amount: int) -> None:
    """Give the navigation a number that the page has counted anyway, so that it is not counted twice."""
    setattr(request, COUNTED, {**getattr(request, COUNTED, {}), url_name: amount})


def groups_for(request: HttpRequest) -> list[tuple[str, list[Link]]]:
    """Build the navigation of this page: current is the item at which its crumbs begin, else the longest address."""
    found: list[tuple[str, NavItem, str]] = []
    for item in items_for(request.user):
        try:
            found.append((item.group, item, reverse(item.url_name)))
        except NoReverseMatch:
            continue
    root = getattr(request, "crumb_root", "")
    here = max((url for _, _, url in found if request.path.startswith(url)), key=len, default=None)
    here = root if any(url == root for _, _, url in found) else here
    groups: dict[str, list[Link]] = {name: [] for name in GROUPS}
    known = getattr(request, COUNTED, {})
    for group, item, url in found:
        if item.url_name in known:
            amount = known[item.url_name]
        else:
            amount = item.count(request.user) if item.count else None
        groups[group].append(
            Link(
                item.label,
                item.icon,
                item.address(request.user),
                is_current=url == here,
                count=amount,
                tone=item.tone,
            )
        )
    return [(name, links) for name, links in groups.items() if links]
