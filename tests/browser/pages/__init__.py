"""Page objects: what a person sees and does, in the words on the screen."""

from tests.browser.pages.change import ChangePage
from tests.browser.pages.signing import RATIONALE, SignDialog, prove
from tests.browser.pages.visitor import Visitor, wait_for_htmx

__all__ = ["RATIONALE", "ChangePage", "SignDialog", "Visitor", "prove", "wait_for_htmx"]
