"""Numbers, tiles, checkpoints; who may sign and when signing stops."""

import threading
from datetime import timedelta
from pathlib import Path
from uuid import UUID

import pytest
from django.core.management import call_command
from django.db import connection, transaction
from django.utils import timezone

from audits import keys, triggers
from audits.checkpoints import open_checkpoint
from audits.management.commands.sequencer import Command
from audits.merkle import tree_root
from audits.models import Checkpoint, LedgerEntry, LedgerLeaf, LedgerPending, LedgerTile, SigningKey
from audits.services import recording, sequencing
from audits.services.sequencing import KeyNotValid, LedgerBroken
from audits.verification import verify_ledger
from mlops_portal.foundation.ids import uuid7


def enter(count: int) -> list[UUID]:
    draft = recording.Draft(
        "people.grant_made", "foundation.RoleGrant", "1", None, None, "", timezone.now(), b"{}"
    )
    with transaction.atomic():
        return recording.write([draft] * count, act_id=uuid7())


class Killed(BaseException):
    """The process is killed here."""


def killed_after(count: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """Let the process die at the renaming of a file after ``count`` others."""
    rename, done = Path.rename, []

    def dying(self: Path, target: Path) -> Path:
        if len(done) == count:
            raise Killed
        done.append(target)
        return rename(self, target)

    monkeypatch.setattr(Path, "rename", dying)


@pytest.mark.django_db
def test_every_entry_gets_the_next_number_and_the_tree_is_signed(sequence, signer):
    enter(600)
    sequence()
    enter(7)
    sequence()
    assert not LedgerPending.objects.exists()
    leaves = list(LedgerLeaf.objects.order_by("index"))
    assert [leaf.index for leaf in leaves] == list(range(LedgerEntry.objects.count()))
    by_id = {entry.entry_id: entry for entry in LedgerEntry.objects.all()}
    assert all(by_id[leaf.entry_id].pk == leaf.entry_row for leaf in leaves)
    last = Checkpoint.objects.order_by("-size").first()
    opened = open_checkpoint(last.note, signer.key)
    assert opened.size == last.size == len(leaves)
    assert opened.root == bytes(last.root) == tree_root([bytes(leaf.leaf) for leaf in leaves])
    assert Checkpoint.objects.count() == 2
    assert LedgerTile.objects.filter(level=1).count() == 1


@pytest.mark.django_db
def test_a_batch_takes_at_most_its_limit(signer, signing_key):
    enter(30)
    waiting = LedgerPending.objects.count()
    assert sequencing.sequence(signer=signer, key=signing_key, limit=20) == 20
    assert LedgerPending.objects.count() == waiting - 20
    assert sequencing.sequence_all(signer=signer, key=signing_key) == waiting - 20
    assert sequencing.sequence(signer=signer, key=signing_key) == 0


@pytest.mark.django_db
def test_waiting_for_numbers_ends(sequence):
    assert not sequencing.sequence_now(timeout=0)
    sequence()
    assert sequencing.sequence_now(timeout=0)


@pytest.mark.django_db
@pytest.mark.parametrize(
    "attack",
    [
        "UPDATE audits_ledgertile SET hashes = substr(hashes, 1, 32)",
        "DELETE FROM audits_ledgertile",
        'DELETE FROM audits_ledgerleaf WHERE "index" > 2',
        "DELETE FROM audits_checkpoint",
    ],
)
def test_a_tree_that_does_not_continue_its_checkpoint_is_not_signed(sequence, attack):
    enter(5)
    sequence()
    triggers.drop()
    with connection.cursor() as cursor:
        cursor.execute(attack)
    triggers.install()
    enter(1)
    with pytest.raises(LedgerBroken):
        sequence()
    assert LedgerPending.objects.count() == 1


@pytest.mark.django_db
class TestKeys:
    def test_the_first_key_is_an_entry(self, signer, signing_key):
        entry = LedgerEntry.objects.get(verb="audits.signing_key_added")
        assert entry.subject_id == signer.key.fingerprint == signing_key.fingerprint

    def test_a_strange_key_is_refused(self, signing_key, signer, tmp_path):
        keys.create_key_file(tmp_path / "other.key")
        other = keys.load_signer(tmp_path / "other.key", name=signer.name)
        with pytest.raises(KeyNotValid):
            sequencing.key_admit(signer=other, now=timezone.now())

    def test_a_rotation_ends_the_old_key(self, signing_key, signer, tmp_path):
        keys.create_key_file(tmp_path / "new.key")
        new = keys.load_signer(tmp_path / "new.key", name=signer.name)
        now = timezone.now() + timedelta(seconds=1)
        fresh = sequencing.key_rotate(old=signer, new=new, now=now)
        assert SigningKey.objects.get(pk=signing_key.pk).valid_until == now
        assert sequencing.key_admit(signer=new, now=now) == fresh
        with pytest.raises(KeyNotValid):
            sequencing.key_admit(signer=signer, now=now)

    def test_an_ended_key_signs_nothing_more(self, signing_key, signer, tmp_path):
        keys.create_key_file(tmp_path / "new.key")
        new = keys.load_signer(tmp_path / "new.key", name=signer.name)
        sequencing.key_rotate(old=signer, new=new, now=timezone.now())
        with pytest.raises(KeyNotValid, match="was ended"):
            sequencing.sequence_all(signer=signer, key=signing_key)
        assert not Checkpoint.objects.exists()

    def test_a_sequencer_that_runs_goes_on_with_the_key_that_replaced_its_own(self, signing_key, signer):
        call_command("ledger_key", "--rotate")
        enter(2)
        _, fresh = Command()._next_key(signer, signing_key)
        assert fresh.pk != signing_key.pk
        assert fresh.valid_until is None

    @pytest.mark.parametrize("renamed", [0, 1], ids=["before any file is renamed", "between the two"])
    @pytest.mark.parametrize("next_command", [("sequencer", "--once"), ("ledger_key", "--show")])
    def test_a_rotation_that_was_killed_is_finished_by_the_next_process(
        self, renamed, next_command, signing_key, signer, key_file, monkeypatch
    ):
        killed_after(renamed, monkeypatch)
        with pytest.raises(Killed):
            call_command("ledger_key", "--rotate")
        monkeypatch.undo()
        fresh = SigningKey.objects.get(valid_until=None)
        assert fresh.pk != signing_key.pk
        call_command(*next_command)
        assert sequencing.signer_from_settings().key.fingerprint == fresh.pk
        ended = key_file.with_suffix(f"{key_file.suffix}.{signer.key.hash.hex()}")
        assert keys.load_signer(ended, name=signer.name).key == signer.key
        assert not keys.replacement_of(key_file).exists()
        enter(2)
        call_command("sequencer", "--once")
        assert not LedgerPending.objects.exists()

    def test_a_new_key_that_the_ledger_does_not_know_stays_where_it_is(self, signing_key, signer, key_file):
        waiting = keys.replacement_of(key_file)
        keys.create_key_file(waiting)
        assert sequencing.rotation_finish() is False
        assert sequencing.signer_from_settings().key == signer.key
        assert waiting.exists()
        fresh = keys.load_signer(waiting, name=signer.name).key
        call_command("ledger_key", "--rotate")
        assert sequencing.signer_from_settings().key == fresh, "the next rotation takes it"
        assert not waiting.exists()

    def test_clocks_that_differ_put_no_checkpoint_outside_the_validity_of_its_key(
        self, signing_key, signer, tmp_path, monkeypatch
    ):
        behind = timedelta(seconds=2)
        monkeypatch.setattr(sequencing, "database_now", lambda: timezone.now() - behind)
        sequencing.sequence_all(signer=signer, key=signing_key)
        monkeypatch.setattr(sequencing, "database_now", lambda: timezone.now() + behind)
        enter(3)
        sequencing.sequence_all(signer=signer, key=signing_key)
        keys.create_key_file(tmp_path / "new.key")
        new = keys.load_signer(tmp_path / "new.key", name=signer.name)
        fresh = sequencing.key_rotate(old=signer, new=new, now=timezone.now())
        monkeypatch.setattr(sequencing, "database_now", timezone.now)
        sequencing.sequence_all(signer=new, key=fresh)
        assert Checkpoint.objects.count() == 3
        report = verify_ledger(with_rows=True)
        assert report.ok, report.first

    def test_the_file_is_for_its_owner_only(self, key_file):
        assert key_file.stat().st_mode & 0o777 == 0o600
        with pytest.raises(keys.KeyFileError, match="never overwritten"):
            keys.create_key_file(key_file)
        key_file.chmod(0o640)
        with pytest.raises(keys.KeyFileError, match="0600"):
            sequencing.signer_from_settings()

    @pytest.mark.parametrize(
        ("content", "words"), [(None, "does not exist"), ("not a key", "no private key")]
    )
    def test_a_file_that_is_no_key_is_named(self, key_file, content, words):
        key_file.unlink()
        if content:
            key_file.touch(mode=0o600)
            key_file.write_text(content)
        with pytest.raises(keys.KeyFileError, match=words):
            sequencing.signer_from_settings()


@pytest.mark.django_db(transaction=True)
@pytest.mark.skipif(connection.vendor != "postgresql", reason="SQLite has one writer at a time")
def test_an_entry_that_commits_late_is_not_lost(signer, signing_key):
    """A transaction that began before others and commits after them gets a later number, never none."""
    entered, numbered = threading.Event(), threading.Event()

    def slow():
        with transaction.atomic():
            enter(3)
            entered.set()
            assert numbered.wait(10)
        connection.close()

    thread = threading.Thread(target=slow)
    thread.start()
    assert entered.wait(10)
    enter(4)
    first = sequencing.sequence_all(signer=signer, key=signing_key)
    numbered.set()
    thread.join()
    second = sequencing.sequence_all(signer=signer, key=signing_key)
    assert (first, second) == (5, 3)
    assert LedgerLeaf.objects.count() == LedgerEntry.objects.count() == 8
