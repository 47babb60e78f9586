"""The end of a validation whose version runs: told in time, a lapse when it comes, settled by the next validation."""

from collections.abc import Callable
from datetime import datetime, timedelta

import pytest

from approvals import services
from approvals.evaluation import evaluate, policy_for
from approvals.models import ChangeRequest, Lapse, Validation
from approvals.policy.gates import GateReading
from approvals.services import upkeep
from mlops_portal.foundation.history import save_as
from mlops_portal.foundation.rules import RuleViolation
from mlops_portal.foundation.web.models import Notification
from mlops_portal.foundation.web.words import day_text
from registry.models import Deployment
from registry.services import deployment_stop
from tests.factories import approvals as make
from tests.factories.registry import DeploymentFactory, EnvironmentFactory
from tests.unit.approvals.services.test_execution import (  # noqa: F401  (fixtures)
    release,
    running,
    small,
)


def told() -> dict[str, str]:
    """Return the newest notice of each person by first name, and forget them all."""
    rows = Notification.objects.select_related("person").order_by("pk")
    found = {row.person.name.split()[0]: row.text for row in rows}
    Notification.objects.all().delete()
    return found


@pytest.fixture
def validation(running: ChangeRequest) -> Validation:  # noqa: F811
    """Return the validation of the version that runs; what was told before is forgotten."""
    Notification.objects.all().delete()
    return running.version.validations.get()


@pytest.fixture
def ended(validation: Validation) -> datetime:
    """Return the day after the validation ended, with its lapse open."""
    at = validation.valid_until + timedelta(days=1)
    assert upkeep.lapses_of_validity(now=at) == 1
    return at


def lapse_of(change: ChangeRequest) -> Lapse:
    return Lapse.objects.get(change=change)


def test_the_lapse_says_since_when_and_its_validator_is_told(
    validation: Validation,
    ended: datetime,
    running: ChangeRequest,  # noqa: F811
    release_cast: make.Cast,
) -> None:
    lapse, found = lapse_of(running), told()
    assert lapse.text == f"The validation ended on {day_text(validation.valid_until)} while the version runs."
    assert lapse.text in found["Vera"]
    assert f"which {release_cast.owner.name} owes by" in found["Vera"]
    assert "Settle it by" in found["Olga"], "who owes it is asked"


def test_a_new_validation_settles_it_and_tells_who_was_told(
    ended: datetime,
    running: ChangeRequest,  # noqa: F811
    release_cast: make.Cast,
) -> None:
    told()
    at = ended + timedelta(days=1)
    make.validate(running.version, cast=release_cast, now=at)
    lapse = lapse_of(running)
    assert (lapse.outcome, lapse.closed_at, lapse.closed_by) == ("renewed", at, release_cast.validator)
    found = told()
    assert {name for name, text in found.items() if "A lapse is settled" in text} >= {"Olga"}
    assert upkeep.lapses_of_validity(now=at + timedelta(days=1)) == 0
    assert upkeep.lapses_follow_service(now=at + timedelta(days=1)) == 0, "it does not come back"
    with pytest.raises(RuleViolation):
        services.lapse_close(lapse=lapse, outcome="renewed", by=release_cast.owner, now=at)


def test_what_is_not_approved_settles_nothing(
    ended: datetime,
    running: ChangeRequest,  # noqa: F811
    release_cast: make.Cast,
) -> None:
    make.validate(running.version, cast=release_cast, now=ended, outcome="not_approved")
    lapse = lapse_of(running)
    assert lapse.closed_at is None
    with pytest.raises(RuleViolation, match="validated again"):
        services.lapse_close(lapse=lapse, outcome="renewed", by=release_cast.owner, now=ended)


def test_lapses_of_other_matters_stay(
    ended: datetime,
    running: ChangeRequest,  # noqa: F811
    release_cast: make.Cast,
) -> None:
    other = services.lapse_open(change=running, key="revocation:1", text="Revoked.", now=ended)
    make.validate(running.version, cast=release_cast, now=ended)
    other.refresh_from_db()
    assert other.closed_at is None


def test_a_validation_that_did_not_approve_does_not_hide_the_end_of_the_one_before(
    validation: Validation,
    running: ChangeRequest,  # noqa: F811
    release_cast: make.Cast,
) -> None:
    before, after = (validation.valid_until + timedelta(days=days) for days in (-10, 1))
    make.validate(running.version, cast=release_cast, now=before, outcome="not_approved")
    assert upkeep.lapses_of_validity(now=before) == 0
    assert upkeep.lapses_of_validity(now=after) == 1
    assert lapse_of(running).key == f"validation:{validation.pk}"


def test_each_validation_that_ends_opens_its_own_lapse(
    validation: Validation,
    ended: datetime,
    running: ChangeRequest,  # noqa: F811
    release_cast: make.Cast,
) -> None:
    assert upkeep.lapses_of_validity(now=ended + timedelta(hours=1)) == 0
    again = make.validate(running.version, cast=release_cast, now=ended + timedelta(days=1))
    ended_again = again.valid_until + timedelta(days=1)
    assert upkeep.lapses_of_validity(now=ended_again - timedelta(days=2)) == 0
    assert upkeep.lapses_of_validity(now=ended_again) == 1
    keys = Lapse.objects.filter(change=running).order_by("pk").values_list("key", flat=True)
    assert list(keys) == [f"validation:{validation.pk}", f"validation:{again.pk}"]


def test_its_end_is_told_once_in_time_to_the_validator_and_the_owner(
    validation: Validation,
    running: ChangeRequest,  # noqa: F811
) -> None:
    early, soon = (validation.valid_until - timedelta(days=days) for days in (31, 29))
    assert upkeep.validations_tell_end(now=early) == 0
    assert upkeep.validations_tell_end(now=soon) == 1
    found = told()
    assert set(found) == {"Vera", "Olga"}
    assert f"It holds until {day_text(validation.valid_until)}" in found["Vera"]
    assert "Validate it again before" in found["Vera"]
    assert upkeep.validations_tell_end(now=soon + timedelta(days=1)) == 0


