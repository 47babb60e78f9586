"""Processes that read the database side by side, each with a connection of its own.

Imports no model: a spawned process loads this module before it loads the applications.
"""

import multiprocessing
import threading
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ProcessPoolExecutor
from contextlib import contextmanager
from typing import Any, TypeVar

import django
from django.apps import apps
from django.db import connection, connections

T = TypeVar("T")
R = TypeVar("R")

Spread = Callable[[Callable[[Any], Any], Iterable[Any]], Iterator[Any]]


def start_method() -> str:
    """Return the cheapest safe way to start a process: a copy of one with several threads may hold their locks."""
    can_copy = "fork" in multiprocessing.get_all_start_methods() and threading.active_count() == 1
    return "fork" if can_copy else "spawn"


@contextmanager
def readers(workers: int, *, method: str = "") -> Iterator[Spread]:
    """Yield a ``map`` whose calls are spread over ``workers`` processes; results come in the order of the items.

    With one worker the calls are made here, on this connection: the only way inside a transaction and for a
    database in memory.
    """
    if workers < 2 or multiprocessing.current_process().daemon:
        yield map
        return
    connections.close_all()  # a copied process must not share an open connection
    context = multiprocessing.get_context(method or start_method())
    with ProcessPoolExecutor(
        workers, mp_context=context, initializer=begin, initargs=(str(connection.settings_dict["NAME"]),)
    ) as pool:
        pool.submit(ready).result()  # starts the processes, before this one opens a connection again
        try:
            yield pool.map
        finally:
            pool.shutdown(cancel_futures=True)


def begin(database: str) -> None:
    """Make a fresh process read the database of the one that started it."""
    if not apps.ready:
        django.setup()
    connections.databases["default"]["NAME"] = database
    connection.settings_dict["NAME"] = database
    if connection.vendor == "postgresql":
        with connection.cursor() as cursor:
            cursor.execute("SET statement_timeout = 0")


def ready() -> bool:
    """Say that this process runs."""
    return True
