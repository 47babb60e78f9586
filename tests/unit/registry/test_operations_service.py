"""Environments and deployments: what serves where, what replaced it, and where to go back to."""

from datetime import timedelta
from zoneinfo import ZoneInfo

import pytest
from django.utils import timezone

from mlops_portal.foundation.errors import Invalid, NotAllowed, NotFound
from mlops_portal.foundation.people.services.grants import role_grant
from mlops_portal.foundation.rules import Blocker, RuleViolation
from mlops_portal.foundation.web.models import Notification
from registry import gates, services
from registry.gates import Criterion
from registry.models import Deployment, Environment, RegisteredModel
from registry.queries.last_good import last_good, last_good_candidates
from tests.factories.registry import DeploymentFactory, EnvironmentFactory, VersionFactory

pytestmark = pytest.mark.usefixtures("no_gates")


@pytest.fixture
def production(retail):
    """Return the production environment of Retail Lending."""
    return EnvironmentFactory(unit=retail, name="retail-prod", production=True)


@pytest.fixture
def approved():
    """Let an app above say that every earlier deployment was approved."""
    kept = list(gates.last_good_criteria)
    gates.last_good_criteria[:] = [
        lambda rows: {row.pk: [Criterion("approval", "Approved", True)] for row in rows},
    ]
    yield
    gates.last_good_criteria[:] = kept


def run(version, environment, now, **values) -> Deployment:
    return DeploymentFactory(version=version, environment=environment, now=now, live=True, **values)


def test_the_next_deployment_supersedes_the_one_that_served(churn, production, now, verbs):
    first = run(VersionFactory(model=churn), production, now)
    second = run(VersionFactory(model=churn), production, now + timedelta(days=1))
    first.refresh_from_db()
    assert (first.state, first.ended_at, second.replaces) == ("superseded", now + timedelta(days=1), first)
    assert Deployment.objects.live().get() == second
    assert verbs().count("registry.deployment_finished") == 2


def test_a_rollback_marks_what_it_replaces(churn, production, now):
    version = VersionFactory(model=churn)
    run(version, production, now)
    bad = run(VersionFactory(model=churn), production, now)
    run(version, production, now, kind="rollback")
    bad.refresh_from_db()
    assert bad.state == "rolled_back"


def test_a_second_start_is_told_since_when_the_first_goes_on_and_in_which_zone(churn, production, now):
    DeploymentFactory(version=VersionFactory(model=churn), environment=production)
    with (
        timezone.override(ZoneInfo("Europe/Berlin")),
        pytest.raises(RuleViolation, match="is in progress since 17 Nov 2026 10:40 CET"),
    ):
        services.deployment_start(
            version=VersionFactory(model=churn), environment=production, by=None, now=now
        )


def test_a_failed_deployment_leaves_what_served(churn, production, now):
    first = run(VersionFactory(model=churn), production, now)
    second = DeploymentFactory(version=VersionFactory(model=churn), environment=production)
    services.deployment_fail(deployment=second, reason="No memory", by=None, now=now)
    first.refresh_from_db()
    assert first.state == "live"


def test_suspending_and_resuming_moves_the_model_along(churn, production, now):
    deployment = run(VersionFactory(model=churn, label="4.3.0"), production, now)
    services.deployment_suspend(deployment=deployment, reason="Drift", by=None, now=now)
    assert RegisteredModel.objects.get(pk=churn.pk).lifecycle_state == "suspended"
    told = Notification.objects.filter(person=churn.owner).latest("pk")
    assert "suspended version 4.3.0 in" in told.text
    resumed = services.deployment_resume(deployment=deployment, by=None, now=now)
    assert (resumed.state, resumed.ended_at) == ("live", None)
    assert RegisteredModel.objects.get(pk=churn.pk).lifecycle_state == "in_production"


