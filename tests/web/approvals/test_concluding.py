"""The page on which a validation is concluded says what follows, and what keeps it from being concluded."""

import re
from collections.abc import Callable
from datetime import datetime, timedelta

import pytest
from django.test import Client

from approvals import services
from approvals.models import ChangeRequest, Validation
from mlops_portal.foundation.days import portal_day
from mlops_portal.foundation.people.models import User
from mlops_portal.foundation.web.words import day_text
from registry.models import ModelVersion, RegisteredModel
from tests.factories import approvals as make
from tests.web.approvals.test_signing_records import reviewed, words

SignIn = Callable[[User], Client]


@pytest.fixture
def again(filed: ChangeRequest, vera: User, now: datetime) -> Validation:
    """Return Vera's open validation of the version that a request asks to deploy."""
    return services.validation_open(version=filed.version, kind="periodic", by=vera, now=now)


@pytest.mark.parametrize(
    ("signers", "said"),
    [
        pytest.param((), "", id="nobody decided yet"),
        pytest.param(("owner",), ": 1 decision becomes void.", id="one decision"),
        pytest.param(("owner", "validator"), ": 2 decisions become void.", id="several"),
    ],
)
def test_both_steps_say_which_decisions_become_void(
    filed: ChangeRequest, again: Validation, release_cast: make.Cast, vera: User, now: datetime,
    as_person: SignIn, signers: tuple[str, ...], said: str,
) -> None:  # fmt: skip
    make.approve_by(filed, [getattr(release_cast, name) for name in signers], now=now + timedelta(minutes=1))
    client, address = as_person(vera), f"/validations/{again.pk}/conclude/"
    for page in (client.get(address).content.decode(), reviewed(client, address, words())):
        if said:
            assert f"This is a change of content of {filed.code}{said}" in page
        else:
            assert "change of content" not in page


def test_what_keeps_it_open_names_who_answers_and_leads_there(
    again: Validation, vera: User, ada: User, now: datetime, as_person: SignIn
) -> None:
    client, address = as_person(vera), f"/validations/{again.pk}/conclude/"
    first = services.challenge_ask(validation=again, question="Why this window?", by=vera, now=now)
    page = client.get(address).content.decode()
    assert f"1 challenge is not settled: {ada.name} answers challenge 1." in page
    assert f'href="/validations/{again.pk}/#challenges"' in page
    services.challenge_answer(challenge=first, answer="It leaves out 2020.", by=ada, now=now)
    services.challenge_ask(validation=again, question="Why this cut-off?", by=vera, now=now)
    page = client.get(address).content.decode()
    told = f"2 challenges are not settled: {ada.name} answers challenge 2; {vera.name} accepts what answers challenge 1."
    assert told in page


def chosen(page: str, name: str) -> str:
    """Return the option that a list of choices starts with."""
    options = page[page.index(f'name="{name}"') :].split("</select>")[0]
    found = re.search(r"<option[^>]* selected[^>]*>([^<]*)", options) or re.search(
        r">([^<>]+)</option>", options
    )
    return found.group(1)


def test_the_kind_of_a_new_validation_follows_from_what_was_concluded(
    version: ModelVersion, release_cast: make.Cast, vera: User, now: datetime, as_person: SignIn
) -> None:
    client = as_person(vera)
    page = client.get(f"/versions/{version.pk}/validate/").content.decode()
    held = version.validations.get()
    assert chosen(page, "kind") == "Periodic"
    until = day_text(portal_day(held.valid_until))
    assert f"holds a valid validation until {until}, concluded by {vera.name}." in page
    second = make.complete_version(version.model, cast=release_cast, now=now, artifact="b", validated=False)
    page = client.get(f"/versions/{second.pk}/validate/").content.decode()
    assert chosen(page, "kind") == "Change"
    assert "holds a valid validation" not in page


def test_the_first_validation_of_a_model_is_an_initial_one(
    model: RegisteredModel, release_cast: make.Cast, vera: User, now: datetime, as_person: SignIn
) -> None:
    first = make.complete_version(model, cast=release_cast, now=now, validated=False)
    assert (
        chosen(as_person(vera).get(f"/versions/{first.pk}/validate/").content.decode(), "kind") == "Initial"
    )


def test_how_severe_a_finding_is_has_to_be_chosen(
    again: Validation, ada: User, vera: User, as_person: SignIn
) -> None:
    client, address = as_person(vera), f"/validations/{again.pk}/finding/"
    assert chosen(client.get(address).content.decode(), "severity") == "Choose"
    typed = {"title": "Leak", "severity": "", "owner": ada.pk, "due_on": "2099-01-31"}
    assert client.post(address, typed).status_code == 400
    assert not again.findings.exists()
    assert client.post(address, typed | {"severity": "low"}).status_code == 303


def test_each_condition_is_a_group_and_the_first_says_when_it_is_needed(
    again: Validation, vera: User, as_person: SignIn
) -> None:
    page = as_person(vera).get(f"/validations/{again.pk}/conclude/").content.decode()
    groups = page.split("<fieldset><legend><b>Condition ")[1:]
    assert len(groups) == 3
    for place, group in enumerate(groups, start=1):
        assert f'name="due_on_{place}"' in group.split("</fieldset>")[0]
        assert f'name="text_{place % 3 + 1}"' not in group.split("</fieldset>")[0]
    assert "optional" not in groups[0].split("</fieldset>")[0]
    assert groups[0].count("needed with “Approved with conditions”") == 5


def test_the_page_of_a_validation_stands_among_the_validations(
    again: Validation, vera: User, as_person: SignIn
) -> None:
    page = as_person(vera).get(f"/validations/{again.pk}/").content.decode()
    assert re.search(r'<a class="nav-link" href="/validations/[^"]*" aria-current="page">', page)
    assert f'aria-current="page">Validation of {again.version}</a>' in page
