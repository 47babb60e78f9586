"""The inventory as it was: 10,000 models among 1,000,000 history rows.

The models are registered through the services, unless an earlier benchmark did. Their past is not: 99 earlier history
rows each are copied by SQL in a database that is dropped afterwards, and stand in no ledger.
"""

import time

from django.db import connection
from django.utils import timezone

from benchmarks.pages import analyse
from benchmarks.portfolio import Portfolio
from benchmarks.rows import Row
from mlops_portal.foundation.history import history_model, rows_as_of
from registry.models import RegisteredModel

HISTORY = 100
REPEATS = 5
SHOWN = (
    "id",
    "name",
    "title",
    "unit_id",
    "tier",
    "lifecycle_state",
    "governance",
    "owner_id",
    "history_date",
)


def run(models: int = 10_000) -> list[Row]:
    """Read the whole inventory as of moments in the past."""
    built = Portfolio()
    built.found()
    built.register_models(max(0, models - len(built.models)))
    models = RegisteredModel.objects.count()
    _give_a_past(HISTORY - 1)
    analyse()
    total = history_model(RegisteredModel).objects.count()
    if total < models * HISTORY:
        raise RuntimeError(f"{total} history rows instead of {models * HISTORY}")
    now, seconds = timezone.now(), []
    for repeat in range(REPEATS):
        at = now - timezone.timedelta(days=3 + 15 * repeat)
        began = time.perf_counter()
        found = list(rows_as_of(RegisteredModel, at).values_list(*SHOWN))
        seconds.append(time.perf_counter() - began)
        if len(found) != models:
            raise RuntimeError(f"{len(found)} models existed at {at}, not {models}")
    return [
        Row(f"as of: inventory of {models:,} models from {total:,} history rows", min(seconds), "s", "≤ 1")
    ]


def _give_a_past(steps: int) -> None:
    """Copy each model's history row to each of the ``steps`` days before."""
    records = history_model(RegisteredModel)
    table = records._meta.db_table
    kept = [
        field.column
        for field in records._meta.concrete_fields
        if field.name not in ("history_id", "history_date", "history_type")
    ]
    names = ", ".join(f'"{column}"' for column in kept)
    with connection.cursor() as cursor:
        cursor.execute(
            f"INSERT INTO {table} ({names}, history_date, history_type) "
            f"SELECT {names}, history_date - day * interval '1 day', CASE WHEN day = %s THEN '+' ELSE '~' END "
            f"FROM {table}, generate_series(1, %s) AS day WHERE history_type = '+'",
            [steps, steps],
        )
