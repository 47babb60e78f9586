"""The panel on which a reader follows how a change is carried out."""

from datetime import datetime, timedelta
from typing import Any

from django.db.models import Prefetch

from approvals import tones
from approvals.models import ChangeRequest, Execution, ExecutionStep
from approvals.states import ChangeState
from approvals.traffic import held_until
from mlops_portal.foundation.web.words import sentence, time_text

FOLLOWED = (ChangeState.SCHEDULED, ChangeState.EXECUTING, ChangeState.VERIFYING)
NEAR = timedelta(minutes=2)
OFTEN, SELDOM = "2s", "30s"


def executions_of(change: ChangeRequest) -> list[Execution]:
    """Return every attempt with its steps, the last one first."""
    steps = ExecutionStep.objects.order_by("intended_at", "pk")
    return list(
        Execution.objects.filter(change=change)
        .select_related("started_by", "deployment")
        .prefetch_related(Prefetch("steps", queryset=steps))
        .order_by("-number")
    )


def pace_of(change: ChangeRequest, executions: list[Execution], *, now: datetime) -> str:
    """Return how often the panel asks for itself; empty when nothing of it goes on.

    A start planned for next week, a bake of days, or a step that waits for a person is asked for seldom: a page that
    stands open must not cost a request every other second until then.
    """
    if change.state not in FOLLOWED:
        return ""
    moment = {
        ChangeState.SCHEDULED: change.scheduled_at,
        ChangeState.EXECUTING: executions[0].started_at if executions else None,
        ChangeState.VERIFYING: change.bake_ends_at,
    }[ChangeState(change.state)]
    return OFTEN if moment is None or abs(moment - now) <= NEAR else SELDOM


def read(change: ChangeRequest, *, now: datetime, opened: str = "", said: str = "") -> dict[str, Any]:
    """Return the template's variables.

    ``opened`` is the state in which the reader's page shows the request, ``said`` the one that was told last; a page
    that is only now being opened knows neither.
    """
    executions = executions_of(change)
    state = ChangeState(change.state)
    opened = opened if opened in ChangeState.values else state.value
    return {
        "executions": executions,
        "pace": pace_of(change, executions, now=now),
        "opened": opened,
        "outdated": ChangeState(opened).label.lower() if opened != state else "",
        "news": _news(change) if said in ChangeState.values and said != state else "",
        "state_tone": tones.CHANGE[change.state],
        "detail": sentence(change.headline)
        if change.headline != state.label and not _is_watched(change)
        else "",
        "watched_until": change.bake_ends_at if _is_watched(change) else None,
        "starter": change.started_by,
        "is_begun": change.scheduled_at is not None and change.scheduled_at <= now,
        "verdict_title": headline_of(change),
        "held_until": _held_until(change, executions),
    }


def _is_watched(change: ChangeRequest) -> bool:
    return change.state == ChangeState.VERIFYING and change.bake_ends_at is not None


def headline_of(change: ChangeRequest) -> str:
    """Return what was said last of a request; until when it is watched, in the reader's zone."""
    if change.state == ChangeState.VERIFYING and change.bake_ends_at is not None:
        return f"Being watched until {time_text(change.bake_ends_at)}"
    return change.headline or change.get_state_display()


def _held_until(change: ChangeRequest, executions: list[Execution]) -> datetime | None:
    """Return until when the step that an operator took last is held; None when none waits for the next one."""
    if not executions or executions[0].state != Execution.State.WAITING:
        return None
    taken = list(executions[0].steps.all())
    return held_until(change, taken=len(taken), last_at=taken[-1].finished_at if taken else None)


def _news(change: ChangeRequest) -> str:
    label = change.get_state_display()
    said = headline_of(change)
    return f"{change.code}: {label}" if said == label else f"{change.code}: {label}. {said}"
