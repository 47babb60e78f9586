"""Four processes write to one SQLite database: how long the unluckiest write waited, from begin to commit."""

import multiprocessing
import os
import time

from django.db import connection
from django.utils import timezone

from benchmarks.rows import Row
from mlops_portal.foundation.history import save_as
from mlops_portal.foundation.operations import operation
from mlops_portal.foundation.people.models import BusinessUnit

WRITERS = 4


@operation
def _write(name: str) -> None:
    save_as(BusinessUnit(code=name, name=name), by=None, now=timezone.now())


def _work(number: int, seconds: float, answers: "multiprocessing.SimpleQueue[list[float]]") -> None:
    waits, end, turn = [], time.perf_counter() + seconds, 0
    while (began := time.perf_counter()) < end:
        _write(f"writer-{number}-{turn}")
        waits.append(time.perf_counter() - began)
        turn += 1
    answers.put(waits)


def run(seconds: float = 15) -> list[Row]:
    """Let writers run at once, each in a process of its own as web workers are."""
    connection.close()
    forked = multiprocessing.get_context("fork")
    answers: multiprocessing.SimpleQueue[list[float]] = forked.SimpleQueue()
    writers = [forked.Process(target=_work, args=(number, seconds, answers)) for number in range(WRITERS)]
    for writer in writers:
        writer.start()
    waits = [one for _ in writers for one in answers.get()]
    for writer in writers:
        writer.join()
    written = BusinessUnit.objects.count()
    if written != len(waits):
        raise RuntimeError(f"{len(waits)} writes were made, {written} are there")
    name = f"SQLite, {WRITERS} writers on {os.cpu_count()} cores"
    return [
        Row(f"{name}: worst wait for a governed write", max(waits), "s", "≤ 1"),
        Row(f"{name}: governed writes", len(waits) / seconds, "1/s"),
    ]
