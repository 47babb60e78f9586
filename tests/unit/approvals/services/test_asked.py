"""An approver asks for changes item by item; the requester answers each before the request is filed again."""

from datetime import datetime, timedelta
from typing import Any

import pytest

from approvals import services
from approvals.asked import asked_of, open_items
from approvals.dossier_format import read_dossier
from approvals.models import ChangeRequest, Decision, Dossier
from mlops_portal.foundation.errors import Invalid
from mlops_portal.foundation.people.models import User
from mlops_portal.foundation.rules import RuleViolation
from tests.factories import approvals as make

ITEMS = ["Show the impact for the smallest segment", "Name who watches the first night"]


@pytest.fixture
def asking(filed: ChangeRequest, olga: User, now: datetime) -> Decision:
    """Return the owner's request for two changes."""
    return make.decide(filed, olga, now=now + timedelta(hours=1), verdict="request_changes", items=ITEMS)


@pytest.fixture
def back(asking: Decision) -> ChangeRequest:
    """Return the request that went back to Ada."""
    return ChangeRequest.objects.select_related("model", "version", "environment").get(pk=asking.change_id)


def rows(decision: Decision, *texts: str) -> list[dict[str, Any]]:
    return [
        {"decision": decision.pk, "place": place, "answer": text} for place, text in enumerate(texts, start=1)
    ]


def answer(change: ChangeRequest, given: list[dict[str, Any]], by: User, at: datetime) -> ChangeRequest:
    return services.change_update(
        change=change, row_revision=change.row_revision, answers=given, by=by, now=at
    )


@pytest.mark.parametrize(
    ("texts", "missing"),
    [
        pytest.param([], ITEMS, id="an unchanged request without answers is not filed again"),
        pytest.param(["Segment 7 gains 0.2 %."], ITEMS[1:], id="each item needs its own answer"),
        pytest.param(["Segment 7 gains 0.2 %.", "  "], ITEMS[1:], id="blanks are no answer"),
    ],
)
def test_filing_again_needs_an_answer_to_each_item(
    texts: list[str], missing: list[str], back: ChangeRequest, asking: Decision, ada: User, now: datetime
) -> None:
    later = now + timedelta(hours=2)
    if texts:
        back = answer(back, rows(asking, *texts), ada, later)
    with pytest.raises(RuleViolation) as refusal:
        services.change_resubmit(change=back, by=ada, now=later)
    assert [blocker.code for blocker in refusal.value.blockers] == ["not_answered"] * len(missing)
    assert all(item in refusal.value.message for item in missing)


def test_answers_are_content_of_the_next_round_and_stay_with_the_request(
    back: ChangeRequest, asking: Decision, ada: User, olga: User, now: datetime
) -> None:
    before, later = back.dossier_digest, now + timedelta(hours=2)
    back = answer(back, rows(asking, "Segment 7 gains 0.2 %.", "Omar does."), ada, later)
    filed = services.change_resubmit(change=back, by=ada, now=later)
    asking.refresh_from_db()
    assert (asking.is_answered, asking.is_void) == (True, False)
    assert (filed.state, filed.dossier_number) == ("in_review", 2)
    assert filed.dossier_digest != before
    content = read_dossier(Dossier.objects.get(change=filed, number=2).content).part("request").content
    assert [row["item"] for row in content["answers"]] == ITEMS
    again = make.decide(
        filed, olga, now=later + timedelta(hours=1), verdict="request_changes", items=["One more thing"]
    )
    filed.refresh_from_db()
    assert [item.text for item in open_items(filed)] == ["One more thing"]
    filed = answer(filed, rows(again, "Done."), ada, later + timedelta(hours=2))
    told = [[(item.text, item.answer) for item in one.items] for one in asked_of(filed)]
    assert told == [
        [("One more thing", "Done.")],
        [(ITEMS[0], "Segment 7 gains 0.2 %."), (ITEMS[1], "Omar does.")],
    ]


@pytest.mark.parametrize(
    "given",
    [
        pytest.param({"place": 3, "answer": "What?"}, id="no such item"),
        pytest.param({"place": 1, "answer": 5}, id="no text"),
        pytest.param({"place": 1, "answer": "a\x00b"}, id="a text that cannot be kept"),
    ],
)
def test_only_what_was_asked_for_is_answered(
    given: dict[str, Any], back: ChangeRequest, asking: Decision, ada: User, now: datetime
) -> None:
    with pytest.raises(Invalid) as refused:
        answer(back, [{"decision": asking.pk, **given}], ada, now + timedelta(hours=2))
    assert [error.where for error in refused.value.errors] == ["answers"]


def test_the_length_of_an_answer_is_limited_in_the_words_of_every_other_text(
    back: ChangeRequest, asking: Decision, ada: User, now: datetime
) -> None:
    with pytest.raises(Invalid) as refused:
        answer(back, rows(asking, "x" * 50_001), ada, now + timedelta(hours=2))
    assert [error.message for error in refused.value.errors] == [
        "Give a text of at most 50\u202f000 characters."
    ]
