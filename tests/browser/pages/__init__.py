"""Page objects: what a person does on a page, in the words of the page."""

from tests.browser.pages.visitor import Visitor, wait_for_htmx

__all__ = ["Visitor", "wait_for_htmx"]
