"""Page objects: what a person does on a page, in the words of the page."""

from tests.browser.pages.change import ChangePage
from tests.browser.pages.signing import RATIONALE, SignDialog, prove
from tests.browser.pages.visitor import Visitor, wait_for_htmx

__all__ = ["RATIONALE", "ChangePage", "SignDialog", "Visitor", "prove", "wait_for_htmx"]
