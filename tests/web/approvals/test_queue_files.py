"""The queues of the inbox as CSV: the rows of the page, with its filters."""

import csv
import io
from datetime import timedelta

import pytest

from approvals.models import Condition
from mlops_portal.foundation.history import save_as

pytestmark = pytest.mark.django_db


def rows_of(client, query: str) -> list[dict[str, str]]:
    answer = client.get(f"/approvals/?{query}&export=csv")
    assert answer.status_code == 200
    return list(csv.DictReader(io.StringIO(b"".join(answer).decode())))


def test_the_file_says_what_the_queue_says(blocked, ines, as_person):
    client = as_person(ines)
    page = client.get("/approvals/").content.decode()
    assert 'href="?export=csv" download' in page
    (row,) = rows_of(client, "")
    assert row["Request"] == blocked.code
    assert row["Group"] == "Clock stopped, others owe"
    assert row["Who owes"].startswith(f"{blocked.requester.name} owes a fix, or a waiver.")
    assert row["Gates"] in page
    assert row["Requested by"] == blocked.requester.name


def test_filters_of_the_page_hold_in_the_file(blocked, ines, as_person):
    client = as_person(ines)
    assert rows_of(client, "evidence=complete") == []
    assert len(rows_of(client, "evidence=blocked")) == 1
    assert rows_of(client, "q=nothing-like-it") == []
    assert "?evidence=blocked&amp;export=csv" in client.get("/approvals/?evidence=blocked").content.decode()


def test_what_others_owe_and_what_was_decided_have_files(blocked, olga, carl, as_person):
    (later,) = rows_of(as_person(carl), "queue=others")
    assert (later["Request"], later["Group"]) == (blocked.code, "Others decide first")
    (decided,) = rows_of(as_person(olga), "queue=decided")
    assert (decided["Request"], decided["Void"]) == (blocked.code, "no")
    assert decided["Verdict"] == "Accept", "the word of the owner's stage"


def test_conditions_have_a_file(blocked, olga, vera, now, as_person):
    condition = Condition(
        change=blocked, model=blocked.model, unit=blocked.unit, text="Watch the young", owner=olga, verifier=vera,
        due_on=(now + timedelta(days=9)).date(), evidence="A report",
        decision=blocked.decisions.order_by("pk").first(),
    )  # fmt: skip
    save_as(condition, by=vera, now=now, reason="With the approval")
    (row,) = rows_of(as_person(vera), "queue=conditions")
    assert (row["Condition"], row["Owner"], row["Evidence"]) == ("Watch the young", olga.name, "A report")
