"""Audit pages in a real Chromium: no accessibility violation, no sideways scrolling, in both themes and widths."""

import os
from collections.abc import Iterator

import pytest
from django.conf import settings
from django.test import Client
from django.utils import timezone

from approvals.models import ChangeRequest
from audits.models import LedgerEntry
from mlops_portal.foundation.history import save_as
from mlops_portal.foundation.work.worker import run_pending
from registry.services.models import model_register
from registry.services.versions import version_register
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


@pytest.mark.parametrize("theme", ["light", "dark"])
@pytest.mark.parametrize("width", [1440, 390])
def test_pages_have_no_violations_and_no_sideways_scrolling(
    browser_of, retail, olga, ada, cleo, sequence, now, theme, width
):
    from axe_playwright_python.sync_playwright import Axe

    model = model_register(name="credit-pd", title="Credit PD", unit=retail, owner=olga, by=ada, now=now)
    model.title = "Credit PD, renamed"
    save_as(model, by=olga, now=timezone.now(), reason="A reason " * 30)
    change = save_as(
        ChangeRequest(
            model=model, unit=retail, kind="retire", title="Retire it", requester=ada, created_at=now, updated_at=now
        ),
        by=ada,
        now=now,
    )  # fmt: skip
    sequence()
    entry = LedgerEntry.objects.filter(verb="registry.registeredmodel_changed").latest("id")
    addresses = [
        "/audit/", "/ledger/", f"/ledger/{entry.pk}/", "/exports/", "/exports/?what=inventory", "/audit/as-of/",
        f"/models/{model.pk}/history/", f"/changes/{change.pk}/evidence-pack/", "/audit/verify/",
    ]  # fmt: skip
    page = browser_of(cleo, width=width, theme=theme)
    for address in addresses:
        page.goto(address, wait_until="load")
        found = Axe().run(page, options=AXE).response["violations"]
        assert [(one["id"], [node["html"][:120] for node in one["nodes"]]) for one in found] == [], address
        assert page.evaluate("document.documentElement.scrollWidth") <= width, address


def test_the_verdict_is_read_again_when_the_verification_ends(
    browser_of, retail, olga, ada, cleo, sequence, now
):
    model_register(name="credit-pd", title="Credit PD", unit=retail, owner=olga, by=ada, now=now)
    sequence()
    page = browser_of(cleo, width=1440, theme="light")
    page.goto("/audit/")
    assert "Nobody has verified the ledger yet" in page.locator("#integrity").inner_text()
    page.get_by_role("button", name="Verify now").click()
    page.locator("article.job").wait_for()
    run_pending(clock=timezone.now)
    page.locator("#integrity", has_text="No mismatch among").wait_for()
    assert "No mismatch among" in page.locator("article.job").inner_text()
    assert "entries verified" in page.locator("#nav-ledger").inner_text()
    page.get_by_role("button", name="Verify again").wait_for()


def test_paper_shows_digests_whole_and_keeps_the_lines_of_rows(
    browser_of, retail, olga, ada, cleo, sequence, now
):
    model = model_register(name="credit-pd", title="Credit PD", unit=retail, owner=olga, by=ada, now=now)
    version_register(model=model, artifact_sha256="a" * 64, by=ada, now=now)
    sequence()
    page = browser_of(cleo, width=700, theme="light")
    page.emulate_media(media="print")
    entry = LedgerEntry.objects.latest("id")
    for address, selector in ((f"/ledger/{entry.pk}/", ".kv .hash"), (f"/models/{model.pk}/", "td .hash")):
        page.goto(address)
        shown = page.evaluate(
            """(selector) => {
                const chip = document.querySelector(selector), button = chip.querySelector('button');
                return [button.dataset.copy, getComputedStyle(button, '::before').content, getComputedStyle(chip.firstElementChild).display];
            }""",
            selector,
        )
        assert len(shown[0]) == 64
        assert shown[1:] == [f'"{shown[0]}"', "none"]
    assert page.evaluate("getComputedStyle(document.querySelector('tbody th')).position") == "static"
    assert page.locator("footer", has_text="Times are Europe/Berlin").is_visible()
