"""The units that rows name: found by code or name, or planned below the unit of the import.

A planned unit is unsaved until the rows that need it are written; a preview and a run therefore plan alike.
"""

import re

from mlops_portal.foundation.errors import DomainError
from mlops_portal.foundation.people.models import MAX_UNIT_DEPTH, BusinessUnit
from registry.imports.transforms import fold

MAX_NAME = 120
MAX_CODE = 36  # leaves room for a number


class UnitRefused(DomainError):
    """A row names a unit that takes no models of this import."""

    status, code, title = 409, "unit_refused", "The unit takes no models"


class UnitUnknown(UnitRefused):
    """A row names a unit that the portal lacks and the import does not add."""

    def __init__(self, name: str) -> None:
        self.name = name
        super().__init__(f"there is no unit “{name}”")


def is_planned(unit: BusinessUnit) -> bool:
    """Tell whether the import has yet to add this unit."""
    return unit._state.adding


class Units:
    """Every unit by code and name, with those that an import will add below ``root``."""

    def __init__(self, root: BusinessUnit, *, adds: bool) -> None:
        self.root, self._adds = root, adds
        self._open: dict[str, BusinessUnit] = {}
        self._closed: set[str] = set()
        self._codes: set[str] = set()
        for unit in BusinessUnit.objects.order_by("-pk"):
            self._codes.add(unit.code)
            if unit.closed_at is None:
                self._open[fold(unit.name)] = self._open[fold(unit.code)] = unit
            else:
                self._closed |= {fold(unit.name), fold(unit.code)}

    def find(self, text: str) -> BusinessUnit:
        """Return the unit; an unsaved one is to be added.

        Raises:
            UnitUnknown: there is none and the import adds none.
            UnitRefused: it is closed, or units below the import's one would lie too deep.
        """
        if not text:
            return self.root
        name = text if len(text) <= MAX_NAME else f"{text[: MAX_NAME - 1]}…"
        key = fold(name)
        if unit := self._open.get(key):
            return unit
        if key in self._closed:
            raise UnitRefused(f"the unit “{name}” is closed")
        if not self._adds:
            raise UnitUnknown(name)
        if self.root.depth + 1 >= MAX_UNIT_DEPTH:
            raise UnitRefused(
                f"the unit “{name}” cannot be added below {self.root}: units have at most {MAX_UNIT_DEPTH} levels"
            )
        planned = BusinessUnit(code=self._code(name), name=name, parent=self.root, depth=self.root.depth + 1)
        self._codes.add(planned.code)
        self._open[key] = planned
        return planned

    def home_of(self, unit: BusinessUnit) -> BusinessUnit:
        """Return the unit whose rights and declared fields hold for ``unit``: its future parent for a planned one."""
        return self.root if is_planned(unit) else unit

    def _code(self, name: str) -> str:
        base = re.sub(r"[^a-z0-9]+", "-", name.lower()).strip("-")[:MAX_CODE].strip("-") or "unit"
        return next(
            code for code in (base, *(f"{base}-{n}" for n in range(2, 1000))) if code not in self._codes
        )
