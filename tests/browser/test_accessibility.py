"""Every main page, for every persona: no violation of WCAG 2.2 AA or best practice, nothing wider than the window."""

import pytest

from tests.browser.places import COMMON, OF_PERSONA, of_records

RULES = {"runOnly": ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]}
LOOKS = [("light", 1440), ("dark", 390)]
EVERY_LOOK = [*LOOKS, ("dark", 1440), ("light", 390)]


def violations(visitor):
    """Run axe; return rule and markup of what it found."""
    from axe_playwright_python.sync_playwright import Axe

    found = Axe().run(visitor.page, options=RULES).response["violations"]
    return [(one["id"], [node["html"][:160] for node in one["nodes"][:3]]) for one in found]


def look_at(visitor, addresses, width):
    """Open each page and collect what is wrong with it."""
    wrong = {}
    for address in addresses:
        visitor.open(address)
        found = violations(visitor)
        if visitor.width > width:
            found.append(("sideways", [f"{visitor.width} px"]))
        if found:
            wrong[address] = found
    return wrong


@pytest.mark.parametrize(("theme", "width"), EVERY_LOOK)
def test_pages_of_the_risk_officer_are_accessible_in_every_look(visit, theme, width):
    visitor = visit("ines", width=width, theme=theme)
    pages = [*COMMON, *OF_PERSONA["ines"], *of_records(visitor)]
    assert look_at(visitor, pages, width) == {}


@pytest.mark.parametrize(("theme", "width"), LOOKS)
@pytest.mark.parametrize("persona", [key for key in OF_PERSONA if key != "ines"])
def test_pages_of_the_others_are_accessible(visit, persona, theme, width):
    visitor = visit(persona, width=width, theme=theme)
    assert look_at(visitor, ["/", *OF_PERSONA[persona]], width) == {}


@pytest.mark.parametrize(("theme", "width"), EVERY_LOOK)
def test_dialogs_are_accessible(visit, theme, width):
    visitor = visit("ines", width=width, theme=theme)
    visitor.open("/models/").page.keyboard.press("Control+k")
    visitor.page.get_by_role("combobox").fill("retail")
    visitor.page.get_by_role("option").first.wait_for()
    assert violations(visitor) == []
    visitor.page.keyboard.press("Escape")
    visitor.open("/approvals/?evidence=complete").page.locator(".queue a.title").first.click()
    visitor.page.locator("section.decide").get_by_role("link").first.click()
    visitor.page.locator("#sign-form").wait_for()
    assert violations(visitor) == []


@pytest.mark.parametrize(("theme", "width"), LOOKS)
def test_the_way_in_and_errors_are_accessible(visit, theme, width):
    visitor = visit(width=width, theme=theme)
    assert look_at(visitor, ["/accounts/login/", "/nowhere/"], width) == {}
