"""An attacker with SQL and without triggers: whatever is touched is found and named."""

import json
import random
from io import StringIO

import pytest
from django.core.management import CommandError, call_command
from django.db import connection
from django.utils import timezone

from audits import triggers
from audits.models import Checkpoint, LedgerEntry, LedgerLeaf, LedgerPayload, SigningKey
from audits.services import accesses, recording, sequencing
from audits.verification import Report, verify_ledger
from audits.verification.report import Kind
from mlops_portal.foundation.events import Access
from mlops_portal.foundation.history import delete_as, save_as
from mlops_portal.foundation.people.models import BusinessUnit

pytestmark = pytest.mark.django_db


def grow(retail, ada, sequence, *, filler: int) -> Report:
    """Make three checkpoints, accesses, a deletion, and an entry that waits."""
    sequence()
    for number in range(7):
        retail.name = f"Retail {number}"
        save_as(retail, by=ada, now=timezone.now(), reason="Renamed")
    draft = recording.Draft(
        "people.grant_made", "foundation.RoleGrant", "1", None, None, "", timezone.now(), b"{}"
    )
    recording.record([draft] * filler)
    sequence()
    closed = save_as(BusinessUnit(code="gone", name="Gone"), by=ada, now=timezone.now())
    delete_as(closed, by=ada, now=timezone.now())
    at = timezone.now()
    accesses.accesses_write(
        [
            Access(
                what="registry.model_viewed",
                subject_label="registry.RegisteredModel",
                subject_id=str(n),
                actor_id="1",
                at=at,
            )
            for n in range(5)
        ]
    )
    sequence()
    retail.name = "Retail Lending"
    save_as(retail, by=ada, now=timezone.now())
    report = verify_ledger(with_rows=True)
    assert report.ok, report.flaws
    return report


@pytest.fixture
def ledger(retail, ada, sequence) -> Report:
    """A ledger of two tiles."""
    return grow(retail, ada, sequence, filler=250)


@pytest.fixture
def small_ledger(retail, ada, sequence) -> Report:
    return grow(retail, ada, sequence, filler=2)


def attack(*statements: str) -> None:
    triggers.drop()
    with connection.cursor() as cursor:
        for statement in statements:
            cursor.execute(statement)
    triggers.install()


def entry_id(index: int) -> str:
    value = LedgerLeaf.objects.get(index=index).entry_id
    return f"'{value}'" if connection.vendor == "postgresql" else f"'{value.hex}'"


