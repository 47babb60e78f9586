"""How the traffic moves: the approved steps where somebody can take them, else all of it at once."""

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any

from approvals.connectors import connector_named
from approvals.models import ChangeRequest
from approvals.states import ENDING_KINDS, ChangeKind
from mlops_portal.foundation.web.words import plural
from registry.models import Environment

AT_ONCE: Mapping[str, Any] = {"percent": 100, "hold_hours": 0.0}


def takes_steps(environment: Environment | None) -> bool:
    """Tell whether changes of an environment can move the traffic step by step."""
    connector = connector_named(environment.connector) if environment else None
    return connector is not None and connector.takes_steps


def steps_of(change: ChangeRequest) -> Sequence[Mapping[str, Any]]:
    """Return the steps of a change; without a plan there is one, for all of the traffic."""
    return change.traffic_plan or [AT_ONCE]


def held_until(change: ChangeRequest, *, taken: int, last_at: datetime | None) -> datetime | None:
    """Return until when the step taken last is held (RULES 5.5); None where no further one follows it."""
    steps = steps_of(change)
    if not taken or last_at is None or taken >= len(steps):
        return None
    return last_at + timedelta(hours=float(steps[taken - 1].get("hold_hours") or 0))


def plan_words(change: ChangeRequest) -> str:
    """Write the plan: `5 % for 24 h, then 100 %`."""
    held = (
        f"{step['percent']} % for {step['hold_hours']:g} h"
        if step.get("hold_hours")
        else f"{step['percent']} %"
        for step in steps_of(change)
    )
    return ", then ".join(held)


def next_step_words(change: ChangeRequest, taken: int) -> str:
    """Say which step an operator takes next, and what to do after it."""
    steps = steps_of(change)
    if taken >= len(steps):
        return "Report what you saw."
    step, hold = steps[taken], steps[taken].get("hold_hours")
    held = f", hold it for {hold:g} h" if hold else ""
    return f"Step {taken + 1} of {len(steps)}: move {step['percent']} % of the traffic{held}, then report it."


def traffic_words(change: ChangeRequest) -> str:
    """Say what happens to the traffic, in the words of the page, of the start and of the record."""
    if change.environment is None or change.kind == ChangeKind.CONFIGURATION:
        return "No traffic moves."
    verb = "stops" if change.kind in ENDING_KINDS else "moves"
    count = len(change.traffic_plan)
    if takes_steps(change.environment):
        if count > 1:
            return f"{plan_words(change)}. An operator takes each step by hand and confirms it."
        return f"All traffic {verb} at once, by the hand of an operator who confirms it."
    alias = change.environment.get_connector_display().lower()
    at_once = f"All traffic {verb} at once: the {alias} knows no steps."
    if count < 2:
        return at_once
    return f"{at_once} The {plural(count, 'step')} of the plan ({plan_words(change)}) are not taken."
