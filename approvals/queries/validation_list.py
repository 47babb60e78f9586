"""Validations side by side: what is open in each, what it waits for, and until when it holds."""

from datetime import date, datetime, timedelta
from typing import Any

from django.db.models import Case, CharField, Count, Exists, F, OuterRef, Q, QuerySet, Subquery, Value, When
from django.db.models.functions import Coalesce

from approvals.models import Challenge, Validation, ValidationFinding
from mlops_portal.foundation.people.models import User
from mlops_portal.foundation.web.words import day_text, plural

MINE_OPEN = "mine=yes&state=open"  # of the list: what a validator comes for
OPEN = Validation.State.OPEN
WAITS_FOR = [
    ("answers", "Answers to challenges"),
    ("reading", "Answers to read"),
    ("conclusion", "The conclusion"),
    ("repairs", "The repair of findings"),
    ("nothing", "Nothing"),
]
# A validation vouches for its version: concluded in favour, its signature not revoked.
VOUCHES = (
    Q(state=Validation.State.CONCLUDED)
    & ~Q(outcome=Validation.Outcome.NOT_APPROVED)
    & Q(signature__revoked_at__isnull=True)
)


def with_what_is_open(rows: "QuerySet[Validation]") -> "QuerySet[Validation]":
    """Add to each validation what is open in it, and the first of what it waits for."""
    asked = Challenge.objects.filter(validation=OuterRef("pk"))
    unanswered, unread = (
        asked.filter(state=state) for state in (Challenge.State.OPEN, Challenge.State.ANSWERED)
    )
    found = ValidationFinding.objects.filter(validation=OuterRef("pk"), closed_at__isnull=True)
    return rows.annotate(
        challenges_unanswered=_counted(unanswered),
        challenges_unread=_counted(unread),
        findings_open=_counted(found),
        findings_due_on=Subquery(found.order_by("due_on").values("due_on")[:1]),
        waits_for=Case(
            When(state=OPEN, challenges_unanswered__gt=0, then=Value("answers")),
            When(state=OPEN, challenges_unread__gt=0, then=Value("reading")),
            When(state=OPEN, then=Value("conclusion")),
            When(findings_open__gt=0, then=Value("repairs")),
            default=Value("nothing"),
            output_field=CharField(),
        ),
    )


def waits_text(validation: Any) -> str:
    """Say what a validation of `with_what_is_open` waits for, and how much of it."""
    match validation.waits_for:
        case "answers":
            asked = validation.challenges_unanswered
            return "the answer to a challenge" if asked == 1 else f"answers to {plural(asked, 'challenge')}"
        case "reading":
            return f"{plural(validation.challenges_unread, 'answer')} to read"
        case "conclusion":
            return "the conclusion"
        case "repairs":
            return f"{plural(validation.findings_open, 'finding')} to be repaired"
        case _:
            return ""


def repair_due(validation: Any, today: date) -> str:
    """Say until when the first of its findings is to be repaired; nothing where it waits for something else."""
    if validation.waits_for != "repairs":
        return ""
    word = "overdue since" if is_repair_late(validation, today) else "due"
    return f"{word} {day_text(validation.findings_due_on)}"


def is_repair_late(validation: Any, today: date) -> bool:
    """Tell whether it waits for a repair that was due before today."""
    return validation.waits_for == "repairs" and validation.findings_due_on < today


def _counted(rows: QuerySet) -> Coalesce:
    whole = rows.order_by().values("validation").annotate(count=Count("pk")).values("count")
    return Coalesce(Subquery(whole), 0)


def ending(rows: "QuerySet[Validation]", now: datetime, days: int | None = None) -> "QuerySet[Validation]":
    """Narrow to what ended, or ends within days, and was not followed by a later validation of its version."""
    later = Validation.objects.filter(
        VOUCHES, version=OuterRef("version"), valid_until__gt=OuterRef("valid_until")
    )
    held = rows.filter(VOUCHES).exclude(Exists(later))
    if days is None:
        return held.filter(valid_until__lte=now)
    return held.filter(valid_until__gt=now, valid_until__lte=now + timedelta(days=days))


def to_work_on(person: User) -> "QuerySet[Validation]":
    """Return what a validator has open, and what they concluded and whose findings wait for repairs, oldest first."""
    own = Validation.objects.visible_to(person).filter(validator=person)
    rows = with_what_is_open(own).exclude(Q(waits_for="nothing")).select_related("model", "version__model")
    return rows.order_by(F("state").desc(), "opened_at", "pk")
