"""Reads worth recording: kept while the response is made, written afterwards in batches with one entry each."""

import threading
from collections import deque

from audits import events
from audits.models import AccessLog
from audits.services import recording
from mlops_portal.foundation.canonical import canonical_bytes, sha256
from mlops_portal.foundation.events import Access, DomainEvent, emit
from mlops_portal.foundation.ids import uuid7
from mlops_portal.foundation.operations import operation

BATCH = 500
COLUMNS = ("actor_id", "what", "subject_label", "subject_id", "unit_id", "client", "accessed_at")

_waiting: "deque[Access]" = deque()
_writing = threading.Lock()


def remember(access: Access) -> None:
    """Keep ``access`` until `write_remembered`."""
    _waiting.append(access)


def write_remembered() -> None:
    """Write what waits. While one thread writes, the others leave their reads to it and answer."""
    while _waiting and _writing.acquire(blocking=False):
        try:
            batch = [_waiting.popleft() for _ in range(min(BATCH, len(_waiting)))]
            try:
                accesses_write(batch)
            except BaseException:
                _waiting.extendleft(reversed(batch))
                raise
        finally:
            _writing.release()


def batch_digest(rows: list[AccessLog]) -> str:
    """Return the digest that the batch's entry holds."""
    return sha256(canonical_bytes([[getattr(row, name) for name in COLUMNS] for row in rows]))


@operation
def accesses_write(accesses: list[Access]) -> list[AccessLog]:
    """Write a batch and enter its digest."""
    batch_id = uuid7()
    rows = [
        AccessLog(
            batch_id=batch_id,
            actor_id=access.actor_id or "",
            what=access.what,
            subject_label=access.subject_label,
            subject_id=str(access.subject_id),
            unit_id=access.unit_id,
            client=access.client[:120],
            accessed_at=access.at,
        )
        for access in accesses
    ]
    AccessLog.objects.bulk_create(rows, batch_size=recording.CHUNK)
    emit(
        DomainEvent(
            verb=events.ACCESSES,
            subject_label="audits.AccessLog",
            subject_id=str(batch_id),
            actor_id=None,
            occurred_at=accesses[-1].at,
            data={"count": len(rows), "sha256": batch_digest(rows)},
        )
    )
    return rows
