"""What a pipeline registers: governed, counted in statements, seen by its unit only."""

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from audits.models import LedgerEntry
from registry.models import ModelVersion, RecordTask, RegisteredModel
from registry.states import LifecycleState, ModelKind, TaskKind

CREATE_MODEL, CREATE_VERSION = "registered-models/create", "model-versions/create"


def statements(captured: CaptureQueriesContext) -> list[str]:
    """Return what was sent besides BEGIN and COMMIT."""
    return [
        query["sql"]
        for query in captured
        if not query["sql"].startswith(("BEGIN", "COMMIT", "SAVEPOINT", "RELEASE"))
    ]


def test_a_model_gets_the_unit_of_its_token_and_a_task(door, ada, retail):
    tags = [{"key": "team", "value": "risk"}]
    body = door.ok("POST", CREATE_MODEL, {"name": "churn", "description": "Who leaves", "tags": tags})
    assert body["registered_model"]["name"] == "churn"
    assert body["registered_model"]["tags"] == tags
    model = RegisteredModel.objects.get(name="churn")
    assert (model.unit, model.kind, model.description) == (retail, ModelKind.ANALYTICAL, "Who leaves")
    assert model.developer == ada  # the person behind the pipeline
    assert RecordTask.objects.get(model=model, kind=TaskKind.COMPLETE_RECORD).closed_at is None


def test_a_prompt_gets_no_task(door):
    door.model("greeting", tags=[{"key": "mlflow.prompt.is_prompt", "value": "true"}])
    assert RegisteredModel.objects.get(name="greeting").kind == ModelKind.PROMPT
    assert not RecordTask.objects.exists()


def test_a_version_is_kept_as_given(door, pipeline, retail):
    door.model("churn")
    body = {
        "name": "churn",
        "source": "models:/m-8f2e",
        "run_id": "run_id_1",
        "run_link": "https://tracking.example/runs/1",
        "model_id": "m-8f2e",
        "description": "first",
        "tags": [{"key": "auc", "value": "0.87"}, {"key": "auc", "value": "0.88"}],
    }
    created = door.ok("POST", CREATE_VERSION, body)["model_version"]
    assert created == door.ok("GET", "model-versions/get", name="churn", version="1")["model_version"]
    assert {key: created[key] for key in ("source", "run_id", "run_link", "model_id", "description")} == {
        key: body[key] for key in ("source", "run_id", "run_link", "model_id", "description")
    }
    assert created["tags"] == [{"key": "auc", "value": "0.88"}]
    assert (created["version"], created["status"], created["current_stage"]) == ("1", "READY", "None")
    version = ModelVersion.objects.get(model__name="churn")
    assert (version.unit, version.registered_by) == (retail, pipeline.token.account.user)


def test_numbers_grow_and_the_models_time_with_them(door):
    door.model("churn", versions=2)
    first = door.ok("GET", "registered-models/get", name="churn")["registered_model"]
    door.ok("POST", CREATE_VERSION, {"name": "churn", "source": "s3://x"})
    second = door.ok("GET", "registered-models/get", name="churn")["registered_model"]
    assert [version["version"] for version in second["latest_versions"]] == ["3"]
    assert second["last_updated_timestamp"] >= first["last_updated_timestamp"]


def test_each_write_is_in_history_and_ledger(door, pipeline):
    door.model("churn", versions=1)
    version = ModelVersion.objects.get()
    row = version.history.get()
    assert row.history_user_id == str(pipeline.token.account.user_id)
    verbs = LedgerEntry.objects.filter(subject_label="registry.ModelVersion", subject_id=str(version.pk))
    assert set(verbs.values_list("verb", flat=True)) == {
        "registry.modelversion_created",
        "registry.version_registered",
    }
    assert len(set(verbs.values_list("act_id", flat=True))) == 1


