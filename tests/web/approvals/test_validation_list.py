"""The list of validations: a validator's own first, what each waits for, whose validity ends; page, files and API alike."""

import csv
import io
from collections.abc import Callable
from datetime import datetime, timedelta

import pytest
from django.test import Client
from django.utils import timezone

from approvals import home, services
from approvals.models import Challenge, Validation, ValidationFinding
from mlops_portal.foundation.history import save_as
from mlops_portal.foundation.people.models import BusinessUnit, User
from registry.models import ModelVersion, RegisteredModel
from tests.factories import approvals as make
from tests.kept import kept

SignIn = Callable[[User], Client]
PLACE = "/validations/"


@pytest.fixture
@kept
def second(model: RegisteredModel, release_cast: make.Cast, now: datetime) -> ModelVersion:
    """Return a version that nobody validated."""
    return make.complete_version(model, cast=release_cast, now=now, artifact="b", validated=False)


@pytest.fixture
@kept
def opened(version: ModelVersion, second: ModelVersion, vera: User, now: datetime) -> Validation:
    """Return Vera's open validation of the second version; the first version has a concluded one of hers."""
    return services.validation_open(version=second, kind="initial", by=vera, now=now)


@pytest.fixture
def victor(make_person: Callable[..., User], retail: BusinessUnit) -> User:
    """Return another validator, who has nothing."""
    return make_person("Victor Blom", "validator", unit=retail)


def rows_of(client: Client, query: str = "") -> list[dict[str, str]]:
    answer = client.get(f"{PLACE}?{query}&export=csv")
    assert answer.status_code == 200
    return list(csv.DictReader(io.StringIO(b"".join(answer).decode())))


def page_of(client: Client, query: str = "") -> str:
    answer = client.get(f"{PLACE}?{query}")
    assert answer.status_code == 200
    return answer.content.decode()


def challenged(validation: Validation, now: datetime) -> Challenge:
    return services.challenge_ask(
        validation=validation, question="Why this cut-off?", by=validation.validator, now=now
    )


def found(validation: Validation, owner: User, now: datetime, days: int = 30) -> ValidationFinding:
    return services.finding_raise(
        validation=validation, title="Thin files", detail="", severity="high", owner=owner,
        due_on=(now + timedelta(days=days)).date(), by=validation.validator, now=now,
    )  # fmt: skip


def ends(validation: Validation, at: datetime) -> None:
    """Write that a validation holds until a moment."""
    validation.valid_until = at
    save_as(validation, by=None, now=timezone.now(), reason="test", fields=["valid_until"])


def concluded_of(version: ModelVersion) -> Validation:
    return version.validations.get()


def test_the_navigation_leads_a_validator_to_their_own_open_ones_and_others_to_all(
    opened: Validation, vera: User, olga: User, as_person: SignIn
) -> None:
    for person, address in ((vera, f'href="{PLACE}?mine=yes&amp;state=open"'), (olga, f'href="{PLACE}"')):
        page = as_person(person).get("/").content.decode()
        assert f'<a class="nav-link" {address}' in page
    assert [row["Validation"] for row in rows_of(as_person(vera), "mine=yes&state=open")] == [str(opened.pk)]
    assert len(rows_of(as_person(olga))) == 2


def test_the_palette_leads_where_the_navigation_does(
    opened: Validation, vera: User, as_person: SignIn
) -> None:
    page = as_person(vera).get("/search/?q=validations").content.decode()
    assert f'href="{PLACE}?mine=yes&amp;state=open"' in page


def test_a_file_holds_what_the_page_shows(opened: Validation, vera: User, as_person: SignIn) -> None:
    client = as_person(vera)
    under_way, concluded = rows_of(client)
    assert (under_way["State"], under_way["Outcome"], under_way["Valid until"]) == ("Open", "", "")
    assert (concluded["State"], concluded["Outcome"], concluded["Waits for"]) == ("Concluded", "Approved", "")
    assert {row["Validator"] for row in (under_way, concluded)} == {vera.name}
    page = page_of(client)
    assert page.index(f"Validation {under_way['Validation']}") < page.index(
        f"Validation {concluded['Validation']}"
    )
    assert client.get(f"{PLACE}?export=xlsx").status_code == 200


