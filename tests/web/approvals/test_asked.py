"""Items that were asked for stand first on the request and on the edit page, each with a field for its answer."""

from collections.abc import Callable
from datetime import datetime, timedelta

import pytest
from django.test import Client

from approvals.models import ChangeRequest, Decision
from mlops_portal.foundation.people.models import User
from tests.factories import approvals as make

SignIn = Callable[[User], Client]
ITEMS = ["Show the smallest segment", "Name who watches"]


@pytest.fixture
def asking(filed: ChangeRequest, olga: User, now: datetime) -> Decision:
    """Return the owner's request for two changes."""
    return make.decide(filed, olga, now=now + timedelta(minutes=1), verdict="request_changes", items=ITEMS)


def page_of(client: Client, url: str) -> str:
    return client.get(url).content.decode()


def test_the_request_shows_what_is_asked_for_before_anything_else(
    asking: Decision, ada: User, as_person: SignIn
) -> None:
    page = page_of(as_person(ada), asking.change.get_absolute_url())
    assert page.index(ITEMS[0]) < page.index('id="verdict-h"')
    assert page.count("not answered yet") == 2
    assert "2 items that were asked for are not answered" in page
    assert "Every blocking gate passes" not in page


def test_each_item_is_answered_on_the_edit_page_and_shown_in_the_next_round(
    asking: Decision, ada: User, olga: User, as_person: SignIn
) -> None:
    client, change = as_person(ada), asking.change
    url = f"/changes/{change.pk}/edit/"
    edit = page_of(client, url)
    assert edit.index(ITEMS[0]) < edit.index("1. What")
    assert "Answer what was asked for: “Name who watches”." in edit
    change.refresh_from_db()
    typed = {
        "row_revision": change.row_revision,
        "purpose": change.purpose,
        "rollback_plan": change.rollback_plan,
        f"answer-{asking.pk}-1": "Segment 7 gains.",
        f"answer-{asking.pk}-2": "Omar does.",
    }
    assert client.post(url, typed).status_code == 303
    assert "Segment 7 gains." in page_of(client, url)
    assert client.post(f"/changes/{change.pk}/file/").status_code == 303
    change.refresh_from_db()
    assert (change.state, change.dossier_number) == ("in_review", 2)
    seen = page_of(as_person(olga), change.get_absolute_url())
    assert "What was asked for, and the answers" in seen
    assert "Omar does." in seen
    assert "is void" not in seen
    assert "0 void" not in seen
