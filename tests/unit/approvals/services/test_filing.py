"""What may be filed, and what a filing fixes."""

from datetime import datetime, timedelta

import pytest

from approvals import services
from approvals.models import ChangeRequest, Dossier
from approvals.states import ChangeKind
from mlops_portal.foundation.errors import Conflict, Invalid, NotAllowed
from mlops_portal.foundation.history import save_as
from mlops_portal.foundation.people.models import BusinessUnit, User
from mlops_portal.foundation.rules import RuleViolation
from registry.models import Environment, MetricValue, ModelVersion, RegisteredModel
from registry.services.models import model_update
from tests.factories import approvals as make
from tests.factories.registry import EnvironmentFactory


def codes(refusal: pytest.ExceptionInfo[RuleViolation]) -> list[str]:
    return [blocker.code for blocker in refusal.value.blockers]


def test_without_a_policy_in_force_nothing_can_be_filed(
    version: ModelVersion, prod: Environment, ada: User, now: datetime
) -> None:
    change = make.draft(version, prod, by=ada, now=now)
    with pytest.raises(RuleViolation) as refusal:
        services.change_submit(change=change, by=ada, now=now - timedelta(days=400))
    assert "no_policy" in codes(refusal)


def test_a_model_without_a_tier_is_not_filed(
    version: ModelVersion, prod: Environment, ada: User, now: datetime
) -> None:
    version.model.tier = None
    save_as(version.model, by=None, now=now)
    with pytest.raises(RuleViolation) as refusal:
        make.submitted(version, prod, by=ada, now=now)
    assert codes(refusal) == ["no_tier"]


def test_a_stranger_files_nothing(
    version: ModelVersion, prod: Environment, dora: User, now: datetime
) -> None:
    with pytest.raises(NotAllowed):
        make.draft(version, prod, by=dora, now=now)


def test_a_second_request_for_the_same_is_told_of_the_first(
    filed: ChangeRequest, ada: User, now: datetime
) -> None:
    with pytest.raises(Conflict, match=filed.code):
        make.draft(filed.version, filed.environment, by=ada, now=now)


def test_an_edit_on_an_old_revision_is_refused_and_loses_nothing(
    version: ModelVersion, prod: Environment, ada: User, now: datetime
) -> None:
    change = make.draft(version, prod, by=ada, now=now)
    services.change_update(change=change, row_revision=1, by=ada, now=now, scope="Private customers")
    with pytest.raises(Conflict, match="changed while you were reading"):
        services.change_update(change=change, row_revision=1, by=ada, now=now, scope="Companies")
    change.refresh_from_db()
    assert change.scope == "Private customers"


def test_the_policy_gives_bake_time_and_triggers(filed: ChangeRequest) -> None:
    assert filed.bake_hours == 72
    assert "error" in filed.rollback_triggers or "calls fail" in filed.rollback_triggers


def test_a_first_version_is_material(filed: ChangeRequest) -> None:
    assert filed.materiality == "material"


def test_a_failing_blocking_gate_requires_alternatives(
    model: RegisteredModel, release_cast: make.Cast, prod: Environment, ada: User, now: datetime
) -> None:
    weak = make.complete_version(model, cast=release_cast, now=now, auc=0.60)
    with pytest.raises(RuleViolation) as refusal:
        make.submitted(weak, prod, by=ada, now=now)
    assert codes(refusal) == ["alternatives"]
    assert "PERF-01" in refusal.value.message
    alternatives = [
        {"title": "Logistic", "metrics": {"auc": 0.58}, "gates": "PERF-01 fails", "why_not": "Weaker."}
    ]
    change = ChangeRequest.objects.get(version=weak)
    services.change_update(change=change, row_revision=1, by=ada, now=now, alternatives=alternatives)
    assert services.change_submit(change=change, by=ada, now=now).gates_failed == 1


