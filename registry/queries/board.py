"""The board of deployments: what stands in each environment now, bounded in columns and in cards."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any

from django.db.models import Count, F, QuerySet, Window
from django.db.models.functions import RowNumber

from mlops_portal.foundation.people.models import UnitClosure, User
from registry.models import Deployment, Environment
from registry.models.operations import DeploymentQuerySet
from registry.states import CURRENT_DEPLOYMENT_STATES

COLUMNS, CARDS = 12, 20
FIRST_TO_LAST = {str(state): place for place, state in enumerate(CURRENT_DEPLOYMENT_STATES)}
# What a card shows: versions carry wide columns that it does not.
SHOWN = (
    "environment", "unit", "state", "kind", "traffic_percent", "started_at", "change_id",
    "model__name", "model__title", "model__tier", "version__model", "version__number", "version__label",
)  # fmt: skip


@dataclass(slots=True)
class Lane:
    """One environment with its newest deployments, and how many there are in each state."""

    environment: Environment
    deployments: list[Deployment] = field(default_factory=list)
    totals: dict[str, int] = field(default_factory=dict)

    @property
    def total(self) -> int:
        """How many stand there, shown or not."""
        return sum(self.totals.values())


def open_environments(user: User) -> QuerySet[Environment]:
    """Return where versions can run, as far as the person may see it: production first, then by name."""
    return (
        Environment.objects.filter(closed_at__isnull=True)
        .visible_to(user)
        .order_by("-is_production", "name", "pk")
    )


def serving(environments: QuerySet[Environment], units: Iterable[Any]) -> QuerySet[Environment]:
    """Narrow to what may serve these units: their own environments and those of the units above."""
    above = UnitClosure.objects.filter(descendant_id__in=list(units)).values("ancestor_id")
    return environments.filter(unit_id__in=above)


def by_provider(environments: QuerySet[Environment]) -> dict[str, int]:
    """Count environments by where they run."""
    rows = environments.order_by().values_list("provider").annotate(number=Count("pk"))
    return dict(rows.order_by("provider"))


def lanes_of(environments: Sequence[Environment], deployments: DeploymentQuerySet) -> list[Lane]:
    """Return a lane for each environment: what is being executed, what is suspended, what serves, each newest first.

    Three statements whatever their number. The two that read every deployment that stands need nothing but the index
    `deployment_now`, in whose order they count and cut; the third reads the rows that are shown.
    """
    lanes = {environment.pk: Lane(environment) for environment in environments}
    current = deployments.current().filter(environment__in=list(lanes)).order_by()
    for place, state, number in current.values_list("environment", "state").annotate(number=Count("pk")):
        lanes[place].totals[state] = number
    for row in _shown(current):
        lanes[row.environment_id].deployments.append(row)
    return list(lanes.values())


def _shown(current: DeploymentQuerySet) -> list[Deployment]:
    newest = Window(
        RowNumber(),
        partition_by=[F("environment"), F("state")],
        order_by=[F("started_at").desc(), F("pk").desc()],
    )
    cut = current.annotate(place=newest).filter(place__lte=CARDS)
    found = list(cut.values_list("environment", "state", "place", "pk"))
    found.sort(key=lambda row: (row[0], FIRST_TO_LAST[row[1]], row[2]))
    kept: dict[int, list[int]] = {}
    for place, _, _, pk in found:
        if len(kept.setdefault(place, [])) < CARDS:
            kept[place].append(pk)
    order = {pk: number for number, pk in enumerate(pk for pks in kept.values() for pk in pks)}
    rows = Deployment.objects.filter(pk__in=order).select_related("model", "version").only(*SHOWN)
    return sorted(rows, key=lambda row: order[row.pk])
