"""How values look in table cells. Each function takes `(value, row)`; those with settings return such a function."""

from collections.abc import Callable, Mapping
from typing import Any

from django.utils.html import format_html
from django.utils.safestring import SafeString

from mlops_portal.foundation.web import marks, svg, words

Cell = Callable[[Any, Any], Any]


def absent(text: str = "none") -> SafeString:
    """Say that there is nothing; a cell is never left empty."""
    return format_html('<span class="muted">{}</span>', text)


def plain(value: Any, row: Any) -> Any:
    """Write a value as text."""
    if value is None or value == "":
        return absent()
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, float):
        return words.figure(value)
    if isinstance(value, int):
        return words.number(value)
    if hasattr(value, "isoformat"):
        return words.when(value)
    return value


def when(value: Any, row: Any) -> SafeString:
    """Write a moment or a date."""
    return words.when(value)


def person(value: Any, row: Any) -> SafeString:
    """Name a person with initials; no person is a fact, too."""
    return marks.person(value) if value is not None else absent()


def tier(value: Any, row: Any) -> SafeString:
    """Show a risk tier."""
    return marks.tier(value)


def digest(value: Any, row: Any) -> SafeString:
    """Show a digest, short, with a button that copies it whole."""
    return marks.hash_chip(value)


def code(value: Any, row: Any) -> SafeString:
    """Show what a machine made."""
    return format_html("<code>{}</code>", value) if value else absent()


def number(places: int | None = None, unit: str = "", missing: str = "none") -> Cell:
    """Write numbers with fixed places and a unit."""

    def cell(value: Any, row: Any) -> Any:
        if value is None:
            return absent(missing)
        return f"{words.number(value, places)} {unit}".strip()

    return cell


def figure(missing: str) -> Cell:
    """Write what was measured, and these words where nothing was."""
    return lambda value, row: absent(missing) if value is None else words.figure(value)


def share(missing: str) -> Cell:
    """Write a part of one that was measured in percent, and these words where nothing was."""
    return lambda value, row: absent(missing) if value is None else words.share_figure(value)


def state(
    tones: Mapping[Any, str], labels: Mapping[Any, str] | None = None, icons: Mapping[Any, str] | None = None
) -> Cell:
    """Show a state as a pill: tones by value; labels default to the enum's own."""

    def cell(value: Any, row: Any) -> Any:
        if value is None or value == "":
            return absent()
        label = (labels or {}).get(value) or getattr(value, "label", value)
        return marks.pill(tones.get(value, "mute"), label, (icons or {}).get(value, ""))

    return cell


def flag(yes: str, no: str = "no", tone: str = "warn") -> Cell:
    """Show a pill when true, a word when not."""
    return lambda value, row: marks.pill(tone, yes) if value else absent(no)


def trend(tone: Callable[[Any], str] = lambda row: "mute") -> Cell:
    """Draw a list of numbers as a trend."""

    def cell(value: Any, row: Any) -> Any:
        return (value and svg.sparkline(value, tone(row))) or absent()

    return cell


def empty_as(text: str) -> Cell:
    """Write a value, and these words when there is none: "not deployed", "not tested"."""
    return lambda value, row: plain(value, row) if value not in (None, "") else absent(text)