class TestNamed:
    def test_an_intact_ledger_is_counted(self, ledger):
        entries = LedgerEntry.objects.count()
        assert ledger.checked["entries"] == LedgerLeaf.objects.count() == ledger.size
        assert ledger.checked["entries"] + ledger.checked["entries without number"] == entries
        assert ledger.checked["accesses"] == 5
        assert ledger.checked["checkpoints"] == 3
        assert ledger.key == SigningKey.objects.get().pk

    @pytest.mark.parametrize(
        ("statement", "part"),
        [
            ("UPDATE audits_ledgerentry SET verb = 'x' WHERE entry_id = {id}", "verb"),
            ("UPDATE audits_ledgerentry SET actor_id = '999' WHERE entry_id = {id}", "actor_id"),
            (
                "UPDATE audits_ledgerentry SET envelope = replace(envelope, 'foundation', 'fundation') WHERE entry_id = {id}",
                "envelope",
            ),
            ("UPDATE audits_ledgerentry SET id = 1000000 WHERE entry_id = {id}", "id"),
            (
                "UPDATE audits_ledgerpayload SET payload = replace(payload, 'Retail 5', 'Retail 6') WHERE entry_id = {id}",
                "payload",
            ),
        ],
    )
    def test_an_altered_entry(self, ledger, statement, part):
        index = LedgerLeaf.objects.get(
            entry_id=LedgerEntry.objects.get(payload__payload__contains='"Retail 5"').entry_id
        ).index
        attack(statement.format(id=entry_id(index)))
        first = verify_ledger().first
        assert (first.kind, first.place) == (Kind.ALTERED, f"#{index}")
        assert part in first.message

    def test_a_missing_entry(self, ledger):
        attack(f"DELETE FROM audits_ledgerentry WHERE entry_id = {entry_id(7)}")
        first = verify_ledger().first
        assert (first.kind, first.place) == (Kind.MISSING, "#7")

    def test_a_missing_payload(self, ledger):
        attack(f"DELETE FROM audits_ledgerpayload WHERE entry_id = {entry_id(7)}")
        first = verify_ledger().first
        assert (first.kind, first.place) == (Kind.MISSING, "#7")

    def test_a_missing_number(self, ledger):
        attack('DELETE FROM audits_ledgerleaf WHERE "index" = 9')
        first = verify_ledger().first
        assert (first.kind, first.place) == (Kind.MISSING, "#9")

    def test_two_entries_that_changed_places(self, ledger):
        attack(
            'UPDATE audits_ledgerleaf SET "index" = 1000000 WHERE "index" = 11',
            'UPDATE audits_ledgerleaf SET "index" = 11 WHERE "index" = 12',
            'UPDATE audits_ledgerleaf SET "index" = 12 WHERE "index" = 1000000',
        )
        kinds = {(flaw.kind, flaw.place) for flaw in verify_ledger().flaws}
        assert (Kind.REORDERED, "#11") in kinds

    def test_an_inserted_entry(self, ledger):
        copied = ", ".join(
            field.column for field in LedgerEntry._meta.fields if field.column not in {"id", "entry_id"}
        )
        fresh = "gen_random_uuid()" if connection.vendor == "postgresql" else "lower(hex(randomblob(16)))"
        attack(
            f"INSERT INTO audits_ledgerentry (entry_id, {copied}) SELECT {fresh}, {copied} FROM audits_ledgerentry WHERE entry_id = {entry_id(3)}"
        )
        flaw = verify_ledger().first
        assert flaw.kind == Kind.INSERTED

    def test_a_truncated_ledger(self, ledger):
        attack(f'DELETE FROM audits_ledgerleaf WHERE "index" >= {ledger.size - 3}')
        first = verify_ledger().first
        assert (first.kind, first.place) == (Kind.TRUNCATED, f"#{ledger.size - 3}")

    def test_a_ledger_cut_back_and_signed_is_caught_by_a_checkpoint_kept_elsewhere(self, ledger):
        notes = list(Checkpoint.objects.order_by("size").values_list("note", flat=True))
        size = Checkpoint.objects.order_by("size")[1].size
        assert verify_ledger(known_checkpoint=notes[-1]).ok
        attack(
            "DELETE FROM audits_ledgerentry WHERE entry_id IN "
            f'(SELECT entry_id FROM audits_ledgerleaf WHERE "index" >= {size})',
            "DELETE FROM audits_ledgerpayload WHERE entry_id NOT IN (SELECT entry_id FROM audits_ledgerentry)",
            f'DELETE FROM audits_ledgerleaf WHERE "index" >= {size}',
            f"DELETE FROM audits_checkpoint WHERE size > {size}",
            "DELETE FROM audits_accesslog",
            f'UPDATE audits_ledgertile SET width = {size % 256}, hashes = substr(hashes, 1, {size % 256 * 32}) WHERE level = 0 AND "index" = {size // 256}',
            "DELETE FROM audits_ledgerpending",
            "DELETE FROM audits_ledgerentry WHERE entry_id NOT IN (SELECT entry_id FROM audits_ledgerleaf)",
            "DELETE FROM audits_ledgerpayload WHERE entry_id NOT IN (SELECT entry_id FROM audits_ledgerentry)",
        )
        assert verify_ledger().ok
        flaw = verify_ledger(known_checkpoint=notes[-1]).first
        assert (flaw.kind, flaw.place) == (Kind.TRUNCATED, f"#{size}")
        assert not verify_ledger(with_rows=True).ok

    def test_another_key(self, ledger):
        assert verify_ledger(fingerprint=ledger.key).ok
        assert verify_ledger(fingerprint="0" * 64).first.place == "keys"
        attack("UPDATE audits_signingkey SET valid_from = '2001-01-01'")
        assert verify_ledger().first.place.startswith("key ")

    def test_a_checkpoint_with_a_date_before_its_time(self, ledger):
        size = Checkpoint.objects.order_by("size").first().size
        attack(f"UPDATE audits_checkpoint SET created_at = '2020-01-01' WHERE size = {size}")
        assert verify_ledger().first.place == f"checkpoint {size}"

    def test_numbers_that_nobody_signed(self, ledger):
        last = ledger.size
        attack(f"DELETE FROM audits_checkpoint WHERE size = {last}")
        assert Kind.INSERTED in {flaw.kind for flaw in verify_ledger().flaws}


