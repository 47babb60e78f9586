"""What the ledger keeps. Every table here is append-only three locks deep: model, query set, database triggers."""

from typing import Any, NoReturn, Self

from django.db import models

from audits.events import READS
from mlops_portal.foundation.people.scoped import ScopedMixin

FORMAT_VERSION = 1


class AppendOnlyError(RuntimeError):
    """An attempt to change or remove what was entered."""


def _refuse(what: str) -> NoReturn:
    raise AppendOnlyError(f"The ledger is append-only: {what} is refused")


class AppendOnlyQuerySet(models.QuerySet):
    """Adds and reads."""

    def update(self, **kwargs: Any) -> NoReturn:
        """Refuse."""
        _refuse("update()")

    def bulk_update(self, *args: Any, **kwargs: Any) -> NoReturn:
        """Refuse."""
        _refuse("bulk_update()")

    def delete(self) -> NoReturn:
        """Refuse."""
        _refuse("delete()")

    def bulk_create(self, objs: Any, *args: Any, **kwargs: Any) -> Any:
        """Add rows; never on top of others."""
        if kwargs.get("update_conflicts"):
            _refuse("bulk_create() over existing rows")
        return super().bulk_create(objs, *args, **kwargs)


class AppendOnlyModel(models.Model):
    """A row that is written once."""

    objects = AppendOnlyQuerySet.as_manager()

    class Meta:
        abstract = True

    def save(self, *args: Any, **kwargs: Any) -> None:
        """Insert; refuse to save again."""
        if not self._state.adding:
            _refuse("saving again")
        kwargs["force_insert"] = True
        super().save(*args, **kwargs)

    def delete(self, *args: Any, **kwargs: Any) -> NoReturn:
        """Refuse."""
        _refuse("deleting")


class EntryQuerySet(ScopedMixin, AppendOnlyQuerySet):
    """Entries, filtered by the unit or model they concern; those of neither only for who sees all units."""

    view_right = "audits.view_ledger"

    def without_reads(self) -> Self:
        """Leave out what the index `entry_no_read` leaves out: a day of reads must not be walked to find one act."""
        return self.exclude(verb__in=READS)


class LedgerEntry(AppendOnlyModel):
    """One thing that happened. The leaf covers `envelope`; the columns repeat it for queries and are checked against it.

    `id` only orders pages. There is no foreign key to live data, and no personal data.
    """

    id = models.BigAutoField(primary_key=True)
    entry_id = models.UUIDField(unique=True)
    occurred_at = models.DateTimeField()
    recorded_at = models.DateTimeField()
    verb = models.CharField(max_length=120)
    subject_label = models.CharField(max_length=120)
    subject_id = models.CharField(max_length=120)
    unit_id = models.BigIntegerField(null=True)
    model_id = models.BigIntegerField(null=True)
    actor_id = models.CharField(max_length=40, blank=True)  # empty: the system itself
    act_id = models.UUIDField()
    format_version = models.PositiveSmallIntegerField(default=FORMAT_VERSION)
    is_flagged = models.BooleanField(default=False)  # the two times differ by more than a minute
    payload_commitment = models.BinaryField()
    envelope = models.TextField()
    leaf = models.BinaryField()

    objects = EntryQuerySet.as_manager()

    class Meta:
        indexes = [
            models.Index(fields=["unit_id", "-id"], name="entry_unit"),
            models.Index(fields=["subject_label", "subject_id", "-id"], name="entry_subject"),
            models.Index(fields=["actor_id", "-id"], name="entry_actor"),
            models.Index(fields=["verb", "-id"], name="entry_verb"),
            models.Index(fields=["act_id"], name="entry_act"),
            models.Index(fields=["-id"], condition=~models.Q(verb__in=READS), name="entry_no_read"),
        ]

    def __str__(self) -> str:
        return f"{self.short_id} {self.verb}"

    @property
    def short_id(self) -> str:
        """What receipts show before the entry has a number: the random end of its id."""
        return self.entry_id.hex[-12:]


