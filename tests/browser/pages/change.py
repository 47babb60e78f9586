"""A change request: reviewed, decided, started."""

from typing import Any

from playwright.sync_api import expect

from tests.browser.pages.signing import RATIONALE, SignDialog
from tests.browser.pages.visitor import Visitor, wait_for_htmx

WORKER_SECONDS = 60
BUTTONS = {
    "Accept": "Sign and accept",
    "Validate": "Sign and validate",
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

    def watch_until(self, words: str) -> None:
        """Look on without touching anything until the head says so: the page asks by itself what the worker did."""
        expect(self.page.locator("#change-state")).to_contain_text(words, timeout=WORKER_SECONDS * 1000)

    def decide(self, label: str, rationale: str = RATIONALE, **fields: str) -> None:
        """Decide and sign; the receipt shows."""
        self.start_deciding(label).write(rationale, **fields).sign(BUTTONS[label])
        expect(self.page.locator("h1")).to_contain_text("Receipt")
