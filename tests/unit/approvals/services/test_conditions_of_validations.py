"""Conditions that a validation sets: the same duties, lapses and notices as those of a decision."""

from collections.abc import Callable
from datetime import datetime, timedelta

import pytest
from django.db import IntegrityError, transaction
from rest_framework.test import APIClient

from approvals import home, services
from approvals.dossier_format import read_dossier
from approvals.models import ChangeRequest, Condition, Lapse, Signature, Validation
from approvals.services import upkeep
from approvals.services.reading import RecordChanged
from mlops_portal.foundation.history import history_model, save_as
from mlops_portal.foundation.people.models import User
from mlops_portal.foundation.rules import RuleViolation
from mlops_portal.foundation.web.models import Notification
from registry.models import Environment, ModelVersion, RegisteredModel
from tests.factories import approvals as make


def codes(refusal: pytest.ExceptionInfo[RuleViolation]) -> list[str]:
    return [blocker.code for blocker in refusal.value.blockers]


@pytest.fixture
def conditional(model: RegisteredModel, release_cast: make.Cast, now: datetime) -> Validation:
    """Return a validation approved on a condition: Ada fulfils it within 30 days, Olga verifies it."""
    version = make.complete_version(model, cast=release_cast, now=now, validated=False)
    row = make.condition(release_cast.developer, release_cast.owner, now.date() + timedelta(days=30))
    return make.validate(
        version, cast=release_cast, now=now, outcome="approved_with_conditions", conditions=[row]
    )


@pytest.mark.parametrize(
    ("outcome", "count", "said"),
    [
        pytest.param("approved_with_conditions", 0, ["conditions"], id="with conditions, but none named"),
        pytest.param("approved", 1, ["conditions"], id="approved, but a condition named"),
        pytest.param("not_approved", 1, ["conditions"], id="not approved, but a condition named"),
    ],
)
def test_conditions_go_with_the_one_outcome_that_says_so(
    model: RegisteredModel, release_cast: make.Cast, now: datetime, outcome: str, count: int, said: list[str]
) -> None:
    version = make.complete_version(model, cast=release_cast, now=now, validated=False)
    row = make.condition(release_cast.developer, release_cast.owner, now.date() + timedelta(days=30))
    with pytest.raises(RuleViolation) as refusal:
        make.validate(version, cast=release_cast, now=now, outcome=outcome, conditions=[row] * count)
    assert codes(refusal) == said
    assert not Condition.objects.exists()


@pytest.mark.parametrize(
    ("owner", "verifier", "said"),
    [
        pytest.param("developer", "developer", "condition_verifier", id="nobody verifies their own duty"),
        pytest.param("validator", "owner", "condition_owner", id="the validator owes nothing they asked for"),
        pytest.param("developer", "operator", "condition_verifier", id="a verifier decides on the model"),
    ],
)
def test_who_carries_a_condition(
    model: RegisteredModel, release_cast: make.Cast, now: datetime, owner: str, verifier: str, said: str
) -> None:
    version = make.complete_version(model, cast=release_cast, now=now, validated=False)
    people = getattr(release_cast, owner), getattr(release_cast, verifier)
    row = make.condition(*people, now.date() + timedelta(days=30))
    with pytest.raises(RuleViolation) as refusal:
        make.validate(
            version, cast=release_cast, now=now, outcome="approved_with_conditions", conditions=[row]
        )
    assert codes(refusal) == [said]


def test_a_condition_is_of_a_decision_or_of_a_validation_and_never_of_both(
    conditional: Validation, filed: ChangeRequest, now: datetime
) -> None:
    condition = conditional.conditions.get()
    condition.change = filed
    with pytest.raises(IntegrityError), transaction.atomic():
        save_as(condition, by=None, now=now, reason="test")


def test_a_condition_of_a_validation_is_kept_in_history_and_told_to_who_carries_it(
    conditional: Validation, release_cast: make.Cast
) -> None:
    condition = conditional.conditions.get()
    assert history_model(Condition).objects.filter(id=condition.pk).count() == 1
    rows = Notification.objects.filter(subject=str(conditional)).select_related("person")
    found = {row.person: row.text for row in rows}
    assert "set you a condition, due on" in found[release_cast.developer]
    assert "named you to verify a condition, due on" in found[release_cast.owner]


