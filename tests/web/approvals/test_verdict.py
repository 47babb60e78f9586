"""The verdict of a request states the fact first, and a refusal never looks like silence or like an approval."""

from collections.abc import Callable
from datetime import datetime, timedelta

import pytest
from django.test import Client

from approvals import services
from approvals.models import ChangeRequest
from mlops_portal.foundation.history import save_as
from mlops_portal.foundation.people.models import User
from registry.models import Deployment, Environment, ModelVersion
from tests.factories import approvals as make

SignIn = Callable[[User], Client]
WHY = "The young group is judged by four cases only; a stranger could not follow how the limit for it was chosen here."


def page_of(client: Client, change: ChangeRequest) -> str:
    return client.get(change.get_absolute_url()).content.decode()


@pytest.fixture
def rejected(at_risk: ChangeRequest, ines: User, now: datetime) -> ChangeRequest:
    """Return a request that the risk officer rejected after acceptance and validation."""
    make.decide(
        at_risk, ines, now=now + timedelta(minutes=20), verdict="reject", rationale=f"{WHY} {make.RATIONALE}"
    )
    at_risk.refresh_from_db()
    return at_risk


def test_a_rejection_and_its_reason_come_first(rejected: ChangeRequest, ada: User, as_person: SignIn) -> None:
    page = page_of(as_person(ada), rejected)
    assert "Rejected at Model risk by Ines Halvorsen" in page
    assert WHY in page[page.index("What stands in the way") : page.index("What gets better")]
    assert "Every blocking gate passes" not in page


def test_a_rejecting_stage_is_marked_as_one(rejected: ChangeRequest, ada: User, as_person: SignIn) -> None:
    page = page_of(as_person(ada), rejected)
    step = page[: page.index("<b>Model risk</b>")].rpartition("<li class=")[2]
    assert step.startswith('"is-fail"')
    assert "i-fail" in step


def test_only_approvals_of_deciding_stages_are_counted(
    at_risk: ChangeRequest, rejected: ChangeRequest, ada: User, as_person: SignIn
) -> None:
    rail = page_of(as_person(ada), rejected).partition("<h2>Approvals</h2>")[2][:120]
    assert "1 valid approval<" in rail  # the validation; neither the owner's acceptance nor the rejection


def test_why_the_acceptance_of_the_owner_is_not_counted_stands_beside_the_count(
    at_risk: ChangeRequest, filed: ChangeRequest, ada: User, olga: User, as_person: SignIn
) -> None:
    rail = page_of(as_person(ada), at_risk).partition("<h2>Approvals</h2>")[2].partition("<ol")[0]
    assert f"{olga.name} accepts the version as its owner." in rail
    assert "does not count as an approval" in rail


def test_what_takes_a_version_out_of_service_says_what_serves_and_compares_nothing(
    version: ModelVersion, prod: Environment, ada: User, now: datetime, as_person: SignIn
) -> None:
    save_as(
        Deployment(
            model=version.model, version=version, environment=prod, unit=version.model.unit, state="live",
            started_at=now, finished_at=now, traffic_percent=100,
        ),
        by=None,
        now=now,
    )  # fmt: skip
    change = make.draft(version, None, by=ada, now=now, kind="retire")
    page = page_of(as_person(ada), change)
    assert "What serves now" in page
    assert f"{version.name} in {prod}" in page
    for words in ("Nothing serves there yet", "No version to go back to", "Challenger against champion"):
        assert words not in page


def test_what_waits_for_others_says_that_nothing_stands_in_the_way(
    at_risk: ChangeRequest, ines: User, as_person: SignIn
) -> None:
    page = page_of(as_person(ines), at_risk)
    assert "Every blocking gate passes." in page


def test_an_approved_request_says_so_also_after_its_gates_were_asked_again(
    at_risk: ChangeRequest, ines: User, carl: User, now: datetime
) -> None:
    change = make.approve_by(at_risk, [ines, carl], now=now + timedelta(minutes=30))
    services.change_refresh(change=change, now=now + timedelta(hours=1))
    change.refresh_from_db()
    assert (change.state, change.headline) == ("approved", "Approved")


def test_an_approved_request_does_not_keep_the_failure_of_a_gate_that_passes_again(
    at_risk: ChangeRequest, ada: User, vera: User, ines: User, carl: User, now: datetime
) -> None:
    change = make.approve_by(at_risk, [ines, carl], now=now + timedelta(minutes=30))
    at = now + timedelta(hours=1)

    def said() -> tuple[str, int, str]:
        services.change_refresh(change=change, now=at)
        change.refresh_from_db()
        return change.state, change.gates_failed, change.headline

    validation = services.validation_open(version=change.version, kind="periodic", by=vera, now=at)
    finding = services.finding_raise(
        validation=validation, title="Leak", detail="The target leaks.", severity="critical", owner=ada,
        due_on=(at + timedelta(days=9)).date(), by=vera, now=at,
    )  # fmt: skip
    state, failed, headline = said()
    assert (state, failed) == ("approved", 2), "the finding, and no alternatives described while it is open"
    assert "fails" in headline
    services.finding_close(finding=finding, evidence="Retrained without the field.", by=vera, now=at)
    assert said() == ("approved", 0, "Approved")
