"""Three locks: the model, the query set, the database."""

import pytest
from django.db import DatabaseError, connection, transaction

from audits import triggers
from audits.models import (
    AccessLog,
    AppendOnlyError,
    Checkpoint,
    LedgerEntry,
    LedgerLeaf,
    LedgerPayload,
    LedgerPending,
    LedgerRemoval,
    LedgerTile,
)

TABLES = {
    "ledgerentry": "verb = 'forged'",
    "ledgerpayload": "payload = '{}'",
    "ledgerleaf": "entry_row = 0",
    "checkpoint": "note = ''",
}


@pytest.fixture
def ledger(retail, sequence):
    sequence()
    return LedgerEntry.objects.order_by("id").first()


def refused(statement: str, *params) -> str:
    with pytest.raises(DatabaseError) as caught, transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(statement, params)
    return str(caught.value)


@pytest.mark.parametrize(("table", "change"), TABLES.items())
def test_the_database_refuses_update_and_delete(ledger, table, change):
    assert triggers.MESSAGE in refused(f"UPDATE audits_{table} SET {change}")
    assert triggers.MESSAGE in refused(f"DELETE FROM audits_{table}")


@pytest.mark.skipif(connection.vendor != "postgresql", reason="SQLite has no TRUNCATE")
@pytest.mark.parametrize("table", [*triggers.WRITE_ONCE, "ledgerpayload", "ledgertile", "signingkey"])
def test_the_database_refuses_truncate(ledger, table):
    connection.check_constraints()  # a table with deferred checks cannot be truncated by anybody
    assert triggers.MESSAGE in refused(f"TRUNCATE audits_{table} CASCADE")


def test_a_tile_only_grows_at_its_end(ledger):
    tile = LedgerTile.objects.get(level=0, index=0)
    hashes = bytes(tile.hashes)
    update = "UPDATE audits_ledgertile SET hashes = %s, width = %s WHERE level = 0"
    assert triggers.MESSAGE in refused(update, b"\x00" * 32 + hashes[32:] + b"\x00" * 32, tile.width + 1)
    assert triggers.MESSAGE in refused(update, hashes[:-32], tile.width - 1)
    assert triggers.MESSAGE in refused(update, hashes + b"\x00" * 32, tile.width)
    assert triggers.MESSAGE in refused("DELETE FROM audits_ledgertile")
    with connection.cursor() as cursor:
        cursor.execute(update, [hashes + b"\x00" * 32, tile.width + 1])


def test_a_key_only_ends(ledger):
    assert triggers.MESSAGE in refused("UPDATE audits_signingkey SET public_key = %s", b"\x00" * 32)
    assert triggers.MESSAGE in refused("DELETE FROM audits_signingkey")
    with connection.cursor() as cursor:
        cursor.execute("UPDATE audits_signingkey SET valid_until = valid_from")


def test_a_payload_goes_only_with_a_removal(ledger):
    delete = "DELETE FROM audits_ledgerpayload WHERE entry_id = (SELECT entry_id FROM audits_ledgerremoval)"
    LedgerRemoval.objects.create(entry_id=ledger.entry_id, tombstone_id=ledger.entry_id)
    with connection.cursor() as cursor:
        cursor.execute(delete)
    assert not LedgerPayload.objects.filter(pk=ledger.entry_id).exists()
    assert triggers.MESSAGE in refused("DELETE FROM audits_ledgerpayload")


@pytest.mark.parametrize(
    "model", [LedgerEntry, LedgerPayload, LedgerLeaf, LedgerRemoval, Checkpoint, AccessLog]
)
def test_model_and_query_set_refuse(ledger, model):
    row = model.objects.first()
    for act in (
        lambda: model.objects.all().delete(),
        lambda: model.objects.update(pk=1),
        lambda: model.objects.bulk_update([], ["pk"]),
        lambda: model.objects.bulk_create([], update_conflicts=True),
        *((row.save, row.delete) if row else ()),
    ):
        with pytest.raises(AppendOnlyError):
            act()


def test_every_trigger_is_there_and_a_lost_one_is_named(db):
    assert triggers.problems() == []
    name = "audits_ledgerentry_update_lock"
    on = " ON audits_ledgerentry" if connection.vendor == "postgresql" else ""
    with connection.cursor() as cursor:
        cursor.execute(f"DROP TRIGGER {name}{on}")
    assert triggers.problems() == [f"trigger {name} is missing"]
    triggers.install()
    assert triggers.problems() == []


@pytest.mark.skipif(connection.vendor != "postgresql", reason="SQLite cannot switch a trigger off")
def test_a_trigger_that_is_switched_off_or_replaced_is_named(db):
    with connection.cursor() as cursor:
        cursor.execute("ALTER TABLE audits_ledgerentry DISABLE TRIGGER audits_ledgerentry_update_lock")
        assert triggers.problems() == ["trigger audits_ledgerentry_update_lock is switched off"]
        cursor.execute("ALTER TABLE audits_ledgerentry ENABLE TRIGGER audits_ledgerentry_update_lock")
        cursor.execute(
            "CREATE OR REPLACE FUNCTION audits_pend() RETURNS trigger LANGUAGE plpgsql AS "
            "$$ BEGIN RETURN NULL; END $$"
        )
        assert triggers.problems() == ["trigger audits_ledgerentry_pend is altered"]


@pytest.mark.django_db(transaction=True)
def test_tables_can_be_emptied_between_tests_and_are_locked_again():
    LedgerPending.objects.exists()
    assert triggers.problems() == []
