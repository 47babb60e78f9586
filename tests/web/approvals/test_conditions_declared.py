"""The owner of a condition declares it met on a page of its own; its verifier reads that where they look."""

from collections.abc import Callable
from datetime import datetime, timedelta

import pytest
from django.test import Client
from django.urls import reverse

from approvals.models import ChangeRequest, Condition
from mlops_portal.foundation.people.models import User
from tests.factories import approvals as make


@pytest.fixture
def condition(filed: ChangeRequest, ada: User, vera: User, olga: User, now: datetime) -> Condition:
    """Return what Ada owes and Vera verifies."""
    row = {
        "text": "Watch the segments.",
        "evidence": "A report.",
        "owner": ada.pk,
        "verifier": vera.pk,
        "due_on": now.date() + timedelta(days=30),
    }
    make.decide(filed, olga, now=now, verdict="approve_with_conditions", conditions=[row])
    return filed.conditions.get()


def address(condition: Condition) -> str:
    return reverse("approvals:condition-declare", args=[condition.pk])


def test_the_owner_finds_the_page_and_the_verifier_reads_what_was_declared(
    condition: Condition, ada: User, vera: User, as_person: Callable[[User], Client]
) -> None:
    client, change = as_person(ada), condition.change
    assert address(condition) in client.get("/").content.decode()
    page = change.get_absolute_url()
    assert "Declare it met" in client.get(page).content.decode()
    said = {"declaration": "The report of the segments is filed."}
    answer = client.post(address(condition), said, follow=True)
    assert "Declared met; Vera Osei is told and looks." in answer.content.decode()
    record = client.get(page).content.decode()
    assert "Declared met by Ada Brandt on" in record
    assert "Declare it met" not in record, "it is declared once, until the verifier looks"
    html = as_person(vera).get(reverse("approvals:condition", args=[condition.pk])).content.decode()
    assert "Declared met by Ada Brandt on" in html
    assert said["declaration"] in html
    assert "Declared met" in as_person(vera).get("/approvals/?queue=conditions").content.decode()


def test_a_declaration_says_something_and_is_the_owners(
    condition: Condition, ada: User, vera: User, as_person: Callable[[User], Client]
) -> None:
    short = as_person(ada).post(address(condition), {"declaration": "Done."})
    assert "at least 10 characters" in short.content.decode()
    other = as_person(vera).post(address(condition), {"declaration": "The report is filed."})
    assert other.status_code == 409
    assert "Ada Brandt owns this condition." in other.content.decode()
    condition.refresh_from_db()
    assert condition.declared_at is None
