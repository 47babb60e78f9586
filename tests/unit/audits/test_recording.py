"""What becomes an entry, what it holds, and what happens to it when its act fails."""

import json
from datetime import timedelta
from decimal import Decimal

import pytest
from django.db import IntegrityError, connection, transaction
from django.test.utils import CaptureQueriesContext
from django.utils import timezone
from hypothesis import given
from hypothesis import strategies as st

from audits import envelope, events
from audits.merkle import leaf_hash
from audits.models import AccessLog, LedgerEntry, LedgerPending
from audits.services import accesses, recording
from mlops_portal.foundation.canonical import canonical_bytes
from mlops_portal.foundation.events import Access, DomainEvent, accessed, emit
from mlops_portal.foundation.history import bulk_save_as, save_as
from mlops_portal.foundation.ids import uuid7
from mlops_portal.foundation.operations import current_act, operation
from mlops_portal.foundation.people.models import BusinessUnit, User

TEXT = st.text(alphabet=st.characters(exclude_categories=["Cs"]), max_size=30)
NUMBER = st.none() | st.integers(-(2**53) + 1, 2**53 - 1)


def entries_of(row) -> list[LedgerEntry]:
    return list(
        LedgerEntry.objects.filter(subject_label=row._meta.label, subject_id=str(row.pk)).order_by("id")
    )


def payload_of(entry: LedgerEntry) -> dict:
    return json.loads(entry.payload.payload)


@given(TEXT, TEXT, NUMBER, NUMBER, st.datetimes(timezones=st.just(timezone.get_default_timezone())))
def test_the_envelope_is_canonical_json(verb, subject, unit_id, model_id, at):
    facts = {
        "entry_id": uuid7(),
        "occurred_at": at,
        "recorded_at": at,
        "verb": verb,
        "subject_label": subject,
        "subject_id": subject,
        "unit_id": unit_id,
        "model_id": model_id,
        "actor_id": verb,
        "act_id": uuid7(),
        "payload_commitment": b"\x01" * 32,
        "format_version": 1,
    }
    assert envelope.envelope_text(**facts).encode() == canonical_bytes(facts)


@pytest.mark.django_db
class TestRows:
    def test_a_saved_row_is_an_entry_with_the_whole_row(self, retail, ada):
        retail.name = "Lending"
        save_as(retail, by=ada, now=timezone.now(), reason="The department was renamed")
        entry = entries_of(retail)[-1]
        assert entry.verb == "foundation.businessunit_changed"
        assert entry.unit_id == retail.pk
        assert entry.actor_id == str(ada.pk)
        payload = payload_of(entry)
        assert payload["subject"] == "Lending"
        assert payload["history"]["history_change_reason"] == "The department was renamed"
        assert payload["row"]["parent_id"] == retail.parent_id
        assert set(payload["row"]) == {field.attname for field in BusinessUnit._meta.concrete_fields}

    def test_the_leaf_covers_the_stored_bytes_and_the_commitment_the_payload(self, retail):
        for entry in LedgerEntry.objects.select_related("payload"):
            assert bytes(entry.leaf) == leaf_hash(entry.envelope.encode())
            bound = envelope.commitment(bytes(entry.payload.salt), entry.payload.payload.encode())
            assert bytes(entry.payload_commitment) == bound
            assert envelope.columns_of(entry.envelope)["payload_commitment"] == bound.hex()

    def test_personal_data_is_only_in_the_payload(self, ada):
        (created, *_) = entries_of(ada)
        for text in (ada.name, ada.email):
            assert text not in created.envelope
            assert text in created.payload.payload

    def test_secrets_are_in_neither(self, ada):
        ada.set_password("another horse battery staple")
        save_as(ada, by=ada, now=timezone.now())
        for entry in entries_of(ada):
            assert "password" not in payload_of(entry)["row"]
            assert ada.password not in entry.payload.payload

    def test_a_past_time_is_flagged(self, retail):
        assert entries_of(retail)[0].is_flagged
        retail.name = "Lending"
        save_as(retail, by=None, now=timezone.now())
        late = entries_of(retail)[-1]
        assert not late.is_flagged
        assert late.actor_id == ""

    def test_a_bulk_is_one_entry_per_row_and_one_summary(self, group, ada):
        @operation
        def open_units():
            return bulk_save_as(
                [
                    BusinessUnit(code=f"unit-{n}", name=f"Unit {n}", parent=group, depth=1)
                    for n in range(1200)
                ],
                by=ada,
                now=timezone.now(),
            )

        with CaptureQueriesContext(connection) as statements:
            units = open_units()
        assert (
            LedgerEntry.objects.filter(verb="foundation.businessunit_created", actor_id=str(ada.pk)).count()
            == 1200
        )
        (summary,) = LedgerEntry.objects.filter(verb=events.BULK)
        assert payload_of(summary)["data"] == {"verb": "foundation.businessunit_created", "count": 1200}
        assert len(entries_of(units[-1])) == 1
        writes = [
            s["sql"]
            for s in statements.captured_queries
            if "INSERT INTO" in s["sql"] and "ledgerentry" in s["sql"]
        ]
        assert len(writes) <= 1200 // 50


