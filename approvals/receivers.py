"""Reactions to what happens in the registry: requests on changed content are compared again, soon and visibly.

The comparison itself runs in a job. Here one question is asked per act, at its end, so that a busy machine door pays
a single statement and only when something happened that a dossier may rest on.
"""

from typing import Any

from approvals.models import ChangeRequest
from approvals.services.revisions import REFRESH_JOB
from approvals.states import REFRESHABLE
from mlops_portal.foundation.events import DomainEvent
from mlops_portal.foundation.operations import Act, current_act
from mlops_portal.foundation.work import jobs

BUFFER = "approvals.refresh"
# A new version, a tag or an alias is in no dossier that was frozen before it existed.
SILENT = frozenset(
    {
        "registry.version_registered",
        "registry.versions_registered",
        "registry.model_registered",
        "registry.models_registered",
        "registry.tag_set",
        "registry.tag_deleted",
        "registry.alias_set",
        "registry.alias_deleted",
        "registry.task_opened",
        "registry.task_closed",
        "registry.version_staged",
    }
)
SPEAKING = frozenset(
    {"approvals.validation_concluded", "approvals.finding_closed", "approvals.finding_raised"}
)


def on_event(event: DomainEvent, **kwargs: Any) -> None:
    """Remember the model of an event that may have changed a dossier."""
    speaks = event.verb in SPEAKING or (event.verb.startswith("registry.") and event.verb not in SILENT)
    act = current_act()
    if act is not None and speaks and event.model_id is not None:
        act.buffer(BUFFER).append((event.model_id, event.occurred_at))


def at_end_of_act(act: Act) -> None:
    """Queue one comparison for each open request of the models that were touched."""
    touched = act.buffer(BUFFER)
    if not touched:
        return
    now = max(at for _, at in touched)
    changes = ChangeRequest.objects.filter(
        model_id__in={model_id for model_id, _ in touched}, state__in=REFRESHABLE
    )
    open_changes = dict(changes.values_list("pk", "unit_id"))
    if not open_changes:
        return
    # A comparison that still waits will see this change, too.
    queued = jobs.Job.objects.filter(kind=REFRESH_JOB, state=jobs.JobState.QUEUED)
    waiting = set(queued.values_list("params__change_id", flat=True))
    for pk, unit_id in open_changes.items():
        if pk not in waiting:
            jobs.start(kind=REFRESH_JOB, by=None, params={"change_id": pk}, now=now, unit_id=unit_id)