class TestRows:
    def test_an_altered_history_row(self, ledger, retail):
        row = retail.history.earliest("history_id")
        attack(
            f"UPDATE foundation_historicalbusinessunit SET name = 'Forged' WHERE history_id = {row.history_id}"
        )
        assert verify_ledger().ok
        flaw = verify_ledger(with_rows=True).first
        assert (flaw.kind, flaw.place) == (
            Kind.ALTERED,
            f"history row {row.history_id} of foundation.BusinessUnit {retail.pk}",
        )
        assert flaw.message.endswith(": name")

    def test_a_changed_actor_of_a_history_row(self, ledger, retail):
        row = retail.history.latest("history_id")
        attack(
            f"UPDATE foundation_historicalbusinessunit SET history_user_id = '77' WHERE history_id = {row.history_id}"
        )
        assert verify_ledger(with_rows=True).first.message.endswith(": history_user_id")

    def test_a_deleted_history_row(self, ledger, retail):
        row = retail.history.earliest("history_id")
        attack(f"DELETE FROM foundation_historicalbusinessunit WHERE history_id = {row.history_id}")
        assert verify_ledger(with_rows=True).first.kind == Kind.MISSING

    def test_an_invented_history_row(self, ledger, retail):
        row = retail.history.latest("history_id")
        row.pk = None
        row.save()
        flaw = verify_ledger(with_rows=True).first
        assert (flaw.kind, flaw.message) == (Kind.INSERTED, "no entry holds it")

    def test_an_altered_live_row(self, ledger, retail):
        attack(f"UPDATE foundation_businessunit SET code = 'forged' WHERE id = {retail.pk}")
        flaw = verify_ledger(with_rows=True).first
        assert (flaw.kind, flaw.place) == (Kind.ALTERED, f"foundation.BusinessUnit {retail.pk}")

    def test_a_live_row_without_history_and_one_that_is_gone(self, ledger, plant):
        attack(
            f"UPDATE foundation_businessunit SET id = 4711 WHERE id = {plant.pk}",
            "DELETE FROM foundation_unitclosure",
            f"UPDATE foundation_unitclosure SET descendant_id = 4711 WHERE descendant_id = {plant.pk}",
        )
        found = {(flaw.kind, flaw.place) for flaw in verify_ledger(with_rows=True).flaws}
        assert (Kind.INSERTED, "foundation.BusinessUnit 4711") in found
        assert (Kind.MISSING, f"foundation.BusinessUnit {plant.pk}") in found
        attack(f"UPDATE foundation_businessunit SET id = {plant.pk} WHERE id = 4711")


TABLES = {
    "audits_ledgerentry": "id",
    "audits_ledgerpayload": "entry_id",
    "audits_ledgerleaf": '"index"',
    "audits_ledgertile": 'level * 1000 + "index"',
    "audits_checkpoint": "size",
    "audits_signingkey": "fingerprint",
    "audits_accesslog": "id",
}


SMALL = {"level", "width", "format_version"}


def changed(value):
    """Return another value of the same type."""
    if isinstance(value, bool):
        return not value
    if isinstance(value, int):
        return value + 7_000_001
    if isinstance(value, bytes | memoryview):
        raw = bytearray(value)
        raw[random.randrange(len(raw))] ^= 1 << random.randrange(8)
        return bytes(raw)
    if isinstance(value, str):
        at = random.randrange(len(value) or 1)
        return value[:at] + ("1" if value[at : at + 1] != "1" else "2") + value[at + 1 :]
    if hasattr(value, "year"):
        return value.replace(year=value.year - 1)
    if hasattr(value, "hex"):
        return type(value)(int=value.int ^ 1)
    return 7


