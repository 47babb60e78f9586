"""Whom acts of KPIs tell: a target is proposed by one person and decided by another."""

from collections.abc import Iterable, Sequence

from django.urls import reverse

from kpis import definitions
from kpis.models import KpiTarget
from kpis.policies import approvers
from mlops_portal.foundation.events import DomainEvent
from mlops_portal.foundation.web.notices import Happening, Place, Receivers, Record, Rule, few, ids
from mlops_portal.foundation.web.settling import Ask, Ending
from mlops_portal.foundation.web.words import sentence

VIEW = "kpis.view"


def _targets(events: Sequence[DomainEvent]) -> Iterable[KpiTarget]:
    return KpiTarget.objects.filter(pk__in=ids(events)).select_related("unit", "proposed_by")


def _deciders(target: KpiTarget, happening: Happening) -> Iterable[int | None]:
    return few([person.pk for person in approvers(target.unit, but=target.proposed_by)])


TARGET = Record(
    find=_targets,
    subject=lambda target: f"Target of {definitions.get(target.kpi).label}",
    place=lambda target: Place(reverse("kpis:target-detail", args=[target.pk]), VIEW, target.unit_id),
    words=lambda target, happening: {"note": sentence(str(happening.data.get("note", "")))},
)
DECIDERS = Receivers("those who set targets there", _deciders)
PROPOSER = Receivers("who proposed it", lambda target, happening: [target.proposed_by_id])

DECIDE = Ask("kpis.decide_target", VIEW)

ENDINGS = (
    Ending(verb="kpis.target_approved", ask=DECIDE, outcome="Approved"),
    Ending(verb="kpis.target_declined", ask=DECIDE, outcome="Declined"),
)
RULES = (
    Rule(
        verb="kpis.target_proposed",
        about=TARGET,
        to=(DECIDERS,),
        asks=DECIDE,
        text="{by} proposes another target. Approve or decline it as the second person.",
    ),
    Rule(
        verb="kpis.target_approved", about=TARGET, to=(PROPOSER,), tone="ok", text="{by} approved it. {note}"
    ),
    Rule(
        verb="kpis.target_declined",
        about=TARGET,
        to=(PROPOSER,),
        tone="fail",
        text="{by} declined it: {note}",
    ),
)
