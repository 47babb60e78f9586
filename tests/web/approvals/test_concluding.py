"""The page on which a validation is concluded says what follows, and what keeps it from being concluded."""

from collections.abc import Callable
from datetime import datetime, timedelta

import pytest
from django.test import Client

from approvals import services
from approvals.models import ChangeRequest, Validation
from mlops_portal.foundation.people.models import User
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
