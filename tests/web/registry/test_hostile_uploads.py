"""Files that no inventory is, at the page that takes inventories: refused by name, or shown without running anything."""

import io
import zipfile

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.urls import reverse
from openpyxl import Workbook

from mlops_portal.foundation.files.models import StoredFile
from registry.models import ImportRun, RegisteredModel

pytestmark = pytest.mark.django_db
START = reverse("registry:import-start")


def archive(*parts):
    """Pack a workbook of these parts."""
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as writing:
        for name, content in parts:
            writing.writestr(name, content)
    return packed.getvalue()


def workbook(*rows):
    """Write a workbook of these rows."""
    book, packed = Workbook(), io.BytesIO()
    for row in rows:
        book.active.append(row)
    book.save(packed)
    return packed.getvalue()


@pytest.fixture
def client(make_person, retail, as_person):
    """Return a client who imports into Retail Lending."""
    client = as_person(make_person("Ida Imports", "administrator", unit=retail))
    client.raise_request_exception = False
    return client


def uploaded(client, retail, content, name):
    """Upload a file."""
    file = SimpleUploadedFile(name, content)
    return client.post(START, {"file": file, "unit": retail.pk, "mapping": "suggest"})


@pytest.mark.parametrize(
    ("content", "name"),
    [
        pytest.param(b"\x00" * 5000, "models.csv", id="zeros"),
        pytest.param(bytes(range(256)) * 40, "models.csv", id="bytes of every kind"),
        pytest.param(b"\xff\xfe", "models.csv", id="a mark without a text"),
        pytest.param(b"\xff\xfeN\x00a\x00\x00", "models.csv", id="half a character of UTF-16"),
        pytest.param(b"Name\n" + b"x" * 12_000_000, "models.csv", id="a cell of twelve megabytes"),
        pytest.param(b'Name\n"never closed\n' * 3, "models.csv", id="a quote that never closes"),
        pytest.param(b"PK\x03\x04 no archive", "models.xlsx", id="no archive"),
        pytest.param(archive(("xl/workbook.xml", b"\0" * 5_000_000)), "models.xlsx", id="a ZIP bomb"),
        pytest.param(archive(("xl/workbook.xml", b"<x")), "models.xlsx", id="a broken workbook"),
        pytest.param(b"Name\nchurn\n", "models.xlsx", id="a CSV named XLSX"),
        pytest.param(workbook(["Name"], ["churn"]), "models.csv", id="an XLSX named CSV"),
        pytest.param(b"[" * 100_000, "models.json", id="deep JSON"),
        pytest.param(
            b'[{"Id": ' + b"9" * 5_000 + b', "Name": "x"}]', "models.json", id="a JSON number without end"
        ),
        pytest.param(b'{"a": NaN}', "models.json", id="JSON that is no list"),
        pytest.param(b"MZ\x90\x00", "models.exe", id="a program"),
        pytest.param(b"Name\nchurn\n", "../../\x00etc/passwd", id="a name that climbs"),
        pytest.param(b"Name\nchurn\n", "m" * 5000 + ".csv", id="a name without end"),
    ],
)
def test_a_file_that_is_no_inventory_is_refused_by_name_or_read(content, name, client, retail):
    answer = uploaded(client, retail, content, name)
    assert answer.status_code in (303, 400, 413), answer.status_code
    if answer.status_code == 400:
        assert answer.context["form"].errors, "the message names the file"
        assert not StoredFile.objects.exists()
    if answer.status_code == 303:
        preview = client.get(answer["Location"])
        assert preview.status_code in (200, 400)
        started = client.post(answer["Location"], preview.context["form"].initial if preview.context else {})
        assert started.status_code in (303, 400, 409)
    assert RegisteredModel.objects.count() <= 1


SCRIPT = "<script>alert(1)</script>"


@pytest.mark.parametrize("kind", ["csv", "xlsx", "utf-16"])
def test_formulas_and_scripts_in_cells_stay_text(kind, client, retail):
    rows = [["Name", "Purpose", SCRIPT], ["churn", "=1+1", SCRIPT]]
    text = "\n".join(",".join(row) for row in rows)
    content = {"csv": text.encode(), "xlsx": workbook(*rows), "utf-16": text.encode("utf-16")}[kind]
    answer = uploaded(client, retail, content, f"models.{'xlsx' if kind == 'xlsx' else 'csv'}")
    preview = client.get(answer["Location"])
    assert preview.status_code == 200
    assert SCRIPT not in preview.content.decode()
    assert not ImportRun.objects.exists()


@pytest.mark.parametrize(
    "choices",
    [
        pytest.param({"c0": "nonsense"}, id="a field that is not offered"),
        pytest.param({"c0": "title"}, id="no column for the name"),
        pytest.param({"c0": "name", "c1": "name"}, id="two columns for one field"),
        pytest.param({"c0": "name", "save_as": "a b/c"}, id="a name that is none"),
        pytest.param(
            {"c0": ["name", "owner"], "c99": "owner", "save_as": "x" * 5000}, id="more than was asked"
        ),
    ],
)
def test_a_hostile_mapping_starts_nothing_and_names_the_column(choices, client, retail):
    place = uploaded(client, retail, b"Name,Owner\nchurn,ada\n", "models.csv")["Location"]
    answer = client.post(place, choices)
    assert answer.status_code == 400
    assert answer.context["form"].errors
    assert not ImportRun.objects.exists()


@pytest.mark.parametrize(
    "query",
    [
        pytest.param("", id="nothing"),
        pytest.param("upload=x&unit=²&mapping=suggest", id="no number"),
        pytest.param(
            "upload={token}&unit=9999999999999999999999&mapping=suggest", id="a number beyond the database"
        ),
        pytest.param("upload={token}&unit=1&mapping=saved:%00", id="a mapping of no name"),
        pytest.param("upload={token}&unit=1&mapping=shipped:../../etc", id="a mapping that climbs"),
    ],
)
def test_a_hostile_address_of_a_preview_is_answered_in_words(query, client, retail):
    place = uploaded(client, retail, b"Name\nchurn\n", "models.csv")["Location"]
    token = place.partition("upload=")[2].partition("&")[0]
    sent = query.format(token=token).replace("unit=1&", f"unit={retail.pk}&")
    for answer in (
        client.get(f"{place.partition('?')[0]}?{sent}"),
        client.post(f"{place.partition('?')[0]}?{sent}", {}),
    ):
        assert answer.status_code in (200, 400, 404)
    assert not ImportRun.objects.exists()
