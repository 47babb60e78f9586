"""What a client changes: names, descriptions, stages, aliases, tags, deletions."""

import pytest

from mlops_portal.foundation.rules import Blocker
from registry import gates
from registry.models import Alias, ModelVersion, RegisteredModel

RENAME, UPDATE, DELETE = "registered-models/rename", "registered-models/update", "registered-models/delete"
ALIAS, STAGE = "registered-models/alias", "model-versions/transition-stage"


def model_of(door, name="churn"):
    return door.ok("GET", "registered-models/get", name=name)["registered_model"]


def version_of(door, version="1", name="churn"):
    return door.ok("GET", "model-versions/get", name=name, version=version)["model_version"]


def test_a_rename_takes_everything_along(door):
    door.model("churn", versions=2)
    door.ok("POST", ALIAS, {"name": "churn", "alias": "champion", "version": "1"})
    renamed = door.ok("POST", RENAME, {"name": "churn", "new_name": "attrition"})["registered_model"]
    assert renamed["name"] == "attrition"
    assert renamed["aliases"] == [{"alias": "champion", "version": "1"}]
    assert version_of(door, "2", "attrition")["name"] == "attrition"
    assert door.refused("GET", "registered-models/get", name="churn")[0] == 404


@pytest.mark.parametrize(
    ("new_name", "status", "message"),
    [
        ("fraud", 400, "Registered Model (name=fraud) already exists."),
        (" ", 400, "Missing value for required parameter 'new_name'."),
        ("a/b", 400, "Names cannot contain '/' or ':'."),
    ],
)
def test_names_that_cannot_be_given(door, new_name, status, message):
    door.model("churn")
    door.model("fraud")
    answer = door.refused("POST", RENAME, {"name": "churn", "new_name": new_name})
    assert answer[0] == status
    assert message in answer[2]


def test_descriptions(door):
    door.model("churn", versions=1)
    assert (
        door.ok("PATCH", UPDATE, {"name": "churn", "description": "Who leaves"})["registered_model"][
            "description"
        ]
        == "Who leaves"
    )
    body = {"name": "churn", "version": "1", "description": "first"}
    assert door.ok("PATCH", "model-versions/update", body)["model_version"]["description"] == "first"
    assert version_of(door)["description"] == "first"


def test_a_deleted_name_starts_again_at_one(door):
    door.model("churn", versions=2)
    assert door.ok("DELETE", DELETE, {"name": "churn"}) == {}
    assert door.refused("GET", "registered-models/get", name="churn")[0] == 404
    assert door.refused("GET", "model-versions/get", name="churn", version="1")[0] == 404
    assert door.ok("GET", "model-versions/search") == {}
    door.model("churn", versions=1)
    assert version_of(door)["version"] == "1"
    assert RegisteredModel.objects.filter(name="churn").count() == 2  # the tombstone stays


def test_a_deleted_version_keeps_its_number(door):
    door.model("churn", versions=2)
    door.ok("POST", ALIAS, {"name": "churn", "alias": "champion", "version": "2"})
    door.ok("DELETE", "model-versions/delete", {"name": "churn", "version": "2"})
    assert (
        door.refused("GET", "model-versions/get", name="churn", version="2")[1] == "RESOURCE_DOES_NOT_EXIST"
    )
    assert "aliases" not in model_of(door)
    created = door.ok("POST", "model-versions/create", {"name": "churn", "source": "s3://x"})["model_version"]
    assert created["version"] == "3"


def test_deleting_needs_its_own_right(door, make_token, ada, retail):
    from tests.unit.integrations.mlflow.conftest import Door

    door.model("churn")
    other = Door(make_token("retail-dev", ada, retail, roles=("developer",)).secret)
    assert other.refused("DELETE", DELETE, {"name": "churn"})[1] == "PERMISSION_DENIED"


def test_stages(door):
    door.model("churn", versions=3)
    for number, stage in (("1", "production"), ("2", "Staging"), ("3", "Production")):
        body = {
            "name": "churn",
            "version": number,
            "stage": stage,
            "archive_existing_versions": number == "3",
        }
        assert door.ok("POST", STAGE, body)["model_version"]["current_stage"] == stage.capitalize()
    assert version_of(door, "1")["current_stage"] == "Archived"
    latest = door.ok(
        "POST", "registered-models/get-latest-versions", {"name": "churn", "stages": ["production"]}
    )
    assert [version["version"] for version in latest["model_versions"]] == ["3"]
    every = door.ok("GET", "registered-models/get-latest-versions", name="churn")["model_versions"]
    assert {version["current_stage"]: version["version"] for version in every} == {
        "Archived": "1",
        "Staging": "2",
        "Production": "3",
    }


@pytest.mark.parametrize(
    ("stage", "archive", "message"),
    [
        ("Live", False, "Invalid Model Version stage: Live."),
        ("Archived", True, "because 'Archived' is not an Active stage"),
    ],
)
def test_stages_that_cannot_be(door, stage, archive, message):
    door.model("churn", versions=1)
    body = {"name": "churn", "version": "1", "stage": stage, "archive_existing_versions": archive}
    status, code, said = door.refused("POST", STAGE, body)
    assert (status, code) == (400, "INVALID_PARAMETER_VALUE")
    assert message in said


