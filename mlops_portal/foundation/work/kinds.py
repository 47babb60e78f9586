"""The kinds of jobs that apps have declared."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from mlops_portal.foundation.work.runs import JobRun

Handler = Callable[[JobRun], dict[str, Any]]


@dataclass(frozen=True, slots=True)
class JobKind:
    """What a job does and how it is treated when something goes wrong."""

    name: str
    label: str
    handler: Handler
    idempotent: bool
    attempts: int
    keep: timedelta


_kinds: dict[str, JobKind] = {}


def register(
    name: str,
    *,
    label: str,
    idempotent: bool = False,
    attempts: int = 3,
    keep: timedelta = timedelta(days=30),
) -> Callable[[Handler], Handler]:
    """Declare the handler of a kind of job.

    Only idempotent kinds are repeated after an unexpected error or a lost worker. ``keep`` is how long the finished
    job stays; a file named as ``file_id`` in its result goes with it unless something else refers to that file.

    Raises:
        ValueError: the name is taken.
    """

    def declare(handler: Handler) -> Handler:
        if name in _kinds and _kinds[name].handler is not handler:
            raise ValueError(f"The job kind {name} is registered twice")
        _kinds[name] = JobKind(name, label, handler, idempotent, attempts if idempotent else 1, keep)
        return handler

    return declare


def kind_of(name: str) -> JobKind | None:
    """Return a declared kind, or None."""
    return _kinds.get(name)


def kinds() -> list[JobKind]:
    """All declared kinds by name."""
    return [_kinds[name] for name in sorted(_kinds)]
