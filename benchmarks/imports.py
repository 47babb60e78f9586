"""Import of the US federal inventory, as `manage.py import_inventory` does it."""

import sys
import time
from pathlib import Path

from django.core.management import call_command
from django.db import connection
from django.utils import timezone

from benchmarks.databases import ROOT
from benchmarks.rows import Row
from mlops_portal.foundation.people.services.units import unit_create
from registry.models import RegisteredModel

FILE = ROOT.parent / "shared/data/inventory-us-federal/2024_consolidated_ai_inventory_raw_v2.csv"
ROWS = 2133


def run() -> list[Row]:
    """Import the file twice; the second time nothing may change."""
    if not FILE.exists():
        print(f"imports: skipped, {FILE} is not there", file=sys.stderr)
        return []
    unit_create(code="federal", name="Federal government", by=None, now=timezone.now())
    first, second = _import(FILE), _import(FILE)
    if RegisteredModel.objects.count() != ROWS:
        raise RuntimeError(f"{RegisteredModel.objects.count()} models instead of {ROWS}")
    name = f"import of the US federal inventory, {ROWS:,} rows ({connection.vendor})"
    return [
        Row(name, first, "s", "≤ 60"),
        Row(f"{name}: speed", ROWS / first, "rows/s"),
        Row(f"{name}: the same file again", second, "s", "≤ 60"),
    ]


def _import(path: Path) -> float:
    began = time.perf_counter()
    call_command(
        "import_inventory", str(path), mapping="us-federal-2024", unit_column="Agency", stdout=sys.stderr
    )
    return time.perf_counter() - began