@pytest.mark.django_db
class TestActs:
    def event(self, **data) -> DomainEvent:
        return DomainEvent(
            verb="people.grant_made",
            subject_label="foundation.RoleGrant",
            subject_id="1",
            actor_id=None,
            occurred_at=timezone.now(),
            data=data,
        )

    def test_everything_of_one_operation_is_one_act_entered_at_once(self, retail):
        seen = []

        @operation
        def rename():
            retail.name = "Lending"
            save_as(retail, by=None, now=timezone.now())
            emit(self.event(amount=Decimal("1.50")))
            assert not LedgerEntry.objects.filter(act_id=current_act().id).exists()
            seen.append(current_act().id)

        with CaptureQueriesContext(connection) as statements:
            rename()
        assert LedgerEntry.objects.filter(act_id=seen[0]).count() == 2
        assert sum(
            "INSERT INTO" in s["sql"] and "audits_ledger" in s["sql"] for s in statements.captured_queries
        ) == (1 if connection.vendor == "postgresql" else 2)
        assert payload_of(LedgerEntry.objects.order_by("id").last())["data"] == {"amount": "1.50"}

    def test_outside_of_operations_an_act_is_entered_at_once(self, db):
        emit(self.event())
        assert LedgerEntry.objects.filter(verb="people.grant_made").count() == 1

    def test_a_failed_operation_leaves_no_entry(self, retail):
        before = LedgerEntry.objects.count()

        @operation
        def fail():
            retail.name = "Lending"
            save_as(retail, by=None, now=timezone.now())
            raise ZeroDivisionError

        with pytest.raises(ZeroDivisionError):
            fail()
        assert LedgerEntry.objects.count() == before
        retail.refresh_from_db()
        assert retail.name == "Retail Lending"

    def test_a_ledger_that_fails_takes_the_change_with_it(self, retail, monkeypatch):
        monkeypatch.setattr(recording, "envelope_text", lambda *args, **kwargs: 1 / 0)

        @operation
        def rename():
            retail.name = "Lending"
            save_as(retail, by=None, now=timezone.now())

        with pytest.raises(ZeroDivisionError):
            rename()
        assert BusinessUnit.objects.get(pk=retail.pk).name == "Retail Lending"

    def test_rows_of_a_savepoint_that_was_rolled_back_are_not_entered(self, retail, group):
        @operation
        def try_twice():
            try:
                with transaction.atomic():
                    retail.name = "Kept only if the next line works"
                    save_as(retail, by=None, now=timezone.now())
                    save_as(BusinessUnit(code=group.code, name="Twin"), by=None, now=timezone.now())
            except IntegrityError:
                retail.name = "Lending"
                save_as(retail, by=None, now=timezone.now())

        try_twice()
        names = [payload_of(entry)["row"]["name"] for entry in entries_of(retail)]
        assert names == ["Retail Lending", "Lending"]

    def test_the_trigger_makes_every_entry_pending(self, retail):
        known = set(LedgerEntry.objects.values_list("entry_id", flat=True))
        assert known
        assert set(LedgerPending.objects.values_list("entry_id", flat=True)) == known


@pytest.mark.django_db
def test_reads_are_written_after_the_response_with_one_digest(ada):
    at = timezone.now() - timedelta(seconds=1)
    for number in range(3):
        accessed.send(
            sender=Access,
            access=Access(
                what="registry.model_viewed",
                subject_label="registry.RegisteredModel",
                subject_id=str(number),
                actor_id=str(ada.pk),
                at=at,
                client="127.0.0.1",
            ),
        )
    assert not AccessLog.objects.exists()
    accesses.write_remembered()
    rows = list(AccessLog.objects.order_by("id"))
    assert [row.subject_id for row in rows] == ["0", "1", "2"]
    (entry,) = LedgerEntry.objects.filter(verb=events.ACCESSES)
    assert payload_of(entry)["data"] == {"count": 3, "sha256": accesses.batch_digest(rows)}
    assert User.objects.get(pk=ada.pk)
