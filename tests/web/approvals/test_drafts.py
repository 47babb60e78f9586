"""A draft is seen by its requester and by who could edit it for them, at every door; to others it does not exist."""

from collections.abc import Callable
from datetime import datetime

import pytest
from django.test import Client

from approvals.models import ChangeRequest
from approvals.queries.panel_reads import requests_of, search_requests
from mlops_portal.foundation.people.models import BusinessUnit, User
from registry.models import Environment, ModelVersion
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
