"""The protocol's objects: what appears, what is left out, and of which type."""

from datetime import UTC, datetime

from integrations.mlflow import wire

AT = datetime(2026, 5, 4, 3, 2, 1, 987_654, tzinfo=UTC)
MODEL = wire.ModelRow(1, "churn", AT, AT, "")
VERSION = wire.VersionRow("churn", 3, AT, AT, "None", "", "s3://b/m", "run", "", "")


def test_times_are_numbers_of_milliseconds():
    assert wire.millis(AT) == 1_777_863_721_987
    assert wire.to_millis(AT) == AT.replace(microsecond=987_000)


def test_a_bare_model_leaves_its_lists_out():
    assert wire.registered_model(MODEL, tags={}, aliases={}) == {
        "name": "churn",
        "creation_timestamp": 1_777_863_721_987,
        "last_updated_timestamp": 1_777_863_721_987,
        "description": "",
    }


def test_a_full_model():
    body = wire.registered_model(
        MODEL, tags={"team": ""}, aliases={"b": 2, "a": 1}, latest=[{"version": "3"}]
    )
    assert body["tags"] == [{"key": "team", "value": ""}]
    assert body["aliases"] == [{"alias": "a", "version": "1"}, {"alias": "b", "version": "2"}]
    assert body["latest_versions"] == [{"version": "3"}]


def test_a_bare_version():
    assert wire.model_version(VERSION, tags={}) == {
        "name": "churn",
        "version": "3",
        "creation_timestamp": 1_777_863_721_987,
        "last_updated_timestamp": 1_777_863_721_987,
        "current_stage": "None",
        "description": "",
        "source": "s3://b/m",
        "run_id": "run",
        "run_link": "",
        "status": "READY",
    }


def test_a_full_version():
    row = VERSION._replace(external_model_id="m-1", status_message="checked")
    body = wire.model_version(row, tags={"k": "v"}, aliases=["b", "a"])
    assert (body["model_id"], body["status_message"]) == ("m-1", "checked")
    assert body["tags"] == [{"key": "k", "value": "v"}]
    assert body["aliases"] == ["a", "b"]


def test_null_is_left_out_and_empty_stays():
    body = wire.model_version(VERSION._replace(run_id=None, description=None), tags={})
    assert "run_id" not in body
    assert "description" not in body
    assert body["run_link"] == ""
