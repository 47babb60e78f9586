"""Duties that the portal opens on a record by itself, and closes when they are done."""

from datetime import date, datetime

from mlops_portal.foundation.errors import invalid
from mlops_portal.foundation.history import save_as
from mlops_portal.foundation.locks import lock
from mlops_portal.foundation.operations import operation
from mlops_portal.foundation.people.models import User
from mlops_portal.foundation.people.rights import require
from mlops_portal.foundation.rules import Blocker, refuse_if
from registry.events import tell
from registry.models import RecordTask, RegisteredModel
from registry.states import TaskKind


@operation
def task_open(
    *,
    model: RegisteredModel,
    kind: str,
    text: str,
    now: datetime,
    by: User | None = None,
    owner: User | None = None,
    due_on: date | None = None,
) -> RecordTask:
    """Open a duty on a record, or bring the open one of this kind up to date. Without ``owner`` the model's owner has it."""
    if kind not in TaskKind.values:
        raise invalid("kind", f"There is no kind of task {kind}.")
    owner = owner or model.owner
    task = RecordTask.objects.filter(model=model, kind=kind, closed_at__isnull=True).first()
    if task is None:
        task = RecordTask(
            model=model,
            unit_id=model.unit_id,
            kind=kind,
            text=text,
            owner=owner,
            opened_at=now,
            due_on=due_on,
        )
        save_as(task, by=by, now=now, reason="Task opened")
        tell("task_opened", task, by=by, now=now, kind=kind, text=text)
    elif (task.text, task.owner_id) != (text, owner.pk if owner else None):
        passed_on = task.owner_id != (owner.pk if owner else None)
        task.text, task.owner = text, owner
        save_as(task, by=by, now=now, reason="Task changed", fields=["text", "owner"])
        if passed_on:
            tell("task_passed_on", task, by=by, now=now, kind=kind, text=text)
    return task


@operation
def task_close(*, task: RecordTask, by: User | None, now: datetime, reason: str = "") -> RecordTask:
    """Close a duty. People need the right to edit the record; the portal closes what is done."""
    task = lock(RecordTask.objects.all(), task.pk)
    require(by, "registry.edit", unit_id=task.unit_id, model_id=task.model_id)
    refuse_if([Blocker("closed", "This task is closed already.")] if task.closed_at else [])
    task.closed_at = now
    save_as(task, by=by, now=now, reason=reason or "Task closed", fields=["closed_at"])
    tell("task_closed", task, by=by, now=now, kind=task.kind, reason=reason)
    return task
