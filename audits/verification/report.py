"""What a verification found."""

from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

KEPT = 1000  # flaws named at most; all are counted


class Kind(StrEnum):
    """The five ways in which a record can be false."""

    MISSING = "missing"
    ALTERED = "altered"
    REORDERED = "reordered"
    INSERTED = "inserted"
    TRUNCATED = "truncated"


@dataclass(frozen=True, slots=True)
class Flaw:
    """One broken thing: of which kind, where, and what is wrong. ``order`` sorts by place in the ledger."""

    kind: Kind
    place: str
    message: str
    order: int = 0

    def __str__(self) -> str:
        return f"{self.kind}: {self.place}: {self.message}"


@dataclass
class Report:
    """The outcome of a verification."""

    flaws: list[Flaw] = field(default_factory=list)
    flaw_count: int = 0
    checked: dict[str, int] = field(default_factory=dict)
    removed: list[str] = field(default_factory=list)  # payloads removed lawfully, in words
    removed_count: int = 0
    size: int = 0
    root: str = ""
    key: str = ""
    seconds: float = 0.0

    @property
    def ok(self) -> bool:
        """Whether nothing is wrong."""
        return self.flaw_count == 0

    @property
    def first(self) -> Flaw | None:
        """The broken thing that comes first in the ledger."""
        return min(self.flaws, key=lambda flaw: flaw.order) if self.flaws else None

    def add(self, kind: Kind, place: str, message: str, order: int = 0) -> None:
        """Note a flaw."""
        self.extend([Flaw(kind, place, message, order)])

    def extend(self, flaws: list[Flaw]) -> None:
        """Note flaws; beyond a bound they are only counted."""
        self.flaw_count += len(flaws)
        self.flaws.extend(flaws[: max(0, KEPT - len(self.flaws))])

    def count(self, what: str, number: int) -> None:
        """Note how much was checked."""
        self.checked[what] = self.checked.get(what, 0) + number

    def as_dict(self) -> dict[str, Any]:
        """Return JSON types."""
        return {
            "ok": self.ok,
            "size": self.size,
            "root": self.root,
            "key": self.key,
            "checked": self.checked,
            "flaws": [
                {"kind": flaw.kind.value, "place": flaw.place, "message": flaw.message}
                for flaw in sorted(self.flaws, key=lambda flaw: flaw.order)
            ],
            "flaw_count": self.flaw_count,
            "removed": self.removed,
            "removed_count": self.removed_count,
            "seconds": round(self.seconds, 2),
        }
