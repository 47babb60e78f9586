"""Exports: the change log of a million entries against a plain COPY of the same columns in the same run; flat memory.

Reads what the benchmark of the ledger entered, or enters as much itself. The COPY to compare with takes the same
columns as they are stored: no rendered times, no words for verbs, no neutralised cells.
"""

import resource
import tempfile
import time
from collections.abc import Mapping
from dataclasses import replace
from uuid import UUID

from django.db import connection
from django.test import override_settings
from django.utils import timezone

from audits.exports import change_log, log_pack
from audits.exports.scopes import Scope, What
from audits.models import LedgerEntry, LedgerLeaf
from audits.services import sequencing
from benchmarks.ledger import MILLION, ledger_signer, make_rows
from benchmarks.rows import Row
from mlops_portal.foundation.files import services as files
from mlops_portal.foundation.people.models import BusinessUnit, User
from mlops_portal.foundation.people.services.grants import role_grant
from mlops_portal.foundation.people.services.persons import person_create

SCOPE, PACK = Scope(What.CHANGE_LOG, "csv"), Scope(What.CHANGE_LOG, "zip")
REPEATS = 2
AS_STORED = {
    "Occurred at": "e.occurred_at",
    "Recorded at": "e.recorded_at",
    "Late": "e.is_flagged",
    "Actor id": "e.actor_id",
    "Actor": "a.name",
    "What": "v.label",
    "Payload": "p.entry_id",
    "Commitment": "e.payload_commitment",
}


def _silent(done: int, total: int, phase: str) -> None:
    """Report to nobody."""


def _entered(pack: Mapping[str, object]) -> UUID:
    """Stand in for the entry of the pack: the entry numbered last."""
    return LedgerLeaf.objects.order_by("-index").values_list("entry_id", flat=True)[0]


def _megabytes() -> float:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def _auditor() -> User:
    known = User.objects.filter(email="auditor@example.org").first()
    if known is not None:
        return known
    now = timezone.now()
    # The benchmark of the ledger founds others.
    root = BusinessUnit.objects.filter(parent=None).earliest("pk")
    person = person_create(email="auditor@example.org", name="Bench Auditor", by=None, now=now)
    role_grant(user=person, role="manager", unit=root, reason="benchmark", by=None, now=now)
    return User.objects.get(pk=person.pk)


def _plain_copy(auditor: User) -> float:
    """Return the seconds that COPY alone takes for the columns as they are stored, thrown away."""
    entries = change_log.entries_of(SCOPE, auditor)
    bounds = change_log.bounds_of(entries)
    columns = [replace(one, sql=AS_STORED.get(one.label, one.sql)) for one in change_log.COLUMNS]
    whole = change_log.Span(0, bounds.size, bounds.first, bounds.last)
    statement, params = change_log.copy_statement(entries, whole, columns, safe=False)
    began = time.perf_counter()
    with connection.cursor() as cursor, cursor.copy(statement, params) as copy:
        for _ in copy:
            pass
    return time.perf_counter() - began


def change_logs(auditor: User, count: int) -> list[Row]:
    """Measure the export as the job makes it, file and digest included, and its writer alone."""
    if connection.vendor != "postgresql":
        return []
    plain, writing = float("inf"), float("inf")
    for _ in range(REPEATS):  # in turns, so that both meet the same machine
        plain = min(plain, _plain_copy(auditor))
        began = time.perf_counter()
        lines = sum(part.count(b"\n") for part in change_log.csv_parts(SCOPE, auditor, progress=_silent))
        writing = min(writing, time.perf_counter() - began)
        if lines <= count:
            raise RuntimeError(f"{lines} lines were written of {count} entries")
    before = _megabytes()
    # A file of this size belongs into a folder: the database takes 50 MB.
    with tempfile.TemporaryDirectory() as folder, override_settings(PORTAL_FILES=f"file://{folder}"):
        began = time.perf_counter()
        parts = change_log.csv_parts(SCOPE, auditor, progress=_silent)
        files.store(parts, name="log.csv", by=None, now=timezone.now(), content_type="text/csv")
        stored = time.perf_counter() - began
        added = _megabytes() - before
        began = time.perf_counter()
        with tempfile.TemporaryFile() as target:
            log_pack.write(target, PACK, auditor, now=timezone.now(), progress=_silent, enter=_entered)
            packed = time.perf_counter() - began
    return [
        Row(f"exports: plain COPY of {count:,} entries", count / plain, "rows/s"),
        Row("exports: change log to CSV", count / writing, "rows/s"),
        Row("exports: change log against plain COPY", 100 * plain / writing, "%", "≥ 70"),
        Row("exports: change log, file stored", count / stored, "rows/s"),
        Row("exports: memory that the stored file added", added, "MB", "≤ 40"),
        Row("exports: change log as a pack that verifies", count / packed, "rows/s"),
        Row("exports: memory that the pack added", _megabytes() - before - added, "MB", "≤ 40"),
    ]


def run(size: int = MILLION) -> list[Row]:
    """Measure on the database that DATABASE_URL names."""
    if LedgerEntry.objects.count() < size:
        make_rows(size)
    auditor = _auditor()
    signer, key = ledger_signer()
    sequencing.sequence_all(signer=signer, key=key)
    return change_logs(auditor, change_log.entries_of(SCOPE, auditor).count())
