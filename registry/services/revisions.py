"""Optimistic locking: a form carries the revision it was opened at; the second to save learns what the first did."""

from django.db import models

from mlops_portal.foundation.errors import Conflict
from mlops_portal.foundation.history import history_model
from mlops_portal.foundation.people.models import User
from mlops_portal.foundation.web.words import time_text

# What the portal computes after each change says nothing of what a person did.
UNTOLD = {
    "revision",
    "updated_at",
    "governance",
    "governance_rationale",
    "governance_evaluated_at",
    "adoption_stage",
    "adoption_reason",
}


def refuse_stale(instance: models.Model, revision: int | None) -> None:
    """Refuse when ``instance`` moved on since ``revision``; None means that no form was involved.

    Raises:
        Conflict: saying who changed what and when.
    """
    if revision is None or revision == instance.revision:
        return
    rows = list(
        history_model(type(instance))
        .objects.filter(**{instance._meta.pk.name: instance.pk, "revision__gte": revision})
        .order_by("history_date", "history_id")
    )
    raise Conflict(_sentence(instance, revision, rows))


def _sentence(instance: models.Model, revision: int, rows: list[models.Model]) -> str:
    seen = [row for row in rows if row.revision == revision]
    newer = [row for row in rows if row.revision > revision]
    if not seen or not newer:
        return f"{instance} was changed in the meantime; nothing was saved. Open it again."
    before, last = seen[-1], newer[-1]
    fields = [
        str(field.verbose_name)
        for field in instance._meta.concrete_fields
        if field.name not in UNTOLD and getattr(before, field.attname) != getattr(last, field.attname)
    ]
    ids = {row.history_user_id for row in newer if row.history_user_id}
    names = list(User.objects.filter(pk__in=ids).order_by("name").values_list("name", flat=True))
    who = " and ".join(names) or "The portal"
    return f"{who} changed {', '.join(fields) or 'the record'} on {time_text(last.history_date)}; nothing was saved."
