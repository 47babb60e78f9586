"""Comments and stand-ins."""

from collections.abc import Sequence
from datetime import datetime, timedelta

from approvals.events import tell
from approvals.models import ChangeRequest, Comment, Delegation
from approvals.services.changes import lock_changes
from approvals.states import ChangeState
from mlops_portal.foundation.errors import invalid
from mlops_portal.foundation.history import bulk_save_as, save_as
from mlops_portal.foundation.locks import lock
from mlops_portal.foundation.operations import operation
from mlops_portal.foundation.people.models import UnitClosure, User
from mlops_portal.foundation.people.rights import effective_grants, require, rights_of
from mlops_portal.foundation.rules import Blocker, refuse_if
from mlops_portal.foundation.web.words import number

MAX_COMMENT = 10_000
SENT_TWICE = timedelta(seconds=30)  # the same words again within this time are the same form
MAX_NAMED = timedelta(days=14)  # a stand-in named by somebody else (RULES 1.5)


@operation
def comment_add(*, change: ChangeRequest, text: str, gate: str = "", by: User, now: datetime) -> Comment:
    """Write a remark, on the request or on one of its gates. Remarks are never edited.

    A form that was sent twice is one remark: the second answers as the first.
    """
    require(by, "approvals.comment", unit_id=change.unit_id, model_id=change.model_id)
    _refuse_text(text)
    if gate and not change.gate_results.filter(gate=gate).exists():
        raise invalid("gate", f"This request has no gate {gate[:40]}.")
    lock(User.objects.all(), by.pk)  # two remarks of one person wait for each other
    if said := _said([change], text, by=by, now=now, gate=gate).get(change.pk):
        return said
    comment = save_as(_remark(change, text, by=by, now=now, gate=gate), by=by, now=now, reason="Comment")
    tell("comment_written", change, by=by, now=now, gate=gate)
    return comment


@operation
def evidence_ask(*, changes: Sequence[ChangeRequest], text: str, by: User, now: datetime) -> list[Comment]:
    """Ask the owners of the models, or the requesters where there is none, for evidence: all of them or nobody.

    A question is no decision: whoever asks still owes theirs, so the stage's clock goes on (RULES 4.8). Asking for
    changes is the decision that stops it.

    Raises:
        Invalid: no request is given, or nothing is asked.
        NotAllowed: ``by`` may not comment on one of them.
        RuleViolation: a request is not in review, or ``by`` would be asked; all reasons.
    """
    if not changes:
        raise invalid("changes", "Select at least one request that stands at a stage of yours.")
    locked = lock_changes(changes)
    for change in locked:
        require(by, "approvals.comment", unit_id=change.unit_id, model_id=change.model_id)
    _refuse_text(text)
    asked = {change.pk: change.model.owner or change.requester for change in locked}
    refuse_if(
        [blocker for change in locked for blocker in _unaskable(change, is_self=asked[change.pk] == by)]
    )
    said = _said(locked, text, by=by, now=now, asks=True)
    fresh = [change for change in locked if change.pk not in said]
    rows = [_remark(change, text, by=by, now=now, asks=asked[change.pk]) for change in fresh]
    if rows:
        bulk_save_as(rows, by=by, now=now, reason="Asked for evidence")
    for change in fresh:
        tell("evidence_asked", change, by=by, now=now, asked=str(asked[change.pk].pk))
    said |= {row.change_id: row for row in rows}
    return [said[change.pk] for change in locked]


def _said(
    changes: Sequence[ChangeRequest],
    text: str,
    *,
    by: User,
    now: datetime,
    gate: str = "",
    asks: bool = False,
) -> dict[int, Comment]:
    """Return, by request, what the same person said in the same words a moment ago."""
    rows = Comment.objects.filter(
        change__in=changes,
        author=by,
        text=text.strip(),
        gate=gate,
        asks__isnull=not asks,
        written_at__gt=now - SENT_TWICE,
    )
    return {row.change_id: row for row in rows.order_by("-pk")}


