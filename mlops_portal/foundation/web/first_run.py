"""What a new installation still needs, as a list with the result of each line; it leaves the home page when all is done.

Applications register their own lines in `ready()`, with `result(now)`: is it done, and what is there now, in words.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.urls import reverse
from django.utils import timezone

from mlops_portal.foundation.people.models import BusinessUnit, User
from mlops_portal.foundation.people.rights import rights_of
from mlops_portal.foundation.people.roles import ROLES
from mlops_portal.foundation.people.services.grants import living, waiting
from mlops_portal.foundation.web.words import plural

RIGHT = "people.manage_units"
DECIDE = ("validator", "risk_officer", "policy_publisher")


@dataclass(frozen=True, slots=True)
class Result:
    """Whether a line is done, and what is there now."""

    is_done: bool
    text: str


@dataclass(frozen=True, slots=True)
class Step:
    """One line: what to do, why, where (label, address, right), and what came of it."""

    name: str
    title: str
    why: str
    actions: Sequence[tuple[str, str, str]]
    result: Callable[[datetime], Result]
    order: int = 100


_steps: dict[str, Step] = {}


def register(step: Step) -> None:
    """Add a line."""
    _steps[step.name] = step


def checklist(user: User) -> Mapping[str, Any] | None:
    """Lines with their results, for those who set the portal up; None as soon as everything is done."""
    rights = rights_of(user)
    if not rights.everywhere(RIGHT):
        return None
    now = timezone.now()
    rows = []
    for step in sorted(_steps.values(), key=lambda step: (step.order, step.name)):
        links = [(label, reverse(name)) for label, name, right in step.actions if rights.has(right)]
        rows.append((step, step.result(now), links))
    done = sum(result.is_done for _, result, _ in rows)
    return {"steps": rows, "done": done, "all": len(rows)} if done < len(rows) else None


def units(now: datetime) -> Result:
    """Tell how many units there are: the top one alone is no tree."""
    count = BusinessUnit.objects.filter(closed_at__isnull=True).count()
    return Result(count > 1, plural(count, "unit") if count > 1 else "Only the top unit")


def deciders(now: datetime) -> Result:
    """Tell which deciding roles nobody holds, and which wait for a second person."""
    grants = living(now).filter(role__in=DECIDE)
    held = set(grants.filter(is_effective=True).values_list("role", flat=True))
    missing = [ROLES[name].label.lower() for name in DECIDE if name not in held]
    if not missing:
        people = grants.filter(is_effective=True).values("user_id").distinct().count()
        return Result(is_done=True, text=f"{plural(people, 'person,people')} who decide")
    open_still = waiting(now).filter(role__in=DECIDE).count()
    second = f"; {plural(open_still, 'role')} for a second person to confirm" if open_still else ""
    return Result(is_done=False, text=f"Nobody is {', '.join(missing)} yet{second}")


def declare() -> None:
    """Register the lines of the foundation."""
    register(
        Step(
            "units",
            "Add your business units",
            "Rights, models and figures belong to units.",
            (("Add a unit", "administration:unit-create", RIGHT),),
            units,
            10,
        )
    )
    register(
        Step(
            "deciders",
            "Invite the people who decide",
            "Deciding roles are granted by one administrator and confirmed by another; a policy is drafted by one "
            "publisher and published by a second.",
            (
                ("Add a person", "administration:person-create", "people.manage_accounts"),
                ("People and roles", "administration:people", "people.grant"),
            ),
            deciders,
            20,
        )
    )
