"""Whom acts of audits tell: whoever waits for an export."""

from collections.abc import Iterable, Sequence

from django.urls import reverse

from audits import events
from audits.exports.scopes import RIGHT
from mlops_portal.foundation.events import DomainEvent
from mlops_portal.foundation.web.notices import Place, Receivers, Record, Rule, ids
from mlops_portal.foundation.work.jobs import Job


def _jobs(events: Sequence[DomainEvent]) -> Iterable[Job]:
    return Job.objects.filter(pk__in=ids(events))


MADE = Record(
    find=_jobs,
    subject=lambda job: job.label,
    place=lambda job: Place(reverse("audits:exports"), RIGHT),
)
STARTER = Receivers("who started it", lambda job, happening: [job.owner_id])

RULES = (
    Rule(
        verb=events.EXPORT_MADE,
        about=MADE,
        to=(STARTER,),
        tone="ok",
        tells_actor=True,
        text="The export is ready. Download it before it is removed.",
    ),
)
