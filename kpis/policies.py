"""Who may decide on a target, and which targets make sense."""

from datetime import date

from kpis.definitions import LOWER, Kpi
from kpis.models import KpiTarget
from mlops_portal.foundation.people.models import User
from mlops_portal.foundation.rules import Blocker


def target_decision_blockers(target: KpiTarget, *, by: User, today: date) -> list[Blocker]:
    """Return why this person cannot approve or decline a target now."""
    found = []
    if target.state != "proposed":
        found.append(Blocker("decided", f"This target is {target.state} already."))
    if target.proposed_by_id == by.pk:
        found.append(
            Blocker("proposer", "Who proposed a target does not decide on it.", "another manager of the unit")
        )
    if target.state == "proposed" and target.valid_from < today:
        found.append(
            Blocker("past", "Its first day has passed: charts keep the line they had. Propose a later day.")
        )
    return found


def limit_errors(kpi: Kpi, *, value: float, green_limit: float, amber_limit: float) -> list[tuple[str, str]]:
    """Return which limits contradict each other or the measure."""
    found = []
    lower = kpi.direction == LOWER
    if (amber_limit < green_limit) if lower else (amber_limit > green_limit):
        found.append(("amber_limit", f"“Watch” ends {'above' if lower else 'below'} “on target”."))
    if (value > green_limit) if lower else (value < green_limit):
        found.append(("value", "The target itself must be on target."))
    for name, limit in (("value", value), ("green_limit", green_limit), ("amber_limit", amber_limit)):
        if limit < 0 or (kpi.unit == "ratio" and limit > 1):
            found.append(
                (name, "A share lies between 0 and 100 %." if kpi.unit == "ratio" else "Not below zero.")
            )
    return found
