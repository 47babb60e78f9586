"""What this app puts on a manager's home page: the five numbers of their units, and targets that wait for them."""

from collections.abc import Mapping
from typing import Any

from django.utils import timezone

from kpis import definitions
from kpis.judging import judge, limit_text, targets_in_force
from kpis.models import KpiTarget
from kpis.queries.dashboard import ORDER
from kpis.reading import closed_day, read, three_months, zone
from kpis.rights import SET
from kpis.scopes import scope_for
from kpis.windows import local_day
from kpis.words import period_text, value_text
from mlops_portal.foundation.people.rights import rights_of

SHOWN = 8


def numbers(user: Any) -> Mapping[str, Any] | None:
    """The last three complete months."""
    window = three_months(timezone.now())
    found = read(scope_for(user), [window], now=timezone.now(), names=ORDER, cells_of=[window])
    targets, on = targets_in_force(), closed_day(window)
    rows: list[dict[str, Any]] = []
    for name in ORDER:
        kpi, figure = definitions.get(name), found.of(name, window)
        verdict = judge(figure, targets, on=on)
        rows.append(
            {"kpi": kpi, "figure": figure, "verdict": verdict, "value": value_text(kpi, figure.value)}
        )
    return {"rows": rows, "period": period_text(window)} if any(row["figure"].n for row in rows) else None


def proposals(user: Any) -> Mapping[str, Any] | None:
    """Targets that somebody else proposed and this person can approve; one whose first day has passed to decline it."""
    rights, today = rights_of(user), local_day(timezone.now(), zone())
    rows = KpiTarget.objects.visible_to(user, SET).filter(approved_at__isnull=True, declined_at__isnull=True)
    if not rights.everywhere(SET):
        rows = rows.filter(unit_id__in=rights.units(SET))
    found = list(
        rows.exclude(proposed_by=user)
        .select_related("unit", "proposed_by")
        .order_by("valid_from", "pk")[:SHOWN]
    )
    return (
        {
            "targets": [
                {
                    "target": one,
                    "text": limit_text(definitions.get(one.kpi), one.value),
                    "is_late": one.valid_from < today,
                }
                for one in found
            ]
        }
        if found
        else None
    )