@pytest.mark.parametrize("serves_elsewhere", [False, True])
def test_nobody_validates_again_what_no_longer_runs(
    validation: Validation,
    running: ChangeRequest,  # noqa: F811
    serves_elsewhere: bool,
) -> None:
    soon = validation.valid_until - timedelta(days=29)
    assert upkeep.validations_tell_end(now=soon) == 1
    waiting = Notification.objects.asking().filter(person=validation.validator, text__contains="Validate it")
    assert waiting.count() == 1
    there = Deployment.objects.get(version=running.version)
    if serves_elsewhere:
        elsewhere = EnvironmentFactory(unit=running.unit, name="elsewhere")
        DeploymentFactory(version=running.version, environment=elsewhere, live=True)
    deployment_stop(deployment=there, reason="Switched off.", by=None, now=soon)
    assert waiting.exists() is serves_elsewhere
    if not serves_elsewhere:
        settled = Notification.objects.get(person=validation.validator, text__contains="Validate it again")
        assert settled.outcome == "No longer needed: the version no longer runs"


def _gone(running: ChangeRequest, cast: make.Cast, at: datetime) -> None:  # noqa: F811
    for deployment in Deployment.objects.filter(version=running.version):
        deployment.state = "rolled_back"
        save_as(deployment, by=None, now=at, reason="test")


def _validated_again(running: ChangeRequest, cast: make.Cast, at: datetime) -> None:  # noqa: F811
    make.validate(running.version, cast=cast, now=at)


@pytest.mark.parametrize(
    "happens",
    [
        pytest.param(_gone, id="a version that no longer serves"),
        pytest.param(_validated_again, id="a version that was validated again"),
    ],
)
def test_no_end_is_told_that_matters_to_nobody(
    happens: Callable[..., None],
    validation: Validation,
    running: ChangeRequest,  # noqa: F811
    release_cast: make.Cast,
) -> None:
    soon = validation.valid_until - timedelta(days=20)
    happens(running, release_cast, soon)
    assert upkeep.validations_tell_end(now=soon) == 0


def gate_of(change: ChangeRequest, at: datetime) -> GateReading:
    """Ask the gate on independent validation at a moment."""
    policy = policy_for(change, at)
    assert policy is not None
    readings = evaluate(change, at=at, policy=policy).readings
    return next(reading for reading in readings if reading.gate.id == "VAL-01")


def test_the_gate_fails_from_the_hour_in_which_the_validation_ends_and_says_since_when(
    filed: ChangeRequest,
) -> None:
    ends = filed.version.validations.get().valid_until
    assert not gate_of(filed, ends - timedelta(hours=1)).is_failing
    reading = gate_of(filed, ends + timedelta(hours=1))
    assert reading.is_failing
    assert reading.message == f"The validation ended on {day_text(ends)}."


def test_it_fails_by_the_end_that_was_signed_though_the_tier_of_today_would_let_it_be_older(
    filed: ChangeRequest,
) -> None:
    ends = filed.version.validations.get().valid_until
    filed.model.tier = 3
    save_as(filed.model, by=None, now=ends, reason="test", fields=["tier"])
    assert "ended on" in gate_of(filed, ends + timedelta(days=30)).message


def _revoked(validation: Validation, at: datetime) -> None:
    signature = validation.signature
    signature.revoked_at, signature.revoked_by, signature.revocation_reason = (
        at,
        validation.validator,
        "Wrong",
    )
    save_as(signature, by=None, now=at, reason="test")


def _not_approved(validation: Validation, at: datetime) -> None:
    validation.outcome = "not_approved"
    save_as(validation, by=None, now=at, reason="test", fields=["outcome"])


def _reopened(validation: Validation, at: datetime) -> None:
    validation.state, validation.signature = "open", None
    save_as(validation, by=None, now=at, reason="test", fields=["state", "signature"])


@pytest.mark.parametrize(
    ("becomes", "message"),
    [
        pytest.param(_revoked, "not signed", id="one whose signature was revoked"),
        pytest.param(_not_approved, "not approved", id="one that does not approve"),
        pytest.param(
            _reopened, "No validation of this version is concluded.", id="one that is not concluded"
        ),
    ],
)
def test_what_vouches_for_nothing_does_not_open_the_gate(
    becomes: Callable[..., None], message: str, filed: ChangeRequest, now: datetime
) -> None:
    assert not gate_of(filed, now).is_failing
    becomes(filed.version.validations.get(), now)
    reading = gate_of(filed, now)
    assert reading.is_failing
    assert message in reading.message


@pytest.mark.parametrize("becomes", [_revoked, _not_approved, _reopened])
def test_what_vouches_for_nothing_settles_no_lapse_and_its_end_is_told_to_nobody(
    becomes: Callable[..., None],
    ended: datetime,
    running: ChangeRequest,  # noqa: F811
    release_cast: make.Cast,
) -> None:
    lapse = lapse_of(running)
    again = make.validate(running.version, cast=release_cast, now=ended)
    lapse.refresh_from_db()
    lapse.closed_at, lapse.closed_by, lapse.outcome = None, None, ""
    save_as(lapse, by=None, now=ended, reason="test")
    becomes(again, ended)
    with pytest.raises(RuleViolation, match="validated again"):
        services.lapse_close(lapse=lapse, outcome="renewed", by=release_cast.owner, now=ended)
    assert upkeep.validations_tell_end(now=again.valid_until - timedelta(days=5)) == 0
