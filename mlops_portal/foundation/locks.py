"""Row locks, in one order everywhere: person, unit, model, change, version, alias. Prevents deadlocks."""

from collections.abc import Iterable
from typing import Any, TypeVar

from django.db import connection
from django.db.models import ForeignKey, Model, QuerySet

from mlops_portal.foundation.errors import NotFound

M = TypeVar("M", bound=Model)


def lock(rows: QuerySet[M], pk: object) -> M:
    """Lock one row until the end of the transaction and return its present state.

    On SQLite the write lock taken at the start of the transaction already covers it.

    Raises:
        NotFound: the row does not exist among ``rows``.
    """
    if connection.features.has_select_for_update:
        rows = rows.select_for_update(of=("self",))
    # One row needs no order; asked for one, Django compares every column of every joined table.
    one = rows.filter(pk=pk).order_by()[:1]
    found = next(iter(one), None)
    if found is None and connection.features.has_select_for_update and rows.query.select_related:
        # Joined rows are those of before the wait: one that names others by now dropped out, and is found anew.
        found = next(iter(one.all()), None)
    if found is None:
        raise NotFound(f"{str(rows.model._meta.verbose_name).capitalize()} {pk} does not exist.")
    return _present(found) if connection.features.has_select_for_update else found


def _present(row: M) -> M:
    """Forget related rows that were read before the lock was waited for, if the row names others by now."""
    for field in row._meta.concrete_fields:
        if isinstance(field, ForeignKey) and field.is_cached(row):
            related = field.get_cached_value(row)
            if getattr(row, field.attname) != (related.pk if related is not None else None):
                field.delete_cached_value(row)
    return row


def lock_all(
    rows: QuerySet[M], pks: Iterable[object] | QuerySet[Any, Any], *, keeps_key: bool = False
) -> list[M]:
    """Lock rows in the order of their keys until the end of the transaction, and return those that exist.

    With ``keeps_key`` others may still refer to them: a long act does not hold up everybody who mentions a person.
    """
    if connection.features.has_select_for_update:
        rows = rows.select_for_update(of=("self",), no_key=keeps_key)
        return [_present(row) for row in rows.filter(pk__in=pks).order_by("pk")]
    return list(rows.filter(pk__in=pks).order_by("pk"))
