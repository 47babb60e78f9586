"""One person's data goes for good; every proof stays."""

import pytest
from django.utils import timezone

from audits.models import LedgerEntry, LedgerPayload
from audits.services.shredding import person_shred
from audits.verification import verify_ledger
from audits.verification.report import Kind
from mlops_portal.foundation.errors import NotAllowed
from mlops_portal.foundation.history import history_model, save_as
from mlops_portal.foundation.people.models import User
from mlops_portal.foundation.people.services.persons import person_deactivate
from mlops_portal.foundation.rules import RuleViolation
from tests.unit.audits.test_verification import attack

pytestmark = pytest.mark.django_db


@pytest.fixture
def gone(retail, ada, adam, sequence) -> User:
    """Ada left; her name is in her own record and in the reason of another."""
    retail.name = "Lending"
    save_as(retail, by=ada, now=timezone.now(), reason="Asked for by Ada Brandt on the phone")
    sequence()
    return person_deactivate(person=ada, reason="Left", by=adam, now=timezone.now())


def test_no_trace_is_left_and_everything_verifies(gone, retail, adam, sequence):
    name, email = gone.name, gone.email
    entries = LedgerEntry.objects.count()
    done = person_shred(person=gone, by=adam, now=timezone.now(), reason="Right to erasure")
    assert done.payloads > 2
    for word in (name, email):
        assert not LedgerPayload.objects.filter(payload__contains=word).exists()
        assert not history_model(User).objects.filter(name=word).exists()
        assert not history_model(User).objects.filter(email=word).exists()
    assert LedgerEntry.objects.count() == entries + 2
    waiting = verify_ledger(with_rows=True)
    assert waiting.ok, waiting.flaws
    sequence()
    report = verify_ledger(with_rows=True)
    assert report.ok, report.flaws
    assert report.removed_count == done.payloads
    tombstone = LedgerEntry.objects.get(verb="audits.payloads_purged")
    number = report.size - 2
    assert f"payload lawfully removed by entry #{number}" in report.removed[0]
    assert tombstone.subject_id == str(gone.pk)


def test_the_acts_stay(gone, adam):
    acts = LedgerEntry.objects.filter(actor_id=str(gone.pk)).count()
    person_shred(person=gone, by=adam, now=timezone.now())
    assert acts
    assert LedgerEntry.objects.filter(actor_id=str(gone.pk)).count() == acts


def test_a_payload_that_went_another_way_is_still_missing(gone, adam, sequence):
    person_shred(person=gone, by=adam, now=timezone.now())
    sequence()
    attack(
        "DELETE FROM audits_ledgerpayload WHERE entry_id IN "
        "(SELECT entry_id FROM audits_ledgerentry WHERE verb = 'audits.signing_key_added')"
    )
    assert verify_ledger().first.kind == Kind.MISSING


def test_somebody_who_still_works_here_is_not_shredded(ada, adam):
    with pytest.raises(RuleViolation, match="Deactivate"):
        person_shred(person=ada, by=adam, now=timezone.now())


def test_shredding_needs_the_right(gone, olga):
    with pytest.raises(NotAllowed):
        person_shred(person=gone, by=olga, now=timezone.now())
