"""Files: one content once, verified on reading, harmless to serve."""

import io
from datetime import UTC, datetime

import pytest
from django.db import transaction

from mlops_portal.foundation.errors import TooLarge, Unavailable
from mlops_portal.foundation.files import places, services
from mlops_portal.foundation.files.downloads import download
from mlops_portal.foundation.files.models import FileChunk, StoredFile
from mlops_portal.foundation.files.sniffing import sniff
from mlops_portal.foundation.work.models import Job

pytestmark = pytest.mark.django_db
NOW = datetime(2026, 5, 4, 9, 30, tzinfo=UTC)
LARGE = bytes(range(256)) * 4000


@pytest.fixture(params=["db:", "folder"])
def place(request, settings, tmp_path):
    """Both places for files."""
    settings.PORTAL_FILES = "db:" if request.param == "db:" else f"file://{tmp_path / 'files'}"
    return request.param


def store(content, name="report.pdf", **options):
    return services.store(content, name=name, by=None, now=NOW, **options)


@pytest.mark.parametrize("content", [b"", b"x", LARGE], ids=["empty", "one byte", "several chunks"])
def test_what_is_stored_is_read_back(place, content):
    stored = store(content)
    assert services.read(stored) == content
    assert stored.size == len(content)
    assert services.open_spooled(stored).read() == content


@pytest.mark.parametrize(
    "wrap",
    [io.BytesIO, lambda content: (content[i : i + 7000] for i in range(0, len(content), 7000))],
    ids=["a file", "a generator"],
)
def test_streams_are_accepted(place, wrap):
    assert services.read(store(wrap(LARGE))) == LARGE


def test_the_same_content_is_kept_once(place):
    first, second = store(b"same", name="a.txt"), store(b"same", name="b.txt")
    assert (first.pk, second.name) == (second.pk, "a.txt")
    assert StoredFile.objects.count() == 1


def damage(stored, place):
    if place == "db:":
        FileChunk.objects.filter(file=stored, number=0).update(data=b"forged")
    else:
        places._path(stored.sha256).write_bytes(b"forged")


def test_damaged_content_is_never_given_out_whole(place):
    stored = store(LARGE)
    damage(stored, place)
    with pytest.raises(services.FileDamaged, match="no longer matches"):
        services.read(stored)
    sent = []
    with pytest.raises(services.FileDamaged):
        sent.extend(map(len, services.open_chunks(stored)))
    assert sum(sent) < stored.size


def test_a_missing_file_of_the_folder_is_reported_and_can_be_stored_again(settings, tmp_path):
    settings.PORTAL_FILES = f"file://{tmp_path}"
    stored = store(b"text")
    places._path(stored.sha256).unlink()
    with pytest.raises(Unavailable, match="cannot be read"):
        services.read(stored)
    assert store(b"text").pk == stored.pk
    assert services.read(stored) == b"text"


def test_a_file_in_a_folder_that_is_no_longer_configured(settings, tmp_path):
    settings.PORTAL_FILES = f"file://{tmp_path}"
    stored = store(b"text")
    settings.PORTAL_FILES = "db:"
    with pytest.raises(Unavailable, match="PORTAL_FILES names none"):
        services.read(stored)


def test_what_is_too_large_is_refused_and_leaves_nothing(place, monkeypatch):
    with pytest.raises(TooLarge, match="1 MB"):
        store(iter([b"x" * 700_000] * 2), limit=places.MEGABYTE)
    assert not StoredFile.objects.exists()
    assert not FileChunk.objects.exists()


def test_the_database_accepts_fifty_megabytes(settings):
    settings.PORTAL_FILES = "db:"
    assert places.limit() == 50 * 1024 * 1024


def test_a_file_belongs_to_its_transaction():
    with transaction.atomic():
        store(b"text")
        transaction.set_rollback(True)
    assert not StoredFile.objects.exists()


@pytest.mark.parametrize(
    ("head", "name", "expected"),
    [
        (b"%PDF-1.7", "a.html", "application/pdf"),
        (b"\x89PNG\r\n\x1a\nrest", "a.png", "image/png"),
        (b"PK\x03\x04", "a.zip", "application/zip"),
        (b"PK\x03\x04", "a.xlsx", "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"),
        (b"a;b\n1;2", "a.csv", "text/csv"),
        (b'{"a": 1}', "a.json", "application/json"),
        (b"plain", "a.html", "text/plain"),
        (b"<html><script>alert(1)</script>", "a.txt", "application/octet-stream"),
        (b"\n <SVG onload=alert(1)>", "a.png", "application/octet-stream"),
        (b"\x00\x01", "a.csv", "application/octet-stream"),
        (b"M\xfcnchen;1", "a.csv", "application/octet-stream"),
        (("x" * 2047 + "ü").encode()[:2048], "a.csv", "text/csv"),
    ],
)
def test_types_are_read_from_the_content(head, name, expected):
    assert sniff(head, name) == expected


@pytest.mark.parametrize(
    ("given", "kept"),
    [
        ("../../etc/passwd", "passwd"),
        ("C:\\temp\\model card.md", "model card.md"),
        ("a\r\nX-Header: 1.txt", "aX-Header: 1.txt"),
        ("", "file"),
        ("x" * 300 + ".csv", "x" * 251 + ".csv"),
    ],
)
def test_names_are_made_safe(given, kept):
    assert store(b"text", name=given).name == kept


def test_a_download_is_always_an_attachment():
    stored = store(b"<html><script>alert(1)</script></html>", name='Wärme "1".html')
    response = download(stored, name="report.pdf")
    assert b"".join(response.streaming_content) == services.read(stored)
    assert response["Content-Disposition"].startswith("attachment")
    assert response["Content-Type"] == "application/octet-stream"
    assert response["X-Content-Type-Options"] == "nosniff"
    assert response["Content-Length"] == str(stored.size)


def test_an_unused_file_is_discarded_with_its_content(place, django_capture_on_commit_callbacks):
    stored = store(LARGE)
    with django_capture_on_commit_callbacks(execute=True):
        assert services.discard_if_unused(stored.pk)
    assert not StoredFile.objects.exists()
    assert not FileChunk.objects.exists()
    assert services.discard_if_unused(stored.pk) is False
    if place == "folder":
        assert not places._path(stored.sha256).exists()


def test_the_file_of_an_expired_job_goes_with_it_unless_another_job_has_it():
    from mlops_portal.foundation.work import queue

    stored = store(b"export")
    common = {
        "kind": "k",
        "label": "l",
        "created_at": NOW,
        "state": "succeeded",
        "result": {"file_id": stored.pk},
    }
    Job.objects.create(**common, expires_at=NOW)
    Job.objects.create(**common, expires_at=NOW.replace(day=6))
    queue.prune(NOW.replace(day=5))
    assert StoredFile.objects.filter(pk=stored.pk).exists()
    queue.prune(NOW.replace(day=7))
    assert not StoredFile.objects.filter(pk=stored.pk).exists()
