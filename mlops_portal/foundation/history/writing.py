"""The only ways to write an audited row."""

from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta
from typing import Any, TypeVar

from django.db import models, transaction

from mlops_portal.foundation.history.audited import (
    audited_write,
    history_model,
    history_row_written,
    history_rows_written,
)
from mlops_portal.foundation.history.tables import CHUNK, insert_with_history, update_with_history
from mlops_portal.foundation.operations import check_clock

M = TypeVar("M", bound=models.Model)


def _history_date(instance: models.Model, now: datetime) -> datetime:
    """Give a time after the object's last history row, so that history has one order."""
    last = (
        history_model(type(instance))
        .objects.filter(**{instance._meta.pk.attname: instance.pk})
        .order_by("-history_date", "-history_id")
        .values_list("history_date", flat=True)
        .first()
    )
    return now if last is None or now > last else last + timedelta(microseconds=1)


def _name(instance: Any, by: Any, date: datetime, reason: str) -> None:
    instance._history_user, instance._history_date, instance._change_reason = by, date, reason


def _forget(instance: Any) -> None:
    for name in ("_history_user", "_history_date", "_change_reason"):
        if hasattr(instance, name):
            delattr(instance, name)


def save_as(
    instance: M, *, by: Any, now: datetime, reason: str = "", fields: Sequence[str] | None = None
) -> M:
    """Save ``instance`` with one history row that names ``by`` (None: the system), ``now`` and ``reason``."""
    check_clock(now)
    if instance._state.adding and instance.pk is None:
        with transaction.atomic(savepoint=False):
            (row,) = insert_with_history([instance], by=by, now=now, reason=reason)
            history_row_written.send(sender=type(instance), model=type(instance), history_row=row)
        return instance
    if not instance._state.adding and not set(fields or ["?"]) <= set(
        getattr(instance, "UNRECORDED_FIELDS", ())
    ):
        with transaction.atomic(savepoint=False):
            row = update_with_history(instance, fields=fields, by=by, now=now, reason=reason)
            history_row_written.send(sender=type(instance), model=type(instance), history_row=row)
        return instance
    _name(instance, by, now, reason)
    try:
        instance.save(update_fields=None if instance._state.adding else fields)
    finally:
        _forget(instance)
    return instance


def delete_as(instance: models.Model, *, by: Any, now: datetime, reason: str = "") -> None:
    """Delete ``instance``; its history keeps the last state."""
    check_clock(now)
    _name(instance, by, _history_date(instance, now), reason)
    try:
        with audited_write():
            instance.delete()
    finally:
        _forget(instance)


def bulk_save_as(
    objs: Iterable[M], *, by: Any, now: datetime, reason: str = "", fields: Sequence[str] | None = None
) -> list[M]:
    """Write many rows and their history in a few statements.

    Rows without primary key are created; with ``fields`` the rows are updated in those fields.
    Objects of one call must be of one class and either all new or all known.
    """
    check_clock(now)
    rows = list(objs)
    for start in range(0, len(rows), CHUNK):
        _bulk_chunk(rows[start : start + CHUNK], by=by, now=now, reason=reason, fields=fields)
    return rows


def _bulk_chunk(rows: list[M], *, by: Any, now: datetime, reason: str, fields: Sequence[str] | None) -> None:
    model = type(rows[0])
    if fields is None:
        with transaction.atomic(savepoint=False):
            created = insert_with_history(rows, by=by, now=now, reason=reason)
            history_rows_written.send(sender=model, model=model, history_rows=created)
        return
    with transaction.atomic(savepoint=False), audited_write():
        dates = _last_dates(model, rows)
        model._base_manager.bulk_update(rows, fields)
        records = history_model(model)
        tracked = [field.attname for field in records.tracked_fields]
        history = []
        for row in rows:
            last = dates.get(row.pk)
            record = records(
                history_date=now if last is None or now > last else last + timedelta(microseconds=1),
                history_type="~",
                history_change_reason=reason,
                **{name: getattr(row, name) for name in tracked},
            )
            record.history_user = by
            history.append(record)
        records.objects.bulk_create(history)
        history_rows_written.send(sender=model, model=model, history_rows=history)


def _last_dates(model: type[models.Model], rows: Sequence[models.Model]) -> dict[Any, datetime]:
    key = model._meta.pk.attname
    found = (
        history_model(model)
        .objects.filter(**{f"{key}__in": [row.pk for row in rows]})
        .order_by()
        .values(key)
        .annotate(last=models.Max("history_date"))
        .values_list(key, "last")
    )
    return dict(found)