def test_a_hundred_random_changes_of_one_field_are_all_detected(small_ledger):
    random.seed(20260101)
    triggers.drop()
    undetected = []
    for _ in range(100):
        table = random.choice(list(TABLES))
        with connection.cursor() as cursor:
            cursor.execute(f"SELECT * FROM {table} ORDER BY {TABLES[table]}")
            columns = [column[0] for column in cursor.description]
            rows = cursor.fetchall()
            row = random.choice(rows)
            tampered = [name for name in columns if not (table == "audits_accesslog" and name == "id")]
            column = random.choice(tampered)
            before = row[columns.index(column)]
            if connection.vendor == "sqlite" and column == "is_flagged":
                before = bool(before)
            if before is None and column == "valid_until":
                after = "2031-02-03 00:00:00"
            elif isinstance(before, str) and column.endswith("_at"):
                after = "2001-02-03" + before[10:]
            else:
                after = before + 7 if column in SMALL else changed(before)
            key = (
                row[0]
                if table != "audits_ledgertile"
                else row[columns.index("level")] * 1000 + row[columns.index("index")]
            )
            place = TABLES[table] if table == "audits_ledgertile" else f'"{columns[0]}"'
            cursor.execute("SAVEPOINT attack")
            cursor.execute(
                "SET CONSTRAINTS ALL DEFERRED"
                if connection.vendor == "postgresql"
                else "PRAGMA defer_foreign_keys = ON"
            )
            cursor.execute(f'UPDATE {table} SET "{column}" = %s WHERE {place} = %s', [after, key])
            assert cursor.rowcount == 1
            if verify_ledger().ok:
                undetected.append((table, column, before, after))
            cursor.execute("ROLLBACK TO SAVEPOINT attack")
    triggers.install()
    assert undetected == []
    assert verify_ledger(with_rows=True).ok


class TestCommands:
    def test_verify_says_ok(self, ledger):
        out = StringIO()
        call_command("ledger", "verify", "--with-rows", stdout=out, stderr=StringIO())
        assert "OK in" in out.getvalue()
        assert f"size {ledger.size}" in out.getvalue()

    def test_verify_names_what_is_broken_and_exits_1(self, ledger):
        attack(f"DELETE FROM audits_ledgerentry WHERE entry_id = {entry_id(7)}")
        out = StringIO()
        with pytest.raises(SystemExit) as ended:
            call_command("ledger", "verify", stdout=out, stderr=StringIO())
        assert ended.value.code == 1
        assert "BROKEN: missing: #7:" in out.getvalue()

    def test_verify_as_json_since_a_number(self, ledger):
        out = StringIO()
        call_command("ledger", "verify", "--json", "--since", "200", stdout=out)
        report = json.loads(out.getvalue())
        assert report["ok"]
        assert report["checked"]["entries"] == ledger.size - 200

    def test_verify_against_a_checkpoint_file(self, ledger, tmp_path):
        note = tmp_path / "checkpoint.txt"
        note.write_text(Checkpoint.objects.first().note)
        call_command("ledger", "verify", "--checkpoint", str(note), stdout=StringIO(), stderr=StringIO())
        note.write_text("not a note")
        with pytest.raises(SystemExit):
            call_command("ledger", "verify", "--checkpoint", str(note), stdout=StringIO(), stderr=StringIO())
        with pytest.raises(CommandError, match="No such file"):
            call_command("ledger", "verify", "--checkpoint", str(tmp_path / "absent"))

    def test_the_sequencer_numbers_once(self, retail, key_file):
        out = StringIO()
        call_command("sequencer", "--once", stdout=out)
        assert out.getvalue() == f"numbered {LedgerLeaf.objects.count()} entries\n"
        assert verify_ledger(with_rows=True).ok

    def test_a_key_is_made_shown_and_replaced(self, retail, tmp_path, settings):
        settings.PORTAL_LEDGER_KEY_FILE = str(tmp_path / "new" / "ledger.key")
        with pytest.raises(CommandError, match="ledger_key"):
            call_command("sequencer", "--once")
        made, shown, replaced = StringIO(), StringIO(), StringIO()
        call_command("ledger_key", stdout=made)
        call_command("ledger_key", "--show", stdout=shown)
        assert made.getvalue() == shown.getvalue()
        with pytest.raises(CommandError, match="never overwritten"):
            call_command("ledger_key")
        call_command("sequencer", "--once", stdout=StringIO())
        call_command("ledger_key", "--rotate", stdout=replaced)
        assert replaced.getvalue() != made.getvalue()
        call_command("sequencer", "--once", stdout=StringIO())
        report = verify_ledger(with_rows=True)
        assert report.ok, report.flaws
        assert report.key == sequencing.signer_from_settings().key.fingerprint
        assert LedgerPayload.objects.count() == LedgerEntry.objects.count()
