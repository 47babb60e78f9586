"""The dashboard and a drill-down in a real Chromium: no accessibility violation, no sideways scrolling, charts drawn."""

import os
from collections.abc import Iterator
from datetime import timedelta

import pytest
from django.conf import settings
from django.test import Client
from django.utils import timezone

from tests.chromium import CHROMIUM, FLAGS, MISSING
from tests.unit.kpis.rows import decided, model_of, place_of, ran, version_of

AXE = {"runOnly": ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]}
DAY = timedelta(days=1)
SWITCH = """() => [...document.querySelectorAll('.btn-group')].filter((group) => {
  const rows = new Map()
  for (const box of [...group.children].map((one) => one.getBoundingClientRect()))
    rows.set(box.top, Math.max(rows.get(box.top) ?? 0, box.right))
  return new Set([...rows.values()].map(Math.round)).size > 1
}).map((group) => group.textContent)"""  # groups of which a row ends before the others: a button that fell out
pytestmark = [
    pytest.mark.browser,
    pytest.mark.slow,
    pytest.mark.skipif(CHROMIUM is None, reason=MISSING),
    pytest.mark.django_db(transaction=True),
]


@pytest.fixture
def page_of(live_server, monkeypatch) -> Iterator:
    """Return a factory of pages in which a person is signed in."""
    from playwright.sync_api import sync_playwright

    monkeypatch.setitem(os.environ, "DJANGO_ALLOW_ASYNC_UNSAFE", "true")
    with sync_playwright() as playwright:
        chromium = playwright.chromium.launch(executable_path=str(CHROMIUM), args=FLAGS)

        def open_as(person, *, width: int, theme: str):
            client = Client()
            client.force_login(person, backend="allauth.account.auth_backends.AuthenticationBackend")
            context = chromium.new_context(
                viewport={"width": width, "height": 1000}, color_scheme=theme, base_url=live_server.url
            )
            value = client.cookies[settings.SESSION_COOKIE_NAME].value
            context.add_cookies(
                [{"name": settings.SESSION_COOKIE_NAME, "value": value, "url": live_server.url}]
            )
            return context.new_page()

        yield open_as
        chromium.close()


@pytest.fixture
def busy(retail, ada):
    """Half a year of work, some of it off target."""
    now = timezone.now()
    begin = now - 200 * DAY
    place = place_of(retail, now=begin)
    for tier in (1, 3):
        model = model_of(retail, f"model-{tier}", now=begin, tier=tier)
        for number in range(12):
            day = now - (180 - number * 15) * DAY
            version = version_of(model, started_at=day - (5 + number) * DAY)
            ran(version, place, day, document_score=0.8 + number % 3 / 10, document_threshold=0.9)
            if number % 4 == 3:
                ran(version, place, day + DAY, kind="rollback")
            decided(model, place, ada, submitted_at=day - 4 * DAY, hours=10 + number, version=version)
        decided(model, place, ada, submitted_at=now - 5 * DAY, hours=None, state="in_review")


@pytest.mark.parametrize("theme", ["light", "dark"])
@pytest.mark.parametrize("width", [1440, 390])
def test_the_pages_have_no_violations_and_no_sideways_scrolling(page_of, busy, mona, theme, width):
    from axe_playwright_python.sync_playwright import Axe

    page = page_of(mona, width=width, theme=theme)
    refused = []
    page.on("console", lambda message: refused.append(message.text) if message.type == "error" else None)
    for address in (
        "/kpis/",
        "/kpis/change_failure_rate/",
        "/kpis/approval_cycle_time/",
        "/kpis/lead_time/",
        "/kpis/targets/",
        "/kpis/targets/propose/",
    ):
        page.goto(address, wait_until="networkidle")
        found = Axe().run(page, options=AXE).response["violations"]
        assert [(one["id"], [node["html"][:160] for node in one["nodes"]]) for one in found] == [], address
        assert page.evaluate("document.documentElement.scrollWidth") <= width, address
        assert page.evaluate(SWITCH) == [], address
    assert refused == []


def test_charts_are_drawn_after_the_numbers(page_of, busy, mona):
    from playwright.sync_api import expect

    page = page_of(mona, width=1440, theme="light")
    page.goto("/kpis/", wait_until="commit")
    expect(page.locator(".tiles .stat .value").first).to_be_visible()
    expect(page.locator("#chart-failures .main-svg").first).to_be_visible(timeout=30_000)


ROOM = """() => { const box = document.querySelector('#heat .table-wrap')
  return [box.scrollWidth - box.clientWidth, getComputedStyle(document.querySelector('.sideways')).display] }"""
ROWS = """() => { const rows = new Map()
  for (const box of [...document.querySelectorAll('.tiles.five > *')].map((one) => one.getBoundingClientRect()))
    rows.set(Math.round(box.top), [...(rows.get(Math.round(box.top)) ?? []), Math.round(box.right)])
  return [...rows.values()] }"""


@pytest.mark.parametrize(
    ("width", "in_rows"),
    [(1440, [5]), (1280, [3, 2]), (390, [1, 1, 1, 1, 1])],
)
def test_tiles_fill_their_rows_and_the_table_fits_or_says_that_it_moves(page_of, busy, mona, width, in_rows):
    page = page_of(mona, width=width, theme="light")
    page.goto("/kpis/", wait_until="networkidle")
    rows = page.evaluate(ROWS)
    assert [len(row) for row in rows] == in_rows
    assert len({max(row) for row in rows}) == 1
    beyond, hint = page.evaluate(ROOM)
    assert (beyond > 0) == (hint != "none")
    assert (beyond == 0) is (width >= 1280)
