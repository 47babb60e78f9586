"""Requests become parameters, or a refusal that names the parameter."""

import json

import pytest
from django.test import RequestFactory

from integrations.mlflow.errors import ProtocolError
from integrations.mlflow.reading import (
    BOOLEAN,
    INTEGER,
    MAX_BODY_BYTES,
    STRINGS,
    TAGS,
    Param,
    read,
)

NAME = Param("name", required=True)
NEW_NAME = Param("new_name")
SIZE = Param("max_results", INTEGER)
FLAG = Param("archive_existing_versions", BOOLEAN)
ORDER = Param("order_by", STRINGS)
LABELS = Param("tags", TAGS)


def post(body, content_type="application/json", method="post"):
    data = body if isinstance(body, (str, bytes)) else json.dumps(body)
    return getattr(RequestFactory(), method)("/", data=data, content_type=content_type)


@pytest.mark.parametrize(
    ("body", "params", "expected"),
    [
        ({"name": "a", "unknown": 1}, [NAME], {"name": "a"}),
        ({"newName": "b"}, [NEW_NAME], {"new_name": "b"}),
        ({"name": "a", "max_results": "7"}, [NAME, SIZE], {"name": "a", "max_results": 7}),
        ({"max_results": None}, [SIZE, ORDER], {"max_results": None, "order_by": []}),
        ({"tags": [{"key": "k"}]}, [LABELS], {"tags": [{"key": "k", "value": ""}]}),
        ({"archive_existing_versions": True}, [FLAG], {"archive_existing_versions": True}),
        (json.dumps(json.dumps({"name": "twice"})), [NAME], {"name": "twice"}),
        (" ", [NEW_NAME], {"new_name": None}),
    ],
)
def test_bodies(body, params, expected):
    assert read(post(body), params) == expected


def test_a_delete_has_a_body_too():
    assert read(post({"name": "a"}, method="delete"), [NAME]) == {"name": "a"}


def test_repeated_query_parameters():
    request = RequestFactory().get(
        "/?name=a&order_by=x&order_by=y&max_results=3&archiveExistingVersions=TRUE"
    )
    assert read(request, [NAME, ORDER, SIZE, FLAG]) == {
        "name": "a",
        "order_by": ["x", "y"],
        "max_results": 3,
        "archive_existing_versions": True,
    }


@pytest.mark.parametrize(
    ("body", "params", "message"),
    [
        ({}, [NAME], "Missing value for required parameter 'name'."),
        ({"name": ""}, [NAME], "Missing value for required parameter 'name'."),
        ({"name": 7}, [NAME], "Invalid value 7 for parameter 'name' supplied"),
        ({"name": "a\u0000"}, [NAME], "It contains a character that is not text."),
        ({"new_name": "a", "newName": "b"}, [NEW_NAME], "'new_name' is given twice"),
        ({"max_results": "many"}, [SIZE], "Invalid value \"many\" for parameter 'max_results'"),
        ({"max_results": 1.5}, [SIZE], "for parameter 'max_results'"),
        ({"max_results": True}, [SIZE], "for parameter 'max_results'"),
        ({"max_results": 2**70}, [SIZE], "for parameter 'max_results'"),
        ({"archive_existing_versions": "yes"}, [FLAG], "for parameter 'archive_existing_versions'"),
        ({"order_by": "name"}, [ORDER], "Invalid value \"name\" for parameter 'order_by'"),
        ({"order_by": [1]}, [ORDER], "for parameter 'order_by'"),
        ({"order_by": ["x"] * 1001}, [ORDER], "more than 1000 items"),
        ({"tags": {"a": "b"}}, [LABELS], "for parameter 'tags'"),
        ({"tags": ["a"]}, [LABELS], "for parameter 'tags'"),
        ({"tags": [{"value": "b"}]}, [LABELS], "Missing value for required parameter 'key'."),
        ({"tags": [{"key": "k", "value": 1}]}, [LABELS], "Invalid value 1 for parameter 'value'"),
    ],
)
def test_refusals_name_the_parameter(body, params, message):
    with pytest.raises(ProtocolError) as refusal:
        read(post(body), params)
    assert refusal.value.code == "INVALID_PARAMETER_VALUE"
    assert message in refusal.value.message


@pytest.mark.parametrize(
    ("body", "content_type", "message"),
    [
        (b"{}", "text/plain", "Content-Type must be one of ['application/json']"),
        (b"{", "application/json", "not valid JSON"),
        (b"\xff\xfe{}\x00", "application/json", "not valid JSON"),
        (b"[1]", "application/json", "has to be a JSON object"),
        (b"[" * 100_000, "application/json", "not valid JSON"),
        (b"9" * 5_000, "application/json", "not valid JSON"),
        (b" " * (MAX_BODY_BYTES + 1), "application/json", "larger than"),
    ],
    ids=["wrong type", "torn", "another encoding", "a list", "deep", "a long number", "too large"],
)
def test_bodies_that_are_no_parameters(body, content_type, message):
    with pytest.raises(ProtocolError) as refusal:
        read(post(body, content_type), [NAME])
    assert refusal.value.status == 400
    assert message in refusal.value.message


def test_a_charset_suffix_is_fine():
    assert read(post({"name": "ä"}, "application/json; charset=utf-8"), [NAME]) == {"name": "ä"}