def test_what_it_waits_for_follows_its_challenges_and_findings(
    opened: Validation, vera: User, ada: User, olga: User, now: datetime, as_person: SignIn
) -> None:
    client = as_person(vera)

    def waits() -> str:
        (row,) = rows_of(client, "mine=yes&state=open")
        return row["Waits for"]

    assert waits() == "the conclusion"
    first = challenged(opened, now)
    assert waits() == "the answer to a challenge"
    challenged(opened, now)
    assert waits() == "answers to 2 challenges"
    for challenge in opened.challenges.all():
        services.challenge_answer(challenge=challenge, answer="Measured so.", by=ada, now=now)
    assert waits() == "2 answers to read"
    services.challenge_accept(challenge=first, by=vera, now=now)
    assert waits() == "1 answer to read"


@pytest.mark.parametrize(("days", "word"), [(30, "due"), (0, "overdue since")])
def test_a_concluded_one_waits_for_the_repairs_of_its_findings(
    days: int, word: str, second: ModelVersion, release_cast: make.Cast, now: datetime,
    as_person: SignIn,
) -> None:  # fmt: skip
    before = now - timedelta(days=3)
    opened = services.validation_open(version=second, kind="initial", by=release_cast.validator, now=before)
    finding = found(opened, release_cast.owner, before, days)
    make.conclude(opened, by=release_cast.validator, now=before)
    (row,) = rows_of(as_person(release_cast.validator), "waits=repairs")
    assert row["Waits for"].startswith(f"1 finding to be repaired, {word} {finding.due_on.day} ")
    assert row["Findings"] == "1"
    page = as_person(release_cast.validator).get("/").content.decode()
    section = page[page.index("Your validations") :].split("</section>")[0]
    assert ("Overdue</span>" in section) is (word == "overdue since")


def test_an_open_one_waits_for_its_conclusion_before_any_repair(
    opened: Validation, vera: User, olga: User, now: datetime, as_person: SignIn
) -> None:
    found(opened, olga, now)
    assert rows_of(as_person(vera), "waits=repairs") == []
    (row,) = rows_of(as_person(vera), "waits=conclusion")
    assert (row["Waits for"], row["Findings"]) == ("the conclusion", "1")


