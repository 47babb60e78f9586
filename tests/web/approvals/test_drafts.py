"""A draft is seen by its requester and by who could edit it for them, at every door; to others it does not exist."""

import html
from collections.abc import Callable
from datetime import datetime, timedelta

import pytest
from django.test import Client

from approvals import services
from approvals.models import ChangeRequest, Waiver
from approvals.queries.inbox_page import waivers_to_decide
from approvals.queries.panel_reads import requests_of, search_requests
from approvals.services.changes import change_update
from approvals.services.submission import change_submit
from mlops_portal.foundation.history import delete_as
from mlops_portal.foundation.people.models import BusinessUnit, User
from mlops_portal.foundation.web.models import Notification
from registry.models import Environment, ModelVersion, RegisteredModel
from tests.factories import approvals as make

SignIn = Callable[[User], Client]


@pytest.fixture
def drafted(version: ModelVersion, prod: Environment, ada: User, now: datetime) -> ChangeRequest:
    """Return Ada's draft."""
    return make.draft(version, prod, by=ada, now=now)


@pytest.fixture
def reader(request: pytest.FixtureRequest, make_person: Callable[..., User], retail: BusinessUnit) -> User:
    """Return a person of the test's table."""
    if request.param == "another developer":
        return make_person("Bea Colleague", "developer", unit=retail)
    return request.getfixturevalue(request.param)


@pytest.mark.parametrize(
    ("reader", "sees"),
    [
        pytest.param("ada", True, id="its requester"),
        pytest.param("another developer", True, id="who could edit it"),
        pytest.param("vera", False, id="a validator of the unit"),
        pytest.param("ines", False, id="a risk officer of the unit"),
        pytest.param("mona", False, id="somebody who reads everything of the unit"),
        pytest.param("dora", False, id="a stranger"),
    ],
    indirect=["reader"],
)
def test_who_sees_a_draft(drafted: ChangeRequest, reader: User, sees: bool, as_person: SignIn) -> None:
    client = as_person(reader)
    assert (client.get(drafted.get_absolute_url()).status_code == 200) is sees
    assert (client.get(f"/changes/{drafted.pk}/preview/").status_code == 200) is sees
    assert (client.get(f"/changes/{drafted.pk}/edit/").status_code == 200) is sees
    assert (client.get(f"/api/v1/changes/{drafted.pk}/").status_code == 200) is sees
    listed = client.get("/changes/")
    assert (listed.status_code == 200 and drafted.title in listed.content.decode()) is sees
    assert (drafted in search_requests(reader, drafted.code, 5)) is sees
    assert (drafted in requests_of(reader, model=drafted.model)["open"]) is sees


def test_a_draft_shows_the_same_gates_and_gaps_where_it_is_edited_and_where_it_is_read(
    drafted: ChangeRequest, ada: User, as_person: SignIn, now: datetime
) -> None:
    client = as_person(ada)
    change_update(change=drafted, row_revision=drafted.row_revision, purpose="", by=ada, now=now)
    edited, read = client.get(f"/changes/{drafted.pk}/edit/"), client.get(drafted.get_absolute_url())
    there = {(row.gate.id, outcome) for row, outcome in edited.context["readings"]}
    here = {(row.result.gate, row.result.outcome) for row in read.context["gates"]}
    assert here == there
    assert here
    missing = [blocker.message for blocker in edited.context["missing"]]
    page = read.content.decode()
    assert missing
    for message in missing:
        assert f"Before it is filed: {message}" in html.unescape(page)
    assert "have not run" not in page
    assert "Not ready to be filed" in page
    assert ChangeRequest.objects.get(pk=drafted.pk).gates_at is None, "reading saves nothing"


def test_what_is_filed_is_seen_by_all_who_may_read(filed: ChangeRequest, vera: User, mona: User) -> None:
    for person in (vera, mona):
        assert ChangeRequest.objects.visible_to(person).filter(pk=filed.pk).exists()


