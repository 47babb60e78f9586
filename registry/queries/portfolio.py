"""What the portfolio shows beside the record: what runs in production, what is open, how complete its documents were."""

from collections.abc import Callable
from typing import Any

from django.db.models import Count, IntegerField, OuterRef, QuerySet, Subquery
from django.db.models.functions import Coalesce

from registry import gates
from registry.models import Deployment, RecordTask
from registry.states import DeploymentState

# Columns of apps above, by name: each builds an expression over a model. Filled by `tables.offer`.
offered: dict[str, Callable[[], Any]] = {}


def count_of(rows: QuerySet) -> Coalesce:
    """Count rows that belong to a model (`model_id`), as a column of that model."""
    per_model = rows.filter(model=OuterRef("pk")).order_by().values("model").annotate(number=Count("pk"))
    return Coalesce(Subquery(per_model.values("number"), output_field=IntegerField()), 0)


def with_columns(rows: QuerySet) -> QuerySet:
    """Annotate models; only the rows of one page, or of a file, are ever computed."""
    serving = Deployment.objects.filter(
        model=OuterRef("pk"), state=DeploymentState.LIVE, environment__is_production=True
    ).order_by("-started_at", "-pk")
    return rows.annotate(
        production_number=Subquery(serving.values("version__number")[:1]),
        production_label=Subquery(serving.values("version__label")[:1]),
        document_score=Subquery(serving.values("document_score")[:1]),
        open_tasks=sum(
            (count_of(rows()) for rows in gates.duty_rows),
            start=count_of(RecordTask.objects.filter(closed_at__isnull=True)),
        ),
        **{name: build() for name, build in offered.items()},
    )
