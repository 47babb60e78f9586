"""The frame of every governed write: one transaction, one act id, one flush of ledger rows before commit."""

import functools
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, ParamSpec, TypeVar
from uuid import UUID

from django.conf import settings
from django.db import IntegrityError, transaction
from django.utils import timezone

from mlops_portal.foundation.errors import DomainError, invalid
from mlops_portal.foundation.ids import uuid7

P = ParamSpec("P")
R = TypeVar("R")


class ClockOff(DomainError):
    """A service was given a time that is not now; back-dating is a forgery in production."""

    status, code, title = 409, "clock_off", "The clock is off"


@dataclass
class Act:
    """One thing a person did, however many rows it touched. Buffers are flushed once, before commit."""

    id: UUID
    buffers: dict[str, list[Any]] = field(default_factory=dict)

    def buffer(self, name: str) -> list[Any]:
        """Return the named buffer of this act."""
        return self.buffers.setdefault(name, [])


_current: ContextVar[Act | None] = ContextVar("act", default=None)
_flush_hooks: list[Callable[[Act], None]] = []


def on_flush(hook: Callable[[Act], None]) -> None:
    """Call ``hook(act)`` at the end of every outermost operation, inside its transaction."""
    if hook not in _flush_hooks:
        _flush_hooks.append(hook)


def current_act() -> Act | None:
    """Return the act under way, or None outside of operations."""
    return _current.get()


@contextmanager
def act() -> Iterator[Act]:
    """Open a transaction (a savepoint when nested). What a failed part buffered is forgotten with its rows."""
    running = _current.get()
    if running is not None:
        marks = {name: len(rows) for name, rows in running.buffers.items()}
        try:
            with transaction.atomic():
                yield running
        except BaseException:
            for name, rows in running.buffers.items():
                del rows[marks.get(name, 0) :]
            raise
        return
    fresh = Act(id=uuid7())
    token = _current.set(fresh)
    try:
        with transaction.atomic():
            yield fresh
            for hook in _flush_hooks:
                hook(fresh)
    finally:
        _current.reset(token)


@contextmanager
def taken_is_told(where: str, message: str) -> Iterator[None]:
    """Say that a name is taken also to whoever comes second at the same moment, when only the database knows.

    Raises:
        Invalid: another transaction has written it meanwhile.
    """
    try:
        with act():
            yield
    except IntegrityError as error:
        raise invalid(where, message) from error


def operation(service: Callable[P, R]) -> Callable[P, R]:
    """Make a function a service: all or nothing, one act, entered in the ledger before commit."""

    @functools.wraps(service)
    def run(*args: P.args, **kwargs: P.kwargs) -> R:
        with act():
            return service(*args, **kwargs)

    return run


def check_clock(now: datetime) -> None:
    """Refuse a ``now`` that is more than the tolerated seconds off (production only).

    Raises:
        ClockOff: the difference, in words.
    """
    tolerance = settings.PORTAL_CLOCK_TOLERANCE_SECONDS
    if tolerance is None:
        return
    off = abs((timezone.now() - now).total_seconds())
    if off > tolerance:
        raise ClockOff(f"The time given is {off:.0f} s off; at most {tolerance} s are accepted.")
