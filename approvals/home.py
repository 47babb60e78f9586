"""What approvals put on a person's home page, and what they offer to search."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.urls import reverse
from django.utils import timezone

from approvals import tones
from approvals.models import ChangeRequest, Lapse, PolicyRevision, Stage
from approvals.policy_in_force import policy_in_force
from approvals.queries import inbox_page, panel_reads, validation_list
from approvals.queries.validation_list import MINE_OPEN
from approvals.states import ChangeState
from mlops_portal.foundation.days import portal_day
from mlops_portal.foundation.people.rights import rights_of
from mlops_portal.foundation.web.first_run import Result
from mlops_portal.foundation.web.search import Hit
from mlops_portal.foundation.web.words import number

SHOWN = 8
ALL = 100  # what is late has no page of its own: the section holds all of it, up to here


def adopted_policy(now: datetime) -> Result:
    """Tell which policy is in force, for the checklist of a new installation."""
    found = policy_in_force(now)
    if found is not None:
        return Result(is_done=True, text=f"{found.name} is in force")
    if PolicyRevision.objects.filter(state=PolicyRevision.State.DRAFT).exists():
        return Result(is_done=False, text="A draft waits for a second publisher")
    return Result(is_done=False, text="No policy yet: nothing can be filed or decided")


def decisions(user: Any) -> Mapping[str, Any] | None:
    """Requests, waivers, conditions and lapses that wait for this person."""
    now = timezone.now()
    rows = (
        inbox_page.queue_rows(inbox_page.at_my_stage(user), user, now=now, most=3 * SHOWN)[:SHOWN]
        if _decides(user)
        else []
    )
    found = {
        "rows": rows,
        "waivers": list(inbox_page.waivers_to_decide(user).order_by("requested_at", "pk")[:SHOWN]),
        "conditions": list(inbox_page.conditions_to_verify(user).order_by("due_on", "pk")[:SHOWN]),
        "owed": list(inbox_page.conditions_owed(user).order_by("due_on", "pk")[:SHOWN]),
        "lapses": list(inbox_page.open_lapses_of(user).order_by("due_at", "pk")[:SHOWN]),
        "questions": list(inbox_page.questions_to(user).order_by("written_at", "pk")[:SHOWN]),
        "today": portal_day(now),
        "now": now,
    }
    waits = any(found[name] for name in ("rows", "waivers", "conditions", "owed", "lapses", "questions"))
    return found if waits else None


def _decides(user: Any) -> bool:
    rights = rights_of(user)
    return any(rights.has(right) for right in inbox_page.STAGE_RIGHTS)


def own(user: Any) -> Mapping[str, Any] | None:
    """Requests of this person that are on their way."""
    rows = ChangeRequest.objects.visible_to(user).open().filter(requester=user).select_related("model")
    found = list(rows.order_by("-updated_at", "-pk")[:SHOWN])
    return {"changes": found, "tones": tones, "title": "Your requests", "key": "own"} if found else None


def validations_of_interest(user: Any) -> str:
    """Narrow the list of validations to a validator's own open ones; others come to see all of them."""
    return MINE_OPEN if rights_of(user).has("approvals.validate") else ""


def validations(user: Any) -> Mapping[str, Any] | None:
    """What this validator has under way, with what each waits for."""
    rows = validation_list.to_work_on(user)
    shown = list(rows[:SHOWN])
    if not shown:
        return None
    today = portal_day(timezone.now())
    waiting = [
        (
            one,
            validation_list.waits_text(one),
            validation_list.repair_due(one, today),
            validation_list.is_repair_late(one, today),
        )
        for one in shown
    ]
    return {"validations": waiting, "count": rows.count()}


