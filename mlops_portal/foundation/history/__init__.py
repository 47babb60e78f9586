"""Audited rows: every save leaves a history row that names actor, time and reason. Sole importer of simple_history."""

from mlops_portal.foundation.history.as_of import as_of, rows_as_of
from mlops_portal.foundation.history.audited import (
    AuditedManager,
    AuditedModel,
    AuditedQuerySet,
    UnauditedWriteError,
    history_model,
    history_row_written,
    history_rows_written,
)
from mlops_portal.foundation.history.writing import bulk_save_as, delete_as, save_as

__all__ = [
    "AuditedManager",
    "AuditedModel",
    "AuditedQuerySet",
    "UnauditedWriteError",
    "as_of",
    "bulk_save_as",
    "delete_as",
    "history_model",
    "history_row_written",
    "history_rows_written",
    "rows_as_of",
    "save_as",
]
