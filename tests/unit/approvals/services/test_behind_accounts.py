"""Whoever made a token of a service account acts through it, and decides on nothing that it did (RULES 1.7)."""

from collections.abc import Callable
from datetime import datetime, timedelta

import pytest

from approvals import policies
from approvals.duties import duty_of, duty_records
from approvals.facts import Subject
from approvals.model_facts import records as fact_records
from approvals.model_facts.evidence import evidence_facts
from approvals.models import ChangeRequest, Execution
from approvals.queries.my_duties import duties_of
from approvals.services.validations import validation_open_blockers
from mlops_portal.foundation.history import save_as
from mlops_portal.foundation.people.models import BusinessUnit, ServiceAccount, User
from mlops_portal.foundation.people.services.grants import role_grant
from mlops_portal.foundation.people.services.tokens import (
    account_create,
    account_hand_over,
    token_create,
    token_revoke,
)
from registry.models import Environment, ModelVersion
from registry.policies import claimable_grades
from tests.factories import approvals as make

SECONDS_BEFORE = -4 / 86_400  # days; processes notice a revocation after five seconds
SCOPES = ["registry.register", "approvals.request"]
REGISTERED = "You made a token of the pipeline that registered this version."
FILED = "You made a token of the service account that filed this request."


@pytest.fixture
def pipeline(retail: BusinessUnit, olga: User, now: datetime) -> ServiceAccount:
    """Return a pipeline that Olga owns and that registers and files."""
    before = now - timedelta(days=90)
    account = account_create(name="retail-ci", unit=retail, owner=olga, by=None, now=before)
    role_grant(user=account.user, role="developer", unit=retail, reason="builds", by=None, now=before)
    return ServiceAccount.objects.select_related("user", "owner").get(pk=account.pk)


@pytest.fixture
def mara(make_person: Callable[..., User], retail: BusinessUnit) -> User:
    """Mara administers, manages changes and validates: nothing says that these may not meet."""
    return make_person("Mara Makes", "administrator", "change_manager", "validator", unit=retail, signs=True)


@pytest.fixture
def built(version: ModelVersion, pipeline: ServiceAccount, now: datetime) -> ModelVersion:
    """Return the version as the pipeline registered it."""
    version.registered_by = pipeline.user
    return save_as(version, by=None, now=now, reason="Registered by the pipeline")


def token(account: ServiceAccount, by: User, at: datetime, *, days: int = 90, ends: datetime | None = None):
    made = token_create(account=account, label="ci", scopes=SCOPES, days=days, by=by, now=at).token
    return token_revoke(token=made, reason="spent", by=by, now=ends) if ends else made


def said(change: ChangeRequest, person: User, now: datetime, key: str = "change") -> dict[str, str]:
    """Return what the page of the request says to a person, which is also what the inbox and the service say."""
    change = ChangeRequest.objects.get(pk=change.pk)
    stage = change.stages.select_related("change__model", "change__version").get(key=key)
    found = {row.code: row.message for row in duty_of(person, stage, duty_records(change, now=now), now=now)}
    assert found == {row.code: row.message for row in duties_of(person, [stage], now=now)[stage.pk]}
    return found


@pytest.mark.parametrize(
    ("made", "days", "ended", "counts"),
    [
        pytest.param(-1, 90, None, True, id="a live token"),
        pytest.param(-1, 90, 1, True, id="one revoked after the version was registered"),
        pytest.param(-1, 2, None, True, id="one that ended by its date after that"),
        pytest.param(1, 90, None, True, id="a live one that was made later"),
        pytest.param(-2, 90, SECONDS_BEFORE, True, id="one whose end was not yet noticed"),
        pytest.param(-2, 90, -1, False, id="one revoked before"),
        pytest.param(-9, 2, None, False, id="one that ended by its date before"),
    ],
)
def test_a_token_that_had_not_ended_ties_its_maker_to_the_version(
    made: int, days: int, ended: float | None, counts: bool, built: ModelVersion, pipeline: ServiceAccount,
    mara: User, prod: Environment, ada: User, now: datetime,
) -> None:  # fmt: skip
    registered = built.registered_at
    ends = None if ended is None else registered + timedelta(days=ended)
    token(pipeline, mara, registered + timedelta(days=made), days=days, ends=ends)
    change = make.submitted(built, prod, by=ada, now=now)
    assert (said(change, mara, now).get("is_developer") == REGISTERED) is counts
    claimable = claimable_grades(mara, version=ModelVersion.objects.get(pk=built.pk))
    assert ("attested" in claimable) is not counts
    refused = [row.message for row in validation_open_blockers(built, by=mara)]
    assert (refused == [REGISTERED]) is counts


def test_whoever_made_no_token_of_it_and_whoever_made_one_of_another_account_decides(
    built: ModelVersion, pipeline: ServiceAccount, retail: BusinessUnit, mara: User, prod: Environment,
    ada: User, olga: User, now: datetime,
) -> None:  # fmt: skip
    other = account_create(name="other-ci", unit=retail, owner=olga, by=None, now=now)
    token(other, mara, now)
    change = make.submitted(built, prod, by=ada, now=now)
    assert said(change, mara, now) == {}
    assert "own the pipeline that did" in said(change, olga, now)["is_developer"]


