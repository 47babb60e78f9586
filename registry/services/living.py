"""Models that were not deleted: lock them, note that something happened to them."""

from datetime import datetime

from mlops_portal.foundation.locks import lock
from registry.models import ModelCounter, RegisteredModel


def touch(model_id: int, now: datetime) -> None:
    """Note activity on a model."""
    ModelCounter.objects.filter(model_id=model_id).update(last_activity_at=now)


def lock_living(pk: int) -> RegisteredModel:
    """Lock a model that was not deleted.

    Raises:
        NotFound: there is none.
    """
    return lock(RegisteredModel.objects.alive().select_related("unit"), pk)
