"""The portal by keyboard, with its address bar, without JavaScript and on paper."""

import re

from playwright.sync_api import expect

from tests.browser.pages import wait_for_htmx


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


def test_a_page_prints_as_a_record(visit):
    visitor = visit("ruth").open("/models/")
    visitor.page.locator("#list th a").first.click()
    visitor.page.emulate_media(media="print")
    expect(visitor.page.get_by_text(re.compile("Printed by Ruth Amsel"))).to_be_visible()
    expect(visitor.page.get_by_role("navigation", name="Main")).to_be_hidden()
    assert visitor.page.pdf(format="A4").startswith(b"%PDF")