def test_a_condition_of_a_validation_waits_at_home_until_it_is_met(
    conditional: Validation, release_cast: make.Cast, now: datetime
) -> None:
    condition = conditional.conditions.get()
    assert home.decisions(release_cast.developer)["owed"] == [condition]
    assert home.decisions(release_cast.owner)["conditions"] == [condition]
    with pytest.raises(RuleViolation) as refusal:
        services.condition_verify(
            condition=condition, verification="I say it is met.", by=release_cast.developer, now=now
        )
    assert codes(refusal) == ["not_verifier"]
    later = now + timedelta(days=3)
    met = services.condition_verify(
        condition=condition, verification="Three reports were read.", by=release_cast.owner, now=later
    )
    assert (met.state, met.verified_at) == ("met", later)
    assert home.decisions(release_cast.developer) is None
    told = Notification.objects.filter(text__contains="confirmed that a condition is met")
    assert {row.person for row in told} == {release_cast.developer, conditional.validator}


def test_an_overdue_condition_lapses_in_each_place_where_the_version_runs_and_one_verification_settles_them(
    conditional: Validation, prod: Environment, release_cast: make.Cast, now: datetime
) -> None:
    late = now + timedelta(days=32)
    assert upkeep.conditions_lapse(now=late) == 0, "the version runs nowhere"
    other = make.production(conditional.unit, now=now, name="prod-us")
    for place in (prod, other):
        change = make.submitted(conditional.version, place, by=release_cast.developer, now=now)
        change.state = "completed"
        save_as(change, by=None, now=now, reason="test")
        make.serve(change, now=now)
        assert upkeep.conditions_lapse(now=late - timedelta(days=5)) == 0, "it is not due yet"
        assert upkeep.conditions_lapse(now=late) == 1
        assert upkeep.conditions_lapse(now=late) == 0
    condition = conditional.conditions.get()
    assert {lapse.change.environment for lapse in Lapse.objects.filter(condition=condition)} == {prod, other}
    services.condition_verify(
        condition=condition, verification="Three reports were read.", by=release_cast.owner, now=late
    )
    assert set(Lapse.objects.values_list("outcome", "closed_by")) == {("fixed", release_cast.owner.pk)}


def test_the_dossier_carries_the_conditions_of_the_validation_and_meeting_one_voids_nothing(
    conditional: Validation, prod: Environment, release_cast: make.Cast, now: datetime
) -> None:
    change = make.submitted(conditional.version, prod, by=release_cast.developer, now=now)
    dossier = read_dossier(change.dossiers.get().content)
    condition = conditional.conditions.get()
    (row,) = dossier.part("validation").content["conditions"]
    assert (row["id"], row["owner"], row["verifier"]) == (
        condition.pk,
        condition.owner_id,
        condition.verifier_id,
    )
    services.condition_verify(
        condition=condition, verification="Three reports were read.", by=release_cast.owner, now=now
    )
    assert not services.change_refresh(change=change, now=now + timedelta(hours=1))


def test_the_api_of_validations_shows_their_conditions(
    conditional: Validation, release_cast: make.Cast, as_person: Callable[[User], APIClient]
) -> None:
    answer = as_person(release_cast.owner).get(f"/api/v1/validations/{conditional.pk}/")
    (row,) = answer.json()["conditions"]
    assert (row["text"], row["state"]) == ("Watch the young.", "open")
    assert "change" not in row


def test_a_conclusion_over_other_records_than_were_read_is_refused_before_a_code_is_used(
    model: RegisteredModel, release_cast: make.Cast, now: datetime
) -> None:
    version: ModelVersion = make.complete_version(model, cast=release_cast, now=now, validated=False)
    before = Signature.objects.count()
    with pytest.raises(RecordChanged) as refusal:
        make.validate(version, cast=release_cast, now=now, read_digest="0" * 64, code="000000")
    assert refusal.value.evidence.verb == "approvals.decision_refused"
    assert Signature.objects.count() == before
