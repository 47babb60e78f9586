"""Hostile bodies and addresses at every write of the API: an error that says what and where, never a 500, nothing written."""

import json
from typing import Any

import pytest
from django.urls import NoReverseMatch, reverse

from audits.models import LedgerEntry
from tests.contracts.expectations import WRITES, WRITES_AT_THE_UNIT
from tests.factories.registry import ModelFactory, VersionFactory
from tests.kept import kept

MEGABYTE = 1024 * 1024
DEEP = "[" * 100_000 + "]" * 100_000
JSON = "application/json"
BROKEN = b"--x\r\nbroken"
# Read as a body without fields, which some acts allow.
MEANS_NOTHING = (b"", BROKEN)
HOSTILE = [
    pytest.param(b"", JSON, id="nothing"),
    pytest.param(b"{", JSON, id="half a document"),
    pytest.param(b"[]", JSON, id="a list"),
    pytest.param(b"null", JSON, id="null"),
    pytest.param(b'"text"', JSON, id="a text"),
    pytest.param(b"12", JSON, id="a number"),
    pytest.param(b'{"name": NaN}', JSON, id="not a number"),
    pytest.param(b"\xff\xfe\x00\x01", JSON, id="no UTF-8"),
    pytest.param(DEEP.encode(), JSON, id="deep lists"),
    pytest.param(('{"custom":' * 5000 + "1" + "}" * 5000).encode(), JSON, id="deep objects"),
    pytest.param(b'{"nonsense": 1, "__proto__": {}}', JSON, id="unknown fields"),
    pytest.param(b"name=x", "application/x-www-form-urlencoded", id="a form"),
    pytest.param(b"<name/>", "text/xml", id="XML"),
    pytest.param(BROKEN, "multipart/form-data; boundary=x", id="broken multipart"),
    pytest.param(b"{}", "multipart/form-data", id="multipart without boundary"),
    pytest.param(b'{"nonsense": 1}', "application/json; charset=nonsense", id="an unknown charset"),
]


@pytest.fixture
def client_of_everything(make_person, group, as_person):
    """Return a client that may write nearly everything, so that only the input stands against it."""
    person = make_person("Ed Everything", "model_owner", "administrator", "operator", unit=group)
    return as_person(person)


@pytest.fixture
@kept
def place(retail) -> dict[str, Any]:
    """Return arguments for every address: records that exist where a model or version is meant, else number 1."""
    version = VersionFactory(model=ModelFactory(unit=retail))
    return {"model": version.model_id, "number": version.number, "pk": version.model_id}


def addresses(place: dict[str, Any]) -> list[tuple[str, str]]:
    """Every write with the address it has."""
    found = []
    for name in [
        *WRITES,
        *WRITES_AT_THE_UNIT,
        "registry-api:uses",
        "registry-api:imports",
        "approvals-api:changes",
    ]:
        methods = [write.method for write in WRITES[name][1]] if name in WRITES else ["POST"]
        found += [(method, _reverse(name, place)) for method in methods]
    return found


def _reverse(name: str, place: dict[str, Any]) -> str:
    for names in (
        (), ("pk",), ("model",), ("model", "pk"), ("model", "number"), ("model", "key"), ("model", "name"),
        ("model", "pk", "key"), ("model", "number", "key"), ("change",),
    ):  # fmt: skip
        given = {"key": "k", "name": "n", "change": 1, **place}
        try:
            return reverse(name, kwargs={each: given[each] for each in names})
        except NoReverseMatch:
            continue
    raise AssertionError(f"no arguments fit {name}")


@pytest.mark.django_db
@pytest.mark.parametrize(("body", "kind"), HOSTILE)
def test_hostile_bodies_are_refused_in_words(body, kind, client_of_everything, place):
    before = LedgerEntry.objects.count()
    wrong = []
    for method, where in addresses(place):
        if method == "DELETE":
            continue
        response = client_of_everything.generic(method, where, body, kind)
        is_problem = response.headers["Content-Type"].startswith("application/problem+json")
        empty_is_fine = body in MEANS_NOTHING and response.status_code < 300
        if not empty_is_fine and (not 400 <= response.status_code < 500 or not is_problem):
            wrong.append(f"{method} {where}: {response.status_code} {response.content[:120]!r}")
    assert wrong == []
    if body not in MEANS_NOTHING:
        assert LedgerEntry.objects.count() == before


TEXTS = [
    pytest.param("a\x00b", id="NUL"),
    pytest.param("\ud800", id="half a character"),
    pytest.param("'; DROP TABLE registry_registeredmodel; --", id="SQL"),
    pytest.param("=cmd|'/c calc'!A1", id="a formula"),
    pytest.param("<script>alert(1)</script>", id="a script"),
    pytest.param({"a": "b"}, id="an object"),
    pytest.param([1, 2], id="a list"),
    pytest.param(-(10**30), id="a huge number"),
    pytest.param(10**400, id="a number beyond every float"),
    pytest.param(
        [{"code": "P", "metric": "auc", "direction": "min", "release": 10**400}], id="a limit beyond"
    ),
    pytest.param(True, id="a truth value"),
    pytest.param(None, id="null"),
    pytest.param("", id="empty"),
]


