"""For changes that take effect in the portal's own record, such as a retirement: there is nobody to call."""

from datetime import datetime

from approvals.connectors import Outcome, Result
from approvals.models import ExecutionStep


class PortalRecord:
    """The record is changed when the step's result is committed."""

    name = "portal_record"
    is_automatic = True
    is_idempotent = True
    takes_steps = False

    def call(self, step: ExecutionStep, *, now: datetime) -> Result:
        """Nothing else is to be done."""
        return Result(Outcome.DONE)

    def observe(self, step: ExecutionStep) -> Result:
        """Nothing could have been lost."""
        return Result(Outcome.DONE)
