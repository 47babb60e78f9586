"""The two steps of a signature: write, then review the digest and prove who you are."""

import re
from typing import Any

from tests.browser.pages.visitor import Visitor, wait_for_htmx

RATIONALE = (
    "The locked limits are met on data that the model has not seen, no group is worse off than before, and the way "
    "back is described and owned; what remains is watched every day."
)


def prove(visitor: Visitor, form: Any, *, button: str | re.Pattern[str]) -> None:
    """Type what the demonstration's authenticator shows, sign, and arrive at the page that tells of it."""
    shown = visitor.page.get_by_label("Demonstration authenticator").last.locator("code")
    form.locator("[name='password']").fill(shown.nth(0).inner_text())
    form.locator("[name='code']").fill(shown.nth(1).inner_text())
    with visitor.page.expect_navigation(wait_until="load"):
        form.get_by_role("button", name=button).click()
    wait_for_htmx(visitor.page)
    complaints = visitor.page.locator("#form-errors, #problem, .field .error").all_inner_texts()
    assert not complaints, f"{visitor.key} pressed {button} on {visitor.path}: {complaints}"


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