def test_a_version_is_not_its_own_way_back(
    version: ModelVersion, prod: Environment, ada: User, as_person: SignIn
) -> None:
    answer = as_person(ada).post(
        f"/changes/new/?model={version.model_id}",
        {
            "kind": "deploy",
            "version": version.pk,
            "environment": prod.pk,
            "title": "First release",
            "rollback_target": version.pk,
        },
    )
    assert answer.status_code == 400
    assert "A version is not its own way back." in answer.content.decode()
    assert not ChangeRequest.objects.exists()


def test_a_waiver_is_asked_for_on_a_draft_for_what_fails_on_it_now(
    drafted: ChangeRequest, ada: User, as_person: SignIn, now: datetime
) -> None:
    client, page = as_person(ada), f"/changes/{drafted.pk}/waiver/"
    assert "No blocking gate fails" in client.get(page).content.decode()
    for metric in drafted.version.metrics.filter(segment=""):
        delete_as(metric, by=None, now=now, reason="Measured on the wrong population")
    failing = [
        row.result for row in client.get(drafted.get_absolute_url()).context["gates"] if row.tone == "fail"
    ]
    assert failing
    offered = [gate for gate, _ in client.get(page).context["form"].fields["gate"].choices]
    assert offered == [row.gate for row in failing if row.waiver_authority not in ("", "never")]


@pytest.fixture
def head(make_person: Callable[..., User], group: BusinessUnit) -> User:
    """Return the head of model risk, who decides on waivers."""
    return make_person("Hedda Risk", "risk_officer", unit=group, signs=True)


@pytest.fixture
def asked(
    model: RegisteredModel, prod: Environment, head: User, release_cast: make.Cast, now: datetime
) -> Waiver:
    """Return a waiver that was asked for on a draft whose version misses a limit."""
    weak = make.complete_version(model, cast=release_cast, now=now, young=0.6, artifact="b")
    alternatives = [{"title": "Stay", "metrics": "auc 0.8", "why_not": "Drift."}]
    change = make.draft(weak, prod, by=release_cast.developer, now=now, alternatives=alternatives)
    return services.waiver_request(
        change=change, gate="PERF-01", reason="Few young applicants are expected until the spring.",
        compensating_control="Manual review of young applicants.", valid_until=now + timedelta(days=10),
        by=release_cast.developer, now=now,
    )  # fmt: skip


def told(person: User) -> str:
    """Return the newest notice of a person."""
    return Notification.objects.filter(person=person).latest("pk").text


def test_who_decides_on_a_waiver_of_a_draft_reads_that_it_opens_with_the_filing(
    asked: Waiver, head: User, ada: User, as_person: SignIn
) -> None:
    page = as_person(head).get(f"/waivers/{asked.pk}/").content.decode()
    assert "A draft, not yet filed. The decision on this waiver opens when Ada Brandt files it." in page
    assert "You cannot decide this yet" in page
    assert "Required: release limits are met" in page
    address = asked.change.get_absolute_url()
    assert f'href="{address}"' not in page, "it would end in a page that they may not open"
    assert f'href="{address}"' in as_person(ada).get(f"/waivers/{asked.pk}/").content.decode()


def test_a_waiver_of_a_draft_waits_for_nobody_until_it_is_filed(
    asked: Waiver, head: User, ada: User, now: datetime, as_person: SignIn
) -> None:
    client = as_person(head)
    assert list(waivers_to_decide(head)) == []
    assert "You decide once the request is filed" in told(head)
    assert "Waivers that wait for your decision" not in client.get("/approvals/").content.decode()
    change_submit(change=asked.change, by=ada, now=now)
    assert list(waivers_to_decide(head)) == [asked]
    assert "It is filed, so you decide on the waiver of PERF-01" in told(head)
    page = client.get(f"/waivers/{asked.pk}/").content.decode()
    assert "not yet filed" not in page
    assert f'href="{asked.change.get_absolute_url()}"' in page
