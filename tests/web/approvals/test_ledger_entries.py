"""The ledger number beside an act is the one of that act, not of the record it was done to."""

import re
from collections.abc import Callable
from datetime import datetime, timedelta
from pathlib import Path

import pytest
from django.test import Client
from django.utils import timezone

from approvals import services
from approvals.models import ChangeRequest, Decision, Waiver
from audits import keys
from audits.models import LedgerEntry, LedgerLeaf
from audits.services import sequencing
from mlops_portal.foundation.people.models import BusinessUnit, User
from tests.factories import approvals as make

SignIn = Callable[[User], Client]
WHY = "Thin files are new in this population; the limit was set on the files of older applicants only."


@pytest.fixture
def number_all(db: None, tmp_path: Path, settings) -> Callable[[], None]:
    """Number everything, as the sequencer's process would."""
    path = tmp_path / "ledger.key"
    keys.create_key_file(path)
    settings.PORTAL_LEDGER_KEY_FILE = str(path)

    def run() -> None:
        signer = sequencing.signer_from_settings()
        key = sequencing.key_admit(signer=signer, now=timezone.now())
        sequencing.sequence_all(signer=signer, key=key)

    return run


def number_of(verb: str, *, actor: User, **about: object) -> int:
    """Return the number of the only entry of an act."""
    entry = LedgerEntry.objects.get(verb=f"approvals.{verb}", actor_id=str(actor.pk), **about)
    return LedgerLeaf.objects.get(entry_id=entry.entry_id).index


def cited(page: str) -> int:
    """Return the number that a receipt prints."""
    return int(re.sub(r"\D", "", re.search(r"<dt>Ledger entry</dt><dd>([^<]*)", page).group(1)))


def told(page: str, words: str) -> list[int]:
    """Return the numbers of the lines of the record that say ``words``."""
    lines = page[page.index('<ol class="log">') :].split("</ol>")[0].split("<li>")
    marks = [re.search(r"<code>([\d\s  ]+)</code>", line) for line in lines if words in line]
    return [int(re.sub(r"\D", "", mark.group(1))) for mark in marks if mark]


@pytest.fixture
def head(make_person: Callable[..., User], group: BusinessUnit) -> User:
    """Return who holds the authority that the gate names."""
    return make_person("Hedda Risk", "risk_officer", unit=group, signs=True)


@pytest.mark.parametrize(
    ("grant", "word"),
    [pytest.param(True, "granted", id="grant"), pytest.param(False, "declined", id="decline")],
)
def test_the_receipt_of_a_waiver_cites_its_signature_and_not_the_asking(
    blocked: ChangeRequest,
    ada: User,
    head: User,
    now: datetime,
    as_person: SignIn,
    number_all: Callable[[], None],
    grant: bool,
    word: str,
) -> None:
    waiver = services.waiver_request(
        change=blocked,
        gate="PERF-01",
        reason=WHY,
        compensating_control="A person reviews every decision.",
        valid_until=now + timedelta(days=20),
        by=ada,
        now=now,
    )
    waiver = services.waiver_decide(
        waiver=waiver,
        grant=grant,
        rationale=make.RATIONALE,
        read_digest=waiver.change.dossier_digest,
        password=make.PASSWORD,
        code=make.fresh_code(head),
        by=head,
        now=now + timedelta(minutes=30),
    )
    number_all()
    client = as_person(head)
    expected = number_of(f"waiver_{word}", actor=head, subject_id=str(waiver.pk))
    assert cited(client.get(f"/waivers/{waiver.pk}/receipt/").content.decode()) == expected
    page = client.get(blocked.get_absolute_url()).content.decode()
    assert told(page, f"{word} the waiver of") == [expected]
    asked = number_of("waiver_requested", actor=ada, subject_id=str(waiver.pk))
    assert told(page, "asked for a waiver of") == [asked]
    assert Waiver.objects.get(pk=waiver.pk).decided_by == head


def test_the_record_and_the_receipt_cite_the_signature_the_filing_and_the_remark(
    at_risk: ChangeRequest,
    olga: User,
    ada: User,
    now: datetime,
    as_person: SignIn,
    number_all: Callable[[], None],
) -> None:
    services.comment_add(change=at_risk, text="Seen.", by=olga, now=now + timedelta(minutes=40))
    client = as_person(olga)
    before = client.get(at_risk.get_absolute_url()).content.decode()
    assert told(before, "signed") == []
    number_all()
    page = client.get(at_risk.get_absolute_url()).content.decode()
    signed = number_of("decision_signed", actor=olga)
    assert signed in told(page, "signed")
    assert told(page, "filed") == [number_of("change_submitted", actor=ada)]
    assert told(page, "drafted the request") == [number_of("change_drafted", actor=ada)]
    assert told(page, "Seen.") == [number_of("comment_written", actor=olga)]
    decision = Decision.objects.get(signer=olga)
    assert cited(client.get(f"/decisions/{decision.pk}/").content.decode()) == signed