@pytest.mark.parametrize(
    ("act", "code"),
    [
        pytest.param("deployment_resume", "not_suspended", id="what is live is not resumed"),
        pytest.param("deployment_finish", "transition", id="what is live does not finish again"),
        pytest.param("deployment_fail", "transition", id="what is live no longer fails"),
        pytest.param("deployment_abort", "transition", id="what is live is no longer aborted"),
    ],
)
def test_states_follow_their_table(act, code, churn, production, now):
    deployment = run(VersionFactory(model=churn), production, now)
    reason = {} if act in ("deployment_resume", "deployment_finish") else {"reason": "x"}
    with pytest.raises(RuleViolation) as refusal:
        getattr(services, act)(deployment=deployment, by=None, now=now, **reason)
    assert [blocker.code for blocker in refusal.value.blockers] == [code]


def test_every_reason_against_a_start_is_told(churn, production, now):
    services.environment_close(environment=production, by=None, now=now)
    production.refresh_from_db()
    services.model_set_lifecycle(model=churn, to="rejected", by=None, now=now)
    with pytest.raises(RuleViolation) as refusal:
        DeploymentFactory(version=VersionFactory(model=churn), environment=production)
    assert [blocker.code for blocker in refusal.value.blockers] == ["environment_closed", "lifecycle"]


def test_apps_above_can_refuse_a_start_and_an_alias(churn, churn_1, production, ada, now):
    gates.deployment_gates.append(lambda asked: [Blocker("gate", f"No change for {asked.environment}.")])
    gates.alias_gates.append(lambda move: [] if move.change_id == 7 else [Blocker("gate", "Protected.")])
    with pytest.raises(RuleViolation, match="No change for retail-prod"):
        services.deployment_start(version=churn_1, environment=production, by=None, now=now)
    with pytest.raises(RuleViolation, match="Protected"):
        services.alias_set(model=churn, version=churn_1, name="champion", by=ada, now=now)
    assert (
        services.alias_set(
            model=churn, version=churn_1, name="champion", by=ada, now=now, change_id=7
        ).version
        == churn_1
    )
    with pytest.raises(RuleViolation, match="Protected"):
        services.alias_delete(model=churn, name="champion", by=ada, now=now)


def test_an_alias_moves_and_absent_ones_delete_quietly(churn, churn_1, ada, dora, now, events):
    second = VersionFactory(model=churn)
    services.alias_set(model=churn, version=churn_1, name="champion", by=ada, now=now)
    services.alias_set(model=churn, version=second, name="champion", by=ada, now=now)
    moves = [event.data for event in events if event.verb == "registry.alias_set"]
    assert [(move["before"], move["after"]) for move in moves] == [(None, 1), (1, 2)]
    assert services.alias_delete(model=churn, name="nobody", by=ada, now=now) is False
    with pytest.raises(NotAllowed):
        services.alias_delete(model=churn, name="champion", by=dora, now=now)


@pytest.mark.parametrize("name", ["", "a b", "latest", "Latest", "v3", "x" * 256])
def test_impossible_aliases_are_refused(name, churn, churn_1, ada, now):
    with pytest.raises(Invalid):
        services.alias_set(model=churn, version=churn_1, name=name, by=ada, now=now)


def test_tags_are_set_changed_and_deleted(churn, churn_1, ada, dora, now):
    services.model_tag_set(model=churn, key="team", value="crm", by=ada, now=now)
    services.model_tag_set(model=churn, key="team", value="risk", by=ada, now=now)
    services.version_tag_set(version=churn_1, key="k", value="", by=ada, now=now)
    assert churn.tags.get().value == "risk"
    assert services.model_tag_delete(model=churn, key="team", by=ada, now=now) is True
    assert services.version_tag_delete(version=churn_1, key="k", by=ada, now=now) is True
    assert services.version_tag_delete(version=churn_1, key="k", by=ada, now=now) is False
    with pytest.raises(NotAllowed):
        services.model_tag_set(model=churn, key="team", value="x", by=dora, now=now)


