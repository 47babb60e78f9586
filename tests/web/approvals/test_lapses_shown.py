"""An open lapse is seen where people look: the model, the portfolio, the homes; only who may settles it."""

import re
from collections.abc import Callable
from datetime import datetime, timedelta

import pytest
from django.test import Client
from django.utils import timezone

from approvals import home, services
from approvals.models import ChangeRequest, Lapse
from mlops_portal.foundation.people.models import BusinessUnit, User
from tests.factories import approvals as make

SignIn = Callable[[User], Client]
WORDS = "The waiver of OPS-01 ended while the version runs."
LATER = "A validation ran out while the version runs."


def opened(change: ChangeRequest, words: str, *, due_at: datetime, now: datetime) -> Lapse:
    return services.lapse_open(change=change, key=f"waiver:{words[:20]}", text=words, due_at=due_at, now=now)


@pytest.fixture
def lapse(filed: ChangeRequest, now: datetime) -> Lapse:
    """Return a lapse that is overdue by a month; another is due in a month."""
    opened(filed, LATER, due_at=timezone.now() + timedelta(days=30), now=now)
    return opened(filed, WORDS, due_at=timezone.now() - timedelta(days=30), now=now)


@pytest.fixture
def head(make_person: Callable[..., User], group: BusinessUnit) -> User:
    """Return the head of model risk."""
    return make_person("Hedda Risk", "risk_officer", unit=group, signs=True)


@pytest.fixture
def manager(make_person: Callable[..., User], group: BusinessUnit) -> User:
    """Return a manager of everything."""
    return make_person("Manuela Numbers", "manager", unit=group)


def page_of(client: Client, url: str) -> str:
    return client.get(url).content.decode()


def test_the_model_says_that_it_is_overdue(lapse: Lapse, cleo: User, olga: User, as_person: SignIn) -> None:
    for person, action in ((cleo, "Show the lapse"), (olga, "Settle it")):
        page = page_of(as_person(person), lapse.model.get_absolute_url())
        assert page.index("A lapse is overdue") < page.index("A lapse is open") < page.index("At a glance")
        assert WORDS in page
        assert action in page


def test_the_portfolio_counts_it_among_the_duties(lapse: Lapse, cleo: User, as_person: SignIn) -> None:
    tasks = lapse.model.tasks.filter(closed_at__isnull=True).count()
    exported = b"".join(as_person(cleo).get("/models/", {"export": "csv", "col": ["name", "open_tasks"]}))
    row = next(line for line in exported.decode().splitlines() if line.startswith(lapse.model.name))
    assert row == f"{lapse.model.name},{lapse.model.title},{tasks + 2}"


def test_the_head_of_model_risk_finds_it_on_the_home_page(
    lapse: Lapse, head: User, as_person: SignIn
) -> None:
    page = page_of(as_person(head), "/")
    section = page[page.index("Open lapses in your units") :]
    assert section.index(WORDS) < section.index("Overdue</span>") < section.index(LATER)


def test_a_manager_reads_what_is_late_by_its_due_day_and_apart_from_it_what_is_open(
    lapse: Lapse, manager: User, filed: ChangeRequest, as_person: SignIn
) -> None:
    stage = filed.stages.get(state="current")
    stage.due_at = timezone.now() - timedelta(days=2)
    make.save_as(stage, by=None, now=timezone.now(), reason="Late")
    page = page_of(as_person(manager), "/")
    section = page[page.index("Overdue in your units") :].split("</section>")[0]
    days = re.findall(r'due <time class="nowrap" datetime="([^"]+)"', section)
    assert len(days) == 2
    assert days == sorted(days)
    assert LATER not in section
    assert home.overdue(manager)["total"] == 2
    still_open = page[page.index("Open lapses in your units") :].split("</section>")[0]
    assert LATER in still_open
    assert WORDS not in still_open


def test_a_manager_sees_all_that_is_late_or_how_much_is_left_out(
    lapse: Lapse, manager: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    now = timezone.now()
    for number in range(10):
        other = Lapse(
            change=lapse.change, model=lapse.model, unit=lapse.unit, owner=lapse.owner, key=f"other-{number}",
            text=f"{WORDS} {number}", opened_at=now - timedelta(days=9), due_at=now - timedelta(days=1),
        )  # fmt: skip
        make.save_as(other, by=None, now=now, reason="Another")
    found = home.overdue(manager)
    assert len(found["rows"]) == found["total"] == 11
    assert found["title"] == "Overdue in your units"
    monkeypatch.setattr(home, "ALL", 3)
    assert home.overdue(manager)["title"] == "Overdue in your units: the 3 longest due of 11"


def test_its_owner_sees_that_it_is_overdue(lapse: Lapse, olga: User, as_person: SignIn) -> None:
    page = page_of(as_person(olga), "/")
    row = page[page.index(WORDS) :].split("</li>")[0]
    assert "Overdue" in row


@pytest.mark.parametrize(
    ("key", "words"),
    [
        pytest.param("cleo", "Its owner, an approver or an operator closes a lapse.", id="an auditor reads why not"),
        pytest.param("olga", "No record proves any of the four ways out yet.", id="its owner reads what is missing"),
    ],
)  # fmt: skip
def test_settling_explains_itself_before_the_click(
    lapse: Lapse,
    key: str,
    words: str,
    request: pytest.FixtureRequest,
    as_person: SignIn,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("approvals.services.lapses.is_running", lambda change: True)
    page = page_of(as_person(request.getfixturevalue(key)), f"/lapses/{lapse.pk}/settle/")
    assert words in page.replace("&#x27;", "'")
    assert re.search(r'<button class="btn primary" aria-disabled="true"[^>]*>Settle it', page)
