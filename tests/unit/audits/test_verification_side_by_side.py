"""Several processes find what one finds, and name it alike; each reads with a connection of its own."""

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from django.db import connection
from django.utils import timezone

from audits import processes, triggers
from audits.models import LedgerLeaf
from audits.services import recording
from audits.verification import rows, verify_ledger
from audits.verification.report import Kind, Report
from mlops_portal.foundation.history import bulk_save_as, delete_as, save_as
from mlops_portal.foundation.operations import operation
from mlops_portal.foundation.people.models import BusinessUnit

ROOT = Path(__file__).resolve().parents[3]
UNITS = 40


@operation
def open_units() -> list[BusinessUnit]:
    units = [BusinessUnit(code=f"unit-{number}", name=f"Unit {number}") for number in range(UNITS)]
    return bulk_save_as(units, by=None, now=timezone.now(), reason='Opened "together"')


@pytest.fixture
def ledger(sequence) -> list[BusinessUnit]:
    """A ledger of several tiles with history and live rows, some of them changed and deleted since."""
    units = open_units()
    for unit in units[:5]:
        unit.name = f"{unit.name} renamed, with a \\ and a \x07"
        save_as(unit, by=None, now=timezone.now(), reason="Renamed")
    delete_as(units[5], by=None, now=timezone.now(), reason="Closed")
    draft = recording.Draft(
        "people.grant_made", "foundation.RoleGrant", "1", None, None, "", timezone.now(), b"{}"
    )
    recording.record([draft] * 700)
    sequence()
    return units


def flaws_of(report: Report) -> list[tuple[str, str, str]]:
    return [(flaw["kind"], flaw["place"], flaw["message"]) for flaw in report.as_dict()["flaws"]]


def verified_by_command(folder: Path) -> dict[str, Any]:
    """Verify with `manage.py ledger verify --workers 2`: what is committed, or a copy of the database in memory."""
    if connection.vendor == "postgresql":
        at = connection.settings_dict
        url = f"postgres://{at['USER']}:{at['PASSWORD']}@{at['HOST']}:{at['PORT']}/{at['NAME']}"
    else:
        copy = folder / "copy.sqlite3"
        copy.unlink(missing_ok=True)
        with connection.cursor() as cursor:
            cursor.execute("VACUUM INTO %s", [str(copy)])
        url = f"sqlite:///{copy}"
    environment = {
        **os.environ,
        "DATABASE_URL": url,
        "PORTAL_VAR": str(folder),
        "DJANGO_SETTINGS_MODULE": "mlops_portal.settings.dev",
    }
    done = subprocess.run(
        [sys.executable, "manage.py", "ledger", "verify", "--with-rows", "--workers", "2", "--json"],
        cwd=ROOT, env=environment, stdout=subprocess.PIPE, text=True,
    )  # fmt: skip
    assert done.returncode in (0, 1), done
    return json.loads(done.stdout)


def attack(*statements: str) -> None:
    triggers.drop()
    with connection.cursor() as cursor:
        for statement in statements:
            cursor.execute(statement)
    triggers.install()


def quoted(entry: LedgerLeaf) -> str:
    return f"'{entry.entry_id}'" if connection.vendor == "postgresql" else f"'{entry.entry_id.hex}'"


@pytest.mark.django_db(transaction=True)
@pytest.mark.slow
class TestSideBySide:
    def test_all_that_is_sound_is_counted_alike(self, ledger, tmp_path, monkeypatch):
        monkeypatch.setattr(rows, "SLICE", 7)
        alone = verify_ledger(with_rows=True)
        together = verified_by_command(tmp_path)
        assert alone.ok, alone.flaws
        assert together["ok"]
        assert together["checked"] == alone.checked
        assert together["root"] == alone.root
        assert alone.checked["history rows"] >= UNITS + 6
        assert alone.checked["live rows"] >= UNITS - 1

    def test_all_that_is_broken_is_named_alike(self, ledger, tmp_path, monkeypatch):
        history = "foundation_historicalbusinessunit"
        first, second, third, fourth = (unit.pk for unit in ledger[10:14])
        leaves = LedgerLeaf.objects.order_by("index")
        attack(
            f"UPDATE audits_ledgerentry SET verb = 'x' WHERE entry_id = {quoted(leaves[300])}",
            f"DELETE FROM audits_ledgerentry WHERE entry_id = {quoted(leaves[301])}",
            f"UPDATE audits_ledgerpayload SET payload = '[' WHERE entry_id = {quoted(leaves[3])}",
            f"DELETE FROM audits_ledgerpayload WHERE entry_id = {quoted(leaves[600])}",
            'DELETE FROM audits_ledgerleaf WHERE "index" = 555',
            'UPDATE audits_ledgertile SET width = 17 WHERE level = 0 AND "index" = 1',
            "UPDATE audits_checkpoint SET created_at = '2020-01-01'",
            f"UPDATE {history} SET name = 'Forged' WHERE id = {first}",
            f"DELETE FROM {history} WHERE id = {second}",
            f"UPDATE foundation_businessunit SET code = 'forged' WHERE id = {third}",
            f"DELETE FROM foundation_businessunit WHERE id = {fourth}",
        )
        alone = verify_ledger(with_rows=True)
        together = verified_by_command(tmp_path)
        monkeypatch.setattr(rows, "SLICE", 7)
        cut_small = verify_ledger(with_rows=True)
        found = flaws_of(alone)
        assert found == flaws_of(cut_small)
        assert found == [(flaw["kind"], flaw["place"], flaw["message"]) for flaw in together["flaws"]]
        assert alone.flaw_count == together["flaw_count"]
        places = {(kind, place) for kind, place, _ in found}
        label = "foundation.BusinessUnit"
        assert places >= {
            (Kind.ALTERED, "#300"), (Kind.MISSING, "#301"), (Kind.ALTERED, "#3"), (Kind.MISSING, "#600"),
            (Kind.MISSING, "#555"), (Kind.ALTERED, "tile 0/1"), (Kind.INSERTED, f"{label} {second}"),
            (Kind.ALTERED, f"{label} {third}"), (Kind.MISSING, f"{label} {fourth}"),
        }  # fmt: skip
        assert any(place.startswith("checkpoint ") for _, place in places)
        assert [kind for kind, place, _ in found if place.startswith("history row")].count("missing") == 1
        assert [kind for kind, place, _ in found if place.startswith("history row")].count("altered") == 1


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("method", ["fork", "spawn"])
def test_results_come_in_order_however_a_process_starts(method):
    with processes.readers(2, method=method) as spread:
        assert list(spread(abs, range(-9, 0))) == [*range(9, 0, -1)]


def test_one_worker_stays_in_this_process():
    with processes.readers(1) as spread:
        assert set(spread(lambda _: os.getpid(), range(3))) == {os.getpid()}
