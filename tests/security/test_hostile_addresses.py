"""Addresses that nobody types by accident: no reading address answers them with an error of the portal."""

from typing import Any

import pytest
from django.urls import NoReverseMatch

from tests.contracts.expectations import PAGES, READS
from tests.contracts.test_access import address, cast, without_frame, world  # noqa: F401  (fixtures)

pytestmark = pytest.mark.django_db

HUGE = 10**30
NAMES = (
    "q", "sort", "after", "before", "page_token", "page_size", "export", "as_of", "at", "col", "unit", "tier", "preview",
    "queue", "model", "version", "environment", "kind", "v", "against", "gate", "heat", "show", "what", "was", "now",
    "from", "to", "until", "started_after", "started_before", "state", "owner", "name", "wait", "since", "period", "month",
    "window", "actor", "verb", "subject", "regime", "own", "table", "key", "required", "type",
)  # fmt: skip
VALUES = (
    "\x00", "²", "9" * 5000, "0001-01-01T00:00+14:00", "0001-01-01", "9999-12-31", "9999-12-31T23:59-14:00", "0000-01",
)  # fmt: skip
READERS = ("auditor", "administrator")  # together they read nearly every page; the first who may walks it
READ_AT_LEAST = 120
KEYS = {int: (HUGE, 2**63), str: ("\x00", "²")}


def served(client: Any, place: str, *sent: Any) -> bool:
    """Tell whether the portal answers, be it with a refusal."""
    return client.get(place, *sent).status_code < 500


@pytest.mark.usefixtures("without_frame")
def test_no_parameter_and_no_number_breaks_a_reading_address(world, make_person, group, as_person):  # noqa: F811
    clients = [as_person(make_person(f"{role.title()} Reader", role, unit=group)) for role in READERS]
    for client in clients:
        client.raise_request_exception = False
    broken, read = [], set()
    for page, needs in {**PAGES, **READS}.items():
        given = world.get(needs.subject, {})
        place = address(page, given)
        client = next((one for one in clients if one.get(place).status_code not in (403, 405)), None)
        if client is None:
            continue
        read.add(page)
        broken += [
            f"{page} {value[:30]!r}"
            for value in VALUES
            if not served(client, place, dict.fromkeys(NAMES, value))
        ]
        for key, known in given.items():
            for value in KEYS[type(known)] if key != "?" else ():
                try:
                    other = address(page, {**given, key: value})
                except NoReverseMatch:
                    continue
                if not served(client, other):
                    broken.append(f"{page} {key}={str(value)[:30]!r}")
    assert broken == []
    assert len(read) >= READ_AT_LEAST, sorted(read)


def test_no_single_parameter_breaks_a_page_of_a_person(world, make_person, group, as_person):  # noqa: F811
    client = as_person(make_person("Devi Developer", "developer", unit=group))
    client.raise_request_exception = False
    pages = ("web:search", "web:palette", "registry:model-list", "registry:model-detail", "approvals:inbox",
             "approvals:new", "approvals:change-list")  # fmt: skip
    broken = [
        f"{page} {name}={value[:30]!r}"
        for page in pages
        for name in ("q", "as_of", "preview", "model", "unit")
        for value in ("\x00", "²", "9" * 5000, "0001-01-01T00:00+14:00")
        if not served(client, address(page, world.get(PAGES[page].subject, {})), {name: value})
    ]
    assert broken == []


def test_a_saved_view_and_a_notice_with_impossible_values_are_refused(ada, as_person):
    client = as_person(ada)
    client.raise_request_exception = False
    for sent in ({"name": "\x00", "page": "x"}, {"name": "x", "page": "\x00"}, {"name": "x", "unit": "²"},
                 {"name": "x", "unit": "9" * 5000}):  # fmt: skip
        assert client.post("/views/save/", sent).status_code < 500
    for pk in ("²", "9" * 5000):
        assert client.post("/notifications/", {"pk": pk}).status_code < 500
    for sent in (
        {"about": "\x00"},
        {"about": "\x00", "export": "csv"},
        {"before": "²"},
        {"before": "9" * 5000},
    ):
        assert client.get("/notifications/", sent).status_code < 500


def test_requests_are_filtered_by_a_unit_one_sees(world, ada, retail, plant, as_person):  # noqa: F811
    client = as_person(ada)
    for place in ("/changes/", "/approvals/mine/"):
        assert client.get(place, {"unit": retail.pk}).status_code == 200
        assert client.get(place, {"unit": plant.pk}).status_code in (200, 400)
