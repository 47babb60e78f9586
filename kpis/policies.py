"""Who may decide on a target, and which targets make sense."""

from collections.abc import Sequence
from datetime import date

from kpis.definitions import LOWER, Kpi
from kpis.models import KpiTarget
from kpis.rights import GRANT, SET
from kpis.words import value_text
from mlops_portal.foundation.people.models import BusinessUnit, User
from mlops_portal.foundation.people.rights import holders, holders_everywhere
from mlops_portal.foundation.rules import Blocker

NAMED = 4


def approvers(unit: BusinessUnit | None, *, but: User) -> list[User]:
    """Return who may approve a target of a unit, or of the whole enterprise, that ``but`` proposed."""
    return [person for person in _holders(SET, unit) if person.pk != but.pk]


def _holders(right: str, unit: BusinessUnit | None) -> list[User]:
    """Return who holds a right on a unit; of the whole enterprise those who hold it on every unit at the top."""
    return holders(right, unit_id=unit.pk) if unit else holders_everywhere(right)


def approver_text(unit: BusinessUnit | None, *, but: User, reader: User | None = None) -> str:
    """Name who can approve a target, the reader first; when nobody can, who can repair that (RULES 1.4)."""
    if found := approvers(unit, but=but):
        others = [person for person in found if person != reader]
        if len(others) == len(found):
            return f"{_named(found)} can approve it."
        return f"You or {_named(others)} can approve it." if others else "You can approve it."
    where = unit.name if unit else "the whole enterprise"
    repair = _holders(GRANT, unit)
    named = _named(repair) if repair else "An administrator"
    return f"Nobody else may approve targets of {where}. {named} can grant the right to do so."


def _named(people: Sequence[User]) -> str:
    names = [person.name for person in people[:NAMED]]
    if len(people) > NAMED:
        names.append(f"{len(people) - NAMED} more")
    return " or ".join([", ".join(names[:-1]), names[-1]]) if len(names) > 1 else names[0]


def target_decision_blockers(target: KpiTarget, *, approve: bool, by: User, today: date) -> list[Blocker]:
    """Return why this person cannot approve, or decline, a target now; one whose first day has passed is declined only."""
    found = []
    if target.state != "proposed":
        found.append(Blocker("decided", f"This target is {target.state} already."))
    if target.proposed_by_id == by.pk:
        found.append(
            Blocker(
                "proposer",
                f"Who proposed a target does not decide on it. {approver_text(target.unit, but=by)}",
            )
        )
    if approve and target.state == "proposed" and target.valid_from < today:
        found.append(
            Blocker("past", "Its first day has passed: charts keep the line they had. Propose a later day.")
        )
    return found


def limit_errors(kpi: Kpi, *, value: float, green_limit: float, amber_limit: float) -> list[tuple[str, str]]:
    """Return which limits contradict each other or the measure."""
    found = []
    lower = kpi.direction == LOWER
    inside, outside = ("less", "more") if lower else ("more", "less")
    edge = value_text(kpi, green_limit)
    if (amber_limit < green_limit) if lower else (amber_limit > green_limit):
        found.append(("amber_limit", f"“Watch” lies beyond “on target”: {edge} or {outside}."))
    if (value > green_limit) if lower else (value < green_limit):
        found.append(("value", f"The target itself must be on target: {edge} or {inside}."))
    for name, limit in (("value", value), ("green_limit", green_limit), ("amber_limit", amber_limit)):
        if limit < 0 or (kpi.unit == "ratio" and limit > 1):
            found.append(
                (name, "A share lies between 0 and 100 %." if kpi.unit == "ratio" else "Not below zero.")
            )
    return found
