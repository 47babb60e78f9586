"""The OpenAPI document as it is served: to who is signed in, in both formats, and worked out once."""

import json

import pytest
import yaml
from drf_spectacular.generators import SchemaGenerator

from mlops_portal.foundation.api import document

pytestmark = pytest.mark.django_db
PLACE = "/api/v1/schema/"


def test_both_formats_hold_the_same_document_and_it_is_worked_out_once(ada, as_person, monkeypatch):
    document.written.cache_clear()
    made, make = [], SchemaGenerator.get_schema

    def count(generator, *given, **named):
        made.append(generator)
        return make(generator, *given, **named)

    monkeypatch.setattr(SchemaGenerator, "get_schema", count)
    client = as_person(ada)
    as_yaml, again = (client.get(f"{PLACE}?format=yaml") for _ in range(2))
    as_json = client.get(f"{PLACE}?format=json")
    assert as_yaml.content == again.content
    assert len(made) == 2, "once for each format"
    assert yaml.safe_load(as_yaml.content) == json.loads(as_json.content)
    assert "/api/v1/models/" in json.loads(as_json.content)["paths"]
    assert as_yaml["Content-Type"] == "application/vnd.oai.openapi; charset=utf-8"
    assert as_json["Content-Disposition"] == 'inline; filename="mlops-portal-api.json"'


def test_without_signing_in_nobody_reads_it(client, db):
    assert client.get(PLACE).status_code in {401, 403}
