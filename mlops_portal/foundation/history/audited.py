"""`AuditedModel`: a row whose every change is kept, and query sets that refuse silent writes."""

import functools
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any

from django.db import models
from django.dispatch import Signal
from simple_history.manager import HistoryManager
from simple_history.models import HistoricalRecords
from simple_history.signals import post_create_historical_record

history_row_written = Signal()  # model, history_row
history_rows_written = Signal()  # model, history_rows: written together by bulk_save_as

_audited_write: ContextVar[bool] = ContextVar("audited_write", default=False)


class UnauditedWriteError(RuntimeError):
    """A write that would leave no history row."""


@contextmanager
def audited_write() -> Iterator[None]:
    """Allow bulk statements whose history is written by the caller."""
    token = _audited_write.set(True)
    try:
        yield
    finally:
        _audited_write.reset(token)


def _refuse(name: str) -> None:
    if not _audited_write.get():
        raise UnauditedWriteError(
            f"{name} leaves no history; use save_as, bulk_save_as or delete_as in a service"
        )


class AuditedQuerySet(models.QuerySet):
    """Refuses update, bulk_create, bulk_update and delete, which would leave no history."""

    def update(self, **kwargs: Any) -> int:
        """Refuse."""
        _refuse("update()")
        return super().update(**kwargs)

    def bulk_create(self, objs: Any, *args: Any, **kwargs: Any) -> Any:
        """Refuse."""
        _refuse("bulk_create()")
        return super().bulk_create(objs, *args, **kwargs)

    def bulk_update(self, objs: Any, fields: Any, batch_size: int | None = None) -> int:
        """Refuse."""
        _refuse("bulk_update()")
        return super().bulk_update(objs, fields, batch_size)

    def delete(self) -> Any:
        """Refuse."""
        _refuse("delete()")
        return super().delete()


AuditedManager = models.Manager.from_queryset(AuditedQuerySet)


class HistoryOf(HistoryManager):
    """History rows. The class made of manager and query set is kept: making it anew took a tenth of each write."""

    @classmethod
    @functools.cache
    def from_queryset(
        cls, queryset_class: type[models.QuerySet], class_name: str | None = None
    ) -> type[models.Manager]:
        """Return the manager's class, the same one each time."""
        return super().from_queryset(queryset_class, class_name)


class Records(HistoricalRecords):
    """History tables with one index that every reader uses, instead of one per field."""

    def fields_included(self, model: type[models.Model]) -> list[models.Field]:
        """Leave out what a record names in `UNRECORDED_FIELDS`: secrets, and facts nobody governs."""
        hidden = getattr(model, "UNRECORDED_FIELDS", ())
        return [field for field in super().fields_included(model) if field.name not in hidden]

    def copy_fields(self, model: type[models.Model]) -> dict[str, models.Field]:
        """Copy the fields without their indexes."""
        fields = super().copy_fields(model)
        for field in fields.values():
            field.db_index = False
        return fields

    def get_meta_options(self, model: type[models.Model]) -> dict[str, Any]:
        """Index by object and time, newest first."""
        options = super().get_meta_options(model)
        options["indexes"] = [models.Index(fields=[model._meta.pk.name, "-history_date", "-history_id"])]
        return options

    @property
    def _date_indexing(self) -> bool:
        return False

    def get_history_user(self, instance: models.Model) -> Any:
        """Return who the service named; never guess from a web request."""
        return getattr(instance, "_history_user", None)


def _user_id(historical_instance: Any) -> Any:
    return historical_instance.history_user_id


def _set_user_id(historical_instance: Any, user: Any) -> None:
    historical_instance.history_user_id = None if user is None else str(getattr(user, "pk", user))


class AuditedModel(models.Model):
    """Abstract base of governed rows. Write with `save_as`; read the past with `as_of`."""

    history = Records(
        inherit=True,
        history_manager=HistoryOf,
        history_user_id_field=models.CharField(max_length=40, null=True),
        history_user_getter=_user_id,
        history_user_setter=_set_user_id,
        history_change_reason_field=models.TextField(null=True),
    )
    objects = AuditedManager()

    class Meta:
        abstract = True

    def save(self, *args: Any, **kwargs: Any) -> None:
        """Refuse a save that names no actor."""
        if not kwargs.get("raw") and not hasattr(self, "_history_date"):
            raise UnauditedWriteError("save() names no actor; use save_as in a service")
        super().save(*args, **kwargs)


def history_model(model: type[models.Model]) -> type[models.Model]:
    """Return the history table's class of an audited one."""
    return model.history.model


def _forward(sender: type, history_instance: Any, instance: Any, **kwargs: Any) -> None:
    history_row_written.send(sender=type(instance), model=type(instance), history_row=history_instance)


post_create_historical_record.connect(_forward, dispatch_uid="foundation.history.forward")
