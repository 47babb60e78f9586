"""The queues of the inbox as files: the rows and the filters of the page, all of them rather than the first 200."""

from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Any

from approvals.models import ChangeRequest, Condition, Decision
from approvals.queries import inbox_page
from approvals.tables import ConditionTable, DecidedTable, QueueTable
from mlops_portal.foundation.web.tables import Table

MOST = 10_000


def requests_file(groups: Iterable[Any]) -> tuple[Table, Sequence[Any], str]:
    """Return the requests of a queue, each with the group it stands in."""
    rows = [
        {"group": group.title, "row": row, "change": row.change} for group in groups for row in group.rows
    ]
    return QueueTable(), rows, ChangeRequest._meta.label


def conditions_file(user: Any) -> tuple[Table, Sequence[Any], str]:
    """Return the conditions that this person verifies."""
    rows = inbox_page.conditions_to_verify(user).order_by("due_on", "pk")[:MOST]
    return ConditionTable(), list(rows), Condition._meta.label


def decided_file(user: Any, now: datetime) -> tuple[Table, Sequence[Any], str]:
    """Return what this person decided lately: on requests, then on waivers."""
    decisions = inbox_page.decided_lately(user, now).order_by("-decided_at", "-pk")[:MOST]
    waivers = (
        inbox_page.waivers_decided_lately(user, now).select_related("unit").order_by("-decided_at", "-pk")
    )
    rows = [
        {
            "change": one.change,
            "unit": one.change.unit.name,
            "about": f"{one.stage.title}, revision {one.dossier_number}",
            "verdict": one.act_word,
            "at": one.decided_at,
            "void": one.voided_at is not None,
        }
        for one in decisions
    ]
    rows += [
        {
            "change": one.change,
            "unit": one.unit.name,
            "about": f"Waiver of {one.gate}",
            "verdict": one.get_state_display(),
            "at": one.decided_at,
            "void": False,
        }
        for one in waivers[:MOST]
    ]
    return DecidedTable(), rows, Decision._meta.label
