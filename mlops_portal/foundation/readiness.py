"""Can this installation do its work? Each part of the product adds the question it can answer."""

from collections.abc import Callable
from datetime import datetime

from django.db import DEFAULT_DB_ALIAS, DatabaseError, connections
from django.db.migrations.executor import MigrationExecutor

from mlops_portal.foundation.errors import DomainError
from mlops_portal.foundation.work import leases

Check = Callable[[datetime], str]
_checks: dict[str, Check] = {}


def register(name: str, check: Check) -> None:
    """Add a check: it returns an empty text when all is well, else what is wrong.

    Raises:
        ValueError: the name is taken.
    """
    if _checks.get(name, check) is not check:
        raise ValueError(f"The readiness check {name} is registered twice")
    _checks[name] = check


def problems(now: datetime) -> dict[str, str]:
    """Ask every check; those that could not answer count as problems."""
    return {name: _ask(check, now) for name, check in sorted(_checks.items())}


def process_check(kind: str) -> Check:
    """Return a check that a process of this kind gave a sign of life lately."""

    def check(now: datetime) -> str:
        return "" if leases.alive(kind, now=now) else f"no {kind} has given a sign of life lately"

    return check


def database_check(now: datetime) -> str:
    """Whether the database answers."""
    with connections[DEFAULT_DB_ALIAS].cursor() as cursor:
        cursor.execute("SELECT 1")
    return ""


def migrations_check(now: datetime) -> str:
    """Whether the tables are those that this code expects."""
    executor = MigrationExecutor(connections[DEFAULT_DB_ALIAS])
    plan = executor.migration_plan(executor.loader.graph.leaf_nodes())
    return f"{len(plan)} migrations are not applied" if plan else ""


def declare() -> None:
    """Register the checks of the foundation; called once when it is ready."""
    register("database", database_check)
    register("migrations", migrations_check)
    register("worker", process_check("worker"))
    register("scheduler", process_check("scheduler"))


def _ask(check: Check, now: datetime) -> str:
    try:
        return check(now)
    except (DatabaseError, DomainError, OSError) as error:
        return f"{type(error).__name__}: {error}".splitlines()[0]
