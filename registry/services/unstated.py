"""What a record holds by default and nobody stated: who states it, and what then follows its kind."""

from collections.abc import Collection, Mapping, Sequence
from datetime import datetime

from mlops_portal.foundation.history import bulk_save_as
from mlops_portal.foundation.people.models import User
from registry.models import Component, RegisteredModel

COMPONENT = "Model"  # the one that a model gets by itself


def note_stated(model: RegisteredModel, names: Collection[str]) -> list[str]:
    """Take over that somebody stated these fields of the unsaved model; return the fields that this changes."""
    left = {name: text for name, text in model.unstated.items() if name not in names}
    if left == model.unstated:
        return []
    model.unstated = left
    return ["unstated"]


def components_follow(
    kinds: Mapping[int, str],
    models: Sequence[RegisteredModel],
    *,
    by: User | None,
    now: datetime,
    reason: str = "Its model's kind is stated",
) -> None:
    """Give the component that each model got by itself the kind which is stated now; ``kinds`` are those before."""
    found = Component.objects.filter(model__in=kinds, name=COMPONENT).order_by("pk")
    now_kinds = {model.pk: model.kind for model in models}
    parts = [part for part in found if part.kind == kinds[part.model_id] != now_kinds[part.model_id]]
    for part in parts:
        part.kind = now_kinds[part.model_id]
    if parts:
        bulk_save_as(parts, by=by, now=now, reason=reason, fields=["kind"])