@pytest.mark.parametrize(
    ("kind", "fields", "code"),
    [
        pytest.param("promote", {}, "never_ran", id="what ran nowhere is not promoted"),
        pytest.param("rollback", {}, "nothing_serves", id="where nothing serves nothing is rolled back"),
        pytest.param("suspend", {}, "nothing_serves", id="what does not serve is not suspended"),
        pytest.param("resume", {}, "not_suspended", id="only what is suspended is resumed"),
        pytest.param("configuration", {}, "no_configuration", id="a configuration change says what changes"),
        pytest.param("deploy", {"purpose": " "}, "no_purpose", id="a request says what it is for"),
    ],
)
def test_each_kind_has_its_own_conditions(
    kind: str,
    fields: dict[str, str],
    code: str,
    version: ModelVersion,
    prod: Environment,
    ada: User,
    now: datetime,
) -> None:
    with pytest.raises(RuleViolation) as refusal:
        make.submitted(version, prod, by=ada, now=now, kind=kind, **fields)
    assert code in codes(refusal)


def test_a_stage_that_nobody_can_fill_is_blocked_and_names_who_repairs_it(
    version: ModelVersion, prod: Environment, olga: User, ada: User, now: datetime
) -> None:
    olga.is_active = False
    save_as(olga, by=None, now=now)
    described = [{"title": "Wait", "metrics": {"auc": 0.8}, "gates": "none", "why_not": "Too late."}]
    change = make.submitted(version, prod, by=ada, now=now, alternatives=described)
    stage = change.stages.get(key="acceptance")
    assert "administrator of Retail Lending" in stage.blocked_reason
    assert stage.clock_started_at is None
    assert change.headline.startswith("Nobody can fill")


def test_a_changed_metric_voids_what_was_decided(filed: ChangeRequest, olga: User, now: datetime) -> None:
    decision = make.decide(filed, olga, now=now)
    metric = MetricValue.objects.get(version=filed.version, segment="", name="auc")
    metric.value = 0.9
    save_as(metric, by=None, now=now + timedelta(hours=1))
    assert services.change_refresh(change=filed, now=now + timedelta(hours=2)) is True
    decision.refresh_from_db()
    filed.refresh_from_db()
    assert "Metrics" in decision.void_reason
    assert (filed.dossier_number, Dossier.objects.filter(change=filed).count()) == (2, 2)
    assert filed.stages.get(key="acceptance").state == "current"


def test_what_only_ages_voids_nothing(filed: ChangeRequest, olga: User, now: datetime) -> None:
    decision = make.decide(filed, olga, now=now)
    assert services.change_refresh(change=filed, now=now + timedelta(days=3)) is False
    decision.refresh_from_db()
    assert decision.voided_at is None


def test_an_edit_through_the_registry_queues_a_comparison(
    filed: ChangeRequest, ada: User, olga: User, run_jobs: object, now: datetime
) -> None:
    make.decide(filed, olga, now=now)
    model_update(
        model=RegisteredModel.objects.get(pk=filed.model_id), limitations="Not for minors.", by=olga, now=now
    )
    run_jobs(now + timedelta(minutes=1))
    assert filed.decisions.get().voided_at is not None


def test_the_light_way_outside_production_asks_one_other_person(
    version: ModelVersion, retail: BusinessUnit, ada: User, ines: User, now: datetime
) -> None:
    place = make.production(retail, now=now, name="sandbox", connector="manual")
    place.is_production = False
    save_as(place, by=None, now=now)
    change = make.submitted(version, place, by=ada, now=now)
    assert (change.change_class, change.stages.count()) == ("light", 1)
    make.decide(change, ines, now=now)
    change.refresh_from_db()
    assert change.state == "approved"


def test_withdrawing_ends_a_request_before_approval(filed: ChangeRequest, ada: User, now: datetime) -> None:
    services.change_withdraw(change=filed, reason="No longer needed", by=ada, now=now)
    filed.refresh_from_db()
    assert filed.state == "withdrawn"
    assert set(filed.stages.values_list("state", flat=True)) == {"closed"}


def test_nobody_asks_for_a_place_they_cannot_see(
    version: ModelVersion, plant: BusinessUnit, ada: User, now: datetime
) -> None:
    elsewhere = EnvironmentFactory(unit=plant, name="plant-edge", now=now)
    with pytest.raises(Invalid) as refused:
        services.change_draft(
            model=version.model,
            kind=ChangeKind.DEPLOY,
            version=version,
            environment=elsewhere,
            by=ada,
            now=now,
        )
    assert [error.where for error in refused.value.errors] == ["environment"]
    assert not ChangeRequest.objects.filter(environment=elsewhere).exists()
