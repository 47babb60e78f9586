"""The two ways to write the change log give the same bytes, on PostgreSQL compared with each other."""

from datetime import timedelta

import pytest
from django.db import connection
from django.utils import timezone

from audits.exports import change_log
from audits.exports.scopes import Scope, What
from audits.exports.text_files import csv_line
from audits.models import LedgerEntry, LedgerLeaf
from audits.services.shredding import person_shred
from mlops_portal.foundation.events import DomainEvent, emit
from mlops_portal.foundation.history import save_as
from mlops_portal.foundation.people.services.persons import person_deactivate

pytestmark = pytest.mark.django_db
NAMES = [
    "=1+1", "+x", "-x", "@x", "\tx", "\rx", "'quoted", 'say "hi"', "a,b", "line\nbreak", "ret\r\nurn", " lead", "", "\\.",
    "ünïcode 😀", "%s %% {}", "NULL", "x" * 3000,
]  # fmt: skip


def silent(done: int, total: int, phase: str) -> None:
    """Report to nobody."""


@pytest.fixture
def hostile(retail, ada, dora, adam, sequence):
    for number, name in enumerate(NAMES):
        retail.name = name[:120] or "x"
        save_as(retail, by=ada, now=timezone.now() + timedelta(seconds=number), reason=name)
        emit(
            DomainEvent(
                verb="people.grant_made", subject_label="x.Y", subject_id=name[:100], actor_id=None,
                occurred_at=timezone.now(), unit_id=retail.pk, data={"text": name},
            )
        )  # fmt: skip
    gone = person_deactivate(person=dora, reason="Left", by=adam, now=timezone.now())
    person_shred(person=gone, by=adam, now=timezone.now())
    sequence()


@pytest.mark.skipif(connection.vendor != "postgresql", reason="COPY exists on PostgreSQL only")
@pytest.mark.parametrize("with_content", [False, True])
def test_copy_and_python_write_the_same_bytes(hostile, cleo, with_content):
    scope = Scope(What.CHANGE_LOG, "csv", with_content=with_content)
    copied = b"".join(change_log.csv_parts(scope, cleo, progress=silent, by_copy=True))
    written = b"".join(change_log.csv_parts(scope, cleo, progress=silent, by_copy=False))
    assert copied.splitlines() == written.splitlines()
    assert copied == written
    assert b"lawfully removed" in copied


@pytest.mark.skipif(connection.vendor != "postgresql", reason="COPY exists on PostgreSQL only")
@pytest.mark.parametrize("with_content", [False, True])
def test_copy_and_python_write_the_same_entries(hostile, cleo, with_content):
    scope = Scope(What.CHANGE_LOG, "zip", with_content=with_content)
    entries = change_log.entries_of(scope, cleo)
    [span] = change_log.spans(change_log.bounds_of(entries), silent, change_log.CHUNK)
    found = change_log.found_in(entries, span)
    written = list(change_log.lines_of(found, with_content=with_content))
    assert list(change_log.copied_lines(entries, span, with_content=with_content)) == written
    assert len(written) == LedgerLeaf.objects.count()


@pytest.mark.skipif(connection.vendor != "postgresql", reason="COPY exists on PostgreSQL only")
def test_a_payload_that_sql_cannot_read_is_written_by_python(retail, cleo, sequence):
    emit(
        DomainEvent(
            verb="people.grant_made", subject_label="x.Y", subject_id="1", actor_id=None,
            occurred_at=timezone.now(), data={"text": "nul \x00 inside"},
        )
    )  # fmt: skip
    sequence()
    scope = Scope(What.CHANGE_LOG, "csv", with_content=True)
    text = b"".join(change_log.csv_parts(scope, cleo, progress=silent)).decode()
    assert text.count("\n") == LedgerEntry.objects.count() + 1


@pytest.mark.skipif(connection.vendor != "postgresql", reason="SQLite has one writer at a time")
@pytest.mark.parametrize("by_copy", [True, False])
def test_entries_that_became_visible_late_stand_where_the_ledger_has_them(
    retail, cleo, sequence, monkeypatch, by_copy
):
    monkeypatch.setattr(change_log, "CHUNK", 4)
    monkeypatch.setattr(change_log, "COPIED", 4)

    def enter(count):
        for number in range(count):
            emit(
                DomainEvent(
                    verb="people.grant_made", subject_label="x.Y", subject_id=str(number), actor_id=None,
                    occurred_at=timezone.now(), unit_id=retail.pk, data={},
                )
            )  # fmt: skip

    with connection.cursor() as cursor:
        enter(1)
        cursor.execute(
            "SELECT setval(pg_get_serial_sequence('audits_ledgerentry', 'id'), max(id) + 20) FROM audits_ledgerentry"
        )
        enter(5)
        sequence()
        cursor.execute(
            "SELECT setval(pg_get_serial_sequence('audits_ledgerentry', 'id'), max(id) - 20) FROM audits_ledgerentry"
        )
        enter(3)
        sequence()
        text = b"".join(
            change_log.csv_parts(Scope(What.CHANGE_LOG, "csv"), cleo, progress=silent, by_copy=by_copy)
        ).decode()
        cursor.execute(
            "SELECT setval(pg_get_serial_sequence('audits_ledgerentry', 'id'), max(id)) FROM audits_ledgerentry"
        )
    numbers = [int(line.split(",")[0]) for line in text.splitlines()[1:]]
    by_id = list(LedgerLeaf.objects.order_by("entry_row").values_list("index", flat=True))
    assert numbers == sorted(by_id) != by_id


def test_no_cell_begins_a_formula(hostile, cleo):
    import csv
    import io

    scope = Scope(What.CHANGE_LOG, "csv")
    text = b"".join(change_log.csv_parts(scope, cleo, progress=silent)).decode()
    rows = list(csv.reader(io.StringIO(text)))
    assert len(rows) == LedgerLeaf.objects.count() + 1
    assert not [cell for row in rows for cell in row if cell.startswith(("=", "+", "-", "@", "\t", "\r"))]


def test_a_line_is_quoted_only_where_it_must_be():
    assert csv_line(["a", 1, None, "", 'b"c', "d,e", "f\rg"]) == 'a,1,,,"b""c","d,e","f\rg"\n'
