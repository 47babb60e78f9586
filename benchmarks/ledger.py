"""The ledger: integrating entries, verifying a million of them with history and live rows, what a governed write pays.

Needs a database of its own: entries are never deleted. What an earlier benchmark entered counts; the rest is entered
through the writers of history and ledger, as metrics of versions.
"""

import gc
import hashlib
import os
import statistics
import time
from collections.abc import Callable, Sequence
from itertools import count, islice
from pathlib import Path

from django.conf import settings
from django.db import connection, transaction
from django.utils import timezone

from audits import keys
from audits.checkpoints import Signer
from audits.models import LedgerEntry, LedgerPending, SigningKey
from audits.processes import readers
from audits.services import sequencing
from audits.verification import verify_ledger
from benchmarks.portfolio import Portfolio, Size, batched
from benchmarks.rows import Row
from mlops_portal.foundation.history import bulk_save_as, history_row_written, save_as
from mlops_portal.foundation.operations import operation
from mlops_portal.foundation.people.models import BusinessUnit
from registry.models import MetricValue, ModelVersion
from registry.states import Grade

MILLION = 1_000_000
CHUNK = 5_000
WRITES = 300

_names = count()


def make_rows(size: int) -> None:
    """Let the ledger grow to ``size`` entries, nearly all of them of rows with history."""
    if not ModelVersion.objects.exists():
        built = Portfolio(say=lambda text: None)
        built.found()
        many = max(1_000, size // 50)
        built.grow(Size(models=100, versions=many, deployments=0, open_changes=0, closed_changes=0))
    missing = size - LedgerEntry.objects.count()
    versions = list(ModelVersion.objects.order_by("pk").values_list("pk", "model_id", "unit_id"))
    known = MetricValue.objects.filter(name__startswith="metric-").count() // len(versions)
    wanted = islice(((*version, turn) for turn in count(known + 1) for version in versions), max(0, missing))
    writers = (os.cpu_count() or 1) if connection.vendor == "postgresql" else 1
    with readers(writers) as spread:
        for _ in spread(_measure_versions, list(batched(wanted, CHUNK))):
            pass


@operation
def _measure_versions(rows: Sequence[tuple[int, int, int, int]]) -> None:
    """Write one metric of each version: version, model, unit, number of the metric."""
    now = timezone.now()
    metrics = [
        MetricValue(
            version_id=version, model_id=model, unit_id=unit, name=f"metric-{turn}", suite="performance",
            value=version % 997 / 997, n=version * 7, grade=Grade.DECLARED, run=f"{version:032x}", evaluated_at=now,
        )
        for version, model, unit, turn in rows
    ]  # fmt: skip
    bulk_save_as(metrics, by=None, now=now, reason="Benchmark")


def ledger_signer() -> tuple[Signer, SigningKey]:
    """Return the key of this database, made if there is none."""
    if not Path(settings.PORTAL_LEDGER_KEY_FILE).exists():
        keys.create_key_file(Path(settings.PORTAL_LEDGER_KEY_FILE))
    signer = sequencing.signer_from_settings()
    return signer, sequencing.key_admit(signer=signer, now=timezone.now())


def integrating() -> list[Row]:
    """Number everything that is pending, in the sequencer's own batches."""
    signer, key = ledger_signer()
    waiting = LedgerPending.objects.count()
    began = time.perf_counter()
    numbered = sequencing.sequence_all(signer=signer, key=key)
    seconds = time.perf_counter() - began
    if numbered != waiting:
        raise RuntimeError(f"{numbered} entries were numbered instead of {waiting}")
    goal = "≥ 40,000" if connection.vendor == "postgresql" else ""
    return [Row(f"ledger: entries integrated ({connection.vendor})", numbered / seconds, "entries/s", goal)]


def verifying(*, with_rows: bool, goal: str) -> list[Row]:
    """Verify everything, with one worker per processor."""
    gc.collect()
    report = verify_ledger(workers=os.cpu_count() or 1, with_rows=with_rows)
    if not report.ok:
        raise RuntimeError(str(report.first))
    what, engine = f"{report.size:,} entries and tree", connection.vendor
    if with_rows:
        what += (
            f", {report.checked['history rows']:,} history rows, {report.checked['live rows']:,} live rows"
        )
    rows = [Row(f"ledger: {what} verified ({engine})", report.seconds, "s")]
    scaled = report.seconds * MILLION / report.size
    return [*rows, Row(f"ledger: the same for 1,000,000 entries ({engine})", scaled, "s", goal)]


def _median_ms(write: Callable[[], None]) -> float:
    for _ in range(20):
        write()
    figures = []
    for _ in range(WRITES):
        began = time.perf_counter()
        write()
        figures.append((time.perf_counter() - began) * 1000)
    return statistics.median(figures)


def _unit() -> BusinessUnit:
    name = f"bench-{os.getpid()}-{next(_names)}"
    return BusinessUnit(code=name, name=name)


def writing() -> list[Row]:
    """Compare the bare insert, the insert with history, and the governed write with history and ledger."""
    from audits import receivers

    @operation
    def governed() -> None:
        save_as(_unit(), by=None, now=timezone.now())

    def bare() -> None:
        with transaction.atomic():
            unit = _unit()
            unit.save_base(raw=True, force_insert=True)

    full, plain = _median_ms(governed), _median_ms(bare)
    history_row_written.disconnect(dispatch_uid="audits.record_row")
    try:
        with_history = _median_ms(governed)
    finally:
        history_row_written.connect(receivers.record_row, dispatch_uid="audits.record_row")
    engine = connection.vendor
    goals = ("≤ 2.5", "") if engine == "postgresql" else ("", "≤ 3")
    return [
        Row(f"ledger: bare insert ({engine})", plain, "ms"),
        Row(f"ledger: insert with history ({engine})", with_history, "ms"),
        Row(f"ledger: governed write, history and ledger ({engine})", full, "ms", goals[1]),
        Row(f"ledger: governed write against bare insert ({engine})", full / plain, "×", goals[0]),
    ]


def hashing() -> list[Row]:
    """Say how fast this machine hashes at all, to read the other figures by."""
    data = os.urandom(400)
    began = time.perf_counter()
    for _ in range(200_000):
        hashlib.sha256(data).digest()
    return [Row("machine: SHA-256 of 400 bytes", 200_000 / (time.perf_counter() - began), "/s")]


def run(size: int = MILLION) -> list[Row]:
    """Measure on the database that DATABASE_URL names."""
    rows = hashing()
    make_rows(size)
    rows += integrating()
    with connection.cursor() as cursor:  # as autovacuum would within a minute
        cursor.execute("VACUUM ANALYZE" if connection.vendor == "postgresql" else "ANALYZE")
    rows += verifying(with_rows=False, goal="≤ 20") + verifying(with_rows=True, goal="≤ 60")
    return rows + writing()  # last: what it writes without history or ledger would rightly be found
