"""The portal by keyboard, with its address bar, without JavaScript and on paper."""

import re

import pytest
from playwright.sync_api import expect

from tests.browser.pages import RATIONALE, wait_for_htmx

TABS = 120  # more than a page and its dialog hold


def test_the_palette_jumps_to_a_model(visit):
    visitor = visit("tomas").open("/")
    visitor.page.keyboard.press("Control+k")
    visitor.page.get_by_role("combobox").fill("card fraud")
    expect(visitor.page.get_by_role("option").first).to_contain_text("Card Fraud", ignore_case=True)
    visitor.page.keyboard.press("Enter")
    visitor.page.wait_for_url(re.compile("/models/"))
    expect(visitor.page.locator("h1")).to_contain_text("Card Fraud")


def test_the_queue_is_walked_with_j_and_k_and_opened_with_enter(visit):
    visitor = visit("ines").open("/approvals/")
    current = visitor.page.locator(".queue > li[aria-current='true'] a.title")
    first = current.inner_text()
    visitor.page.keyboard.press("j")
    expect(current).not_to_have_text(first)
    second = current.inner_text()
    expect(visitor.page.locator("#preview")).to_contain_text(second)
    visitor.page.keyboard.press("k")
    expect(current).to_have_text(first)
    visitor.page.keyboard.press("j")
    visitor.page.keyboard.press("Enter")
    expect(visitor.page.locator("h1")).to_have_text(second)


def test_the_theme_stays_chosen(visit):
    visitor = visit("karin", theme="light").open("/")
    visitor.page.get_by_role("button", name="Switch between light and dark").click()
    expect(visitor.page.locator("html")).to_have_attribute("data-theme", "dark")
    visitor.open("/models/")
    expect(visitor.page.locator("html")).to_have_attribute("data-theme", "dark")


def test_filters_stay_in_the_address_and_survive_the_way_back(visit):
    visitor = visit("karin").open("/models/")
    everything = visitor.page.locator("#list h2").inner_text()
    visitor.page.get_by_role("searchbox").fill("card fraud")
    expect(visitor.page.locator("#list h2")).to_have_text("1 model")
    assert "q=card" in visitor.page.url
    visitor.page.locator("#list th a").first.click()
    expect(visitor.page.locator("h1")).to_contain_text("Card Fraud")
    visitor.page.go_back()
    wait_for_htmx(visitor.page)
    expect(visitor.page.locator("#list h2")).to_have_text("1 model")
    expect(visitor.page.get_by_role("searchbox")).to_have_value("card fraud")
    visitor.open("/models/")
    expect(visitor.page.locator("#list h2")).to_have_text(everything)


def test_without_javascript_one_signs_in_filters_and_comments(visit):
    visitor = visit("ines", java_script_enabled=False)
    page = visitor.page
    page.goto("/models/?q=card+fraud")
    expect(page.locator("#list h2")).to_have_text("1 model")
    page.get_by_role("searchbox").fill("no such model")
    page.get_by_role("button", name="Apply filters").click()
    expect(page.locator("#list")).to_contain_text("No models match these filters")
    page.goto("/approvals/")
    page.locator(".queue a.title").first.click()
    page.locator("textarea[name='text']").fill("Read without scripts.")
    page.locator("form:has(textarea[name='text'])").get_by_role("button").last.click()
    expect(page.locator("#main")).to_contain_text("Read without scripts.")


