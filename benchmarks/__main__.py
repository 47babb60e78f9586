"""Run the benchmarks: `python -m benchmarks [--only NAME …] [--quick] [--write]`.

SQLite needs nothing. PostgreSQL is measured when DATABASE_URL names a server whose role may create databases; the
databases made there are dropped afterwards. Every benchmark runs in a process of its own, and one that fails is named
and does not stop the others. Neighbours in the list that name the same `shares` use one database, one after the other:
what the first builds, the next one finds; after a failure the next one begins with an empty database.
"""

import argparse
import importlib
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from itertools import groupby

from benchmarks import databases, report
from benchmarks.rows import Row

MARK = "ROWS "
PATIENCE_SECONDS = 1200  # no benchmark takes longer; one that hangs must not keep the figures of the others


@dataclass(frozen=True, slots=True)
class Benchmark:
    """A module with `run`, the engine it needs, and its arguments for a full and a quick run."""

    name: str
    engine: str
    full: dict[str, int]
    quick: dict[str, int]
    shares: str = ""
    has_own_database: bool = False
    only_if_named: bool = False

    @property
    def module(self) -> str:
        """The module's name."""
        return self.name.partition("-")[0]


BENCHMARKS = (
    Benchmark("pages", "postgresql", {}, {"quick": 1}, shares="portfolio"),
    Benchmark("ledger", "postgresql", {}, {"size": 50_000}, shares="portfolio"),
    Benchmark("exports", "postgresql", {}, {"size": 50_000}, shares="portfolio"),
    Benchmark("asof", "postgresql", {}, {"models": 1_000}, shares="portfolio"),
    Benchmark("kpis", "postgresql", {}, {"models": 1_000, "deployments": 5_000}, only_if_named=True),
    Benchmark("registry_doors", "postgresql", {}, {}, has_own_database=True),
    Benchmark("ledger-sqlite", "sqlite", {"size": 100_000}, {"size": 10_000}),
    Benchmark("imports", "sqlite", {}, {}),
    Benchmark("locks", "sqlite", {}, {"seconds": 3}),
)


def main() -> int:
    """Measure what was asked for and print one table. Returns 1 when a goal was missed or something not measured."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks")
    parser.add_argument("--only", nargs="+", default=[], choices=[one.name for one in BENCHMARKS])
    parser.add_argument(
        "--quick", action="store_true", help="small sizes: shows that it works, no figure counts"
    )
    parser.add_argument("--write", action="store_true", help=f"rewrite {report.PAGE}")
    parser.add_argument("--inside", help=argparse.SUPPRESS)
    asked = parser.parse_args()
    if asked.inside:
        return _inside(asked.inside, quick=asked.quick)
    signal.signal(signal.SIGTERM, lambda *_: sys.exit("stopped"))  # so that the databases are dropped
    load, began = os.getloadavg(), time.monotonic()
    chosen = [one for one in BENCHMARKS if (one.name in asked.only if asked.only else not one.only_if_named)]
    rows: list[Row] = []
    failed: list[str] = []
    for _, group in groupby(chosen, key=lambda one: (one.engine, one.shares or one.name)):
        measured, lost = _run_together(list(group), quick=asked.quick)
        rows += measured
        failed += lost
    minutes = (time.monotonic() - began) / 60
    print(report.as_text(rows))
    print(f"Measured in {minutes:.1f} minutes.")
    if failed:
        print(f"Not measured: {', '.join(failed)}")
    if asked.write:
        report.write(rows, load=load, quick=asked.quick, failed=failed, minutes=minutes)
    return int(bool(failed) or any(report.is_met(row) is False for row in rows))


def _run_together(group: Sequence[Benchmark], *, quick: bool) -> tuple[list[Row], list[str]]:
    """Run benchmarks on one database; return the figures, and the names of those that gave none."""
    rows: list[Row] = []
    failed: list[str] = []
    if group[0].engine == "postgresql" and not databases.postgres_url():
        names = ", ".join(one.name for one in group)
        print(f"{names}: skipped, DATABASE_URL names no PostgreSQL server", file=sys.stderr)
        return rows, failed
    waiting = list(group)
    while waiting:
        try:
            with _place(waiting[0]) as environment:
                while waiting:
                    rows += _run(waiting[0], environment, quick=quick)
                    del waiting[0]
        except (
            ArithmeticError,
            LookupError,
            OSError,
            RuntimeError,
            ValueError,
            subprocess.SubprocessError,
        ) as error:
            print(f"{waiting[0].name if waiting else group[-1].name}: {error}", file=sys.stderr)
            failed += [one.name for one in waiting[:1]]
            del waiting[:1]
    return rows, failed


@contextmanager
def _place(benchmark: Benchmark) -> Iterator[dict[str, str]]:
    with ExitStack() as stack:
        if benchmark.has_own_database:
            yield {**os.environ, "DJANGO_SETTINGS_MODULE": databases.SETTINGS}
        else:
            yield stack.enter_context(databases.scratch(benchmark.engine))


def _run(benchmark: Benchmark, environment: dict[str, str], *, quick: bool) -> list[Row]:
    began = time.monotonic()
    print(f"{benchmark.name} …", file=sys.stderr, flush=True)
    flags = ["--quick"] if quick else []
    printed = databases.python(
        environment, "-m", "benchmarks", "--inside", benchmark.name, *flags, patience=PATIENCE_SECONDS
    )
    found = next((line for line in printed.splitlines() if line.startswith(MARK)), "")
    if not found:
        raise RuntimeError("no figures were printed")
    rows = [Row(*row) for row in json.loads(found.removeprefix(MARK))]
    print(report.as_text(rows), file=sys.stderr)
    print(f"{benchmark.name}: {time.monotonic() - began:.0f} s", file=sys.stderr, flush=True)
    return rows


def _inside(name: str, *, quick: bool) -> int:
    """Measure on the database that DATABASE_URL names and print the rows for the process that asked."""
    import django

    benchmark = next(one for one in BENCHMARKS if one.name == name)
    if not benchmark.has_own_database:
        django.setup()
    run = importlib.import_module(f"benchmarks.{benchmark.module}").run
    print(MARK + json.dumps(run(**(benchmark.quick if quick else benchmark.full))))
    return 0


if __name__ == "__main__":
    sys.exit(main())
