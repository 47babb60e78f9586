"""How a gate speaks: facts written into its message, and numbers as people read them."""

import re
from collections.abc import Mapping

from approvals.facts import FactValue
from mlops_portal.foundation.web.words import figure, number, plural, share_figure

_PLACEHOLDER = re.compile(
    r"\{([a-z][a-z0-9_]*)(?::(percent|days|words|count(?: [a-z][a-z ]*(?:,[a-z][a-z ]*)?)?))?\}"
)


def placeholders(message: str) -> tuple[str, ...]:
    """Return the facts that a message writes out."""
    return tuple(name for name, _unit in _PLACEHOLDER.findall(message))


def fact_text(value: FactValue | None, unit: str = "") -> str:
    """Write a fact as people read it: ``97.5 %``, ``1 095 days``, ``2 limits`` (unit ``count limit``), ``yes``, ``none``."""
    match value:
        case None:
            return "no data"
        case _ if unit.startswith("count ") and not isinstance(value, bool | float | str):
            return plural(
                len(value) if isinstance(value, tuple | list) else value, unit.removeprefix("count ")
            )
        case bool():
            return "yes" if value else "no"
        case tuple() | list():
            return _list_text(value, unit)
        case int() | float() if unit == "percent":
            return share_figure(value)
        case int() if unit == "days":
            return plural(value, "day")
        case int():
            return number(value)
        case float():
            return figure(value)
        case _:
            return (value.replace("_", " ") if unit == "words" else value) or "none"


def _list_text(items: tuple[str, ...] | tuple[int, ...] | list[str], unit: str) -> str:
    if unit == "count":
        return number(len(items))
    shown = ", ".join(str(item).replace("_", " ") for item in items[:6])
    return (shown + (f" and {len(items) - 6} more" if len(items) > 6 else "")) or "none"


def render(message: str, values: Mapping[str, FactValue | None]) -> str:
    """Write the facts into a message. Nothing else in the text is interpreted."""
    return _PLACEHOLDER.sub(lambda found: fact_text(values.get(found[1]), found[2] or ""), message)
