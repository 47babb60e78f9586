"""Store and read files. What is read is compared with its SHA-256, always."""

import hashlib
import io
import tempfile
from collections.abc import Iterable, Iterator
from datetime import datetime
from pathlib import PurePath
from typing import IO

from django.db import IntegrityError, transaction

from mlops_portal.foundation.errors import DomainError, TooLarge
from mlops_portal.foundation.files import places
from mlops_portal.foundation.files.models import StoredFile
from mlops_portal.foundation.files.sniffing import HEAD_BYTES, sniff
from mlops_portal.foundation.people.models import User

SPOOL_BYTES = 4 * places.MEGABYTE

Content = bytes | IO[bytes] | Iterable[bytes]


class FileDamaged(DomainError):
    """The stored bytes are not those that were stored; they are not shown to anybody."""

    status, code, title = 503, "file_damaged", "The file is damaged"


def store(
    content: Content,
    *,
    name: str,
    by: User | None,
    now: datetime,
    content_type: str = "",
    limit: int | None = None,
) -> StoredFile:
    """Keep a content; the same content is kept once, under the name it first had.

    ``content_type`` is a statement of the portal's own code about its own output; leave it out for uploads, whose
    type is read from their first bytes.

    Raises:
        TooLarge: it exceeds ``limit`` or what the place for files accepts.
    """
    bound = min(limit or places.limit(), places.limit())
    with tempfile.SpooledTemporaryFile(max_size=SPOOL_BYTES) as spool:
        sha256, size = _spool(content, spool, bound)
        known = StoredFile.objects.filter(sha256=sha256).first()
        if known is not None:
            if not places.is_present(known):
                places.put(known, spool)
            return known
        head = spool.read(HEAD_BYTES)
        spool.seek(0)
        fresh = StoredFile(
            sha256=sha256,
            size=size,
            content_type=content_type or sniff(head, name),
            name=base_name(name),
            place=places.configured_place(),
            created_at=now,
            created_by=by,
        )
        try:
            with transaction.atomic():
                fresh.save(force_insert=True)
                places.put(fresh, spool)
        except IntegrityError:
            return StoredFile.objects.get(sha256=sha256)
        return fresh


def open_chunks(stored: StoredFile) -> Iterator[bytes]:
    """Read a file in parts. The last part is held back until the whole content proved to be the stored one.

    Raises:
        FileDamaged: it is not; whoever received the parts so far has an incomplete file.
    """
    seen, held = hashlib.sha256(), b""
    for data in places.chunks(stored):
        seen.update(data)
        if held:
            yield held
        held = data
    if seen.hexdigest() != stored.sha256:
        raise FileDamaged(f"The file {stored.name} no longer matches its SHA-256 {stored.sha256[:12]}…")
    if held:
        yield held


def read(stored: StoredFile) -> bytes:
    """Read a whole file.

    Raises:
        FileDamaged: the bytes are not the stored ones.
    """
    return b"".join(open_chunks(stored))


def open_spooled(stored: StoredFile) -> IO[bytes]:
    """Return the verified content as a file that can be searched, in memory while it is small."""
    spool = tempfile.SpooledTemporaryFile(max_size=SPOOL_BYTES)  # noqa: SIM115  (the caller closes it)
    for data in open_chunks(stored):
        spool.write(data)
    spool.seek(0)
    return spool


def discard_if_unused(file_id: int) -> bool:
    """Delete a file that no record refers to; return whether it is gone."""
    with transaction.atomic():
        stored = StoredFile.objects.select_for_update().filter(pk=file_id).first()
        if stored is None or _is_referred_to(stored):
            return False
        stored.delete()
        stored.pk = file_id
        transaction.on_commit(lambda: places.remove(stored))
        return True


def _is_referred_to(stored: StoredFile) -> bool:
    relations = [relation for relation in StoredFile._meta.related_objects if relation.name != "chunks"]
    return any(
        relation.related_model._base_manager.filter(**{relation.field.name: stored}).exists()
        for relation in relations
    )


def _spool(content: Content, spool: IO[bytes], bound: int) -> tuple[str, int]:
    digest, size = hashlib.sha256(), 0
    for data in _parts(content):
        size += len(data)
        if size > bound:
            raise TooLarge(
                f"The file is larger than {bound // places.MEGABYTE} MB. {places.way_out(bound)}".strip()
            )
        digest.update(data)
        spool.write(data)
    spool.seek(0)
    return digest.hexdigest(), size


def _parts(content: Content) -> Iterator[bytes]:
    if isinstance(content, bytes):
        content = io.BytesIO(content)
    if hasattr(content, "read"):
        while data := content.read(places.CHUNK_BYTES):
            yield data
    else:
        yield from content


def base_name(name: str) -> str:
    """Return the last part of a path, with characters that can be printed, at most 255 of them."""
    base = PurePath(name.replace("\\", "/")).name or "file"
    printable = "".join(character for character in base if character.isprintable())
    if len(printable) > 255:
        stem, dot, ending = printable.rpartition(".")
        printable = stem[: 254 - len(ending)] + dot + ending if len(ending) < 20 else printable[:255]
    return printable or "file"
