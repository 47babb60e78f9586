"""Stored files. Rows are never changed: another content is another file."""

from django.conf import settings
from django.db import models
from django.db.models import Q


class Place(models.TextChoices):
    """Where the bytes are."""

    DATABASE = "db", "in the database"
    FOLDER = "file", "in a folder"


class StoredFile(models.Model):
    """One content, named by its SHA-256. Several records may refer to it, each under its own name."""

    sha256 = models.CharField(max_length=64, unique=True)
    size = models.PositiveBigIntegerField()
    content_type = models.CharField(max_length=100)
    name = models.CharField(max_length=255)
    place = models.CharField(max_length=8, choices=Place)
    created_at = models.DateTimeField()
    created_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, on_delete=models.PROTECT, related_name="+"
    )

    class Meta:
        constraints = [
            models.CheckConstraint(
                condition=Q(sha256__regex=r"^[0-9a-f]{64}$"), name="stored_file_sha256_is_hex"
            ),
        ]

    def __str__(self) -> str:
        return self.name


class FileChunk(models.Model):
    """A part of a file that is kept in the database."""

    file = models.ForeignKey(StoredFile, on_delete=models.CASCADE, related_name="chunks")
    number = models.PositiveIntegerField()
    data = models.BinaryField()

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["file", "number"], name="one_chunk_per_file_and_number")
        ]

    def __str__(self) -> str:
        return f"{self.file_id}/{self.number}"
