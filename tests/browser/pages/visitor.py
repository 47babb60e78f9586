"""Somebody in front of the portal: signs in, opens pages, fills forms, presses buttons."""

import re
from datetime import UTC, datetime, timedelta
from typing import Any, Self

QUIET = "() => !document.querySelector('.htmx-request, .htmx-swapping, .htmx-settling, .htmx-added')"


def wait_for_htmx(page: Any) -> None:
    """Wait until the document is there and no part of it is being asked for or swapped."""
    page.wait_for_load_state("load")
    page.wait_for_function(QUIET)


class Visitor:
    """A page with the hands of one person."""

    def __init__(self, page: Any, key: str = "") -> None:
        self.page = page
        self.key = key

    def become(self, key: str) -> Self:
        """Sign in as a persona with one click."""
        self.page.goto("/accounts/login/")
        self.page.locator(f"button[formaction='/demonstration/sign-in/{key}/']").click()
        self.page.get_by_role("navigation", name="Main").wait_for(state="attached")
        self.key = key
        return self

    def open(self, path: str) -> Self:
        """Go to an address."""
        self.page.goto(path)
        wait_for_htmx(self.page)
        return self

    def follow(self, name: str | re.Pattern[str], *, within: Any = None, exact: bool = True) -> Self:
        """Follow a link by its words to another page."""
        link = (within or self.page.locator("#main")).get_by_role("link", name=name, exact=exact).first
        with self.page.expect_navigation(wait_until="load"):
            link.click()
        wait_for_htmx(self.page)
        return self

    def press(self, name: str | re.Pattern[str], *, within: Any = None) -> Self:
        """Press a button that sends its form; the answer is another page, without complaints."""
        button = (within or self.page.locator("#main")).get_by_role("button", name=name).first
        with self.page.expect_navigation(wait_until="load"):
            button.click()
        wait_for_htmx(self.page)
        complaints = self.page.locator("#form-errors, #problem").all_inner_texts()
        assert not complaints, f"{self.key} pressed {name} on {self.path}: {complaints}"
        return self

    def field(self, label: str) -> Any:
        """Return the field with this label; the word “optional” and a colon belong to no label."""
        return self.page.locator("#main").get_by_label(
            re.compile(rf"^{re.escape(label)}( optional| needed to file.*)?$", re.IGNORECASE)
        )

    def fill(self, **fields: Any) -> Self:
        """Fill fields by their names in the form: text, choice or tick."""
        for name, value in fields.items():
            self._enter(name, value)
        return self

    def _enter(self, name: str, value: Any) -> None:
        control = self.page.locator(f"#main [name='{name}']")
        folded = self.page.locator(
            "details.form-section:not([open])", has=self.page.locator(f"[name='{name}']")
        )
        if folded.count():
            folded.locator("summary").click()
        kind = control.first.evaluate("one => one.type")
        if kind == "radio":
            self.page.locator(f"#main [name='{name}'][value='{value}']").check()
        elif kind == "checkbox":
            for one in value if isinstance(value, list) else ["on" if value is True else value]:
                selector = f"#main [name='{name}']" + ("" if value is True else f"[value='{one}']")
                self.page.locator(selector).check()
        elif kind.startswith("select"):
            self._choose(control.first, value)
        elif kind == "file":
            control.first.set_input_files(value)
        else:
            control.first.fill(str(value))

    @staticmethod
    def _choose(control: Any, words: str) -> None:
        """Choose the option that contains these words."""
        options = control.locator("option").all_inner_texts()
        found = [text for text in options if words == text.strip()] or [
            text for text in options if words in text
        ]
        assert found, f"No option “{words}” among {options}"
        control.select_option(label=found[0].strip())

    def look(self, theme: str, width: int) -> Self:
        """Show the page in another theme or window."""
        self.page.emulate_media(color_scheme=theme)
        self.page.set_viewport_size({"width": width, "height": 1000})
        return self

    def in_days(self, days: int) -> str:
        """Return what one types into a field for a moment that many days from now."""
        return (datetime.now(tz=UTC) + timedelta(days=days)).strftime("%Y-%m-%dT%H:%M")

    @property
    def heading(self) -> str:
        """The words of the page's title."""
        return str(self.page.locator("h1").first.inner_text())

    @property
    def path(self) -> str:
        """The address without the host."""
        return "/" + self.page.url.split("/", 3)[3]

    @property
    def width(self) -> int:
        """How wide the page is, with whatever sticks out."""
        return int(self.page.evaluate("document.documentElement.scrollWidth"))
