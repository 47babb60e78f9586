"""Search over what applications offer: each registers a source that finds only what the person may see."""

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from django.urls import NoReverseMatch
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString

from mlops_portal.foundation.people.rights import rights_of
from mlops_portal.foundation.web import navigation


@dataclass(frozen=True, slots=True)
class Hit:
    """One thing found: where it is and what it is."""

    title: str
    url: str
    note: str = ""
    icon: str = "right"


@dataclass(frozen=True, slots=True)
class Source:
    """A kind of things. `find(user, text, limit)` returns hits, best first, of visible objects only."""

    name: str
    label: str
    find: Callable[[Any, str, int], Sequence[Hit]]
    right: str | None = None
    order: int = 100


@dataclass(frozen=True, slots=True)
class Found:
    """Hits of one kind."""

    name: str
    label: str
    hits: list[Hit]
    has_more: bool = False

    @property
    def count(self) -> str:
        """How many were found, as far as they were looked for."""
        return f"{len(self.hits)}{'+' if self.has_more else ''}"


_sources: dict[str, Source] = {}


def register(source: Source) -> None:
    """Offer a kind of things to search and palette."""
    _sources[source.name] = source


def _sources_for(user: Any) -> list[Source]:
    rights = rights_of(user)
    allowed = [source for source in _sources.values() if source.right is None or rights.has(source.right)]
    return sorted(allowed, key=lambda source: (source.order, source.name))


def pages(user: Any, text: str) -> list[Hit]:
    """Pages of the navigation whose name holds the words."""
    hits = []
    for item in navigation.items_for(user):
        if text.lower() in item.label.lower():
            try:
                hits.append(Hit(item.label, item.address(user), f"Page, {item.group}", item.icon))
            except NoReverseMatch:
                continue
    return hits


def search(user: Any, text: str, *, limit: int = 20) -> list[Found]:
    """Find the words in every source; nothing is looked for without words."""
    text = text.replace("\x00", "").strip()  # no column holds it, and PostgreSQL refuses to compare with it
    if not text:
        return []
    found = []
    for source in _sources_for(user):
        hits = list(source.find(user, text, limit + 1))
        found.append(Found(source.name, source.label, hits[:limit], has_more=len(hits) > limit))
    if own := pages(user, text):
        found.append(Found("pages", "Pages", own))
    return [kind for kind in found if kind.hits]


def marked(text: str, words: str) -> SafeString:
    """Write a text with the words that were looked for in bold."""
    parts = [re.escape(word) for word in words.split() if word]
    if not parts:
        return format_html("{}", text)
    pieces = re.split(f"({'|'.join(sorted(parts, key=len, reverse=True))})", text, flags=re.IGNORECASE)
    return format_html_join(
        "",
        "{}",
        ((format_html("<b>{}</b>", piece) if place % 2 else piece,) for place, piece in enumerate(pieces)),
    )


def jump(user: Any, text: str, *, limit: int = 12) -> list[Hit]:
    """Hits for the palette: a few of each kind; all pages when nothing was typed."""
    if not text.strip():
        return pages(user, "")[:limit]
    return [hit for kind in search(user, text, limit=5) for hit in kind.hits[:5]][:limit]
