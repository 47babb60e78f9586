"""What this app puts on a manager's home page: the five numbers of their units."""

from collections.abc import Mapping
from typing import Any

from django.utils import timezone

from kpis import definitions
from kpis.judging import judge, targets_in_force
from kpis.queries.dashboard import ORDER
from kpis.reading import closed_day, read, three_months
from kpis.scopes import scope_for
from kpis.words import period_text, value_text


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
