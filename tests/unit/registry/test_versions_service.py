"""Versions: numbers, immutability, digests, stages, tombstones."""

import threading

import pytest
from django.db import connection, connections
from django.test.utils import CaptureQueriesContext

from mlops_portal.foundation.errors import Invalid, NotAllowed, NotFound
from mlops_portal.foundation.history import history_model
from mlops_portal.foundation.people.services.grants import role_grant
from mlops_portal.foundation.people.services.tokens import account_create
from mlops_portal.foundation.people.services.units import unit_create
from mlops_portal.foundation.rules import RuleViolation
from registry.models import ModelVersion, RegisteredModel
from registry.services.aliases import alias_set
from registry.services.models import model_register
from registry.services.versions import (
    version_delete,
    version_register,
    version_set_artifact_digest,
    version_set_stage,
    version_update,
)

DIGEST = "a" * 64


def test_numbers_follow_each_other_and_are_never_given_again(churn, ada, adam, now):
    first = version_register(model=churn, by=ada, now=now)
    second = version_register(model=churn, by=ada, now=now)
    version_delete(version=second, reason="broken", by=adam, now=now)
    third = version_register(model=churn, by=ada, now=now)
    assert [first.number, second.number, third.number] == [1, 2, 3]


def test_registering_a_version_costs_at_most_five_statements(churn, ada, now):
    version_register(model=churn, by=ada, now=now)
    with CaptureQueriesContext(connection) as statements:
        version_register(model=churn, by=ada, now=now, source="s3://x", run_id="r", parameters={"depth": 4})
    counted = [
        query["sql"][:90] for query in statements if "SAVEPOINT" not in query["sql"]
    ]  # of the test itself
    assert len(counted) <= 5, counted


def test_a_version_remembers_who_built_it_and_leaves_history(churn, ada, now, verbs):
    version = version_register(model=churn, by=ada, now=now, tags={"a": "b"})
    assert version.developer_ids == [ada.pk]
    assert history_model(ModelVersion).objects.get(id=version.pk).history_user_id == str(ada.pk)
    assert version.tags.get().value == "b"
    assert "registry.version_registered" in verbs()


def test_the_person_behind_a_service_account_counts_as_developer(churn, retail, olga, now):
    account = account_create(
        name="pipeline", unit=retail, owner=olga, repository="git/churn", by=None, now=now
    )
    role_grant(user=account.user, role="developer", unit=retail, reason="ci", by=None, now=now)
    built = {"model": churn, "by": account.user, "now": now, "artifact_sha256": DIGEST}
    version = version_register(**built, repository="git/churn")
    assert version.developer_ids == [olga.pk]
    assert version.artifact_grade == "pipeline"
    assert version_register(**built).artifact_grade == "declared", "nothing binds it to the repository"


@pytest.mark.parametrize(
    ("fields", "where"),
    [
        pytest.param({"parameters": [1]}, "parameters", id="a list for parameters"),
        pytest.param({"artifact_sha256": "abc"}, "artifact_sha256", id="a digest that is none"),
        pytest.param({"prompts": [{"name": "x"}]}, "prompts, row 1", id="a prompt without text"),
        pytest.param({"tags": {"..": "x"}}, "tags...", id="a tag that reads as a path"),
        pytest.param({"developer_ids": ["ada"]}, "developer_ids", id="names for ids"),
        pytest.param({"stage": "Production"}, "stage", id="a stage is moved to, not registered"),
    ],
)
def test_impossible_values_take_no_number(fields, where, churn, ada, now):
    with pytest.raises(Invalid) as refusal:
        version_register(model=churn, by=ada, now=now, **fields)
    assert [error.where for error in refusal.value.errors] == [where]
    assert version_register(model=churn, by=ada, now=now).number == 1


def test_what_was_registered_is_immutable_and_named(churn_1, ada, now):
    with pytest.raises(RuleViolation) as refusal:
        version_update(version=churn_1, by=ada, now=now, source="s3://other", parameters={}, label="1.0")
    assert [blocker.code for blocker in refusal.value.blockers] == ["registered_field"] * 2
    assert "Source" in refusal.value.message
    changed = version_update(version=churn_1, by=ada, now=now, label="1.0", description="First")
    assert changed.name == "1.0"


@pytest.mark.parametrize(
    ("second", "refused"),
    [
        pytest.param(DIGEST, False, id="the same digest again changes nothing"),
        pytest.param("b" * 64, True, id="another digest needs another version"),
    ],
)
def test_the_artifact_digest_is_recorded_once(second, refused, churn_1, ada, now):
    version_set_artifact_digest(version=churn_1, sha256=f"sha256:{DIGEST.upper()}", by=ada, now=now)
    rows = history_model(ModelVersion).objects.count()
    if refused:
        with pytest.raises(RuleViolation, match="new version"):
            version_set_artifact_digest(version=churn_1, sha256=second, by=ada, now=now)
    else:
        version_set_artifact_digest(version=churn_1, sha256=second, by=ada, now=now)
    churn_1.refresh_from_db()
    assert (churn_1.artifact_sha256, churn_1.artifact_grade) == (DIGEST, "declared")
    assert history_model(ModelVersion).objects.count() == rows


def test_deleting_a_version_takes_its_aliases(churn, churn_1, ada, adam, now):
    alias_set(model=churn, name="champion", version=churn_1, by=ada, now=now)
    version_delete(version=churn_1, reason="broken", by=adam, now=now)
    assert not churn.aliases.exists()
    with pytest.raises(NotFound):
        version_update(version=churn_1, by=ada, now=now, label="x")


def test_moving_to_production_archives_the_others_when_asked(churn, churn_1, ada, now):
    second = version_register(model=churn, by=ada, now=now)
    version_set_stage(version=churn_1, stage="Production", by=ada, now=now)
    version_set_stage(version=second, stage="Production", archive_existing=True, by=ada, now=now)
    assert list(ModelVersion.objects.order_by("number").values_list("stage", flat=True)) == [
        "Archived",
        "Production",
    ]
    with pytest.raises(RuleViolation):
        version_set_stage(version=second, stage="None", archive_existing=True, by=ada, now=now)


def test_a_stranger_adds_no_version(churn, churn_1, dora, now):
    with pytest.raises(NotAllowed):
        version_register(model=churn, by=dora, now=now)
    with pytest.raises(NotAllowed):
        version_set_stage(version=churn_1, stage="Production", by=dora, now=now)
    with pytest.raises(NotAllowed):
        version_delete(version=churn_1, reason="x", by=dora, now=now)


@pytest.mark.postgres
@pytest.mark.django_db(transaction=True)
@pytest.mark.skipif("connection.vendor != 'postgresql'", reason="SQLite has one writer at a time")
def test_pipelines_that_race_get_different_numbers(now):
    unit = unit_create(code="race", name="Race", by=None, now=now)
    model = model_register(name="race", unit=unit, by=None, now=now)
    numbers, errors = [], []

    def register() -> None:
        try:
            fresh = RegisteredModel.objects.get(pk=model.pk)
            numbers.extend(version_register(model=fresh, by=None, now=now).number for _ in range(5))
        except Exception as error:  # noqa: BLE001  (told by the assertion below)
            errors.append(error)
        finally:
            connections.close_all()

    threads = [threading.Thread(target=register) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert errors == []
    assert sorted(numbers) == list(range(1, 21))