def test_the_home_page_says_how_many_of_them_it_lists(
    opened: Validation, version: ModelVersion, vera: User, now: datetime, as_person: SignIn,
    monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    services.validation_open(version=version, kind="periodic", by=vera, now=now)
    assert " of 2</span>" not in as_person(vera).get("/").content.decode()
    monkeypatch.setattr(home, "SHOWN", 1)
    assert '<span class="note">1 of 2</span>' in as_person(vera).get("/").content.decode()


@pytest.mark.parametrize(
    ("ends_in", "shown"),
    [
        pytest.param(-1, {"ended"}, id="ended yesterday"),
        pytest.param(29, {"30", "60", "90"}, id="ends within the month"),
        pytest.param(59, {"60", "90"}, id="ends within two months"),
        pytest.param(100, set(), id="holds for long"),
    ],
)
def test_the_end_of_a_validity_is_filtered(
    ends_in: int, shown: set[str], version: ModelVersion, vera: User, as_person: SignIn
) -> None:
    ends(concluded_of(version), timezone.now() + timedelta(days=ends_in))
    client = as_person(vera)
    assert {one for one in ("ended", "30", "60", "90") if rows_of(client, f"ends={one}")} == shown
    assert ("Ended</span>" in page_of(client, "mine=yes&state=concluded")) is (ends_in < 0)


def test_what_was_validated_again_no_longer_ends(
    version: ModelVersion, release_cast: make.Cast, now: datetime, as_person: SignIn
) -> None:
    ends(concluded_of(version), timezone.now() - timedelta(days=1))
    client = as_person(release_cast.validator)
    assert len(rows_of(client, "ends=ended")) == 1
    make.validate(version, cast=release_cast, now=now, outcome="not_approved")
    assert len(rows_of(client, "ends=ended")) == 1, "what was not approved follows nothing"
    make.validate(version, cast=release_cast, now=now + timedelta(hours=1))
    assert rows_of(client, "ends=ended") == []


@pytest.mark.parametrize(
    ("query", "found_it"),
    [
        ("state=open", True),
        ("state=concluded", False),
        ("outcome=approved", False),
        ("tier=1", True),
        ("tier=3", False),
        ("waits=conclusion", True),
        ("waits=answers", False),
        ("kind=initial", True),
        ("kind=periodic", False),
        ("q=credit", True),
        ("q=churn", False),
        ("q=vera", True),
    ],
)
def test_the_list_is_narrowed(
    query: str, found_it: bool, opened: Validation, olga: User, as_person: SignIn
) -> None:
    numbers = [row["Validation"] for row in rows_of(as_person(olga), query)]
    assert (str(opened.pk) in numbers) is found_it


def test_facets_offer_the_models_units_and_validators_that_are_there(
    opened: Validation, victor: User, olga: User, as_person: SignIn
) -> None:
    client = as_person(olga)
    page = page_of(client)
    assert f'name="model" value="{opened.model_id}"' in page
    assert f'name="validator" value="{opened.validator_id}"' in page
    assert f'name="validator" value="{victor.pk}"' not in page
    for query in (f"model={opened.model_id}", f"validator={opened.validator_id}", f"unit={opened.unit_id}"):
        assert len(rows_of(client, query)) == 2


@pytest.mark.parametrize("order", ["validation", "-validation", "valid_until", "-tier", "state", "opened"])
def test_every_order_pages_by_key(order: str, opened: Validation, olga: User, as_person: SignIn) -> None:
    assert len(rows_of(as_person(olga), f"sort={order}")) == 2


def test_a_validator_without_validations_reads_so(
    opened: Validation, victor: User, as_person: SignIn
) -> None:
    client = as_person(victor)
    for query in ("mine=yes&state=open", "mine=yes"):
        assert "No validation is assigned to you" in page_of(client, query)
    assert "match these filters" in page_of(client, "mine=yes&tier=4")
    assert "Your validations" not in client.get("/").content.decode()


def test_a_validator_whose_validations_are_all_concluded_reads_so(
    version: ModelVersion, second: ModelVersion, vera: User, as_person: SignIn
) -> None:
    page = page_of(as_person(vera), "mine=yes&state=open")
    assert "No validation of yours is in this state" in page
    assert "No validation is assigned to you" not in page


def test_a_stranger_sees_none(opened: Validation, dora: User, as_person: SignIn) -> None:
    assert rows_of(as_person(dora)) == []


def test_the_home_of_a_validator_says_what_each_waits_for(
    opened: Validation, vera: User, olga: User, now: datetime, as_person: SignIn
) -> None:
    page = as_person(vera).get("/").content.decode()
    section = page[page.index("Your validations") :].split("</section>")[0]
    assert f'href="/validations/{opened.pk}/"' in section
    assert "It waits for the conclusion" in section
    assert section.count("<li>") == 1, "what is concluded and waits for nothing is not there"
    challenged(opened, now)
    assert "It waits for the answer to a challenge" in as_person(vera).get("/").content.decode()
    assert "Your validations" not in as_person(olga).get("/").content.decode()


@pytest.mark.parametrize(
    ("query", "found_it"),
    [
        ("", True),
        ("validator=vera@aldermoor.example", True),
        ("validator=olga@aldermoor.example", False),
        ("waits_for=conclusion", True),
        ("waits_for=answers", False),
        ("kind=initial", True),
        ("tier=1", True),
        ("tier=4", False),
        ("unit={unit}", True),
        ("ends_within_days=30", False),
        ("ends_within_days=0", False),
    ],
)
def test_the_api_narrows_as_the_page_does(
    query: str, found_it: bool, opened: Validation, olga: User, as_person: SignIn
) -> None:
    answer = as_person(olga).get(f"/api/v1/validations/?{query.format(unit=opened.unit.code)}")
    assert answer.status_code == 200, answer.content
    assert (opened.pk in [row["id"] for row in answer.json()["results"]]) is found_it


@pytest.mark.parametrize("days", ["0.5", "-1", "4000", "1e3", "soon"])
def test_the_api_refuses_days_that_are_no_whole_number_by_name(
    days: str, opened: Validation, olga: User, as_person: SignIn
) -> None:
    answer = as_person(olga).get(f"/api/v1/validations/?ends_within_days={days}")
    assert answer.status_code == 400, answer.content
    assert "ends_within_days" in answer.content.decode()


def test_the_api_finds_what_ends_within_days(version: ModelVersion, olga: User, as_person: SignIn) -> None:
    validation = concluded_of(version)
    for ends_in, query in ((20, "ends_within_days=30"), (-1, "ends_within_days=0")):
        ends(validation, timezone.now() + timedelta(days=ends_in))
        answer = as_person(olga).get(f"/api/v1/validations/?{query}")
        assert [row["id"] for row in answer.json()["results"]] == [validation.pk]