@pytest.mark.django_db
@pytest.mark.parametrize("value", TEXTS)
def test_hostile_values_in_every_field_are_no_server_errors(value, client_of_everything, place):
    wrong = []
    for name, (_subject, several) in WRITES.items():
        for write in several:
            wrong += poisoned(client_of_everything, write.method, _reverse(name, place), write.body, value)
    for name, (_right, body) in WRITES_AT_THE_UNIT.items():
        wrong += poisoned(client_of_everything, "POST", reverse(name), body, value)
    change = {"model": place["model"], "kind": "deploy", "version": 1, "environment": "prod", "purpose": "x",
              "configuration": {}, "alternatives": [], "traffic_plan": [], "bake_hours": 1, "rollback_target": 1}  # fmt: skip
    wrong += poisoned(client_of_everything, "POST", reverse("approvals-api:changes"), change, value)
    use = {"model": place["model"], "using_unit": "group", "purpose": "x"}
    wrong += poisoned(client_of_everything, "POST", reverse("registry-api:uses"), use, value)
    assert wrong == []


def poisoned(client: Any, method: str, where: str, body: dict[str, Any], value: Any) -> list[str]:
    """Send a body once for each field with the value in it."""
    wrong = []
    for name in body:
        sent = json.dumps({**body, name: value})
        response = client.generic(method, where, sent, JSON)
        if response.status_code >= 500:
            wrong.append(f"{method} {where}, {name}: {response.status_code}")
    return wrong


DAYS = (
    "0001-01-01",
    "0001-01-01T00:00:00Z",
    "9999-12-31",
    "9999-12-31T23:59:59-14:00",
    "2026-02-30",
    "24-1-1",
)


@pytest.mark.django_db
def test_days_at_the_end_of_the_calendar_are_refused_by_name(client_of_everything, place):
    number = {"from_on": "registry-api:datasets", "to_on": "registry-api:datasets"}
    fields = ("next_review_on", "intake_submitted_at", "first_commit_at", "evaluated_at", "from_on", "to_on")
    bodies = {"evaluated_at": {"metrics": [{"name": "ks", "value": 1}]}}
    wrong = []
    for field in fields:
        name = {"first_commit_at": "registry-api:versions", "evaluated_at": "registry-api:metrics"}.get(
            field, number.get(field, "registry-api:model")
        )
        method = "PATCH" if name == "registry-api:model" else "POST"
        for day in DAYS:
            body: dict[str, Any] = (
                {"name": "applications", "unit": "retail-lending"} if field in number else {}
            )
            body = {"source": "s3://a"} if field == "first_commit_at" else body
            if field == "evaluated_at":
                body = {"metrics": [{**bodies[field]["metrics"][0], field: day}]}
            else:
                body = {**body, field: day}
            answer = client_of_everything.generic(method, _reverse(name, place), json.dumps(body), JSON)
            named = answer.status_code == 400 and field in answer.json()["errors"][0]["where"]
            if not named:
                wrong.append(f"{field}={day}: {answer.status_code} {answer.content[:150]!r}")
    assert wrong == []


@pytest.mark.django_db
@pytest.mark.parametrize(
    "query",
    [
        pytest.param("unit=%00", id="NUL"),
        pytest.param("q=" + "x" * 5000, id="a long word"),
        pytest.param("page_size=0", id="an empty page"),
        pytest.param("page_size=99999999999999999999", id="a huge page"),
        pytest.param("page_token=%FF", id="a broken token"),
        pytest.param("page_token=eyJhZnRlciI6ICJ4In0=", id="a token of a text"),
        pytest.param("model=-1", id="a negative number"),
        pytest.param("model=99999999999999999999999", id="a number beyond the database"),
        pytest.param("is_open=maybe", id="no truth value"),
        pytest.param("nonsense=1", id="an unknown filter"),
    ],
)
def test_hostile_queries_are_no_server_errors(query, client_of_everything, place):
    lists = (
        "registry-api:models", "registry-api:datasets", "registry-api:pipelines", "registry-api:uses",
        "registry-api:tasks", "registry-api:environments", "registry-api:deployments", "registry-api:imports",
        "registry-api:custom-fields", "approvals-api:changes", "approvals-api:decisions", "approvals-api:validations",
        "approvals-api:executions", "approvals-api:policies", "foundation-api:units", "foundation-api:people",
        "approvals-api:gate",
    )  # fmt: skip
    codes = {name: client_of_everything.get(f"{reverse(name)}?{query}").status_code for name in lists}
    assert {name: code for name, code in codes.items() if code >= 500} == {}
    if query == "nonsense=1":
        assert set(codes.values()) == {400}


@pytest.mark.django_db
def test_a_misspelt_filter_is_refused_by_name(client_of_everything):
    problem = client_of_everything.get("/api/v1/models/?teir=1").json()
    assert problem["errors"] == [{"where": "teir", "message": "There is no such filter."}]


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("name", "method", "field"),
    [
        pytest.param("registry-api:model", "PATCH", "description", id="a long text"),
        pytest.param("registry-api:version", "PATCH", "label", id="a short text"),
        pytest.param("registry-api:model-rename", "POST", "name", id="a name"),
    ],
)
def test_ten_megabytes_in_a_field_are_refused_by_name(name, method, field, client_of_everything, place):
    body = json.dumps({field: "x" * 10 * MEGABYTE})
    response = client_of_everything.generic(method, _reverse(name, place), body, JSON)
    assert response.status_code == 400
    assert [error["where"] for error in response.json()["errors"]] == [field]


@pytest.mark.django_db
def test_a_body_beyond_the_bound_is_refused(client_of_everything, place):
    body = json.dumps({"description": "x" * 13 * MEGABYTE})
    response = client_of_everything.generic("PATCH", _reverse("registry-api:model", place), body, JSON)
    assert (response.status_code, response.json()["code"]) == (413, "too_large")