def test_a_maker_from_another_unit_is_tied_as_well(
    built: ModelVersion, pipeline: ServiceAccount, make_person: Callable[..., User], group: BusinessUnit,
    plant: BusinessUnit, retail: BusinessUnit, prod: Environment, ada: User, now: datetime,
) -> None:  # fmt: skip
    abroad = make_person("Per Plant", "administrator", unit=group)
    token(pipeline, abroad, now - timedelta(days=30))
    role_grant(
        user=abroad, role="change_manager", unit=plant, reason="moves", by=None, now=now - timedelta(days=29)
    )
    change = make.submitted(built, prod, by=ada, now=now)
    assert said(change, abroad, now)["is_developer"] == REGISTERED


def test_a_request_that_the_account_filed_is_the_makers_too(
    version: ModelVersion, pipeline: ServiceAccount, mara: User, prod: Environment, now: datetime
) -> None:
    token(pipeline, mara, now - timedelta(days=1))
    machine = User.objects.get(pk=pipeline.user_id)
    change = make.submitted(version, prod, by=machine, now=now)
    assert said(change, mara, now)["is_requester"] == FILED
    refused = {row.code: row.message for row in validation_open_blockers(version, by=mara)}
    assert refused == {
        "is_requester": "You made a token of the service account that filed a request for this version."
    }


def test_an_account_handed_over_still_counts_for_who_owned_it_then(
    built: ModelVersion, pipeline: ServiceAccount, olga: User, carl: User, mona: User, prod: Environment,
    ada: User, now: datetime,
) -> None:  # fmt: skip
    before = built.registered_at - timedelta(days=1)
    account_hand_over(account=pipeline, owner=carl, reason="Olga leaves", by=None, now=before)
    fresh = ServiceAccount.objects.get(pk=pipeline.pk)
    account_hand_over(account=fresh, owner=mona, reason="Carl decides", by=None, now=now)
    change = make.submitted(built, prod, by=ada, now=now)
    assert "is_developer" in said(change, carl, now), "handing it over the day before does not free him"
    assert "is_developer" in said(change, mona, now)
    assert "is_developer" not in said(change, olga, now), "she left before anything was registered"


def test_a_validation_by_who_made_a_token_is_not_independent(
    built: ModelVersion, pipeline: ServiceAccount, retail: BusinessUnit, vera: User, now: datetime
) -> None:
    subject = Subject(model_id=built.model_id, version_id=built.pk, tier=1, kind="deploy")

    def independent() -> bool:
        return evidence_facts(subject, fact_records.load([subject], now))["validation_independent"]

    assert independent()
    role_grant(user=vera, role="administrator", unit=retail, reason="helps out", by=None, now=now)
    token(pipeline, User.objects.get(pk=vera.pk), now)
    assert not independent()


def test_whoever_made_a_token_of_the_account_that_carried_it_out_decides_nothing(
    filed: ChangeRequest, pipeline: ServiceAccount, mara: User, now: datetime
) -> None:
    token(pipeline, mara, now - timedelta(days=1))
    started = Execution(
        change=filed, model_id=filed.model_id, unit_id=filed.unit_id, number=1, connector="manual",
        started_by=pipeline.user, started_at=now,
    )  # fmt: skip
    save_as(started, by=None, now=now, reason="By hand")
    assert "carried out this change" in said(filed, mara, now, key="risk").get("is_implementer", "")


def test_an_approver_starts_nothing_through_an_account_of_theirs(
    filed: ChangeRequest, pipeline: ServiceAccount, mara: User, now: datetime
) -> None:
    machine = User.objects.get(pk=pipeline.user_id)

    def refused() -> list[str]:
        rows = policies.start_blockers(
            filed, by=machine, signers=frozenset({mara.pk}), is_manual=True, now=now
        )
        return [row.code for row in rows]

    assert "is_approver" not in refused()
    token(pipeline, mara, now - timedelta(days=1))
    assert "is_approver" in refused()


def test_statements_stay_the_same_however_many_tokens_and_accounts_there_are(
    built: ModelVersion, pipeline: ServiceAccount, retail: BusinessUnit, mara: User, prod: Environment,
    ada: User, olga: User, now: datetime, assert_flat_queries: Callable[..., None],
) -> None:  # fmt: skip
    token(pipeline, mara, now - timedelta(days=1))
    change = make.submitted(built, prod, by=ada, now=now)

    def more() -> None:
        for number in range(5):
            account = account_create(name=f"ci-{number}", unit=retail, owner=olga, by=None, now=now)
            token(account, mara, now)
            token(pipeline, mara, now)

    assert_flat_queries(act=lambda: said(change, mara, now), add_rows=more, budget=45)
