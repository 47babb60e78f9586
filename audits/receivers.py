"""The ledger's ears: one receiver for each signal of the foundation."""

from typing import Any

from audits.services import accesses, recording
from mlops_portal.foundation.events import Access, DomainEvent


def record_row(*, model: Any, history_row: Any, **kwargs: Any) -> None:
    """Enter one history row; if that fails, so does the change."""
    recording.record([recording.row_draft(model, history_row)])


def record_rows(*, model: Any, history_rows: Any, **kwargs: Any) -> None:
    """Enter the history rows of a bulk, one entry each; a summary follows."""
    recording.record([recording.row_draft(model, row) for row in history_rows], together=True)


def record_event(*, event: DomainEvent, **kwargs: Any) -> None:
    """Enter an act that is more than a row change."""
    recording.record([recording.event_draft(event)])


def record_access(*, access: Access, **kwargs: Any) -> None:
    """Keep a read until the response is out."""
    accesses.remember(access)


def write_accesses(**kwargs: Any) -> None:
    """Write the reads of this process after the response."""
    accesses.write_remembered()
