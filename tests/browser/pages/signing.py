"""The two steps of a signature: write, then review the digest and prove who you are."""

import time
from typing import Any

from tests.browser.pages.visitor import Visitor, wait_for_htmx

RATIONALE = (
    "The locked limits are met on data that the model has not seen, no group is worse off than before, and the way "
    "back is described and owned; what remains is watched every day."
)


def prove(visitor: Visitor, form: Any, *, button: str) -> None:
    """Type what the demonstration's authenticator shows, and sign. A code used before is waited out."""
    from playwright.sync_api import expect

    refused = visitor.page.locator("#main, #sign").get_by_text("was used already")
    for _ in range(
        3
    ):  # a code serves once: the next one comes within half a minute, and is shown after a refusal
        shown = visitor.page.get_by_label("Demonstration authenticator").last.locator("code")
        password, code = shown.nth(0).inner_text(), shown.nth(1).inner_text()
        form.locator("[name='password']").fill(password)
        form.locator("[name='code']").fill(code)
        form.get_by_role("button", name=button).click()
        wait_for_htmx(visitor.page)
        if refused.count() == 0:
            return
        visitor.page.wait_for_timeout((31 - time.time() % 30) * 1000)
    expect(refused).to_have_count(0)


class SignDialog:
    """The dialog on the review page, or the page of its own where there is no JavaScript."""

    def __init__(self, visitor: Visitor) -> None:
        self.visitor = visitor
        self.form = visitor.page.locator("#sign-form")

    def write(self, rationale: str = RATIONALE, **fields: str) -> "SignDialog":
        """Write the reason and go on to the review."""
        self.form.locator("[name='rationale']").fill(rationale)
        for name, value in fields.items():
            self.form.locator(f"[name='{name}']").fill(value)
        self.form.get_by_role("button", name="Review what you sign").click()
        self.form.locator("input[name='digest']").wait_for(state="attached")
        wait_for_htmx(self.visitor.page)
        return self

    def sign(self, button: str) -> None:
        """Acknowledge what was read and sign."""
        acknowledged = self.form.locator("[name='acknowledged']")
        if acknowledged.count():
            acknowledged.check()
        prove(self.visitor, self.form, button=button)
