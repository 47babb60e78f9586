"""The same content is kept once. Access to it, and its name, come from the record or the upload, not from its first uploader."""

import re

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.urls import reverse

from mlops_portal.foundation.files.models import StoredFile
from registry.imports import service
from registry.models import Document, ImportMapping, ImportRun
from registry.services.evidence import document_upload
from registry.services.models import model_register

pytestmark = pytest.mark.django_db
CONTENT = b"Name,Owner\nchurn,ada@aldermoor.example\n"


@pytest.fixture
def iva(make_person, retail):
    """Iva imports inventories of Retail Lending."""
    return make_person("Iva Importer", "administrator", unit=retail)


@pytest.fixture
def petr(make_person, plant):
    """Petr imports inventories of Plant Operations."""
    return make_person("Petr Plant", "administrator", unit=plant)


def upload(client, unit, name):
    answer = client.post(
        reverse("registry:import-start"),
        {"file": SimpleUploadedFile(name, CONTENT), "unit": unit.pk, "mapping": "suggest"},
    )
    assert answer.status_code == 303, answer.content.decode()[:2000]
    return answer["Location"]


def test_the_second_uploader_of_a_content_goes_on_with_it_under_the_own_name(
    iva, petr, retail, plant, as_person
):
    first, second = as_person(iva), as_person(petr)
    places = upload(first, retail, "retail-secret-merger.csv"), upload(second, plant, "plant.csv")
    assert StoredFile.objects.count() == 1
    for client, place, name in (
        (first, places[0], "retail-secret-merger.csv"),
        (second, places[1], "plant.csv"),
    ):
        page = client.get(place)
        assert page.status_code == 200
        assert name in page.content.decode()
    page = second.get(places[1]).content.decode()
    assert "merger" not in page
    answers = dict.fromkeys(re.findall(r'name="(v-[\w-]+)"', page), "")
    assert second.post(places[1], {"c0": "name", **answers}).status_code == 303
    assert ImportRun.objects.get().file_name == "plant.csv"


def test_nobody_goes_on_with_the_upload_of_another(iva, petr, retail, plant, as_person):
    place = upload(as_person(iva), retail, "retail.csv")
    stranger = as_person(petr)
    assert stranger.get(place).status_code == 404
    own = place.replace(f"unit={retail.pk}", f"unit={plant.pk}")
    assert stranger.get(own).status_code == 404
    stored = StoredFile.objects.get()
    bare = reverse("registry:import-preview", args=[stored.pk])
    for query in (f"?unit={plant.pk}", f"?unit={plant.pk}&upload=", f"?unit={plant.pk}&upload=WzFd:1:x"):
        assert stranger.get(bare + query).status_code == 404
        assert as_person(iva).get(bare + query.replace(str(plant.pk), str(retail.pk), 1)).status_code == 404


def test_a_document_is_downloaded_under_its_own_name(retail, plant, ada, dora, as_person, now):
    pages = []
    for unit, person, title, name in (
        (retail, ada, "Runbook", "project-falcon-merger.txt"),
        (plant, dora, "Press: line/3", "b.txt"),
    ):
        model = model_register(name=f"m-{unit.code}", unit=unit, owner=person, by=None, now=now)
        document = document_upload(
            model=model, kind="runbook", title=title, upload=SimpleUploadedFile(name, b"Call the desk."),
            by=person, now=now,
        )  # fmt: skip
        pages.append((document, as_person(person)))
    assert StoredFile.objects.count() == 1
    document, client = pages[1]
    file = client.get(reverse("registry:document-file", args=[document.model_id, document.pk]))
    assert file["Content-Disposition"] == 'attachment; filename="Press- line-3.txt"'
    page = client.get(reverse("registry:document-detail", args=[document.model_id, document.pk]))
    assert "falcon" not in page.content.decode()
    api = client.get(reverse("registry-api:document", args=[document.model_id, document.pk])).json()
    assert api["file_name"] == "Press- line-3.txt"
    assert Document.objects.count() == 2


def test_saved_mappings_are_offered_where_one_may_import(iva, petr, retail, plant, as_person, now):
    """A mapping names columns of somebody's inventory."""
    document = {"name": "retail-crm", "source": "crm", "fields": {"name": "Name"}}
    service.mapping_save(document=document, unit=retail, by=iva, now=now)
    place = reverse("registry:import-start")
    assert "retail-crm" in as_person(iva).get(place).content.decode()
    stranger = as_person(petr)
    assert "retail-crm" not in stranger.get(place).content.decode()
    refused = stranger.post(
        place, {"file": SimpleUploadedFile("p.csv", CONTENT), "unit": plant.pk, "mapping": "saved:retail-crm"}
    )
    assert refused.status_code == 400
    preview = upload(stranger, plant, "p.csv").replace("mapping=suggest", "mapping=saved%3Aretail-crm")
    assert "retail-crm" not in stranger.get(preview).content.decode().replace(preview, "")
    assert ImportMapping.objects.count() == 1
