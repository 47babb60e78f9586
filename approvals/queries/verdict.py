"""The verdict of a request's page: what stands in the way, the fact first, and where each stage stands."""

from collections.abc import Sequence
from dataclasses import dataclass

from approvals.asked import Asked
from approvals.models import ChangeRequest, Decision, Stage
from approvals.queries.gate_rows import GateRow
from approvals.states import POSITIVE_VERDICTS, ChangeState, Verdict
from mlops_portal.foundation.rules import Blocker
from mlops_portal.foundation.web.words import day_text, plural, uncapped

# States in which nothing can stand in the way any more, because the request ended without effect.
ENDED = {
    ChangeState.WITHDRAWN: ("mute", "info"),
    ChangeState.EXPIRED: ("warn", "warn"),
    ChangeState.REVOKED: ("fail", "fail"),
    ChangeState.FAILED: ("fail", "fail"),
    ChangeState.ROLLED_BACK: ("warn", "undo"),
}
MARKS = {
    Stage.State.DONE: ("ok", "ok"),
    Stage.State.RENEW: ("warn", "warn"),
}


@dataclass(frozen=True, slots=True)
class Obstacle:
    """One line of what stands in the way."""

    tone: str
    icon: str
    text: str
    href: str = ""
    note: str = ""
    digest: str = ""


@dataclass(frozen=True, slots=True)
class Counted:
    """Approvals of a request: submission, the owner's acceptance and refusals are none."""

    valid: int
    void: int
    accepted_by: tuple[
        str, ...
    ] = ()  # whose standing approval of a stage that decides nothing is not counted


def approvals_of(stages: Sequence[Stage]) -> Counted:
    """Count the approvals that were given at deciding stages."""
    given = [
        (stage.is_deciding, one)
        for stage in stages
        for one in stage.given  # type: ignore[attr-defined]  # prefetched by `stages_of`
        if one.verdict in POSITIVE_VERDICTS
    ]
    deciding = [one for decides, one in given if decides]
    void = sum(one.is_void for one in deciding)
    accepted = (one.signer.name for decides, one in given if not decides and not one.is_void)
    return Counted(len(deciding) - void, void, tuple(accepted))


def mark_of(stage: Stage, given: Sequence[Decision]) -> tuple[str, str]:
    """Return tone and sign of a stage; a refusal shows as one, never as not started."""
    standing = [one.verdict for one in given if one.voided_at is None]
    if Verdict.REJECT in standing:
        return "fail", "fail"
    if Verdict.REQUEST_CHANGES in standing:
        return "warn", "chat"
    if stage.state == Stage.State.CURRENT:
        return ("warn" if stage.blocked_reason else "info"), "now"
    return MARKS.get(Stage.State(stage.state), ("mute", "ring"))


def obstacles(
    change: ChangeRequest,
    *,
    stages: Sequence[Stage],
    gates: Sequence[GateRow],
    asked: Sequence[Asked],
    blocked_reason: str,
    missing: Sequence[Blocker] = (),
) -> list[Obstacle]:
    """Say what stands in the way: a refusal and its reason first, then gates, void decisions and waivers.

    ``missing`` is what a draft lacks before it can be filed.
    """
    decisions = [one for stage in stages for one in stage.given]  # type: ignore[attr-defined]
    found = [*_refused(change, decisions), *_sent_back(change, asked), *_ended(change)]
    found += [
        Obstacle(
            "fail",
            "fail",
            f"Before it is filed: {blocker.message}",
            note=f"{blocker.owner[:1].upper()}{blocker.owner[1:]} can change that." if blocker.owner else "",
        )
        for blocker in missing
    ]
    found += [
        Obstacle(
            "fail",
            "fail",
            f"{row.result.gate}: {row.result.message}",
            f"#gate-{row.result.gate}",
            f"Required: {uncapped(row.result.title)}.",
            row.result.evidence_digest,
        )
        for row in gates
        if row.tone == "fail"
    ]
    found += [
        Obstacle(
            "warn", "warn", f"{one.stage.title} of {one.signer.name} is void", "#stages", one.void_reason
        )
        for one in decisions
        if one.is_void
    ]
    found += [
        Obstacle(
            "waived",
            "waived",
            f"{row.result.gate} is waived. Required: {uncapped(row.result.title)}",
            f"#gate-{row.result.gate}",
            _waiver_note(row),
        )
        for row in gates
        if row.tone == "waived"
    ]
    if blocked_reason:
        found.append(Obstacle("fail", "person-lock", "Nobody can decide now", "#stages", blocked_reason))
    return found or [_nothing(bool(gates))]


def _nothing(have_run: bool) -> Obstacle:
    if have_run:
        return Obstacle("ok", "ok", "Nothing", note="Every blocking gate passes.")
    return Obstacle("mute", "info", "The gates have not run yet")


def _refused(change: ChangeRequest, decisions: Sequence[Decision]) -> list[Obstacle]:
    if change.state != ChangeState.REJECTED:
        return []
    return [
        Obstacle(
            "fail",
            "fail",
            f"Rejected at {one.stage.title} by {one.signer.name}",
            "#stages",
            one.rationale,
            one.decision_digest,
        )
        for one in decisions
        if one.verdict == Verdict.REJECT and one.voided_at is None
    ]


def _sent_back(change: ChangeRequest, asked: Sequence[Asked]) -> list[Obstacle]:
    if change.state != ChangeState.CHANGES_REQUESTED:
        return []
    found = []
    for one in asked:
        left = sum(not item.answer for item in one.items)
        if not one.is_open:
            continue
        words = (
            f"{plural(left, 'item that was,items that were')} asked for {'is' if left == 1 else 'are'} not answered"
            if left
            else "Every item is answered; the request is not filed again yet"
        )
        who = f"{one.decision.signer.name} at {one.decision.stage.title}: {one.decision.rationale}"
        found.append(Obstacle("warn", "chat", words, f"#asked-{one.decision.pk}", who))
    return found


def _ended(change: ChangeRequest) -> list[Obstacle]:
    if change.state not in ENDED:
        return []
    tone, icon = ENDED[ChangeState(change.state)]
    closed = f"{day_text(change.closed_at)}." if change.closed_at else ""
    return [Obstacle(tone, icon, change.headline or change.get_state_display(), note=closed)]


def _waiver_note(row: GateRow) -> str:
    waiver = row.result.waiver
    if waiver is None or waiver.decided_by is None:
        return ""
    return f"By {waiver.decided_by.name}, until {day_text(waiver.valid_until)}."
