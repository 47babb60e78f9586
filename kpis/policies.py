"""Who may decide on a target, and which targets make sense."""

from datetime import date

from kpis.definitions import LOWER, Kpi
from kpis.models import KpiTarget
from mlops_portal.foundation.people.models import BusinessUnit, User
from mlops_portal.foundation.people.rights import holders
from mlops_portal.foundation.rules import Blocker

SET = "kpis.set_target"


def target_decision_blockers(target: KpiTarget, *, by: User, today: date) -> list[Blocker]:
    """Return why this person cannot approve or decline a target now."""
    found = []
    if target.state != "proposed":
        found.append(Blocker("decided", f"This target is {target.state} already."))
    if target.proposed_by_id == by.pk:
        others = second_people(target)
        who = (
            f"{' or '.join(others)} decides."
            if others
            else "Nobody else may yet: an administrator can give somebody the role of manager."
        )
        found.append(Blocker("proposer", f"Who proposed a target does not decide on it. {who}"))
    if target.state == "proposed" and target.valid_from < today:
        found.append(
            Blocker("past", "Its first day has passed: charts keep the line they had. Propose a later day.")
        )
    return found


def second_people(target: KpiTarget) -> list[str]:
    """Name who may decide on a target beside the one who proposed it: in its unit, or in all of them."""
    units = (
        [target.unit_id]
        if target.unit_id
        else BusinessUnit.objects.filter(parent=None).values_list("pk", flat=True)
    )
    able = [{person.name: person.pk for person in holders(SET, unit_id=unit_id)} for unit_id in units]
    names = set(able[0]).intersection(*able[1:]) if able else set()
    return sorted(name for name in names if able[0][name] != target.proposed_by_id)


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
