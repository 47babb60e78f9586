"""The table of figures, in the terminal and in the documentation."""

import os
import platform
import sqlite3
import sysconfig
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path

from benchmarks import databases
from benchmarks.rows import Row

PAGE = "docs/reference/benchmarks.md"
MET = {True: "yes", False: "NO", None: ""}
COMPARE = {"≤": lambda value, limit: value <= limit, "≥": lambda value, limit: value >= limit,
           "=": lambda value, limit: value == limit}  # fmt: skip


def is_met(row: Row) -> bool | None:
    """Tell whether a figure reaches its goal; None when it has none."""
    if not row.goal:
        return None
    sign, limit = row.goal.split(maxsplit=1)
    return COMPARE[sign](row.value, float(limit.replace(",", "").partition(" ")[0]))


def figure(value: float) -> str:
    """Write a figure with as many digits as mean something."""
    return f"{value:,.0f}" if abs(value) >= 100 or value == int(value) else f"{value:,.2f}"


def as_text(rows: Sequence[Row]) -> str:
    """Return the table for a terminal."""
    width = max((len(row.name) for row in rows), default=0)
    lines = [
        f"{row.name:{width}}  {figure(row.value):>12} {row.unit:10} {row.goal:10} {MET[is_met(row)]}".rstrip()
        for row in rows
    ]
    return "\n".join(lines) or "Nothing was measured."


def write(
    rows: Sequence[Row], *, load: Sequence[float], quick: bool, failed: Sequence[str] = (), minutes: float = 0
) -> None:
    """Rewrite the page of the documentation."""
    optimised = "--enable-optimizations" in (sysconfig.get_config_var("CONFIG_ARGS") or "")
    build = "built with optimisation" if optimised else "built without optimisation"
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30
    engines = [f"SQLite {sqlite3.sqlite_version}", *_postgres_version()]
    lines = [
        "# Benchmarks",
        "",
        "Written by `make bench ARGS=--write`; read figures as ratios on a machine like yours.",
        "",
        f"- Measured on {datetime.now(UTC):%d %B %Y}" + (", quick sizes: no figure counts" if quick else ""),
        f"- {platform.python_implementation()} {platform.python_version()}, {build}",
        f"- {_processor()}, {os.cpu_count()} cores, {memory:.0f} GB of memory, load average at the start {load[0]:.1f}"
        + (" (the machine was busy with other work: times are too high)" if load[0] > 1 else ""),
        f"- {', '.join(engines)}",
        f"- `make bench` took {minutes:.0f} minutes",
        *([f"- **Not measured**, because it failed: {', '.join(failed)}"] if failed else []),
        "",
        "| Measure | Value | Unit | Goal | Met |",
        "| --- | ---: | --- | --- | --- |",
        *(
            f"| {row.name} | {figure(row.value)} | {row.unit} | {row.goal} | {MET[is_met(row)]} |"
            for row in rows
        ),
        "",
    ]
    (databases.ROOT / PAGE).write_text("\n".join(lines))


def _processor() -> str:
    """Name the processor, where the system tells."""
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:
        return platform.machine()
    named = (line.partition(":")[2].strip() for line in lines if line.startswith("model name"))
    return next(named, platform.machine())


def _postgres_version() -> list[str]:
    url = databases.postgres_url()
    if not url:
        return []
    import psycopg

    with psycopg.connect(url) as connection:
        version = connection.info.server_version
    return [f"PostgreSQL {version // 10_000}.{version % 10_000}"]
