"""Jobs of this app: exports and the verification of the ledger."""

import tempfile
import zlib
from collections.abc import Iterator, Mapping
from datetime import timedelta
from functools import partial
from typing import Any
from uuid import UUID

from django.urls import reverse

from audits.exports import change_log, inventory, log_pack, release_pack
from audits.exports.coverage import coverage_of
from audits.exports.scopes import JOB_KINDS, LABELS, RIGHT, Scope, What, about, file_name, told
from audits.exports.text_files import csv_line
from audits.queries import ledger_state
from audits.services import exports
from audits.services.sequencing import sequence_now
from audits.verification import verify_ledger
from mlops_portal.foundation.errors import Invalid, NotAllowed, Unavailable, invalid
from mlops_portal.foundation.files import services as files
from mlops_portal.foundation.files.services import Content
from mlops_portal.foundation.people.models import User
from mlops_portal.foundation.people.rights import rights_of
from mlops_portal.foundation.web.words import plural
from mlops_portal.foundation.web.words import size as size_text
from mlops_portal.foundation.web.workbooks import safe_cell, workbook
from mlops_portal.foundation.work import jobs
from mlops_portal.foundation.work.jobs import JobRun

KEPT = timedelta(days=730)
PATIENCE_SECONDS = 20
GZIP = 31  # window bits that make zlib write a gzip file
TYPES = {
    "zip": "application/zip",
    "csv": "text/csv; charset=utf-8",
    "csv.gz": "application/gzip",
    "xlsx": "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
}


@jobs.register(JOB_KINDS[What.PACK], label=LABELS[What.PACK], idempotent=True, keep=KEPT)
def make_pack(run: JobRun) -> dict[str, Any]:
    """Make the evidence pack of a release; every entry gets its number first."""
    scope, owner = _begin(run)
    _number()
    change_id = scope.change_id or 0
    pack = release_pack.build(
        change_id, user=owner, at=run.now(), progress=run.progress, enter=partial(_enter, run)
    )
    return _keep(run, scope, pack)


@jobs.register(JOB_KINDS[What.CHANGE_LOG], label=LABELS[What.CHANGE_LOG], idempotent=True, keep=KEPT)
def make_change_log(run: JobRun) -> dict[str, Any]:
    """Write the change log."""
    scope, owner = _begin(run)
    sequence_now(PATIENCE_SECONDS)
    if scope.format == "zip":
        with tempfile.TemporaryFile() as target:
            log_pack.write(
                target, scope, owner, now=run.now(), progress=run.progress, enter=partial(_enter, run)
            )
            target.seek(0)
            return _keep(run, scope, target)
    if scope.format == "xlsx":
        lines = change_log.rows(scope, owner, progress=run.progress)
        with workbook(lines, sheet="Change log", too_many=_too_many()) as book:
            return _keep(run, scope, book)
    parts = change_log.csv_parts(scope, owner, progress=run.progress)
    return _keep(run, scope, _compressed(parts) if scope.format == "csv.gz" else parts)


@jobs.register(JOB_KINDS[What.INVENTORY], label=LABELS[What.INVENTORY], idempotent=True, keep=KEPT)
def make_inventory(run: JobRun) -> dict[str, Any]:
    """Write the inventory as it was."""
    scope, owner = _begin(run)
    at = scope.moment("at") or run.now()
    found = inventory.models_as_of(at, owner, unit_id=scope.unit_id)
    rows = inventory.rows(found, at, progress=run.progress, typed=scope.format == "xlsx")
    if scope.format == "zip":
        now, title = run.now(), told(scope)
        asked = {**about(scope, owner, now), "at": at.isoformat()}
        enter = partial(_enter, run)
        return _keep(run, scope, inventory.pack(rows, title=title, about=asked, now=now, enter=enter))
    if scope.format == "xlsx":
        with workbook(rows, sheet="Inventory", too_many=_too_many()) as book:
            return _keep(run, scope, book)
    return _keep(run, scope, (csv_line(map(safe_cell, row)).encode() for row in rows))


@jobs.register("audits.verify", label="Verification of the ledger", keep=KEPT)
def verify(run: JobRun) -> dict[str, Any]:
    """Verify the whole ledger with history and live rows; the outcome is an entry itself."""
    report = verify_ledger(
        with_rows=True, progress=lambda phase, done, total: run.progress(done, total, phase.capitalize())
    )
    outcome = report.as_dict()
    with run.transaction():
        exports.verification_record(job=run.job, outcome=outcome, by=run.by, now=run.now())
    said = "No mismatch" if report.ok else plural(report.flaw_count, "flaw").capitalize()
    return {
        "ok": report.ok,
        "size": report.size,
        "flaw_count": report.flaw_count,
        "text": f"{said} among {plural(report.size, 'entry,entries')}.",
        "tone": "ok" if report.ok else "fail",
    }


def _begin(run: JobRun) -> tuple[Scope, User]:
    """Read the scope and ask for the right once more: it may have ended while the job waited."""
    scope = Scope.of(run.params)
    if run.by is None or not rights_of(run.by).has(RIGHT):
        raise NotAllowed("The person who started this has no right to export any more.")
    run.progress(0, 0, "Numbering entries")
    return scope, run.by


def _too_many() -> Invalid:
    return invalid("format", "A workbook holds 1 048 575 rows. Narrow the period, or take CSV.")


def _number() -> None:
    """Wait until what is committed by now has its number.

    Raises:
        Unavailable: nobody numbers.
    """
    if not sequence_now(PATIENCE_SECONDS):
        raise Unavailable(
            "Entries still wait for their number: the sequencer does not run. Start it, then try again."
        )


def _enter(run: JobRun, pack: Mapping[str, Any]) -> UUID:
    """Enter what a pack holds, and wait for the entry's number."""
    with run.transaction():
        exports.export_written(job=run.job, pack=pack, by=run.by, now=run.now())
    _number()
    return exports.entry_written(run.job)


def _keep(run: JobRun, scope: Scope, content: Content) -> dict[str, Any]:
    """Store the file and enter its digest."""
    now = run.now()
    name = file_name(scope, now)
    stored = files.store(content, name=name, by=run.by, now=now, content_type=TYPES[scope.format])
    ledger = ledger_state()
    covers = coverage_of(scope, run.by) if run.by else None
    with run.transaction():
        exports.export_made(job=run.job, file=stored, to_entry=ledger.size, by=run.by, now=now)
    return {
        "file_id": stored.pk,
        "name": name,
        "sha256": stored.sha256,
        "size": stored.size,
        "label": f"Download {size_text(stored.size)}",
        "url": reverse("audits:export-download", args=[run.job.pk]),
        "ledger_size": ledger.size,
        "covers": covers,
    }


def _compressed(parts: Iterator[bytes]) -> Iterator[bytes]:
    packer = zlib.compressobj(wbits=GZIP)
    for part in parts:
        yield packer.compress(part)
    yield packer.flush()
