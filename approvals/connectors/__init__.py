"""How an approved change takes effect. A connector does one thing, under a key, and can say what became of it.

Calls happen outside of transactions: the intent was committed before, the result is committed after. After a crash
the next worker asks `observe` first; only an idempotent connector is called again for the same intent.
"""

from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Any, Protocol

from approvals.models import ExecutionStep


class Outcome(StrEnum):
    """What is known of a call."""

    DONE = "done"
    NOT_DONE = "not_done"
    UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True)
class Result:
    """The outcome of a call or an observation, with what is worth keeping of it."""

    outcome: Outcome
    detail: dict[str, Any] = field(default_factory=dict)


class ConnectorFailed(Exception):
    """The target refused: nothing took effect."""


class Connector(Protocol):
    """The interface of every connector."""

    name: str
    is_automatic: bool  # False: an operator does it and says so
    is_idempotent: bool
    takes_steps: bool  # whether a share of the traffic can be moved; otherwise all of it moves at once

    def call(self, step: ExecutionStep, *, now: datetime) -> Result:
        """Do what ``step.arguments`` say under ``step.idempotency_key``, or raise `ConnectorFailed`."""

    def observe(self, step: ExecutionStep) -> Result:
        """Say whether an earlier call for this intent took effect."""


_connectors: dict[str, Connector] = {}


def register(connector: Connector) -> None:
    """Make a connector known under its name."""
    _connectors[connector.name] = connector


def connector_named(name: str) -> Connector | None:
    """Return a connector, or None: then nothing is executed."""
    return _connectors.get(name)
