"""Words of approvals' pages that were misread: labels, counts, sentences about a request, choices and waits."""

from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any

import pytest
from django.test import Client

from approvals import services
from approvals.models import ChangeRequest
from approvals.queries.inbox_page import evidence_of
from approvals.queries.review_page import _is_close
from approvals.queries.version_standing import documents_of
from approvals.queries.way_back import criteria_of
from approvals.states import PREDICATES, ChangeState
from mlops_portal.foundation.people.models import User
from mlops_portal.foundation.web.words import day_text
from registry.models import Deployment, Environment, ModelVersion
from tests.factories import approvals as make

SignIn = Callable[[User], Client]


def page_of(client: Client, url: str) -> str:
    return client.get(url).content.decode()


def test_every_state_goes_on_a_sentence_about_a_request() -> None:
    assert set(PREDICATES) == set(ChangeState)


@pytest.mark.parametrize(
    ("warned", "line"),
    [
        (0, "3 of 3 gates pass"),
        (1, "3 of 4 gates pass, 1 advisory fails"),
        (2, "3 of 5 gates pass, 2 advisories fail"),
    ],
)
def test_an_advisory_gate_that_fails_is_counted_as_one(warned: int, line: str) -> None:
    assert evidence_of(ChangeRequest(gates_passed=3, gates_warned=warned)).line == line


@pytest.mark.parametrize(
    ("who", "label"),
    [("olga", "Accept"), ("vera", "Validate"), ("ines", "Approve")],
    ids=["owner", "validator", "risk officer"],
)
def test_the_button_says_what_the_signature_means(
    who: str,
    label: str,
    filed: ChangeRequest,
    release_cast: make.Cast,
    request: Any,
    as_person: SignIn,
    now: datetime,
) -> None:
    before = {"olga": [], "vera": [release_cast.owner], "ines": [release_cast.owner, release_cast.validator]}[
        who
    ]
    make.approve_by(filed, before, now=now + timedelta(minutes=1))
    page = page_of(as_person(request.getfixturevalue(who)), filed.get_absolute_url())
    bar = page[page.index('id="decide"') :]
    assert f">{label}</a>" in bar
    assert 'href="#decide"' in page


@pytest.mark.parametrize(
    ("value", "rule", "close"),
    [
        pytest.param(0.939, {"release": 0.91}, False, id="three hundredths away is not close"),
        pytest.param(0.915, {"release": 0.91}, True, id="within a hundredth of the limit"),
        pytest.param(0.939, {"release": 0.91, "watch": 0.945}, True, id="past the watch line of the set"),
        pytest.param(0.95, {"release": 0.91, "watch": 0.945}, False, id="before the watch line"),
    ],
)
def test_what_counts_as_close_to_a_limit(value: float, rule: dict[str, float], close: bool) -> None:
    assert _is_close(value, rule, left=value - rule["release"], is_max=False) is close


def test_a_rollback_is_named_after_where_it_goes_back_to(
    version: ModelVersion, prod: Environment, ada: User, now: datetime
) -> None:
    change = make.draft(version, prod, by=ada, now=now, kind="rollback")
    assert change.title == "Roll back Credit default to 1 in prod-eu"


def test_a_version_is_not_offered_as_its_own_way_back(
    version: ModelVersion,
    prod: Environment,
    release_cast: make.Cast,
    ada: User,
    as_person: SignIn,
    now: datetime,
) -> None:
    other = make.complete_version(version.model, cast=release_cast, now=now, artifact="b")
    change = make.draft(version, prod, by=ada, now=now)
    page = page_of(as_person(ada), f"/changes/{change.pk}/edit/")
    choices = page[page.index('name="rollback_target"') :].partition("</select>")[0]
    assert f'value="{other.pk}"' in choices
    assert f'value="{version.pk}"' not in choices
    assert "What serves there now" not in choices


def test_alternatives_are_written_in_words(
    version: ModelVersion, prod: Environment, ada: User, as_person: SignIn, now: datetime
) -> None:
    described = [
        {"title": "Logistic", "metrics": {"AUC": 0.8009, "worst segment": 0.71}, "why_not": "Weaker."}
    ]
    change = make.submitted(version, prod, by=ada, now=now, alternatives=described)
    page = page_of(as_person(ada), change.get_absolute_url())
    assert "AUC 0.8009, worst segment 0.71" in page
    assert "&#x27;AUC&#x27;" not in page


def test_who_owes_the_decision_on_a_waiver_is_named_in_the_queue(
    blocked: ChangeRequest, ada: User, ines: User, as_person: SignIn, now: datetime
) -> None:
    client = as_person(ines)
    assert "owes a fix, or a waiver" in page_of(client, "/approvals/")
    waiver = services.waiver_request(
        change=blocked,
        gate="PERF-01",
        reason="The young group is small; a limit of its own follows with the next set of limits.",
        compensating_control="Every refusal of a young applicant is read by a person.",
        valid_until=now + timedelta(days=20),
        by=ada,
        now=now + timedelta(minutes=30),
    )
    page = page_of(client, "/approvals/")
    assert f"The {waiver.authority.replace('_', ' ')} owes a decision on a waiver" in page
    assert "owes a fix, or a waiver" not in page


def test_the_way_back_shows_each_criterion_of_a_last_good_version(
    version: ModelVersion, prod: Environment, now: datetime
) -> None:
    deployment = Deployment(model=version.model, version=version, environment=prod)
    found = {one.question: one.answer for one in criteria_of(deployment, version, now=now)}
    assert found["No incident of severity 1 or 2"] == "none recorded"
    assert found["Approval not revoked"] == "no approval on record"
    assert found["Dependents still fit"] == "1 dependent, inputs fit"


def test_the_way_back_says_that_the_validation_of_its_target_ended(
    version: ModelVersion, prod: Environment, now: datetime
) -> None:
    last = version.validations.get(state="concluded")
    assert last.valid_until is not None
    deployment = Deployment(model=version.model, version=version, environment=prod)

    def answered(at: datetime) -> tuple[str, str]:
        (found,) = [
            one
            for one in criteria_of(deployment, version, now=at)
            if one.question == "Validation still valid"
        ]
        return found.tone, found.answer

    assert answered(now) == ("ok", f"until {day_text(last.valid_until)}")
    tone, answer = answered(last.valid_until + timedelta(days=1))
    assert tone == "warn"
    assert answer.startswith(f"ended {day_text(last.valid_until)}: going back opens a lapse")


def test_the_navigation_marks_where_the_crumbs_begin(
    at_risk: ChangeRequest, ines: User, as_person: SignIn
) -> None:
    page = page_of(as_person(ines), at_risk.get_absolute_url())
    nav = page[page.index('id="nav"') :].partition("</nav>")[0]
    current = nav[nav.index('aria-current="page"') - 200 : nav.index('aria-current="page"') + 200]
    assert "/approvals/" in current


def test_a_model_without_a_tier_is_not_said_to_have_one(
    version: ModelVersion, ada: User, as_person: SignIn
) -> None:
    version.model.tier = None
    found = documents_of(version, now=version.registered_at + timedelta(days=30))
    assert found is not None
    assert (found.is_rated, found.tier) == (False, 1)
