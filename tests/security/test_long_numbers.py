"""Python reads so many digits and no more: wherever JSON comes in, a longer number is an error of the caller."""

import base64
import json

import pytest
from django.test import RequestFactory
from rest_framework.test import APIClient

from integrations.mlflow.errors import ProtocolError
from integrations.mlflow.grammar import Order
from integrations.mlflow.paging import read_token
from integrations.mlflow.reading import INTEGER, Param, read
from mlops_portal.foundation.errors import Invalid
from registry.imports import mapping
from registry.imports.transforms import compile_transform

LONG = "9" * 5_000
NUMBER = f'{{"max_results": {LONG}}}'


def token_of(text):
    return base64.urlsafe_b64encode(text.encode()).decode()


@pytest.fixture
def caller(adam):
    caller = APIClient(raise_request_exception=False)
    caller.force_authenticate(adam)
    return caller


@pytest.mark.django_db
@pytest.mark.parametrize("body", [NUMBER, f"[{LONG}]", LONG])
def test_the_body_of_a_request(caller, body):
    refused = caller.post("/api/v1/models/", body, content_type="application/json")
    assert refused.status_code == 400
    assert "not JSON" in refused.json()["detail"]


@pytest.mark.django_db
@pytest.mark.parametrize("text", [f'{{"after": {LONG}}}', "[" * 5_000], ids=["a long number", "deep lists"])
def test_the_token_of_a_page(caller, text):
    refused = caller.get("/api/v1/models/", {"page_token": token_of(text)})
    assert refused.status_code == 400
    assert refused.json()["errors"][0]["where"] == "page_token"


@pytest.mark.parametrize("body", [NUMBER, json.dumps(NUMBER)])
def test_the_body_of_an_mlflow_client(body):
    request = RequestFactory().post("/", data=body, content_type="application/json")
    with pytest.raises(ProtocolError, match="not valid JSON"):
        read(request, [Param("max_results", INTEGER)])


def test_a_number_in_the_address_of_an_mlflow_client():
    with pytest.raises(ProtocolError, match="max_results"):
        read(RequestFactory().get("/", {"max_results": LONG}), [Param("max_results", INTEGER)])


def test_the_token_of_an_mlflow_client():
    with pytest.raises(ProtocolError, match="Invalid page token"):
        read_token(token_of(f"[{LONG}]"), [Order("name", True)])


def test_a_mapping_in_json():
    with pytest.raises(Invalid, match="mapping: it holds a value that cannot be read"):
        mapping.parse(f'{{"name": {LONG}}}')


def test_a_cell_that_looks_like_a_list_stays_text():
    assert compile_transform({"split": ";"})(f"[{LONG}]") == [f"[{LONG}]"]