def _unaskable(change: ChangeRequest, *, is_self: bool) -> list[Blocker]:
    if change.state != ChangeState.IN_REVIEW:
        return [Blocker("state", f"{change.code} is not in review: nobody waits for evidence.")]
    return [Blocker("self", f"On {change.code} you are whom this would ask.")] if is_self else []


def _refuse_text(text: str) -> None:
    if not text.strip():
        raise invalid("text", "Write something.")
    if len(text) > MAX_COMMENT:
        raise invalid(
            "text",
            f"A comment has at most {number(MAX_COMMENT)} characters. This one has {number(len(text))}.",
        )


def _remark(
    change: ChangeRequest, text: str, *, by: User, now: datetime, gate: str = "", asks: User | None = None
) -> Comment:
    return Comment(
        change=change,
        model_id=change.model_id,
        unit_id=change.unit_id,
        author=by,
        text=text.strip(),
        gate=gate,
        asks=asks,
        written_at=now,
    )


@operation
def delegation_create(
    *,
    absentee: User,
    stand_in: User,
    starts_at: datetime,
    ends_at: datetime,
    reason: str,
    by: User,
    now: datetime,
) -> Delegation:
    """Name a stand-in: one's own with dates, or as head of unit or of risk for at most 14 days with a reason.

    The stand-in gains no right by it: both people's rights and duties hold at every decision.
    """
    blockers = []
    if absentee.pk == stand_in.pk:
        blockers.append(Blocker("same_person", "Nobody stands in for themselves."))
    if not (stand_in.is_person and stand_in.is_active):
        blockers.append(Blocker("inactive", "The stand-in is not an active person."))
    if ends_at <= max(starts_at, now):
        blockers.append(Blocker("dates", "The delegation ends before it starts, or in the past."))
    if by.pk != absentee.pk:
        if not _may_name(by, absentee):
            blockers.append(
                Blocker("authority", "The head of the unit or of model risk names stand-ins of others.")
            )
        if ends_at - starts_at > MAX_NAMED:
            blockers.append(Blocker("too_long", "A stand-in named by others lasts at most 14 days."))
        if len(reason.strip()) < 10:
            blockers.append(Blocker("reason", "Give a reason of at least 10 characters."))
    refuse_if(blockers)
    delegation = Delegation(
        absentee=absentee,
        stand_in=stand_in,
        starts_at=starts_at,
        ends_at=ends_at,
        reason=reason.strip(),
        named_by=by,
        named_at=now,
    )
    save_as(delegation, by=by, now=now, reason=reason.strip())
    tell("delegation_made", delegation, by=by, now=now, until=ends_at.isoformat())
    return delegation


def _may_name(by: User, absentee: User) -> bool:
    """Heads of a unit in which the absentee holds a role, and whoever may waive over the whole group."""
    units = effective_grants().filter(user=absentee, unit__isnull=False).values("unit_id")
    above = UnitClosure.objects.filter(descendant_id__in=units, ancestor__head=by)
    return above.exists() or rights_of(by).everywhere("approvals.waive")


@operation
def delegation_end(*, delegation: Delegation, by: User, now: datetime) -> Delegation:
    """End a delegation before its date."""
    delegation = lock(Delegation.objects.select_related("absentee"), delegation.pk)
    refuse_if(
        [
            blocker
            for applies, blocker in (
                (delegation.ended_at is not None, Blocker("ended", "This delegation ended already.")),
                (
                    by.pk not in (delegation.absentee_id, delegation.stand_in_id, delegation.named_by_id),
                    Blocker("authority", "Ended by the absent person, the stand-in or who named them."),
                ),
            )
            if applies
        ]
    )
    delegation.ended_at = now
    save_as(delegation, by=by, now=now, reason="Ended early", fields=["ended_at"])
    tell("delegation_ended", delegation, by=by, now=now)
    return delegation
