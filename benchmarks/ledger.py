"""The ledger: integrating entries, verifying a million of them, and what a governed write pays.

Needs a database of its own: entries are never deleted. Rows are made by SQL in the same form as the portal's own.
"""

import gc
import hashlib
import os
import statistics
import time
from collections.abc import Callable
from datetime import UTC, datetime
from itertools import count
from pathlib import Path
from tempfile import mkdtemp

from django.db import connection, transaction
from django.utils import timezone

from audits import keys
from audits.checkpoints import Signer
from audits.models import LedgerPending, SigningKey
from audits.services import recording, sequencing
from audits.verification import verify_ledger
from benchmarks.rows import Row
from mlops_portal.foundation.canonical import canonical_bytes
from mlops_portal.foundation.history import history_row_written, save_as
from mlops_portal.foundation.ids import uuid7
from mlops_portal.foundation.operations import operation
from mlops_portal.foundation.people.models import BusinessUnit

MILLION = 1_000_000
CHUNK = 5_000
WRITES = 300

_names = count()


def _payload(number: int) -> bytes:
    """Return a payload of the size that a model version's row has."""
    row = {f"field_{name}": f"value {number} of field {name}" for name in range(20)}
    return canonical_bytes({"subject": f"version {number}", "history": {"id": number}, "row": row})


def make_entries(size: int) -> None:
    """Enter ``size`` entries through the recorder."""
    payloads = [_payload(number) for number in range(100)]
    now = datetime.now(UTC)
    for start in range(0, size, CHUNK):
        drafts = [
            recording.Draft(
                "registry.modelversion_changed", "registry.ModelVersion", str(number), number % 200, number % 10_000,
                str(number % 2_000), now, payloads[number % 100],
            )
            for number in range(start, min(start + CHUNK, size))
        ]  # fmt: skip
        with transaction.atomic():
            recording.write(drafts, act_id=uuid7())


def ledger_signer() -> tuple[Signer, SigningKey]:
    known = SigningKey.objects.filter(valid_until=None).first()
    if known is not None:
        signer = sequencing.signer_from_settings()
    else:
        path = Path(mkdtemp()) / "ledger.key"
        keys.create_key_file(path)
        signer = keys.load_signer(path, name="benchmark.invalid/ledger")
    return signer, sequencing.key_admit(signer=signer, now=timezone.now())


def integrating(size: int) -> list[Row]:
    """Number everything that is pending, in the sequencer's own batches."""
    signer, key = ledger_signer()
    waiting = LedgerPending.objects.count()
    began = time.perf_counter()
    numbered = sequencing.sequence_all(signer=signer, key=key)
    seconds = time.perf_counter() - began
    if numbered != waiting or numbered < size:
        raise RuntimeError(f"{numbered} entries were numbered instead of {waiting}")
    goal = "≥ 40,000" if connection.vendor == "postgresql" else ""
    return [Row(f"ledger: entries integrated ({connection.vendor})", numbered / seconds, "entries/s", goal)]


def verifying() -> list[Row]:
    """Verify everything, with one worker per processor."""
    if connection.vendor == "postgresql":
        with connection.cursor() as cursor:
            cursor.execute("ANALYZE")
    gc.collect()
    report = verify_ledger(workers=os.cpu_count() or 1)
    if not report.ok:
        raise RuntimeError(str(report.first))
    per_million = report.seconds * MILLION / report.size
    return [
        Row(f"ledger: {report.size:,} entries and tree verified ({connection.vendor})", report.seconds, "s"),
        Row(f"ledger: the same for 1,000,000 ({connection.vendor})", per_million, "s", "≤ 20"),
    ]


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
    rows = hashing() + writing()
    make_entries(size)
    return rows + integrating(size) + verifying()