def to_start(user: Any) -> Mapping[str, Any] | None:
    """Approved changes that an operator starts, settles or watches: while one is watched, its way back is theirs."""
    rows = ChangeRequest.objects.visible_to(user, "approvals.execute").filter(
        state__in=[
            ChangeState.APPROVED,
            ChangeState.SCHEDULED,
            ChangeState.EXECUTING,
            ChangeState.VERIFYING,
        ]
    )
    found = list(rows.select_related("model", "environment").order_by("expires_at", "pk")[:SHOWN])
    return (
        {
            "changes": found,
            "tones": tones,
            "title": "Approved changes to carry out and to watch",
            "key": "start",
        }
        if found
        else None
    )


def overdue(user: Any) -> Mapping[str, Any] | None:
    """What is late in a manager's units: stages past their time and lapses in one order, the longest due first."""
    now = timezone.now()
    stages = inbox_page.overdue_in_units(user, now)
    lapses = inbox_page.lapses_in_units(user).filter(due_at__lt=now)
    rows = [_late_stage(stage) for stage in stages.order_by("due_at", "pk")[:ALL]]
    rows += [_late_lapse(lapse, now) for lapse in lapses.order_by("due_at", "pk")[:ALL]]
    shown, total = sorted(rows, key=lambda row: row.due_at)[:ALL], stages.count() + lapses.count()
    return {
        "key": "overdue",
        "title": _titled("Overdue in your units", shown, total),
        "rows": shown,
        "total": total,
    }


def _titled(title: str, shown: Sequence[Any], total: int) -> str:
    """Say that rows are left out, where any are."""
    return title if len(shown) == total else f"{title}: the {len(shown)} longest due of {number(total)}"


def lapses(user: Any) -> Mapping[str, Any] | None:
    """Open lapses of others that a second line or a manager answers for; their own wait among their duties."""
    rights, now = rights_of(user), timezone.now()
    manages = rights.has("kpis.set_target")
    if not (manages or rights.has("approvals.waive")):
        return None
    found = inbox_page.lapses_in_units(user).exclude(owner=user)
    if manages:
        found = found.filter(due_at__gte=now)  # a manager reads the late ones among what is overdue
    rows = [_late_lapse(lapse, now) for lapse in found.order_by("due_at", "pk")[:ALL]]
    if not rows:
        return None
    total = found.count()
    title = _titled("Open lapses in your units", rows, total)
    return {"key": "lapses", "title": title, "rows": rows, "total": total}


@dataclass(frozen=True, slots=True)
class Late:
    """A line of what is late."""

    due_at: datetime
    title: str
    about: str
    url: str
    is_overdue: bool
    tier: int | None = None
    is_lapse: bool = False


def _late_stage(stage: Stage) -> Late:
    assert stage.due_at is not None  # noqa: S101  (overdue stages have one)
    change = stage.change
    return Late(
        due_at=stage.due_at,
        title=str(change),
        about=f"{stage.title}, {stage.unit.name}",
        url=change.get_absolute_url(),
        is_overdue=True,
        tier=change.decided_tier,
    )


def _late_lapse(lapse: Lapse, now: datetime) -> Late:
    return Late(
        due_at=lapse.due_at,
        title=lapse.told,
        about=f"Lapse, {lapse.model}, {lapse.change.code}, {lapse.owner.name} owes it",
        url=reverse("approvals:lapse", args=[lapse.pk]),
        is_overdue=lapse.due_at < now,
        is_lapse=True,
    )


def executed(user: Any) -> Mapping[str, Any] | None:
    """Changes executed lately, from which an auditor draws a sample."""
    now = timezone.now()
    rows = inbox_page.executed_lately(user, now)
    return {"changes": list(rows[:SHOWN]), "count": rows.count()}


def find(user: Any, text: str, limit: int) -> Sequence[Hit]:
    """Find requests by number or title."""
    return [
        Hit(
            f"{change.code} {change.title}",
            change.get_absolute_url(),
            f"{change.get_state_display()}, {change.unit}",
            "inbox",
        )
        for change in panel_reads.search_requests(user, text, limit)
    ]
