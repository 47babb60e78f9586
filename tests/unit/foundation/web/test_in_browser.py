"""The kit and the toy list in a real Chromium: no accessibility violation, no sideways scrolling, lists that swap."""

import os
from collections.abc import Iterator

import pytest
from django.conf import settings
from django.test import Client

from tests.chromium import CHROMIUM, FLAGS, MISSING

AXE = {"runOnly": ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]}
pytestmark = [
    pytest.mark.browser,
    pytest.mark.slow,
    pytest.mark.skipif(CHROMIUM is None, reason=MISSING),
    pytest.mark.django_db(transaction=True),
]


@pytest.fixture
def browser_of(live_server, monkeypatch) -> Iterator:
    """Return a factory of pages in which a person is signed in."""
    from playwright.sync_api import sync_playwright

    monkeypatch.setitem(os.environ, "DJANGO_ALLOW_ASYNC_UNSAFE", "true")
    with sync_playwright() as playwright:
        chromium = playwright.chromium.launch(executable_path=str(CHROMIUM), args=FLAGS)

        def open_as(person, *, width: int = 1440, theme: str = "light"):
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


@pytest.mark.parametrize("theme", ["light", "dark"])
@pytest.mark.parametrize("width", [1440, 390])
def test_pages_have_no_violations_and_no_sideways_scrolling(browser_of, adam, theme, width):
    from axe_playwright_python.sync_playwright import Axe

    page = browser_of(adam, width=width, theme=theme)
    for address in ("/kit/", "/people/?q=a", "/notifications/", "/search/?q=x", "/profile/", "/nowhere/"):
        page.goto(address, wait_until="networkidle")
        found = Axe().run(page, options=AXE).response["violations"]
        assert [(one["id"], [node["html"][:120] for node in one["nodes"]]) for one in found] == [], address
        assert page.evaluate("document.documentElement.scrollWidth") <= width, address
    page.keyboard.press("Control+k")
    page.get_by_role("combobox").wait_for()
    assert Axe().run(page, options=AXE).response["violations"] == []


def test_a_filter_swaps_the_list_keeps_the_focus_and_the_address(browser_of, adam):
    from playwright.sync_api import expect

    page = browser_of(adam)
    page.goto("/people/")
    page.get_by_role("searchbox").fill("nobody at all")
    expect(page.locator("#list")).to_contain_text("No people match these filters")
    expect(page.get_by_role("searchbox")).to_be_focused()
    assert page.url.endswith("/people/?q=nobody%20at%20all")
    page.get_by_role("link", name="Clear search").click()
    expect(page.locator("#list h2")).to_have_text("1 person")


def test_charts_are_drawn_under_the_strict_policy(browser_of, adam):
    from playwright.sync_api import expect

    page = browser_of(adam)
    page.goto("/kit/")
    expect(page.locator("#kit-delivery .main-svg").first).to_be_visible(timeout=30_000)
    expect(page.locator("#kit-performance .main-svg").first).to_be_visible(timeout=30_000)
