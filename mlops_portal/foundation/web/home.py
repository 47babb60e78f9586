"""The first page after sign-in: what waits for this person. Applications register sections in `ready()`."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from mlops_portal.foundation.people.rights import rights_of
from mlops_portal.foundation.web.pages import Page


@dataclass(frozen=True, slots=True)
class Section:
    """A part of the home page. `read(user)` returns the template's variables, or None when there is nothing to say."""

    name: str
    template: str
    read: Callable[[Any], Mapping[str, Any] | None]
    right: str | None = None
    order: int = 100
    place: str = "main"


_sections: dict[str, Section] = {}


def register(section: Section) -> None:
    """Add a section."""
    _sections[section.name] = section


def sections_for(user: Any) -> list[tuple[Section, Mapping[str, Any]]]:
    """Sections with something to say to this person, in order."""
    rights = rights_of(user)
    allowed = [one for one in _sections.values() if one.right is None or rights.has(one.right)]
    read = [(one, one.read(user)) for one in sorted(allowed, key=lambda one: (one.order, one.name))]
    return [(one, found) for one, found in read if found is not None]


class Home(Page):
    """Work that waits, then what the person looks after."""

    title = "Home"
    template_name = "web/home.html"

    def more(self) -> Mapping[str, Any]:
        """Read every section."""
        found = sections_for(self.request.user)
        return {
            "main": [(one.template, values) for one, values in found if one.place == "main"],
            "rail": [(one.template, values) for one, values in found if one.place == "rail"],
        }
