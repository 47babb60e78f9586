"""Reading the ledger: by scope, subject, act and filters, always newest first, by keyset and never by offset."""

import json
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any
from uuid import UUID

from django.db import models

from audits.models import Checkpoint, EntryQuerySet, LedgerEntry, LedgerLeaf, LedgerPending
from audits.row_formats import SECRET_FIELDS
from mlops_portal.foundation.events import verb_label
from mlops_portal.foundation.history import history_model
from mlops_portal.foundation.people.models import User

PAGE = 50
ABBREVIATED = re.compile(r"\b(?:kpi|api|eu|ai)\b")


def entries_visible_to(user: User) -> EntryQuerySet:
    """Entries of the units and models on which ``user`` may read the ledger, newest first."""
    return LedgerEntry.objects.visible_to(user).order_by("-id")


def entries_of(subject: models.Model, *, user: User) -> EntryQuerySet:
    """Entries about one record."""
    return entries_visible_to(user).filter(subject_label=subject._meta.label, subject_id=str(subject.pk))


def entries_of_act(act_id: UUID, *, user: User) -> EntryQuerySet:
    """Everything that one act of one person entered."""
    return entries_visible_to(user).filter(act_id=act_id)


def entries_filtered(
    *,
    user: User,
    verb: str = "",
    actor_id: str = "",
    subject_label: str = "",
    subject_id: str = "",
    unit_id: int | None = None,
    model_id: int | None = None,
    since: datetime | None = None,
    until: datetime | None = None,
) -> EntryQuerySet:
    """Entries that fit every filter given; times are those of the act."""
    wanted = {
        "verb": verb,
        "actor_id": actor_id,
        "subject_label": subject_label,
        "subject_id": subject_id,
        "unit_id": unit_id,
        "model_id": model_id,
        "occurred_at__gte": since,
        "occurred_at__lt": until,
    }
    return entries_visible_to(user).filter(
        **{name: value for name, value in wanted.items() if value not in {"", None}}
    )


@dataclass(frozen=True, slots=True)
class Page:
    """One page of entries and where the next one begins (None: this is the last)."""

    entries: list[LedgerEntry]
    next_before: int | None


def page_of(entries: EntryQuerySet, *, before: int | None = None, size: int = PAGE) -> Page:
    """Return ``size`` entries older than the row id ``before``."""
    if before is not None:
        entries = entries.filter(id__lt=before)
    rows = list(entries.order_by("-id")[: size + 1])
    return Page(rows[:size], rows[size - 1].id if len(rows) > size else None)


def numbers_of(entries: Iterable[LedgerEntry]) -> dict[UUID, int]:
    """Return the numbers of those entries that have one, in one statement."""
    ids = [entry.entry_id for entry in entries]
    return dict(LedgerLeaf.objects.filter(entry_id__in=ids).values_list("entry_id", "index"))


def payloads_of(entries: Iterable[LedgerEntry]) -> dict[UUID, dict[str, Any]]:
    """Return the payloads of those entries that still have one, in one statement."""
    ids = [entry.entry_id for entry in entries]
    rows = LedgerEntry.objects.filter(entry_id__in=ids, payload__isnull=False)
    return {entry_id: json.loads(text) for entry_id, text in rows.values_list("entry_id", "payload__payload")}


@dataclass(frozen=True, slots=True)
class LedgerState:
    """How far the ledger is signed."""

    size: int
    root: str
    signed_at: datetime | None
    key: str
    waiting: bool


def ledger_state() -> LedgerState:
    """Return the last checkpoint and whether entries wait for one."""
    last = Checkpoint.objects.order_by("-size").first()
    waiting = LedgerPending.objects.exists()
    if last is None:
        return LedgerState(0, "", None, "", waiting)
    return LedgerState(last.size, bytes(last.root).hex(), last.created_at, last.key_id, waiting)


@dataclass(frozen=True, slots=True)
class FieldChange:
    """One field before and after; a field that did not exist before has `before` None."""

    name: str
    label: str
    before: Any
    after: Any


@dataclass(frozen=True, slots=True)
class HistoryStep:
    """One row of a record's history: who, when, why, and which fields became what."""

    history_id: int
    at: datetime
    actor_id: str
    actor: str
    verb: str
    reason: str
    changes: list[FieldChange] = field(default_factory=list)


def history_of(
    subject: models.Model, *, before: tuple[datetime, int] | None = None, size: int = PAGE
) -> list[HistoryStep]:
    """Return the newest steps of a record's history with each field before and after: two statements.

    ``before`` is time and id of the last step of the page above. Whether ``subject`` may be seen is the caller's
    question: it comes from a query set that begins with `visible_to`.
    """
    records = history_model(type(subject)).objects.filter(**{subject._meta.pk.attname: subject.pk})
    if before is not None:
        at, history_id = before
        records = records.filter(
            models.Q(history_date__lt=at) | models.Q(history_date=at, history_id__lt=history_id)
        )
    rows = list(records.order_by("-history_date", "-history_id")[: size + 1])
    people = names_of(row.history_user_id for row in rows)
    pairs = zip(rows, [*rows[1:], None], strict=True)
    return [_step(type(subject), row, older, people) for row, older in list(pairs)[:size]]


def names_of(actor_ids: Iterable[str | None]) -> dict[str, str]:
    """Return the names of people by the opaque ids that entries and history hold."""
    ids = {int(actor_id) for actor_id in actor_ids if actor_id and actor_id.isdigit()}
    return {str(pk): name for pk, name in User.objects.filter(pk__in=ids).values_list("pk", "name")}


def _step(model: type[models.Model], row: Any, older: Any | None, people: dict[str, str]) -> HistoryStep:
    actor_id = row.history_user_id or ""
    verb = {"+": "created", "~": "changed", "-": "deleted"}[row.history_type]
    tracked = [] if row.history_type == "-" else history_model(model).tracked_fields
    return HistoryStep(
        history_id=row.history_id,
        at=row.history_date,
        actor_id=actor_id,
        actor=people.get(actor_id, "" if actor_id else "The portal"),
        verb=verb_label(f"{model._meta.app_label}.{model._meta.model_name}_{verb}"),
        reason=row.history_change_reason or "",
        changes=_changes(tracked, row, older),
    )


def in_words(name: Any) -> str:
    """Write the name of a field or kind of record with its abbreviations in capitals."""
    return ABBREVIATED.sub(lambda found: found[0].upper(), str(name))


def _changes(tracked: Sequence[models.Field], row: Any, older: Any | None) -> list[FieldChange]:
    result = []
    for column in tracked:
        after = getattr(row, column.attname)
        before = None if older is None else getattr(older, column.attname)
        if before == after or (older is None and after in (None, "", [], {})):
            continue
        if column.name in SECRET_FIELDS:
            before, after = None if before in (None, "") else "(not shown)", "(not shown)"
        result.append(FieldChange(column.name, in_words(column.verbose_name), before, after))
    return result
