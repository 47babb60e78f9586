"""Whom acts of KPIs tell: a target is proposed by one person and decided by another."""

from collections.abc import Iterable, Sequence

from django.urls import reverse

from kpis import definitions
from kpis.models import KpiTarget
from kpis.rights import SET
from mlops_portal.foundation.events import DomainEvent
from mlops_portal.foundation.people.models import BusinessUnit
from mlops_portal.foundation.web.notices import Happening, Place, Receivers, Record, Rule, holders_told, ids
from mlops_portal.foundation.web.words import sentence

VIEW = "kpis.view"


def _targets(events: Sequence[DomainEvent]) -> Iterable[KpiTarget]:
    return KpiTarget.objects.filter(pk__in=ids(events)).select_related("unit")


def _scope(target: KpiTarget) -> int | None:
    """Return the unit on which a target is decided: of the whole group it is the group."""
    if target.unit_id is not None:
        return target.unit_id
    return BusinessUnit.objects.filter(parent__isnull=True).values_list("pk", flat=True).first()


def _deciders(target: KpiTarget, happening: Happening) -> Iterable[int | None]:
    unit_id = _scope(target)
    if unit_id is None:
        return []
    return holders_told(SET, unit_id=unit_id, other_than=(target.proposed_by_id,))


TARGET = Record(
    find=_targets,
    subject=lambda target: f"Target of {definitions.get(target.kpi).label}",
    place=lambda target: Place(reverse("kpis:target-detail", args=[target.pk]), VIEW, target.unit_id),
    words=lambda target, happening: {"note": sentence(str(happening.data.get("note", "")))},
)
DECIDERS = Receivers("those who set targets there", _deciders)
PROPOSER = Receivers("who proposed it", lambda target, happening: [target.proposed_by_id])

RULES = (
    Rule(
        verb="kpis.target_proposed",
        about=TARGET,
        to=(DECIDERS,),
        asks=True,
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
