"""Every address by every method: who has no right changes nothing in any app, and what is somebody's own stays theirs."""

import json
from collections.abc import Iterator
from typing import Any

import pytest
from django.db import connection, transaction
from django.urls import NoReverseMatch, reverse

from tests.contracts import surroundings
from tests.contracts.expectations import (
    ELSEWHERE,
    PAGES,
    PERSONAL,
    READS,
    SURROUNDINGS,
    WRITES,
    WRITES_AT_THE_UNIT,
)
from tests.contracts.test_access import (  # noqa: F401  (fixtures)
    CALLERS,
    PART,
    Writes,
    address,
    answered,
    caller,
    cast,
    expected,
    named,
    without_frame,
    world,
)

pytestmark = pytest.mark.django_db
METHODS = ("GET", "POST", "PUT", "PATCH", "DELETE")
JSON, FORM = "application/json", "application/x-www-form-urlencoded"
# All roles; toxic pairs keep them in two people.
ELSEWHERE_ROLES = (
    ("developer", "model_owner", "operator", "manager", "administrator", "policy_publisher"),
    ("validator", "change_manager", "auditor", "risk_officer", "viewer"),
)
# Everybody's own pages: what they write is the person's own, or about a record that is asked for in the body.
OWN = {
    "web:notifications",
    "web:profile",
    "web:palette",
    "web:search",
    "approvals:away",
    "home",
    "web:access-ask",
}


@pytest.fixture
def whole(world, retail, make_person, now, tmp_path, settings):  # noqa: F811
    """Return the arguments of every address of the portal."""
    more = surroundings.governed(world, retail, make_person=make_person, now=now)
    surroundings.number(tmp_path, settings)
    return {**world, **more}


@pytest.fixture
def owner(make_person, retail):
    """Owen exports and imports in Retail Lending."""
    return make_person("Owen Own", "manager", "administrator", unit=retail)


def subjects() -> dict[str, str]:
    """Return the record that each address is about."""
    found = {name: needs.subject for name, needs in {**PAGES, **READS, **SURROUNDINGS}.items()}
    found |= {name: subject for name, (subject, _) in WRITES.items()}
    return {**dict.fromkeys(WRITES_AT_THE_UNIT, ""), **found}


def everything(given: dict[str, Any]) -> Iterator[tuple[str, str]]:
    """Every address with its name, those of machines left out."""
    for name, subject in subjects().items():
        yield name, address(name, given.get(subject, {}))


def ask(client: Any, method: str, place: str, headers: dict[str, str] = PART) -> tuple[Any, set[str]]:
    """Send an empty body as the address expects it, and take back what it did; return answer and changed tables."""
    is_api = place.startswith("/api/")
    with transaction.atomic():
        with Writes() as writes:
            body, kind = (json.dumps({}), JSON) if is_api else ("", FORM)
            response = client.generic(method, place, "" if method == "GET" else body, kind, headers=headers)
            if getattr(response, "streaming", False):
                b"".join(
                    response.streaming_content
                )  # read to its end; closing early closes the connection too
        transaction.set_rollback(True)
    return response, writes.tables


def test_whoever_is_not_signed_in_reads_and_changes_nothing_by_any_method(whole, client):
    wrong = []
    for name, place in everything(whole):
        for method in METHODS:
            response, changed = ask(client, method, place, headers={})
            is_refused = response.status_code in (401, 403, 404, 405) or answered(response) == "sign in"
            if not is_refused or changed:
                wrong.append(f"{method} {name}: {response.status_code}, changed {sorted(changed)}")
    assert wrong == []


@pytest.mark.slow
def test_whoever_has_no_role_changes_nothing_by_any_method(whole, caller):  # noqa: F811
    client, _ = caller("nobody")
    wrong = []
    for name, place in everything(whole):
        for method in METHODS[1:]:
            response, changed = ask(client, method, place)
            if response.status_code >= 500 or (changed and name not in OWN):
                wrong.append(f"{method} {name}: {response.status_code}, changed {sorted(changed)}")
    assert wrong == []


@pytest.mark.slow
@pytest.mark.parametrize("roles", ELSEWHERE_ROLES, ids=" ".join)
def test_every_role_of_another_unit_reaches_nothing_of_this_one(roles, whole, make_person, plant, as_person):
    """By reading or writing, whatever the role: hidden, or forbidden where it is told."""
    client = as_person(make_person("Olaf Elsewhere", *roles, unit=plant))
    needs = {**PAGES, **READS, **SURROUNDINGS}
    shared = {name for name, one in needs.items() if one.subject and not one.view}  # policies, KPIs, people
    wrong = []
    for name, place in everything(whole):
        if not subjects()[name] or name in shared:
            continue
        for method in METHODS:
            response, changed = ask(client, method, place)
            # The API reads a body before it looks for the record the body is about, so both may be wrong.
            is_body = response.status_code == 400 and method != "GET" and place.startswith("/api/")
            if not (response.status_code in (403, 404, 405) or is_body) or changed:
                wrong.append(f"{method} {name}: {response.status_code}, changed {sorted(changed)}")
    assert wrong == []


@pytest.mark.slow
@pytest.mark.usefixtures("without_frame")
def test_each_caller_reads_of_people_accounts_and_ledger_what_the_role_allows(whole, caller, retail):  # noqa: F811
    wrong = []
    for kind in CALLERS:
        client, person = caller(kind)
        for name, needs in SURROUNDINGS.items():
            want = expected(person, needs, retail)
            got = answered(client.get(address(name, whole.get(needs.subject, {})))).replace("refused", "open")
            if got != want and not (want == "hidden" and got == "forbidden"):
                wrong.append(f"{kind}, {name}: {got} instead of {want}")
    assert wrong == []


@pytest.mark.slow
def test_what_is_somebodys_own_nobody_else_opens_or_changes(owner, retail, caller, as_person):  # noqa: F811
    own = surroundings.personal(owner, retail)
    wrong = []
    for kind in CALLERS:
        client, _ = caller(kind)
        for name, (subject, _method) in PERSONAL.items():
            for method in METHODS:
                response, changed = ask(client, method, address(name, own[subject]))
                if response.status_code not in (403, 404, 405) or changed:
                    wrong.append(
                        f"{kind}, {method} {name}: {response.status_code}, changed {sorted(changed)}"
                    )
    assert wrong == []
    client = as_person(owner)
    refused = {
        name: response.status_code
        for name, (subject, method) in PERSONAL.items()
        if (response := ask(client, method, address(name, own[subject]))[0]).status_code not in (200, 303)
    }
    assert refused == {}


def test_the_machine_door_answers_no_session_and_no_stranger(ada, as_person, client):
    """A session never opens it, so that no other site can make a browser write there."""
    wrong = []
    for name in (one for one in named() if one.startswith("mlflow:")):
        try:
            place = reverse(name)
        except NoReverseMatch:
            place = reverse(name, args=["nowhere"])
        for method in METHODS:
            for who in (client, as_person(ada)):
                response, changed = ask(who, method, place)
                if response.status_code not in (401, 404, 405) or changed:
                    wrong.append(f"{method} {name}: {response.status_code}, changed {sorted(changed)}")
    assert wrong == []


def test_what_is_public_only_answers(client):
    for name in ELSEWHERE:
        if name not in ("healthz", "readyz"):
            continue
        for method in METHODS[1:]:
            response, changed = ask(client, method, reverse(name))
            assert (response.status_code, changed) == (405, set())
    assert connection.in_atomic_block