def test_aliases_move_and_vanish(door):
    door.model("churn", versions=2)
    for version in ("1", "2"):
        assert door.ok("POST", ALIAS, {"name": "churn", "alias": "champion", "version": version}) == {}
    found = door.ok("GET", ALIAS, name="churn", alias="champion")["model_version"]
    assert (found["version"], found["aliases"]) == ("2", ["champion"])
    assert found == version_of(door, "2")
    assert door.ok("GET", ALIAS, name="churn", alias="latest")["model_version"]["version"] == "2"
    for _ in range(2):  # one that is not there is fine
        assert door.ok("DELETE", ALIAS, {"name": "churn", "alias": "champion"}) == {}
    assert door.refused("GET", ALIAS, name="churn", alias="champion") == (
        400,
        "INVALID_PARAMETER_VALUE",
        "Registered model alias champion not found.",
    )
    assert door.refused("GET", ALIAS, name="nothing", alias="champion")[0] == 404


@pytest.mark.parametrize(
    ("alias", "version", "status", "message"),
    [
        ("latest", "1", 400, "'latest' alias name (case insensitive) is reserved."),
        ("v1", "1", 400, "Version alias name 'v1' is reserved."),
        ("a b", "1", 400, "Invalid alias name: 'a b'."),
        ("champion", "9", 404, "Model Version (name=churn, version=9) not found"),
        ("champion", "x", 400, "Parameter 'version' must be an integer, got 'x'."),
    ],
)
def test_aliases_that_cannot_be_set(door, alias, version, status, message):
    door.model("churn", versions=1)
    answer = door.refused("POST", ALIAS, {"name": "churn", "alias": alias, "version": version})
    assert answer[0] == status
    assert message in answer[2]


def test_a_governed_alias_moves_by_a_change_only(door, monkeypatch):
    def champion_is_governed(move):
        if move.name != "champion" or move.change_id is not None:
            return []
        return [
            Blocker("alias_protected", "File a change request: @champion is moved by approved changes only.")
        ]

    monkeypatch.setattr(gates, "alias_gates", [champion_is_governed])
    monkeypatch.setattr("registry.services.aliases.alias_gates", [champion_is_governed])
    door.model("churn", versions=1)
    assert door.refused("POST", ALIAS, {"name": "churn", "alias": "champion", "version": "1"}) == (
        403,
        "PERMISSION_DENIED",
        "File a change request: @champion is moved by approved changes only.",
    )
    assert not Alias.objects.exists()
    door.ok("POST", ALIAS, {"name": "churn", "alias": "challenger", "version": "1"})


@pytest.mark.parametrize(
    ("place", "key"),
    [("registered-models", {"name": "churn"}), ("model-versions", {"name": "churn", "version": "1"})],
)
def test_tags(door, place, key):
    door.model("churn", versions=1)
    for value in ("a", "", "b"):
        assert door.ok("POST", f"{place}/set-tag", {**key, "key": "team", "value": value}) == {}
    shown = model_of(door) if place == "registered-models" else version_of(door)
    assert shown["tags"] == [{"key": "team", "value": "b"}]
    for _ in range(2):
        assert door.ok("DELETE", f"{place}/delete-tag", {**key, "key": "team"}) == {}
    shown = model_of(door) if place == "registered-models" else version_of(door)
    assert "tags" not in shown
    assert door.refused("POST", f"{place}/set-tag", {**key, "key": "a?b", "value": "x"})[0] == 400


def test_a_copy_leads_to_the_first_source(door):
    door.model("churn", versions=1)
    door.model("churn-live")
    door.ok("POST", "model-versions/create", {"name": "churn-live", "source": "models:/churn/1"})
    uri = door.ok("GET", "model-versions/get-download-uri", name="churn-live", version="1")["artifact_uri"]
    assert uri == "s3://models/churn/1"
    assert version_of(door, name="churn-live")["source"] == "models:/churn/1"


def test_a_copy_in_a_circle_ends(door):
    door.model("churn")
    door.ok("POST", "model-versions/create", {"name": "churn", "source": "models:/churn/1"})
    uri = door.ok("GET", "model-versions/get-download-uri", name="churn", version="1")["artifact_uri"]
    assert uri == "models:/churn/1"


def test_a_version_that_is_gone_changes_nothing(door):
    door.model("churn", versions=1)
    for method, path, more in (
        ("PATCH", "model-versions/update", {"description": "x"}),
        ("POST", STAGE, {"stage": "Staging"}),
        ("DELETE", "model-versions/delete", {}),
        ("POST", "model-versions/set-tag", {"key": "k", "value": "v"}),
    ):
        assert door.refused(method, path, {"name": "churn", "version": "7", **more}) == (
            404,
            "RESOURCE_DOES_NOT_EXIST",
            "Model Version (name=churn, version=7) not found",
        )
    assert ModelVersion.objects.get().description == ""
