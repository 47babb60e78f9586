"""Confirmed by an operator: the portal calls nobody, it waits and records who said what."""

from datetime import datetime

from approvals.connectors import Outcome, Result
from approvals.models import ExecutionStep


class Manual:
    """An operator carries the change out and confirms it."""

    name = "manual"
    is_automatic = False
    is_idempotent = False
    takes_steps = True

    def call(self, step: ExecutionStep, *, now: datetime) -> Result:
        """Nothing is called: the operator's word is the result."""
        return Result(Outcome.UNKNOWN, {"waits_for": "operator"})

    def observe(self, step: ExecutionStep) -> Result:
        """The portal cannot see what an operator did."""
        return Result(Outcome.UNKNOWN)
