"""Who gets in, what an unknown path answers, and that no input makes a page or a 500."""

import base64

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from integrations.mlflow import queries
from mlops_portal.foundation.people import principals
from mlops_portal.foundation.people.services.tokens import token_revoke
from mlops_portal.foundation.web import metrics

GET = "registered-models/search"


@pytest.mark.parametrize(
    "header",
    [
        None,
        "Bearer",
        "Bearer nobody",
        "Basic !!!",
        "Basic " + base64.b64encode(b"ada:password").decode(),
        "Digest x",
    ],
)
def test_without_a_live_token_nobody_gets_in(db, client, header):
    headers = {} if header is None else {"Authorization": header}
    answer = client.get(f"/api/2.0/mlflow/{GET}", headers=headers)
    assert answer.status_code == 401
    assert answer.json()["error_code"] == "UNAUTHENTICATED"
    assert answer["WWW-Authenticate"].startswith("Bearer")


def test_a_session_opens_no_machine_door(as_person, ada):
    assert as_person(ada).get(f"/api/2.0/mlflow/{GET}").status_code == 401


def test_the_token_may_be_the_password_of_basic(client, pipeline):
    sent = base64.b64encode(f"anyone:{pipeline.secret}".encode()).decode()
    assert client.get(f"/api/2.0/mlflow/{GET}", headers={"Authorization": f"Basic {sent}"}).json() == {}


def test_a_revoked_token_is_out_within_the_cache_time(door, pipeline):
    assert door.ok("GET", GET) == {}
    token_revoke(token=pipeline.token, reason="Leaked", by=None, now=timezone.now())
    principals._watch.checked = 0.0  # five seconds later
    assert door.refused("GET", GET)[0] == 401


def test_a_warm_principal_costs_no_statement(door):
    door.ok("GET", GET)
    with CaptureQueriesContext(connection) as statements:
        door.refused("GET", "nowhere")
    assert len(statements) == 0


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("GET", "nowhere"),
        ("POST", "nowhere/"),
        ("POST", GET),
        ("GET", "registered-models/create"),
        ("GET", ""),
    ],
)
def test_unknown_endpoints_answer_json(door, method, path):
    status, code, _ = door.refused(method, path, {})
    assert (status, code) == (404, "ENDPOINT_NOT_FOUND")


@pytest.mark.parametrize(
    ("method", "path", "body", "query", "message"),
    [
        ("POST", "registered-models/create", {}, {}, "Missing value for required parameter 'name'."),
        ("POST", "registered-models/create", {"name": "a/b"}, {}, "Invalid model name 'a/b'."),
        (
            "POST",
            "registered-models/create",
            {"name": "a\u0000"},
            {},
            "It contains a character that is not text.",
        ),
        ("POST", "registered-models/create", {"name": "a", "tags": "x"}, {}, "for parameter 'tags'"),
        (
            "POST",
            "registered-models/create",
            {"name": "a", "description": "x" * 5_001},
            {},
            "maximum length of 5000",
        ),
        (
            "POST",
            "model-versions/create",
            {"name": "a"},
            {},
            "Missing value for required parameter 'source'.",
        ),
        ("POST", "model-versions/create", {"name": "a", "source": 1}, {}, "for parameter 'source'"),
        ("GET", "model-versions/get", None, {"name": "a", "version": "x"}, "must be an integer, got 'x'"),
        ("GET", "model-versions/get", None, {"name": "a"}, "Missing value for required parameter 'version'."),
        ("GET", GET, None, {"max_results": "1001"}, "It must be at most 1000, but got value 1001"),
        ("GET", GET, None, {"max_results": "0"}, "It must be a positive integer, but got 0"),
        ("GET", GET, None, {"max_results": "many"}, "for parameter 'max_results'"),
        ("GET", GET, None, {"filter": "name ~ 'x'"}, "Invalid clause(s) in filter string"),
        ("GET", GET, None, {"page_token": "nonsense"}, "Invalid page token"),
        ("GET", GET, None, {"order_by": "size"}, "Invalid order by key 'size' specified"),
        ("GET", "model-versions/search", None, {"max_results": "200001"}, "It must be at most 200000"),
    ],
)
def test_bad_input_is_named(door, method, path, body, query, message):
    status, code, said = door.refused(method, path, body, **query)
    assert (status, code) == (400, "INVALID_PARAMETER_VALUE")
    assert message in said


def test_the_wrong_content_type(door):
    answer = door.client.post(
        "/api/2.0/mlflow/registered-models/create", "name=a", content_type="text/plain", headers=door.headers
    )
    assert (answer.status_code, answer.json()["error_code"]) == (400, "INVALID_PARAMETER_VALUE")


def test_the_short_way_in_keeps_the_guards_of_an_answer(door):
    answer = door.send("GET", GET)
    assert answer["Content-Security-Policy"] == "default-src 'none'; frame-ancestors 'none'"
    assert answer["X-Frame-Options"] == "DENY"
    assert answer["X-Content-Type-Options"] == "nosniff"
    assert answer["Referrer-Policy"] == "same-origin"
    assert answer["Cache-Control"] == "private, no-cache"
    assert answer["Content-Length"] == str(len(answer.content))
    assert "geolocation=()" in answer["Permissions-Policy"]
    assert not answer.cookies


def test_the_short_way_in_refuses_a_foreign_host(door, settings):
    settings.ALLOWED_HOSTS = ["portal.example"]
    assert door.send("GET", GET).status_code == 400


def test_the_short_way_in_is_counted_by_the_name_of_its_view(door):
    labels = {"view": "mlflow:registered-models-search", "method": "GET", "status": "200"}
    before = metrics._own.get_sample_value("portal_http_requests_total", labels) or 0
    door.ok("GET", GET)
    assert metrics._own.get_sample_value("portal_http_requests_total", labels) == before + 1


def test_a_search_asked_again_sees_what_changed_meanwhile(door):
    door.model("churn")
    asked = {"filter": "name LIKE 'ch%'"}
    assert [model["name"] for model in door.ok("GET", GET, **asked)["registered_models"]] == ["churn"]
    door.model("chat")
    assert [model["name"] for model in door.ok("GET", GET, **asked)["registered_models"]] == ["chat", "churn"]


def test_what_is_long_is_answered_and_not_remembered(door):
    known = queries._MODEL_SEARCHES.known
    known.clear()
    door.ok("GET", GET, order_by="name" + " " * queries.REMEMBERED_LENGTH + "DESC")
    assert len(known) == 0
    door.ok("GET", GET, order_by="name DESC")
    assert len(known) == 1
