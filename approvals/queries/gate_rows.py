"""Gates as a page lists them: in the order of what they mean for the reader, each with its bar."""

from collections.abc import Iterable
from dataclasses import dataclass

from approvals import tones
from approvals.models import GateResult

Outcome = GateResult.Outcome
ORDER: dict[str, int] = {
    Outcome.FAIL: 0,
    Outcome.NO_DATA: 0,
    Outcome.WAIVED: 1,
    Outcome.PASS: 3,
    Outcome.NOT_APPLICABLE: 4,
}


@dataclass(frozen=True, slots=True)
class GateRow:
    """One gate with the bullet that draws it."""

    result: GateResult
    tone: str
    word: str
    low: float = 0
    high: float = 0

    @property
    def has_bullet(self) -> bool:
        """Tell whether value and limit are numbers."""
        return self.result.observed_value is not None and self.result.limit_value is not None


def gate_rows(results: Iterable[GateResult]) -> tuple[list[GateRow], list[GateResult]]:
    """Return gates in the order fails, waived, advisory, passes; and apart those that do not apply."""
    rows, apart = [], []
    ordered = sorted(results, key=lambda one: (ORDER[one.outcome], not one.is_blocking, one.position))
    for one in ordered:
        if one.outcome == Outcome.NOT_APPLICABLE:
            apart.append(one)
            continue
        failing = one.outcome in (Outcome.FAIL, Outcome.NO_DATA)
        tone = "warn" if failing and not one.is_blocking else tones.GATE[one.outcome]
        value, limit = one.observed_value, one.limit_value
        low = high = 0.0
        if value is not None and limit is not None:
            pad = abs(value - limit) * 0.6 or abs(limit) * 0.25 or 1.0
            low, high = min(value, limit) - pad, max(value, limit) + pad
        rows.append(GateRow(one, tone, one.get_outcome_display(), low, high))
    return rows, apart
