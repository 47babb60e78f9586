"""A model as it was, read from history: the record itself and what stood around it."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from mlops_portal.foundation.history import as_of, rows_as_of
from registry.models import Alias, Component, Consumer, Deployment, ModelVersion, RegisteredModel, UnitUse


@dataclass(frozen=True, slots=True)
class PastModel:
    """History rows in force at one moment. ``record`` is None when the model did not exist then."""

    at: datetime
    record: Any | None
    components: list[Any]
    versions: list[Any]
    aliases: list[Any]
    consumers: list[Any]
    uses: list[Any]
    deployments: list[Any]


def model_as_of(model: RegisteredModel, at: datetime) -> PastModel:
    """Return the model and its rows as they stood at ``at``. Rights are today's: the caller checked them."""
    record = as_of(model, at)
    if record is None or (record.deleted_at is not None and record.deleted_at <= at):
        return PastModel(at, None, [], [], [], [], [], [])

    def rows(child: type) -> list[Any]:
        return list(rows_as_of(child, at, among={"model_id": model.pk}))

    versions = [row for row in rows(ModelVersion) if row.deleted_at is None]
    return PastModel(
        at,
        record,
        components=rows(Component),
        versions=sorted(versions, key=lambda row: -row.number),
        aliases=rows(Alias),
        consumers=rows(Consumer),
        uses=rows(UnitUse),
        deployments=rows(Deployment),
    )
