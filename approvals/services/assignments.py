"""Who takes a stage among those who may fill it. An assignment bars nobody and gives nobody a right."""

from datetime import datetime

from approvals.duties import duty_of, duty_records, eligible
from approvals.events import tell
from approvals.models import ChangeRequest, Stage
from approvals.services.changes import lock_change
from approvals.states import ChangeState
from mlops_portal.foundation.history import save_as
from mlops_portal.foundation.operations import operation
from mlops_portal.foundation.people.models import User
from mlops_portal.foundation.people.rights import require
from mlops_portal.foundation.rules import Blocker, refuse_if
from mlops_portal.foundation.web.notifications import notify


def colleagues_for(change: ChangeRequest, stage: Stage, *, now: datetime) -> list[User]:
    """Return the people who may fill ``stage`` now, by name."""
    return eligible(stage, duty_records(change, now=now), now=now)


@operation
def stage_assign(*, change: ChangeRequest, to: User, by: User, now: datetime) -> Stage:
    """Give the stage that decides now to a colleague who may fill it."""
    change = lock_change(change.pk)
    stage = change.stages.filter(state=Stage.State.CURRENT).select_related("returns_to", "unit").first()
    if stage is None or change.state != ChangeState.IN_REVIEW:
        refuse_if([Blocker("state", f"{change.code} is not in review: no stage decides now.")])
    assert stage is not None  # noqa: S101  (refused above)
    require(by, stage.right, unit_id=change.unit_id, model_id=change.model_id)
    records = duty_records(change, now=now)
    if to not in eligible(stage, records, now=now):
        reasons = duty_of(to, stage, records, now=now)
        why = reasons[0].message if reasons else f"Their roles do not fill “{stage.title}”."
        refuse_if([Blocker("not_eligible", f"{to.name} may not decide {change.code}: {why}")])
    stage.assigned_to = to
    save_as(stage, by=by, now=now, reason=f"Assigned to {to.name}", fields=["assigned_to"])
    tell("stage_assigned", change, by=by, now=now, stage=stage.key, to=str(to.pk))
    if to.pk != by.pk:
        notify(
            people=[to],
            subject=change.code,
            text=f"{by} asks you to take “{stage.title}” of {change}.",
            now=now,
            link=change.get_absolute_url(),
        )
    return stage