class LedgerPayload(AppendOnlyModel):
    """What an entry says in full, with the salt of its commitment. The only place of personal data; may be purged."""

    entry = models.OneToOneField(
        LedgerEntry,
        to_field="entry_id",
        primary_key=True,
        db_constraint=False,  # an entry is never deleted, so the check would only cost time
        on_delete=models.DO_NOTHING,
        related_name="payload",
    )
    salt = models.BinaryField()
    payload = models.TextField()

    def __str__(self) -> str:
        return str(self.entry_id)


class LedgerRemoval(AppendOnlyModel):
    """Permission to delete one payload, written with the tombstone entry that says why. The trigger asks for it."""

    entry_id = models.UUIDField(primary_key=True)
    tombstone_id = models.UUIDField()

    def __str__(self) -> str:
        return f"{self.entry_id} removed by {self.tombstone_id}"


class LedgerPending(models.Model):
    """An entry without number. Filled by a trigger and emptied by the sequencer: what is visible here is committed."""

    entry_id = models.UUIDField(primary_key=True)

    def __str__(self) -> str:
        return str(self.entry_id)


class LedgerLeaf(AppendOnlyModel):
    """The number of an entry in the tree. `entry_row` repeats the entry's id, so that it cannot be changed unseen."""

    index = models.BigIntegerField(primary_key=True)
    entry_id = models.UUIDField(unique=True)
    entry_row = models.BigIntegerField()
    leaf = models.BinaryField()

    def __str__(self) -> str:
        return f"#{self.index}"


class LedgerTile(models.Model):
    """Up to 256 hashes of one level of the tree. Only grows, and only at its end (a trigger compares)."""

    pk = models.CompositePrimaryKey("level", "index")
    level = models.PositiveSmallIntegerField()
    index = models.BigIntegerField()
    width = models.PositiveSmallIntegerField()
    hashes = models.BinaryField()

    def __str__(self) -> str:
        return f"{self.level}/{self.index}"


class SigningKey(models.Model):
    """A public key of the ledger and the time it was valid. The private half never enters the database."""

    fingerprint = models.CharField(primary_key=True, max_length=64)
    name = models.CharField(max_length=200)
    public_key = models.BinaryField()
    valid_from = models.DateTimeField()
    valid_until = models.DateTimeField(null=True)

    def __str__(self) -> str:
        return f"{self.name} {self.fingerprint[:16]}"


class Checkpoint(AppendOnlyModel):
    """The signed state of the tree at one size."""

    size = models.BigIntegerField(primary_key=True)
    root = models.BinaryField()
    note = models.TextField()
    created_at = models.DateTimeField()
    key = models.ForeignKey(SigningKey, on_delete=models.PROTECT, related_name="checkpoints")

    def __str__(self) -> str:
        return f"{self.size} entries"


class AccessQuerySet(ScopedMixin, AppendOnlyQuerySet):
    """Accesses, filtered by the unit of what was read."""

    view_right = "audits.view_ledger"
    model_column = None


class AccessLog(AppendOnlyModel):
    """Somebody read something. Rows of one batch are covered by one entry with their digest."""

    id = models.BigAutoField(primary_key=True)
    batch_id = models.UUIDField()
    actor_id = models.CharField(max_length=40, blank=True)
    what = models.CharField(max_length=120)
    subject_label = models.CharField(max_length=120)
    subject_id = models.CharField(max_length=120)
    unit_id = models.BigIntegerField(null=True)
    client = models.CharField(max_length=120, blank=True)
    accessed_at = models.DateTimeField()

    objects = AccessQuerySet.as_manager()

    class Meta:
        indexes = [
            models.Index(fields=["batch_id", "id"], name="access_batch"),
            models.Index(fields=["unit_id", "-id"], name="access_unit"),
            models.Index(fields=["subject_label", "subject_id", "-id"], name="access_subject"),
            models.Index(fields=["actor_id", "-id"], name="access_actor"),
        ]

    def __str__(self) -> str:
        return f"{self.what} {self.subject_label} {self.subject_id}"
