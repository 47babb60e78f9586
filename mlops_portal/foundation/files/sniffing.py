"""The type of a file from its first bytes. Names and declared types only choose among harmless readings of text."""

from pathlib import PurePosixPath

UNKNOWN = "application/octet-stream"
HEAD_BYTES = 2048

_SIGNATURES = (
    (b"%PDF-", "application/pdf"),
    (b"\x89PNG\r\n\x1a\n", "image/png"),
    (b"\xff\xd8\xff", "image/jpeg"),
    (b"GIF87a", "image/gif"),
    (b"GIF89a", "image/gif"),
    (b"\x1f\x8b", "application/gzip"),
    (b"PAR1", "application/vnd.apache.parquet"),
)
_OFFICE = {
    ".xlsx": "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
    ".docx": "application/vnd.openxmlformats-officedocument.wordprocessingml.document",
    ".pptx": "application/vnd.openxmlformats-officedocument.presentationml.presentation",
}
_TEXT = {
    ".csv": "text/csv",
    ".json": "application/json",
    ".yaml": "application/yaml",
    ".yml": "application/yaml",
    ".md": "text/markdown",
}
# What a browser would run if it ever displayed it.
_ACTIVE = (b"<!doctype", b"<html", b"<svg", b"<?xml", b"<script", b"<head", b"<body", b"<iframe")


def sniff(head: bytes, name: str) -> str:
    """Return a type that is safe to serve; what could run in a browser is of unknown type."""
    ending = PurePosixPath(name.lower()).suffix
    for signature, content_type in _SIGNATURES:
        if head.startswith(signature):
            return content_type
    if head.startswith((b"PK\x03\x04", b"PK\x05\x06")):
        return _OFFICE.get(ending, "application/zip")
    if b"\x00" in head or not _is_text(head):
        return UNKNOWN
    if any(mark in head.lower() for mark in _ACTIVE):
        return UNKNOWN
    return _TEXT.get(ending, "text/plain")


def _is_text(head: bytes) -> bool:
    try:
        head.decode()
    except UnicodeDecodeError as error:
        return error.start > len(head) - 4 and len(head) >= HEAD_BYTES
    return True
