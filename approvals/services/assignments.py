"""Who takes a stage among those who may fill it. An assignment bars nobody and gives nobody a right."""

from collections.abc import Sequence
from datetime import datetime

from django.urls import reverse

from approvals.duties import DutyRecords, duty_of, eligible
from approvals.events import tell
from approvals.models import ChangeRequest, Stage
from approvals.notice_asks import DECIDE
from approvals.queries.colleagues import records_with_holders
from approvals.services.changes import lock_changes
from approvals.states import ChangeState
from mlops_portal.foundation.errors import invalid
from mlops_portal.foundation.history import bulk_save_as
from mlops_portal.foundation.operations import operation
from mlops_portal.foundation.people.models import User
from mlops_portal.foundation.people.rights import require
from mlops_portal.foundation.rules import Blocker, refuse_if
from mlops_portal.foundation.web.notifications import notify
from mlops_portal.foundation.web.words import plural


@operation
def stages_assign(*, changes: Sequence[ChangeRequest], to: User, by: User, now: datetime) -> list[Stage]:
    """Give the stages that decide now to a colleague who may fill them, all of them or none, and tell them.

    Raises:
        Invalid: no request is given.
        NotAllowed: ``by`` could not decide at one of the stages.
        RuleViolation: a request is not in review, or the colleague may not decide it; all reasons.
    """
    if not changes:
        raise invalid("changes", "Select at least one request that stands at a stage of yours.")
    locked = lock_changes(changes)
    current = Stage.objects.filter(change__in=locked, state=Stage.State.CURRENT)
    stages = {stage.change_id: stage for stage in current.select_related("returns_to", "unit")}
    refuse_if(
        [
            Blocker("state", f"{change.code} is not in review: no stage decides now.")
            for change in locked
            if change.pk not in stages or change.state != ChangeState.IN_REVIEW
        ]
    )
    for change in locked:
        stages[change.pk].change = change
        require(by, stages[change.pk].right, unit_id=change.unit_id, model_id=change.model_id)
    given = [stages[change.pk] for change in locked]
    records = records_with_holders(given, by=by, now=now)
    refuse_if(
        [blocker for stage in given for blocker in _not_theirs(stage, to, records[stage.change_id], now)]
    )
    for stage in given:
        stage.assigned_to = to
    bulk_save_as(given, by=by, now=now, reason=f"Assigned to {to.name}", fields=["assigned_to"])
    for stage in given:
        tell("stage_assigned", stage.change, by=by, now=now, stage=stage.key, to=str(to.pk))
    if to.pk != by.pk:
        _notice(given, to, by, now)
    return given


def _not_theirs(stage: Stage, to: User, records: DutyRecords, now: datetime) -> list[Blocker]:
    if to in eligible(stage, records, now=now):
        return []
    reasons = duty_of(to, stage, records, now=now)
    why = reasons[0].message if reasons else f"Their roles do not fill “{stage.title}”."
    return [Blocker("not_eligible", f"{to.name} may not decide {stage.change.code}: {why}")]


def _notice(stages: Sequence[Stage], to: User, by: User, now: datetime) -> None:
    first, *others = stages
    named = f"“{first.title}” of {first.change.code}"
    notify(
        people=[to],
        subject=plural(len(stages), "request") if others else str(first.change),
        text=f"{by} asks you to take {named}"
        + (f" and {plural(len(others), 'more request')}." if others else "."),
        now=now,
        link=reverse("approvals:inbox") if others else first.change.get_absolute_url(),
        about=None if others else first.change,
        asks=[DECIDE.of(stage.pk) for stage in stages],
    )
