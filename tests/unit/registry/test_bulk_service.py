"""Many records at once: the same rules, one history row each, few statements; and reads over them."""

from datetime import timedelta

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from mlops_portal.foundation.errors import Invalid, NotAllowed
from mlops_portal.foundation.history import history_model
from registry import services
from registry.models import Component, Deployment, MetricValue, ModelVersion, RecordTask, RegisteredModel
from registry.queries.facts import facts_of
from registry.queries.found import find_models, find_versions
from registry.queries.past import model_as_of
from registry.services import NewModel, NewVersion, PastDeployment
from registry.services.models import ModelExists
from tests.factories.registry import EnvironmentFactory


def named(unit, *names: str, **fields) -> list[NewModel]:
    return [NewModel(name=name, unit=unit, fields=fields, tags={"origin": "bulk"}) for name in names]


def test_models_come_with_history_components_tasks_and_one_summary(retail, olga, now, events):
    models = services.models_register_many(models=named(retail, "a", "b", "c"), by=olga, now=now)
    assert [model.pk is not None for model in models] == [True] * 3
    assert history_model(RegisteredModel).objects.filter(history_type="+").count() == 3
    assert Component.objects.filter(model__in=models).count() == 3
    assert RecordTask.objects.filter(model__in=models, kind="complete_record").count() == 3
    assert [event.data["count"] for event in events if event.verb == "registry.models_registered"] == [3]
    assert services.version_register(model=models[1], by=olga, now=now).number == 1


def test_statements_do_not_grow_with_the_number_of_models(retail, olga, now):
    counts = []
    for batch in (["a", "b"], [f"m{number}" for number in range(60)]):
        with CaptureQueriesContext(connection) as statements:
            services.models_register_many(models=named(retail, *batch), by=olga, now=now)
        counts.append(len(statements))
    assert counts[1] < 2 * counts[0], counts  # SQLite takes long statements in pieces


@pytest.mark.parametrize(
    ("names", "error", "says"),
    [
        pytest.param(["a", "b/c"], Invalid, "row 2, name", id="an impossible name"),
        pytest.param(["a", "a"], Invalid, "occurs twice", id="one name twice"),
        pytest.param(["a", "churn"], ModelExists, "churn", id="a taken name"),
    ],
)
def test_all_or_none_are_registered(names, error, says, churn, retail, olga, now):
    with pytest.raises(error, match=says):
        services.models_register_many(models=named(retail, *names), by=olga, now=now)
    assert list(RegisteredModel.objects.values_list("name", flat=True)) == ["churn"]


def test_a_stranger_registers_nothing_together(churn, retail, dora, now):
    with pytest.raises(NotAllowed):
        services.models_register_many(models=named(retail, "a"), by=dora, now=now)
    with pytest.raises(NotAllowed):
        services.versions_register_many(versions=[(churn, NewVersion())], by=dora, now=now)


def test_versions_continue_the_numbers_of_each_model(churn, churn_1, retail, olga, ada, now):
    price = services.model_register(name="price", unit=retail, by=olga, now=now)
    wanted = [(churn, NewVersion(tags={"k": "v"})), (price, NewVersion()), (churn, NewVersion())]
    made = services.versions_register_many(versions=wanted, by=ada, now=now)
    assert [(version.model.name, version.number) for version in made] == [
        ("churn", 2),
        ("price", 1),
        ("churn", 3),
    ]
    assert made[0].tags.get().value == "v"
    assert services.version_register(model=churn, by=ada, now=now).number == 4
    assert history_model(ModelVersion).objects.count() == 5


def test_metrics_of_many_versions(churn, churn_1, ada, now):
    second = services.version_register(model=churn, by=ada, now=now)
    rows = [(churn_1, [{"name": "auc", "value": 0.8}]), (second, [{"name": "auc", "value": 0.9}])]
    services.metrics_record_many(metrics=rows, by=ada, now=now)
    assert list(MetricValue.objects.order_by("value").values_list("value", "grade")) == [
        (0.8, "declared"),
        (0.9, "declared"),
    ]


def test_past_deployments_are_recorded_by_the_portal_only(churn, churn_1, retail, ada, now):
    place = EnvironmentFactory(unit=retail)
    past = PastDeployment(
        version=churn_1,
        environment=place,
        started_at=now - timedelta(days=2),
        finished_at=now - timedelta(days=1),
    )
    with pytest.raises(NotAllowed):
        services.deployments_record_many(deployments=[past], by=ada, now=now)
    services.deployments_record_many(deployments=[past], by=None, now=now)
    assert Deployment.objects.get().traffic_percent == 100
    churn.refresh_from_db()
    assert churn.lifecycle_state == "registered", "that environment is no production"
    backwards = PastDeployment(
        version=churn_1,
        environment=place,
        started_at=now,
        finished_at=now - timedelta(days=1),
        state="failed",
    )
    with pytest.raises(Invalid, match="in this order"):
        services.deployments_record_many(deployments=[backwards], by=None, now=now)


def test_a_model_with_a_recorded_production_deployment_is_in_production(churn, churn_1, retail, now):
    place = EnvironmentFactory(unit=retail, production=True)
    yesterday = now - timedelta(days=1)
    ended = {"state": "superseded", "ended_at": yesterday}
    for more, state in ((ended, "registered"), ({}, "in_production")):
        past = PastDeployment(
            version=churn_1,
            environment=place,
            started_at=now - timedelta(days=2),
            finished_at=yesterday,
            **more,
        )
        services.deployments_record_many(deployments=[past], by=None, now=now)
        churn.refresh_from_db()
        assert churn.lifecycle_state == state
    assert churn.history.first().history_change_reason == "Follows what runs in production"


def test_facts_of_many_models_cost_as_much_as_of_one(retail, olga, now, assert_flat_queries):
    services.models_register_many(models=named(retail, "a"), by=olga, now=now)
    assert_flat_queries(
        act=lambda: facts_of(list(RegisteredModel.objects.all()), now=now),
        add_rows=lambda: services.models_register_many(models=named(retail, "b", "c", "d"), by=olga, now=now),
        budget=11,
    )


def test_a_model_is_read_as_it_was(churn, churn_1, ada, olga, now):
    later = now + timedelta(days=10)
    services.model_update(model=churn, title="Churn 2", by=olga, now=later)
    services.version_register(model=churn, by=ada, now=later)
    past = model_as_of(churn, now + timedelta(days=1))
    assert (past.record.title, [row.number for row in past.versions]) == ("", [1])
    assert [row.number for row in model_as_of(churn, later).versions] == [2, 1]
    assert model_as_of(churn, now - timedelta(days=1)).record is None


def test_search_finds_what_the_person_may_see(churn, churn_1, ada, dora, now):
    assert [hit.title for hit in find_models(ada, "chu", 5)] == ["churn"]
    assert [hit.title for hit in find_models(ada, "Olga", 5)] == ["churn"]
    assert [hit.note for hit in find_versions(ada, "run-1", 5)] == ["Version 1"]
    assert find_models(dora, "chu", 5) == []
    assert find_versions(dora, "run-1", 5) == []
