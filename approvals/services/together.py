"""Signing several requests at once: tier 4 only, evidence complete, each over its own digest (RULES 4.9)."""

from collections.abc import Iterable, Sequence
from datetime import datetime

from approvals import policies
from approvals.events import event_of
from approvals.models import ChangeRequest, Decision, Stage
from approvals.services.changes import lock_changes
from approvals.services.decisions import WantedDecision, decision_write
from approvals.services.reading import DossierChanged
from approvals.services.signing import prove
from approvals.services.submission import change_refresh
from approvals.states import Verdict
from mlops_portal.foundation.operations import operation
from mlops_portal.foundation.people.models import User
from mlops_portal.foundation.people.rights import require
from mlops_portal.foundation.rules import Blocker, RuleViolation, refuse_if


class OneChanged(DossierChanged):
    """The content of one of the requests is no longer what the person read. None of them was signed."""

    def __init__(self, change: ChangeRequest, message: str) -> None:
        super().__init__(f"{change.code}: {message}")
        self.change = change


def decisions_sign_together(
    *, stages: Sequence[tuple[Stage, str]], rationale: str, password: str, code: str, by: User, now: datetime
) -> list[Decision]:
    """Approve each request at its stage over the dossier digest that was read; all of them or none.

    Raises:
        OneChanged: the content of one is not what was read; it says what, and earlier decisions on it are void now.
        RuleViolation: one of them may not be signed like this.
    """
    changes = {
        change.pk: change
        for change in ChangeRequest.objects.filter(pk__in=[stage.change_id for stage, _ in stages])
    }
    for change in changes.values():
        require(by, "approvals.view", unit_id=change.unit_id, model_id=change.model_id)
    if not changes:
        refuse_if([Blocker("nothing", "Select at least one request.")])
    first = changes[stages[0][0].change_id]
    try:
        refuse_if([blocker for change in changes.values() for blocker in policies.together_blockers(change)])
        prove(by, password=password, code=code, subject=first, now=now)
        return _write_all(changes=changes.values(), stages=stages, rationale=rationale, by=by, now=now)
    except OneChanged as conflict:
        change_refresh(change=conflict.change, by=None, now=now)
        data = {"reasons": [conflict.code], "message": conflict.message, "together": len(stages)}
        conflict.evidence = event_of("decision_refused", conflict.change, by=by, now=now, data=data)
        raise
    except RuleViolation as refusal:
        codes = [blocker.code for blocker in refusal.blockers]
        refusal.evidence = event_of(
            "decision_refused", first, by=by, now=now, data={"reasons": codes, "together": len(stages)}
        )
        raise


@operation
def _write_all(
    *,
    changes: Iterable[ChangeRequest],
    stages: Sequence[tuple[Stage, str]],
    rationale: str,
    by: User,
    now: datetime,
) -> list[Decision]:
    locked = {change.pk: change for change in lock_changes(changes)}
    decisions = []
    for stage, read_digest in sorted(stages, key=lambda pair: pair[0].change_id):
        change = locked[stage.change_id]
        wanted = WantedDecision(stage, Verdict.APPROVE, rationale, [], [], read_digest, by, None, now)
        try:
            decisions.append(decision_write(change=change, wanted=wanted))
        except DossierChanged as conflict:
            raise OneChanged(change, conflict.message) from conflict
    return decisions
