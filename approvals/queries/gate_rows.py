"""Gates as a page lists them: in the order of what they mean for the reader, each with its bar."""

from collections.abc import Iterable
from dataclasses import dataclass

from approvals import tones
from approvals.models import Decision, GateResult, Waiver
from approvals.states import Severity

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
    asked: Waiver | None = None  # one that waits for its decision

    @property
    def has_bullet(self) -> bool:
        """Tell whether value and limit are numbers."""
        return self.result.observed_value is not None and self.result.limit_value is not None


def gate_rows(
    results: Iterable[GateResult], waivers: Iterable[Waiver] = ()
) -> tuple[list[GateRow], list[GateResult]]:
    """Return gates in the order fails, waived, advisory, passes; and apart those that do not apply."""
    rows, apart = [], []
    asked = {waiver.gate: waiver for waiver in waivers if waiver.state == Waiver.State.REQUESTED}
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
            low = max(low, 0.0) if min(value, limit) >= 0 else low  # what is counted begins at nothing
        rows.append(GateRow(one, tone, one.get_outcome_display(), low, high, asked.get(one.gate)))
    return rows, apart


@dataclass(frozen=True, slots=True)
class SignedGate:
    """One gate as it stood at the moment of a signature."""

    gate: str
    title: str
    is_advisory: bool
    tone: str
    word: str
    observed: str
    limit: str


def gates_at_signing(decision: Decision) -> list[SignedGate]:
    """Return what was recorded with a decision; titles of decisions that kept none come from the gates of today."""
    known = {row.gate: row for row in GateResult.objects.filter(change_id=decision.change_id).order_by("pk")}
    found = []
    for kept in decision.live_gates:
        row, outcome = known.get(kept["gate"]), Outcome(kept["outcome"])
        advisory = (
            kept["severity"] == Severity.WARN if "severity" in kept else bool(row and not row.is_blocking)
        )
        failing = outcome in (Outcome.FAIL, Outcome.NO_DATA)
        found.append(
            SignedGate(
                gate=kept["gate"],
                title=kept.get("title") or (row.title if row else ""),
                is_advisory=advisory,
                tone="warn" if failing and advisory else tones.GATE[outcome],
                word=outcome.label,
                observed=kept.get("observed", ""),
                limit=kept.get("limit", row.limit if row else ""),
            )
        )
    return found
