"""Models through REST."""

import pytest
from django.test import Client
from django.utils import timezone

from registry.models import ModelVersion, RegisteredModel
from registry.services.custom_fields import custom_field_save
from registry.services.models import model_register

pytestmark = pytest.mark.django_db


def test_a_pipeline_registers_a_model_and_a_version(as_pipeline, retail, ada, olga):
    caller = as_pipeline(retail, ada)
    made = caller.call("POST", "/models/", {"name": "credit-pd", "unit": retail.code, "owner": olga.email})
    assert made.status_code == 201, made.content
    pk = made.json()["id"]
    version = caller.call("POST", f"/models/{pk}/versions/", {"source": "s3://a/b", "label": "4.3.0"})
    assert version.status_code == 201, version.content
    assert version.json()["number"] == 1
    digest = caller.call("PUT", f"/models/{pk}/versions/1/artifact/", {"sha256": "a" * 64})
    assert digest.json()["artifact_sha256"] == "a" * 64
    listed = caller.call("GET", "/models/").json()
    assert [one["name"] for one in listed["results"]] == ["credit-pd"]
    assert listed["next_page_token"] is None


def test_a_repeated_key_answers_the_first_result_and_registers_once(as_pipeline, retail, ada):
    caller = as_pipeline(retail, ada)
    body = {"name": "credit-pd", "unit": retail.code}
    first = caller.call("POST", "/models/", body, **{"idempotency-key": "k1"})
    again = caller.call("POST", "/models/", body, **{"idempotency-key": "k1"})
    other = caller.call("POST", "/models/", {**body, "title": "x"}, **{"idempotency-key": "k1"})
    assert (first.status_code, again.status_code, other.status_code) == (201, 201, 409)
    assert again.json() == first.json()
    assert again.headers["Idempotent-Replay"] == "true"
    assert RegisteredModel.objects.count() == 1


@pytest.mark.parametrize(
    ("body", "where"),
    [
        pytest.param({"unit": "retail-lending"}, "name", id="a name is missing"),
        pytest.param({"name": "a/b", "unit": "retail-lending"}, "name", id="a slash in the name"),
        pytest.param({"name": "a", "unit": "nowhere"}, "unit", id="no such unit"),
        pytest.param({"name": "a", "unit": "retail-lending", "colour": 1}, "colour", id="an unknown field"),
        pytest.param({"name": "a", "unit": "retail-lending", "owner": "x@y.z"}, "owner", id="no such person"),
        pytest.param({"name": "a", "unit": "retail-lending", "kind": "magic"}, "kind", id="no such kind"),
        pytest.param({"name": "a\x00", "unit": "retail-lending"}, "name", id="a NUL character"),
    ],
)
def test_bad_input_is_named(as_pipeline, retail, ada, body, where):
    answer = as_pipeline(retail, ada).call("POST", "/models/", body)
    assert answer.status_code == 400
    assert answer.headers["Content-Type"].startswith("application/problem+json")
    assert where in [error["where"] for error in answer.json()["errors"]]
    assert not RegisteredModel.objects.exists()


def test_a_field_that_the_unit_requires_is_required(as_pipeline, retail, ada):
    custom_field_save(
        unit=retail, label="Cost centre", type="number", required=True, by=None, now=timezone.now()
    )
    caller, body = as_pipeline(retail, ada), {"name": "credit-pd", "unit": retail.code}
    refused = caller.call("POST", "/models/", body)
    assert refused.status_code == 400
    assert [error["where"] for error in refused.json()["errors"]] == ["custom.cost-centre"]
    assert caller.call("POST", "/models/", {**body, "custom": {"cost-centre": 4711}}).status_code == 201


def test_a_type_that_values_do_not_fit_is_refused_at_its_field(adam, as_person, retail):
    model_register(name="credit-pd", unit=retail, custom={"colour": "red"}, by=None, now=timezone.now())
    field = {"unit": retail.code, "label": "Colour"}

    def save(body):
        return as_person(adam).post("/api/v1/custom-fields/", body, content_type="application/json")

    assert save(field).status_code == 201
    refused = save({**field, "type": "number"})
    assert refused.status_code == 400
    assert refused.json()["errors"][0]["where"] == "type"
    assert "1 model holds a value that would not fit: credit-pd" in refused.json()["errors"][0]["message"]
    assert save({**field, "label": "Colour", "required": True}).status_code == 201


def test_models_of_a_regime_are_listed(as_pipeline, retail, ada):
    caller = as_pipeline(retail, ada)
    for name, regimes in (("credit-pd", ["EU AI Act", "SR 26-2"]), ("letters", ["EU AI Act"]), ("churn", [])):
        caller.call("POST", "/models/", {"name": name, "unit": retail.code, "regimes": regimes})
    found = caller.call("GET", "/models/?regime=SR+26-2").json()["results"]
    assert [row["name"] for row in found] == ["credit-pd"]


def test_what_another_unit_owns_does_not_exist(as_pipeline, retail, plant, ada, dora):
    pk = as_pipeline(retail, ada).call("POST", "/models/", {"name": "m", "unit": retail.code}).json()["id"]
    stranger = as_pipeline(plant, dora)
    assert stranger.call("GET", f"/models/{pk}/").status_code == 404
    assert stranger.call("PATCH", f"/models/{pk}/", {"title": "mine"}).status_code == 404
    assert stranger.call("POST", f"/models/{pk}/versions/", {"source": "s"}).status_code == 404
    assert stranger.call("GET", "/models/").json()["results"] == []
    assert not ModelVersion.objects.exists()


def test_a_token_never_exceeds_its_scopes(as_pipeline, retail, ada):
    reader = as_pipeline(retail, ada, scopes=["registry.view"])
    answer = reader.call("POST", "/models/", {"name": "m", "unit": retail.code})
    assert (answer.status_code, answer.json()["code"]) == (403, "not_allowed")


@pytest.mark.parametrize("header", ["", "Bearer nonsense", "Basic !!!", "Bearer mlp_00000000_x"])
def test_without_a_live_token_the_answer_is_401(db, header):
    answer = Client().get("/api/v1/models/", headers={"authorization": header} if header else None)
    assert answer.status_code in (401, 403)
    assert answer.headers["Content-Type"].startswith("application/problem+json")


def test_a_stale_revision_is_told_who_changed_what(as_pipeline, retail, ada):
    caller = as_pipeline(retail, ada)
    pk = caller.call("POST", "/models/", {"name": "m", "unit": retail.code}).json()["id"]
    assert caller.call("PATCH", f"/models/{pk}/", {"title": "one", "revision": 1}).status_code == 200
    stale = caller.call("PATCH", f"/models/{pk}/", {"title": "two", "revision": 1})
    assert (stale.status_code, stale.json()["code"]) == (409, "conflict")
    assert RegisteredModel.objects.get(pk=pk).title == "one"


@pytest.mark.parametrize(
    "query", ["page_token=x", "page_size=0", "page_size=9999", "page_size=a", "page_token=e30="]
)
def test_paging_names_what_is_wrong(as_pipeline, retail, ada, query):
    answer = as_pipeline(retail, ada).call("GET", f"/models/?{query}")
    assert answer.status_code == 400
    assert answer.json()["errors"][0]["where"] == query.partition("=")[0]
