"""Who owned and who developed a model, whoever does today.

A record that names somebody else today does not make yesterday's owner or developer independent: whoever may edit it
could otherwise step aside for one decision.
"""

from collections import defaultdict
from collections.abc import Hashable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import TypeVar

from django.db.models import OuterRef, Q, Subquery

from mlops_portal.foundation.history import history_model
from registry.models import RegisteredModel

Key = TypeVar("Key", bound=Hashable)
Term = tuple[datetime, int | None, int | None]  # since when, owner, developer


@dataclass(frozen=True, slots=True)
class Offices:
    """Who owned and who developed a model since a moment."""

    owners: frozenset[int] = frozenset()
    developers: frozenset[int] = frozenset()


NOBODY = Offices()


def offices_since(asked: Mapping[Key, tuple[int, datetime]]) -> dict[Key, Offices]:
    """Return who held the offices of a model at a moment or later, from its history; one statement for all."""
    if not asked:
        return {}
    rows = history_model(RegisteredModel)._default_manager
    models, oldest = {model_id for model_id, _ in asked.values()}, min(since for _, since in asked.values())
    earlier = rows.filter(id=OuterRef("pk"), history_date__lt=oldest).order_by("-history_date", "-history_id")
    newest = Subquery(earlier.values("history_id")[:1])
    last = RegisteredModel.objects.filter(pk__in=models).order_by().annotate(row=newest).values("row")
    found = rows.filter(Q(history_date__gte=oldest) | Q(history_id__in=last), id__in=models)
    terms: dict[int, list[Term]] = defaultdict(list)
    columns = ("id", "history_date", "owner_id", "developer_id")
    for model_id, *term in found.order_by("id", "history_date", "history_id").values_list(*columns):
        terms[model_id].append(tuple(term))
    return {key: _held(terms[model_id], since) for key, (model_id, since) in asked.items()}


def _held(terms: list[Term], since: datetime) -> Offices:
    """Keep what was written since, and the row that was in force before it."""
    later = [term for term in terms if term[0] >= since]
    held = [*[term for term in terms if term[0] < since][-1:], *later]
    return Offices(
        frozenset(owner for _, owner, _ in held if owner),
        frozenset(developer for _, _, developer in held if developer),
    )


def offices_of(model: RegisteredModel, *, since: datetime) -> Offices:
    """Return who held the offices of one model at a moment or later."""
    return offices_since({model.pk: (model.pk, since)})[model.pk]