def test_what_ran_in_production_is_neither_deleted_nor_closed(churn, churn_1, production, adam, now):
    run(churn_1, production, now)
    with pytest.raises(RuleViolation, match="serves"):
        services.environment_close(environment=production, by=None, now=now)
    with pytest.raises(RuleViolation, match="is deployed"):
        services.version_delete(version=churn_1, reason="x", by=adam, now=now)
    run(VersionFactory(model=churn), production, now)
    with pytest.raises(RuleViolation, match="ran in production"):
        services.version_delete(version=churn_1, reason="x", by=adam, now=now)
    with pytest.raises(RuleViolation) as refusal:
        services.model_delete(model=churn, reason="x", by=adam, now=now)
    assert "deployed" in [blocker.code for blocker in refusal.value.blockers]


@pytest.mark.parametrize(
    ("fields", "where"),
    [
        pytest.param({"provider": "moon"}, "provider", id="an unknown provider"),
        pytest.param({"name": ""}, "name", id="no name"),
        pytest.param({"connector": "registry_alias"}, "alias", id="an alias connector without alias"),
        pytest.param({"name": "retail-prod"}, "name", id="a name that exists"),
    ],
)
def test_impossible_environments_are_refused(fields, where, retail, production, omar, now):
    wanted = {"name": "retail-test", "provider": "aws"} | fields
    with pytest.raises(Invalid) as refusal:
        services.environment_create(unit=retail, by=omar, now=now, **wanted)
    assert [error.where for error in refusal.value.errors] == [where]


def test_only_operators_manage_environments(retail, production, ada, omar, now):
    with pytest.raises(NotAllowed):
        services.environment_create(unit=retail, name="x", provider="aws", by=ada, now=now)
    changed = services.environment_update(environment=production, region="eu-west-1", by=omar, now=now)
    assert changed.region == "eu-west-1"


def test_the_last_good_version_is_the_latest_that_meets_every_criterion(churn, production, now, approved):
    good = VersionFactory(model=churn, identified=True)
    lost = VersionFactory(model=churn)
    for day, version in enumerate([good, lost, VersionFactory(model=churn, identified=True)]):
        run(version, production, now + timedelta(days=day))
    candidates = last_good_candidates(churn, production)
    assert [row.deployment.version for row in candidates] == [lost, good]
    assert [criterion.code for criterion in candidates[0].criteria if not criterion.is_met] == ["artifact"]
    assert last_good(churn, production).deployment.version == good


def test_without_word_of_an_approval_nothing_is_last_good(churn, production, now):
    kept, gates.last_good_criteria[:] = list(gates.last_good_criteria), []
    try:
        for day in range(2):
            run(VersionFactory(model=churn, identified=True), production, now + timedelta(days=day))
        assert last_good(churn, production) is None
        assert last_good_candidates(churn, production)[0].criteria[0].is_met is None
    finally:
        gates.last_good_criteria[:] = kept


def test_nothing_is_deployed_of_a_deleted_model(churn, churn_1, production, adam, now):
    services.model_delete(model=churn, reason="x", by=adam, now=now)
    with pytest.raises(NotFound):
        services.deployment_start(version=churn_1, environment=production, by=None, now=now)


@pytest.mark.parametrize("through", ["the unit", "a single model of the unit"])
def test_what_a_unit_above_runs_is_seen_below_and_nothing_of_a_sister_unit(
    group, retail, plant, churn, make_person, now, through
):
    EnvironmentFactory(unit=group, name="group-prod")
    EnvironmentFactory(unit=retail, name="retail-test")
    EnvironmentFactory(unit=plant, name="plant-edge")
    reader = make_person("Uma Reader")
    scope = {"unit": retail} if through == "the unit" else {"model_id": churn.pk}
    role_grant(user=reader, role="viewer", reason="test", by=None, now=now, **scope)

    seen = Environment.objects.visible_to(reader)
    assert set(seen.values_list("name", flat=True)) == {"group-prod", "retail-test"}
    assert not Environment.objects.visible_to(reader, "registry.manage_environments").exists()
