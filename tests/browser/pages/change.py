"""A change request: reviewed, decided, started."""

from typing import Any

from tests.browser.pages.signing import RATIONALE, SignDialog
from tests.browser.pages.visitor import Visitor, wait_for_htmx

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

    def decide(self, label: str, rationale: str = RATIONALE, **fields: str) -> None:
        """Decide and sign; the receipt shows."""
        self.start_deciding(label).write(rationale, **fields).sign(BUTTONS[label])
        self.page.get_by_role("heading", level=1, name="Receipt").or_(
            self.page.get_by_role("heading", level=1, name="Sign")
        ).first.wait_for()

    def confirm_materiality(self) -> None:
        """Confirm what was computed, where the second line is asked to."""
        asked = self.page.locator("#main").get_by_role("link", name="Confirm")
        if asked.count():
            asked.first.click()
            wait_for_htmx(self.page)
            self.visitor.press("Confirm")
            self.visitor.open(self.path)
