"""Who may fill each of several stages, in a fixed number of statements: the function that signing asks says it."""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from datetime import datetime

from django.db.models import Q, prefetch_related_objects

from approvals.duties import MANAGERS_ABOVE, DutyRecords, eligible, with_persons
from approvals.models import Stage
from approvals.queries.my_duties import records_of
from mlops_portal.foundation.people.models import UnitClosure, User
from mlops_portal.foundation.people.rights import effective_grants
from mlops_portal.foundation.people.roles import ROLES

LINE = "__".join(["returns_to", *["line_manager"] * MANAGERS_ABOVE])


def colleagues_for(stages: Sequence[Stage], *, by: User, now: datetime) -> list[User]:
    """Return the people who may fill every one of these stages now, by name."""
    if not stages:
        return []
    records = records_with_holders(stages, by=by, now=now)
    first, *others = (eligible(stage, records[stage.change_id], now=now) for stage in stages)
    shared = set(first).intersection(*others)
    return [person for person in first if person in shared]


def records_with_holders(
    stages: Sequence[Stage], *, by: User | None, now: datetime
) -> Mapping[int, DutyRecords]:
    """Load by change what separation of duties looks at; each stage comes with its change, model and version.

    For whom ``by`` stands in is read with it.
    """
    prefetch_related_objects(stages, LINE)
    changes = {stage.change_id: stage.change for stage in stages}
    records = records_of(by, list(changes.values()), now)
    units = {change.unit_id for change in changes.values()}
    above: dict[int, set[int]] = defaultdict(set)
    for unit_id, ancestor_id in UnitClosure.objects.filter(descendant_id__in=units).values_list(
        "descendant_id", "ancestor_id"
    ):
        above[unit_id].add(ancestor_id)
    rights = {stage.right for stage in stages}
    roles = [role for role, spec in ROLES.items() if rights.intersection(spec.rights)]
    here = Q(unit_id__in=set().union(*above.values()))
    here |= Q(model_id__in={change.model_id for change in changes.values()})
    grants = effective_grants().filter(here, role__in=roles).select_related("user", "unit")
    pairs = list(with_persons(list(grants)))
    for stage in stages:
        change = changes[stage.change_id]
        held = [
            (grant, person)
            for grant, person in pairs
            if stage.right in ROLES[grant.role].rights
            and (grant.unit_id in above[change.unit_id] or grant.model_id == change.model_id)
        ]
        records[stage.change_id].hold(stage.right, held)
    return records
