"""Run the benchmarks: `python -m benchmarks [--only NAME …] [--quick] [--write]`.

SQLite needs nothing. PostgreSQL is measured when DATABASE_URL names a server whose role may create databases; each
benchmark makes a database of its own there and drops it. Every benchmark runs in a process of its own.
"""

import argparse
import importlib
import json
import os
import subprocess
import sys
from dataclasses import dataclass

from benchmarks import databases, report
from benchmarks.rows import Row

MARK = "ROWS "


@dataclass(frozen=True, slots=True)
class Benchmark:
    """A module with `run`, the engine it needs, and its arguments for a full and a quick run."""

    name: str
    engine: str
    full: dict[str, int]
    quick: dict[str, int]
    has_own_database: bool = False

    @property
    def module(self) -> str:
        """The module's name."""
        return self.name.partition("-")[0]


BENCHMARKS = (
    Benchmark("pages", "postgresql", {}, {"quick": 1}),
    Benchmark("registry_doors", "postgresql", {}, {}, has_own_database=True),
    Benchmark("ledger", "postgresql", {}, {"size": 50_000}),
    Benchmark("ledger-sqlite", "sqlite", {"size": 100_000}, {"size": 10_000}),
    Benchmark("exports", "postgresql", {}, {"size": 50_000}),
    Benchmark("asof", "postgresql", {}, {"models": 1_000}),
    Benchmark("imports", "sqlite", {}, {}),
    Benchmark("locks", "sqlite", {}, {"seconds": 3}),
)


def main() -> int:
    """Measure what was asked for and print one table. Returns 1 when a goal was missed."""
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
    chosen = [one for one in BENCHMARKS if not asked.only or one.name in asked.only]
    load = os.getloadavg()
    rows: list[Row] = []
    failed = []
    for one in chosen:
        try:
            rows += _run(one, quick=asked.quick)
        except (RuntimeError, subprocess.CalledProcessError) as error:
            failed.append(one.name)
            print(f"{one.name}: {error}", file=sys.stderr)
    print(report.as_text(rows))
    if failed:
        print(f"Not measured: {', '.join(failed)}")
    if asked.write:
        report.write(rows, load=load, quick=asked.quick)
    return int(bool(failed) or any(report.is_met(row) is False for row in rows))


def _run(benchmark: Benchmark, *, quick: bool) -> list[Row]:
    if benchmark.engine == "postgresql" and not databases.postgres_url():
        print(f"{benchmark.name}: skipped, DATABASE_URL names no PostgreSQL server", file=sys.stderr)
        return []
    print(f"{benchmark.name} …", file=sys.stderr, flush=True)
    if benchmark.has_own_database:
        return importlib.import_module(f"benchmarks.{benchmark.module}").run()
    with databases.scratch(benchmark.engine) as environment:
        flags = ["--quick"] if quick else []
        printed = databases.python(environment, "-m", "benchmarks", "--inside", benchmark.name, *flags)
    found = next(line for line in printed.splitlines() if line.startswith(MARK))
    return [Row(*row) for row in json.loads(found.removeprefix(MARK))]


def _inside(name: str, *, quick: bool) -> int:
    """Measure on the database that DATABASE_URL names and print the rows for the process that asked."""
    import django

    django.setup()
    benchmark = next(one for one in BENCHMARKS if one.name == name)
    run = importlib.import_module(f"benchmarks.{benchmark.module}").run
    print(MARK + json.dumps(run(**(benchmark.quick if quick else benchmark.full))))
    return 0


if __name__ == "__main__":
    sys.exit(main())
