"""The filing form asks only for what a request can say, and names only people who may go back."""

import re
from collections.abc import Callable
from datetime import datetime

import pytest
from django.test import Client

from approvals.models import ChangeRequest
from mlops_portal.foundation.history import save_as
from mlops_portal.foundation.people.models import User
from registry.models import Environment, ModelVersion
from tests.factories import approvals as make
from tests.factories.registry import DeploymentFactory, EnvironmentFactory

SignIn = Callable[[User], Client]
SOMETIMES = {"what_changed", "incident", "configuration"}


def asked(client: Client, url: str) -> set[str]:
    """Return which of the fields that only some requests have a form shows."""
    answer = client.get(url)
    assert answer.status_code == 200
    return SOMETIMES & set(re.findall(r' name="(\w+)"', answer.content.decode()))


def test_a_first_request_is_not_asked_for_a_rejection_or_an_incident(
    version: ModelVersion, ada: User, as_person: SignIn
) -> None:
    assert asked(as_person(ada), f"/changes/new/?model={version.model_id}") == {"configuration"}


@pytest.mark.parametrize(
    ("kind", "expected"),
    [
        pytest.param("deploy", set(), id="a first deploy"),
        pytest.param("configuration", {"configuration"}, id="a change of configuration"),
    ],
)
def test_a_draft_asks_for_configuration_only_where_it_changes(
    version: ModelVersion,
    prod: Environment,
    ada: User,
    as_person: SignIn,
    now: datetime,
    kind: str,
    expected: set[str],
) -> None:
    change = make.draft(version, prod, by=ada, now=now, kind=kind)
    assert asked(as_person(ada), f"/changes/{change.pk}/edit/") == expected


def test_what_was_deployed_may_have_an_incident_and_what_was_rejected_a_change_since(
    version: ModelVersion, prod: Environment, ada: User, as_person: SignIn, now: datetime
) -> None:
    earlier = make.draft(version, prod, by=ada, now=now)
    earlier.state = "rejected"
    save_as(earlier, by=None, now=now, reason="Rejected", fields=["state"])
    DeploymentFactory(version=version, environment=EnvironmentFactory(unit=version.unit), live=True)
    change = make.draft(version, prod, by=ada, now=now)
    assert asked(as_person(ada), f"/changes/{change.pk}/edit/") == {"what_changed", "incident"}


def test_what_a_draft_says_already_stays_on_its_form(
    version: ModelVersion, prod: Environment, ada: User, as_person: SignIn, now: datetime
) -> None:
    change = make.draft(version, prod, by=ada, now=now, incident="INC-7")
    client, url = as_person(ada), f"/changes/{change.pk}/edit/"
    assert asked(client, url) == {"incident"}
    saved = client.post(url, {"row_revision": change.row_revision, "purpose": "Why", "incident": "INC-7"})
    assert saved.status_code == 303
    assert ChangeRequest.objects.get(pk=change.pk).incident == "INC-7"


def test_configuration_typed_for_another_kind_is_not_kept(
    version: ModelVersion, prod: Environment, ada: User, as_person: SignIn
) -> None:
    typed = {"kind": "deploy", "version": version.pk, "environment": prod.pk, "configuration": "cutoff: 0.58"}
    made = as_person(ada).post(f"/changes/new/?model={version.model_id}", typed)
    assert made.status_code == 303
    assert ChangeRequest.objects.get().configuration == {}


def test_only_people_who_may_go_back_are_named(
    version: ModelVersion, prod: Environment, ada: User, omar: User, as_person: SignIn, now: datetime
) -> None:
    change = make.draft(version, prod, by=ada, now=now)
    client, url = as_person(ada), f"/changes/{change.pk}/edit/"
    page = client.get(url).content.decode()
    select = page[page.index('name="rollback_owner"') :].split("</select>")[0]
    assert set(re.findall(r'value="(\d+)"', select)) == {str(omar.pk)}
    typed = {"row_revision": change.row_revision, "purpose": "Why", "rollback_owner": ada.pk}
    assert client.post(url, typed).status_code == 400
    assert client.post(url, {**typed, "rollback_owner": omar.pk}).status_code == 303


ENDS = {
    "traffic_plan",
    "alternatives",
    "rollback_target",
    "rollback_plan",
    "rollback_triggers",
    "rollback_owner",
}


@pytest.mark.parametrize(
    ("kind", "without", "heading"),
    [
        pytest.param("deploy", set(), "4. Rollback", id="a release names steps and a way back"),
        pytest.param("rollback", set(), "4. Rollback", id="the way back may be taken in steps"),
        pytest.param("configuration", {"traffic_plan"}, "4. Rollback", id="configuration moves no traffic"),
        pytest.param(
            "resume", {"traffic_plan"}, "4. Rollback", id="what serves again still needs a way back"
        ),
        pytest.param("suspend", ENDS, "3. When", id="what is suspended has none"),
        pytest.param("retire", ENDS, "3. When", id="what is retired has none"),
    ],
)
def test_a_kind_is_asked_only_for_what_it_needs(
    version: ModelVersion,
    prod: Environment,
    ada: User,
    as_person: SignIn,
    now: datetime,
    kind: str,
    without: set[str],
    heading: str,
) -> None:
    change = make.draft(version, prod, by=ada, now=now, kind=kind, alternatives=[], rollback_plan="")
    client = as_person(ada)
    for url in (f"/changes/{change.pk}/edit/", f"/changes/new/?model={version.model_id}&kind={kind}"):
        answer = client.get(url)
        content = answer.context["content"]
        assert ENDS - set(content.fields) == without
        assert heading in answer.content.decode()
    typed = {"row_revision": change.row_revision, "purpose": "Nobody uses it any more."}
    assert client.post(f"/changes/{change.pk}/edit/", typed).status_code == 303


def test_steps_and_a_way_back_typed_for_a_retirement_are_not_kept(
    version: ModelVersion, prod: Environment, ada: User, as_person: SignIn
) -> None:
    typed = {"kind": "retire", "version": version.pk, "environment": prod.pk, "rollback_plan": "Back to 1."}
    made = as_person(ada).post(f"/changes/new/?model={version.model_id}", typed)
    assert made.status_code == 303
    assert ChangeRequest.objects.get().rollback_plan == ""


@pytest.mark.parametrize(("kind", "shown"), [("deploy", True), ("suspend", False), ("retire", False)])
def test_the_review_of_what_ends_service_speaks_of_no_plan_and_no_way_back(
    version: ModelVersion,
    prod: Environment,
    ada: User,
    as_person: SignIn,
    now: datetime,
    kind: str,
    shown: bool,
) -> None:
    change = make.draft(
        version, prod, by=ada, now=now, kind=kind, traffic_plan=[], rollback_triggers="", rollback_plan=""
    )
    page = as_person(ada).get(change.get_absolute_url()).content.decode()
    for words in ("go back to", "Traffic plan", "traffic moves", "What a bad release would touch"):
        assert (words in page) in ((shown, False) if words == "Traffic plan" else (shown,)), words
