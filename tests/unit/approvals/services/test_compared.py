"""A finished request keeps its own story: what it is compared with is what its dossier froze (see `queries.compared`)."""

from collections.abc import Callable
from datetime import datetime, timedelta

import pytest

from approvals import services
from approvals.dossier_format import read_dossier
from approvals.models import ChangeRequest, Dossier
from approvals.queries.compared import compared
from mlops_portal.foundation.history import save_as
from mlops_portal.foundation.people.models import User
from registry.models import Environment, MetricValue, ModelVersion
from tests.factories import approvals as make

Run = Callable[[datetime], None]


@pytest.fixture
def release(
    prod: Environment, ada: User, omar: User, release_cast: make.Cast, run_jobs: Run, now: datetime
) -> Callable[..., ChangeRequest]:
    """Return a function that files, approves and executes a release, ``days`` from now."""

    def take(version: ModelVersion, days: int) -> ChangeRequest:
        at = now + timedelta(days=days)
        people = (
            release_cast.owner,
            release_cast.validator,
            release_cast.risk_officer,
            release_cast.change_manager,
        )
        change = make.approve_by(make.submitted(version, prod, by=ada, now=at), people, now=at)
        services.change_execute_now(change=change, by=omar, now=at + timedelta(hours=1))
        run_jobs(at + timedelta(hours=1))
        change.refresh_from_db()
        assert change.state == "verifying"
        return change

    return take


@pytest.fixture
def second(version: ModelVersion, release_cast: make.Cast, now: datetime) -> ModelVersion:
    """Return a second version of the model."""
    return make.complete_version(version.model, cast=release_cast, now=now, auc=0.84, artifact="b")


def before_and_now(change: ChangeRequest) -> tuple[str, list[tuple[float | None, float | None]]]:
    fresh = ChangeRequest.objects.select_related("version", "champion", "rollback_target").get(pk=change.pk)
    found = compared(fresh)
    rows = [(pair.was and pair.was.value, pair.now and pair.now.value) for pair in found.pairs]
    return (found.champion.name if found.champion else "", rows)


def test_an_executed_request_still_shows_what_it_replaced(
    version: ModelVersion,
    second: ModelVersion,
    release: Callable[..., ChangeRequest],
    release_cast: make.Cast,
    now: datetime,
) -> None:
    first, replacing = release(version, 0), release(second, 1)
    story = (version.name, [(0.82, 0.84), (0.78, 0.78)])
    assert before_and_now(replacing) == story
    release(make.complete_version(version.model, cast=release_cast, now=now, artifact="c"), 2)
    assert before_and_now(replacing) == story
    assert before_and_now(first) == ("", [(None, 0.82), (None, 0.78)])


def test_a_metric_measured_again_does_not_rewrite_a_finished_request(
    version: ModelVersion, second: ModelVersion, release: Callable[..., ChangeRequest], now: datetime
) -> None:
    release(version, 0)
    replacing = release(second, 1)
    for one, value in ((version, 0.9), (second, 0.7)):
        metric = MetricValue.objects.get(version=one, segment="", name="auc")
        metric.value = value
        save_as(metric, by=None, now=now + timedelta(days=3))
    assert before_and_now(replacing) == (version.name, [(0.82, 0.84), (0.78, 0.78)])


def test_a_request_filed_before_champions_were_kept_is_read_as_of_its_filing(
    version: ModelVersion, second: ModelVersion, release: Callable[..., ChangeRequest], now: datetime
) -> None:
    release(version, 0)
    replacing = release(second, 1)
    replacing.champion = replacing.rollback_target = None
    save_as(replacing, by=None, now=now + timedelta(days=2), fields=["champion", "rollback_target"])
    assert before_and_now(replacing)[0] == version.name


def test_a_draft_is_compared_with_what_serves_today(
    version: ModelVersion,
    second: ModelVersion,
    prod: Environment,
    ada: User,
    release: Callable[..., ChangeRequest],
    now: datetime,
) -> None:
    change = make.draft(second, prod, by=ada, now=now)
    assert before_and_now(change)[0] == ""
    release(version, 1)
    assert before_and_now(change)[0] == version.name


def test_the_dossier_holds_the_champion_with_its_metrics(
    version: ModelVersion,
    second: ModelVersion,
    prod: Environment,
    ada: User,
    release: Callable[..., ChangeRequest],
    now: datetime,
) -> None:
    first = release(version, 0)
    assert "champion" not in _metrics_part(first)
    change = make.submitted(second, prod, by=ada, now=now + timedelta(days=1))
    champion = _metrics_part(change)["champion"]
    assert (champion["id"], [row["value"] for row in champion["metrics"]]) == (version.pk, [0.82, 0.78])
    assert services.change_refresh(change=change, now=now + timedelta(days=1, hours=1)) is False


def test_another_champion_is_other_content(
    version: ModelVersion,
    second: ModelVersion,
    prod: Environment,
    ada: User,
    release: Callable[..., ChangeRequest],
    release_cast: make.Cast,
    now: datetime,
) -> None:
    release(version, 0)
    third = make.complete_version(version.model, cast=release_cast, now=now, auc=0.85, artifact="c")
    change = make.submitted(third, prod, by=ada, now=now + timedelta(days=1))
    release(second, 2)
    change.refresh_from_db()  # the registry's event compared it again
    assert change.dossier_number == 2
    assert before_and_now(change)[0] == second.name
    assert services.change_refresh(change=change, now=now + timedelta(days=3, hours=1)) is False


def _metrics_part(change: ChangeRequest) -> dict:
    dossier = Dossier.objects.get(change=change, number=change.dossier_number)
    return read_dossier(dossier.content).part("metrics").content
