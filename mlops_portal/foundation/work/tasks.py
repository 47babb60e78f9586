"""The `@task` of this product: Django's task API plus what to do when a task fails or its worker dies."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, ParamSpec, TypeVar

from django_tasks import task as plain_task
from django_tasks.base import DEFAULT_TASK_PRIORITY, Task

P = ParamSpec("P")
T = TypeVar("T")

FIRST_PAUSE = timedelta(seconds=5)
LONGEST_PAUSE = timedelta(hours=1)


class RetryLater(Exception):
    """Raised by a task that wants to be run again, at ``at``. Does not count against its attempts."""

    def __init__(self, at: datetime) -> None:
        self.at = at
        super().__init__(f"to be run again at {at.isoformat()}")


class WorkerLost(Exception):
    """The process that ran the task stopped answering."""


@dataclass(frozen=True, slots=True)
class TaskPolicy:
    """How often a task is tried and whether it may be repeated when nobody knows how far it came.

    ``on_lost(args, now)`` decides instead, for tasks that keep their own record; it returns whether to run it again.
    """

    attempts: int = 1
    idempotent: bool = False
    on_lost: Callable[[dict[str, Any], datetime], bool] | None = None


_policies: dict[str, TaskPolicy] = {}


def task(
    *,
    attempts: int = 1,
    idempotent: bool = False,
    priority: int = DEFAULT_TASK_PRIORITY,
    on_lost: Callable[[dict[str, Any], datetime], bool] | None = None,
) -> Callable[[Callable[P, T]], "Task[P, T]"]:
    """Declare a task. Its arguments are ids; enqueue it inside the transaction that causes it.

    Only an ``idempotent`` task is run again after an error or a lost worker.
    """

    def declare(function: Callable[P, T]) -> "Task[P, T]":
        declared = plain_task(priority=priority)(function)
        _policies[declared.module_path] = TaskPolicy(attempts, idempotent, on_lost)
        return declared

    return declare


def policy_of(task_path: str) -> TaskPolicy:
    """Return the policy of a task; one that declared none is never repeated."""
    return _policies.get(task_path, TaskPolicy())


def pause_before(attempt: int) -> timedelta:
    """How long to wait before the attempt after number ``attempt``: 5 s, 20 s, 80 s … at most an hour."""
    return min(LONGEST_PAUSE, FIRST_PAUSE * 4 ** min(max(attempt - 1, 0), 8))
