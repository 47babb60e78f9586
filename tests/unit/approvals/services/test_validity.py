"""The end of a validation whose version runs: told in time, a lapse when it comes, settled by the next validation."""

from collections.abc import Callable
from datetime import datetime, timedelta

import pytest

from approvals import services
from approvals.models import ChangeRequest, Lapse, Validation
from approvals.services import upkeep
from mlops_portal.foundation.history import save_as
from mlops_portal.foundation.rules import RuleViolation
from mlops_portal.foundation.web.models import Notification
from mlops_portal.foundation.web.words import day_text
from registry.models import Deployment
from tests.factories import approvals as make
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