def test_a_version_costs_five_statements(door):
    door.model("churn", versions=1)
    with CaptureQueriesContext(connection) as captured:
        door.ok("POST", CREATE_VERSION, {"name": "churn", "source": "s3://x", "run_id": "r"})
    assert len(statements(captured)) <= 5, "\n".join(statements(captured))


def test_tags_add_two_statements_however_many(door):
    door.model("churn", versions=1)
    tags = [{"key": f"k{number}", "value": "v"} for number in range(30)]
    with CaptureQueriesContext(connection) as captured:
        door.ok("POST", CREATE_VERSION, {"name": "churn", "source": "s3://x", "tags": tags})
    assert len(statements(captured)) <= 7, "\n".join(statements(captured))


def test_get_costs_one_statement(door):
    door.model("churn", versions=1)
    for path in ("model-versions/get", "model-versions/get-download-uri"):
        with CaptureQueriesContext(connection) as captured:
            door.ok("GET", path, name="churn", version="1")
        assert len(captured) == 1, captured.captured_queries


@pytest.mark.parametrize("path", ["registered-models/search", "model-versions/search"])
def test_searches_are_flat(door, assert_flat_queries, path):
    names = iter(f"model {number}" for number in range(100))
    door.model(next(names), versions=1)

    def more():
        for _ in range(6):
            door.model(next(names), versions=3, tags=[{"key": "k", "value": "v"}])

    assert_flat_queries(act=lambda: door.ok("GET", path), add_rows=more, budget=3)


def test_a_taken_name(door):
    door.model("churn")
    assert door.refused("POST", CREATE_MODEL, {"name": "churn"}) == (
        400,
        "RESOURCE_ALREADY_EXISTS",
        "Registered Model (name=churn) already exists.",
    )


def test_versions_of_a_model_that_is_not_there(door):
    assert door.refused("POST", CREATE_VERSION, {"name": "nothing", "source": "s3://x"}) == (
        404,
        "RESOURCE_DOES_NOT_EXIST",
        "Registered Model with name=nothing not found",
    )
    assert door.refused("GET", "model-versions/get", name="nothing", version="1") == (
        404,
        "RESOURCE_DOES_NOT_EXIST",
        "Model Version (name=nothing, version=1) not found",
    )


def test_another_units_models_do_not_exist_for_a_stranger(door, stranger_door):
    door.model("churn", versions=1)
    assert stranger_door.ok("GET", "registered-models/search") == {}
    assert stranger_door.ok("GET", "model-versions/search") == {}
    assert stranger_door.refused("GET", "registered-models/get", name="churn")[0] == 404
    assert stranger_door.refused("GET", "model-versions/get", name="churn", version="1")[0] == 404
    assert stranger_door.refused("POST", CREATE_VERSION, {"name": "churn", "source": "s3://x"})[0] == 404
    assert ModelVersion.objects.count() == 1
    assert (
        door.ok("POST", CREATE_VERSION, {"name": "churn", "source": "s3://x"})["model_version"]["version"]
        == "2"
    )


def test_a_reading_token_writes_nothing(door, reader_door):
    door.model("churn")
    assert reader_door.ok("GET", "registered-models/get", name="churn")
    for path, body in (
        (CREATE_MODEL, {"name": "new"}),
        (CREATE_VERSION, {"name": "churn", "source": "s3://x"}),
    ):
        status, code, message = reader_door.refused("POST", path, body)
        assert (status, code) == (403, "PERMISSION_DENIED")
        assert "register models and versions" in message
    assert not ModelVersion.objects.exists()


def test_a_retired_model_takes_no_versions(door, pipeline, now):
    from mlops_portal.foundation.history import save_as

    door.model("churn")
    model = RegisteredModel.objects.get(name="churn")
    model.lifecycle_state = LifecycleState.RETIRED
    save_as(model, by=None, now=now, fields=["lifecycle_state"])
    status, code, message = door.refused("POST", CREATE_VERSION, {"name": "churn", "source": "s3://x"})
    assert (status, code) == (403, "PERMISSION_DENIED")
    assert "takes no new versions" in message