def test_a_request_is_decided_by_keyboard_alone(visit, scenes):
    visitor = visit("mirela").open(scenes["by_keys"]["change"])
    keyboard, focused = visitor.page.keyboard, visitor.page.locator(":focus")

    def tab_to(target):
        """Press Tab until the element has the focus, as somebody without a mouse does."""
        target = visitor.page.locator(target).first
        for _ in range(TABS):
            if target.evaluate("one => one === document.activeElement"):
                return
            keyboard.press("Tab")
        raise AssertionError(
            f"{target} is not reached; the focus is on {focused.evaluate('one => one.outerHTML')}"
        )

    tab_to("section.decide a[href$='/sign/approve/']")
    keyboard.press("Enter")
    expect(visitor.page.locator("#sign-h")).to_be_focused()
    tab_to("#sign-form [name='rationale']")
    keyboard.type(RATIONALE)
    tab_to("#sign-form button[value='review']")
    keyboard.press("Enter")
    expect(visitor.page.locator("#sign-form input[name='digest']")).to_be_attached()
    wait_for_htmx(visitor.page)
    expect(visitor.page.locator("#sign-h")).to_be_focused()
    for part in ("#sign-h", "#sign-form .record"):
        expect(visitor.page.locator(part)).to_be_in_viewport(ratio=0.9)
    tab_to("#acknowledged")
    keyboard.press("Space")
    tab_to("#sign-form [name='password']")
    shown = visitor.page.get_by_label("Demonstration authenticator").last.locator("code")
    keyboard.type(shown.nth(0).inner_text())
    tab_to("#sign-form [name='code']")
    keyboard.type(shown.nth(1).inner_text())
    keyboard.press("Enter")
    expect(visitor.page.locator("h1")).to_contain_text("Receipt")


def test_without_javascript_enter_signs(visit, scenes):
    visitor = visit("mirela", java_script_enabled=False)
    page = visitor.page
    page.goto(f"{scenes['by_enter']['change']}sign/approve/")
    page.locator("[name='rationale']").fill(RATIONALE)
    page.get_by_role("button", name="Review what you sign").click()
    page.locator("#acknowledged").check()
    shown = page.get_by_label("Demonstration authenticator").last.locator("code")
    page.locator("[name='password']").fill(shown.nth(0).inner_text())
    page.locator("[name='code']").fill(shown.nth(1).inner_text())
    with page.expect_navigation():
        page.keyboard.press("Enter")
    assert not page.locator("#form-errors, #problem, .field .error").all_inner_texts()
    expect(page.locator("h1")).to_contain_text("Receipt")


def test_the_code_renews_itself_beside_a_form_that_stays(visit, scenes):
    page = visit("ines").page
    page.goto(f"{scenes['to_read']['change']}sign/approve/")
    page.locator("[name='rationale']").fill(RATIONALE)
    page.get_by_role("button", name="Review what you sign").click()
    page.locator("[name='password']").fill("typed before the code renews")
    with page.expect_response("**/demonstration/code/**"):
        pass
    page.wait_for_timeout(300)
    expect(page.locator("[name='password']")).to_have_value("typed before the code renews")
    expect(page.locator("#acknowledged")).to_be_visible()
    expect(page.get_by_label("Demonstration authenticator").last).to_be_visible()


def test_escape_leaves_the_signature_without_signing(visit, scenes):
    visitor = visit("ines").open(scenes["to_read"]["change"])
    page = visitor.page
    page.keyboard.press("d")
    expect(page.locator("#sign-form")).to_contain_text("Sign: reject")
    page.keyboard.press("Escape")
    expect(page.locator("#sign")).to_be_hidden()
    expect(page.locator(".page-head")).to_contain_text("stage 1 of 1")


PRINTED = {
    "models": ("karin", "/models/"),
    "request": ("ines", "to_read"),
    "kpi": ("karin", "/kpis/lead_time/"),
    "dashboard": ("karin", "/kpis/"),
    "ledger": ("ruth", "/ledger/"),
    "audit": ("ruth", "/audit/"),
}


@pytest.mark.parametrize("name", PRINTED)
def test_a_page_prints_as_a_record(visit, scenes, name):
    persona, address = PRINTED[name]
    visitor = visit(persona).open(scenes[address]["change"] if address in scenes else address)
    page = visitor.page
    page.emulate_media(media="print")
    expect(page.locator("#main > .print-only")).to_contain_text("Printed by")
    # A button that sorts is the heading of its column, and one that copies a digest prints it whole: both stay.
    shown = page.locator("nav.nav, .topbar, .decide, .actions, #main button:not(.sort, .hash > *), dialog")
    shown = shown.filter(visible=True)
    expect(shown).to_have_count(0)
    closed = page.locator("details.chart-data table").filter(visible=False)
    expect(closed).to_have_count(0)
    assert page.pdf(format="A4").startswith(b"%PDF")
