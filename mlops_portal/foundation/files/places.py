"""Where the bytes of files are: rows of the database, or a folder. Writes are all or nothing, reads in chunks."""

import os
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import IO

from django.conf import settings

from mlops_portal.foundation.errors import Unavailable
from mlops_portal.foundation.files.models import FileChunk, Place, StoredFile

CHUNK_BYTES = 256 * 1024
MEGABYTE = 1024 * 1024
DATABASE_LIMIT = 50 * MEGABYTE
FOLDER_LIMIT = 2048 * MEGABYTE
FOLDER = "file://"


def configured_place() -> Place:
    """Where new files go."""
    return Place.FOLDER if settings.PORTAL_FILES.startswith(FOLDER) else Place.DATABASE


def limit() -> int:
    """How large a new file may be."""
    return FOLDER_LIMIT if configured_place() == Place.FOLDER else DATABASE_LIMIT


def way_out(bound: int) -> str:
    """Say what lifts this bound, where something does."""
    in_database = configured_place() == Place.DATABASE and bound == DATABASE_LIMIT
    return "A folder, named by PORTAL_FILES, takes larger ones; the database does not." if in_database else ""


def put(stored: StoredFile, content: IO[bytes]) -> None:
    """Write the content of a new file."""
    if stored.place == Place.FOLDER:
        _put_in_folder(stored.sha256, content)
        return
    number = 0
    while data := content.read(CHUNK_BYTES):
        FileChunk.objects.create(file=stored, number=number, data=data)
        number += 1


def chunks(stored: StoredFile) -> Iterator[bytes]:
    """Read the content in parts of 256 KiB.

    Raises:
        Unavailable: it is not where it should be.
    """
    if stored.place == Place.FOLDER:
        yield from _from_folder(stored)
        return
    number = 0
    while True:
        data = FileChunk.objects.filter(file=stored, number=number).values_list("data", flat=True).first()
        if data is None:
            return
        yield bytes(data)
        number += 1


def is_present(stored: StoredFile) -> bool:
    """Whether the bytes are where they should be (their digest is checked on reading)."""
    return stored.place != Place.FOLDER or _path(stored.sha256).is_file()


def remove(stored: StoredFile) -> None:
    """Remove bytes that are outside of the database."""
    if stored.place == Place.FOLDER:
        _path(stored.sha256).unlink(missing_ok=True)


def _root() -> Path:
    if configured_place() != Place.FOLDER:
        raise Unavailable("The file is kept in a folder, but PORTAL_FILES names none.")
    return Path(settings.PORTAL_FILES.removeprefix(FOLDER))


def _path(sha256: str) -> Path:
    return _root() / sha256[:2] / sha256[2:]


def _put_in_folder(sha256: str, content: IO[bytes]) -> None:
    path = _path(sha256)
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.NamedTemporaryFile(dir=path.parent, delete=False) as draft:
            while data := content.read(CHUNK_BYTES):
                draft.write(data)
            draft.flush()
            os.fsync(draft.fileno())
        Path(draft.name).replace(path)
    except OSError as error:
        raise Unavailable(f"The file could not be stored: {error.strerror}.") from error


def _from_folder(stored: StoredFile) -> Iterator[bytes]:
    try:
        with _path(stored.sha256).open("rb") as content:
            while data := content.read(CHUNK_BYTES):
                yield data
    except OSError as error:
        raise Unavailable(f"The file {stored.name} cannot be read: {error.strerror}.") from error
