"""The pictures of the README, taken from a full demonstration when UPDATE_SCREENSHOTS=1; each page opens in any case."""

import os

import pytest

from tests.browser.portal import ROOT

FOLDER = ROOT / "docs" / "images"
FIRST_ROW = "() => document.querySelector('#list th a').getAttribute('href')"


def open_review(visitor):
    """Open the first request of the queue."""
    visitor.open("/approvals/").page.locator(".queue a.title").first.click()


def open_signature(visitor):
    """Open the dialog on the first request whose evidence is complete."""
    visitor.open("/approvals/?evidence=complete").page.locator(".queue a.title").first.click()
    visitor.page.locator("section.decide").get_by_role("link", name="Approve").first.click()
    visitor.page.locator("#sign-form").wait_for()


def open_model(visitor):
    """Open the model that most pages speak of."""
    address = visitor.open("/models/?q=card+fraud").page.evaluate(FIRST_ROW)
    visitor.open(address)


def open_comparison(visitor):
    """Compare its first two versions."""
    address = visitor.open("/models/?q=card+fraud").page.evaluate(FIRST_ROW)
    visitor.open(f"{address}compare/?v=1&v=2")


def at(address):
    """Return a way to open an address."""
    return lambda visitor: visitor.open(address)


PICTURES = {
    "home": ("ines", at("/")),
    "inbox": ("ines", at("/approvals/")),
    "review": ("ines", open_review),
    "sign": ("ines", open_signature),
    "models": ("karin", at("/models/")),
    "model": ("tomas", open_model),
    "comparison": ("tomas", open_comparison),
    "deployments": ("omar", at("/deployments/")),
    "kpis": ("karin", at("/kpis/")),
    "audit": ("ruth", at("/audit/")),
    "exports": ("ruth", at("/exports/")),
    "roles": ("admin", at("/admin/roles/")),
}


@pytest.mark.parametrize("name", PICTURES)
def test_a_picture_of_each_main_page(visit, name):
    persona, go = PICTURES[name]
    visitor = visit(persona)
    go(visitor)
    visitor.page.wait_for_load_state("networkidle")
    assert visitor.page.locator("h1, h2").first.is_visible()
    if os.environ.get("UPDATE_SCREENSHOTS") != "1":
        return
    FOLDER.mkdir(parents=True, exist_ok=True)
    window = {"x": 0, "y": 0, "width": 1440, "height": 900}
    visitor.page.screenshot(path=FOLDER / f"{name}.png", clip=window)
