"""A change request: reviewed, decided, started."""

import time
from typing import Any

from playwright.sync_api import expect

from tests.browser.pages.signing import RATIONALE, SignDialog
from tests.browser.pages.visitor import Visitor, wait_for_htmx

WORKER_SECONDS = 60
BUTTONS = {
    "Approve": "Sign and approve",
    "Request changes": "Sign and request changes",
    "Reject": "Sign and reject",
}


class ChangePage:
    """The review page as one person sees it."""

    def __init__(self, visitor: Visitor, path: str) -> None:
        self.visitor = visitor
        self.page = visitor.page
        self.path = path
        visitor.open(path)

    @property
    def bar(self) -> Any:
        """The bar with the decisions this person can take."""
        return self.page.locator("section.decide")

    def start_deciding(self, label: str) -> SignDialog:
        """Open the signature dialog."""
        self.bar.get_by_role("link", name=label).first.click()
        dialog = SignDialog(self.visitor)
        dialog.form.wait_for()
        wait_for_htmx(self.page)
        return dialog

    def reload_until(self, words: str) -> None:
        """Look again until the head of the page says so: the worker is a process of its own and tells no page."""
        head = self.page.locator(".page-head").first

        def look() -> bool:
            self.visitor.open(self.path)
            return words in head.inner_text()

        deadline = time.monotonic() + WORKER_SECONDS
        while not look():
            assert time.monotonic() < deadline, f"{words} never showed on {self.path}: {head.inner_text()}"

    def decide(self, label: str, rationale: str = RATIONALE, **fields: str) -> None:
        """Decide and sign; the receipt shows."""
        self.start_deciding(label).write(rationale, **fields).sign(BUTTONS[label])
        expect(self.page.locator("h1")).to_contain_text("Receipt")
