"""What the audit workspace, the navigation's foot and the home page say about the ledger."""

import json
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any

from django.db.models import Max

from audits import events
from audits.exports.scopes import JOB_KINDS
from audits.models import LedgerEntry
from audits.queries import LedgerState, entries_visible_to, ledger_state
from audits.reading.entries import first_numbers, tell
from mlops_portal.foundation.people.models import User
from mlops_portal.foundation.web.words import number, plural
from mlops_portal.foundation.work.models import Job
from mlops_portal.foundation.work.states import JobState

SHOWN = 8
LOOKED_AT = 10_000  # the newest entries among which late ones are looked for


@dataclass(frozen=True, slots=True)
class Verification:
    """The outcome of the last verification, from its own entry."""

    entry_pk: int
    at: datetime
    by_id: str
    ok: bool
    size: int
    seconds: float
    flaw_count: int
    flaws: list[dict[str, str]] = field(default_factory=list)
    checked: dict[str, int] = field(default_factory=dict)
    removed_count: int = 0


def last_verification() -> Verification | None:
    """Return the last verification, in one statement."""
    entry = (
        LedgerEntry.objects.filter(verb=events.VERIFIED, payload__isnull=False)
        .select_related("payload")
        .order_by("-id")
        .first()
    )
    if entry is None:
        return None
    stated = json.loads(entry.payload.payload)["data"]
    return Verification(
        entry_pk=entry.pk,
        at=entry.occurred_at,
        by_id=entry.actor_id,
        ok=stated["ok"],
        size=stated["size"],
        seconds=float(stated["seconds"]),
        flaw_count=stated["flaw_count"],
        flaws=stated["flaws"],
        checked=stated["checked"],
        removed_count=stated["removed_count"],
    )


@dataclass(frozen=True, slots=True)
class Integrity:
    """The verdict: tone, headline and what it rests on."""

    tone: str
    title: str
    text: str
    state: LedgerState
    last: Verification | None

    @property
    def since(self) -> int:
        """How many entries were signed after the last verification: nobody has verified those."""
        return max(0, self.state.size - self.last.size) if self.last else self.state.size


def integrity() -> Integrity:
    """Say how far the ledger is signed and what the last verification found."""
    state, last = ledger_state(), last_verification()
    signed = f"{plural(state.size, 'entry,entries')} signed by this portal, not witnessed"
    if not state.size:
        return Integrity("warn", "No entry is signed yet", "The sequencer has not run.", state, last)
    if last is None:
        return Integrity(
            "info",
            signed,
            "Nobody has verified the ledger yet: what is signed may still be altered.",
            state,
            last,
        )
    if not last.ok:
        found = plural(last.flaw_count, "flaw")
        return Integrity(
            "fail", f"The ledger does not verify: {found}", "The first is named below.", state, last
        )
    checked = f"Every entry was hashed again, every signature checked, and history compared with the live rows. No mismatch among {number(last.size)} entries."
    verdict = Integrity("ok", signed, checked, state, last)
    after = (
        f" {plural(verdict.since, 'entry,entries')} since then, not verified yet." if verdict.since else ""
    )
    return replace(verdict, text=checked + after)


def late_entries(user: User) -> list[LedgerEntry]:
    """Return the newest entries whose two clocks differ by more than a minute, among the newest there are."""
    newest = LedgerEntry.objects.aggregate(last=Max("id"))["last"] or 0
    late = entries_visible_to(user).filter(id__gt=newest - LOOKED_AT, is_flagged=True)
    rows = list(late[:SHOWN])
    tell(rows, user)
    return rows


def exports_of(user: User, *, limit: int = SHOWN) -> list[Job]:
    """Return the newest exports ``user`` may see, with the entry of each: of its files, as `verify.py` names it, or
    of its start where it has no files yet, or is no pack.
    """
    found: list[Any] = list(
        Job.objects.visible_to(user)
        .filter(kind__in=JOB_KINDS.values())
        .select_related("owner", "unit")
        .order_by("-id")[:limit]
    )
    about = [("foundation.Job", str(job.pk)) for job in found]
    numbers = first_numbers(about) | first_numbers(about, verb=events.EXPORT_WRITTEN)
    for job in found:
        job.ledger_number = numbers.get(("foundation.Job", str(job.pk)))
        job.reaches = reach_of((job.result or {}).get("ledger_size"))
    return found


def reach_of(size: int | None) -> str:
    """Say how far into the ledger an export looked: as many entries, and because numbers start at 0, up to which."""
    if not size:
        return ""
    numbers = f"numbers 0 to {number(size - 1)}" if size > 1 else "number 0"
    return f"made over the first {plural(size, 'entry,entries')} ({numbers})"


def verifying(user: User) -> Job | None:
    """Return the verification that runs now."""
    return Job.objects.filter(kind="audits.verify").unfinished().order_by("-id").first()


def home_section(user: User) -> dict[str, Any]:
    """Return the verdict and recent exports for the home page."""
    ready = [job for job in exports_of(user, limit=4) if job.state == JobState.SUCCEEDED]
    return {"integrity": integrity(), "exports": ready}
