"""Panels: an application above shows its content on a page below without the page knowing it."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Literal

from django.urls import reverse

from mlops_portal.foundation.people.rights import rights_of


@dataclass(frozen=True, slots=True)
class Panel:
    """A part of another page. `url_name` is reversed with the object's pk; `applies(obj)` may leave it out.

    A primary action is the next step of the page; `is_primary(obj)` may say that another one is.
    One of the place "governance" is an act beside the governance of a model.
    ``shows_past``: the page behind the address obeys `?as_of=`. On a page of the past other panels are left out, and
    other tabs are marked.
    """

    label: str
    name: str
    title: str
    url_name: str
    right: str | None = None
    order: int = 100
    place: Literal["main", "rail", "tab", "action", "governance"] = "main"
    applies: Callable[[Any], bool] | None = None
    icon: str = ""
    is_primary: bool | Callable[[Any], bool] = False
    shows_past: bool = False


@dataclass(frozen=True, slots=True)
class PlacedPanel:
    """A panel with the address for one object."""

    name: str
    title: str
    url: str
    icon: str = ""
    is_primary: bool = False
    shows_past: bool = False


_panels: dict[tuple[str, str], Panel] = {}


def register(panel: Panel) -> None:
    """Add a panel to the pages of one model, e.g. label `registry.ModelVersion`."""
    _panels[panel.label, panel.name] = panel


def panels_for(subject: Any, *, user: Any, place: str = "main", then: str = "") -> list[PlacedPanel]:
    """Panels for this object that the person may see, in order. ``then`` is what links of a page of the past append."""
    label = subject._meta.label
    scope = {"unit_id": getattr(subject, "unit_id", None), "model_id": getattr(subject, "model_id", None)}
    rights = rights_of(user)
    chosen = [
        panel
        for panel in _panels.values()
        if panel.label == label
        and panel.place == place
        and (panel.right is None or rights.has(panel.right, **scope))
        and (panel.applies is None or panel.applies(subject))
        and (not then or panel.shows_past or panel.place == "tab")
    ]
    chosen.sort(key=lambda panel: (panel.order, panel.name))
    return [
        PlacedPanel(
            panel.name,
            panel.title,
            reverse(panel.url_name, args=[subject.pk]) + then,
            panel.icon,
            panel.is_primary(subject) if callable(panel.is_primary) else panel.is_primary,
            panel.shows_past,
        )
        for panel in chosen
    ]
