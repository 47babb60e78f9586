"""Serve a stored file: always as an attachment, never as something a browser would display or run."""

from django.http import StreamingHttpResponse
from django.utils.http import content_disposition_header

from mlops_portal.foundation.files.models import StoredFile
from mlops_portal.foundation.files.services import open_chunks


def download(stored: StoredFile, *, name: str = "") -> StreamingHttpResponse:
    """Answer with the content under ``name`` (default: the name it was stored with)."""
    response = StreamingHttpResponse(open_chunks(stored), content_type=stored.content_type)
    response["Content-Disposition"] = content_disposition_header(True, name or stored.name)
    response["Content-Length"] = str(stored.size)
    response["X-Content-Type-Options"] = "nosniff"
    response["Cache-Control"] = "private, no-store"
    response["ETag"] = f'"{stored.sha256}"'
    return response
