"""Serve a stored file: always as an attachment, never as something a browser would display or run."""

from pathlib import PurePosixPath

from django.http import StreamingHttpResponse
from django.utils.http import content_disposition_header

from mlops_portal.foundation.files.models import StoredFile
from mlops_portal.foundation.files.services import open_chunks

LONGEST_ENDING = 6


def ending(stored: StoredFile) -> str:
    """Return the ending of the stored name, such as ``.pdf``; empty when it is none."""
    found = PurePosixPath(stored.name).suffix.lower()
    return found if found[1:].isalnum() and len(found) <= LONGEST_ENDING else ""


def download(stored: StoredFile, *, name: str) -> StreamingHttpResponse:
    """Answer with the content under ``name``.

    The record that refers to the content gives its name: the stored one is that of whoever kept this content first.
    """
    response = StreamingHttpResponse(open_chunks(stored), content_type=stored.content_type)
    response["Content-Disposition"] = content_disposition_header(True, name)
    response["Content-Length"] = str(stored.size)
    response["X-Content-Type-Options"] = "nosniff"
    response["Cache-Control"] = "private, no-store"
    response["ETag"] = f'"{stored.sha256}"'
    return response
