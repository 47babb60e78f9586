"""SQLite for several processes: a write-ahead log, and writers that queue on a file lock instead of polling.

SQLite's own busy handler sleeps and tries again, so an unlucky writer can wait for seconds while others pass it.
Every outermost transaction therefore first takes an advisory lock on a file beside the database; the operating
system hands it over as soon as it is free. Reads outside of transactions take no lock.
"""

import fcntl
import os
import threading
import time
from typing import Any

from django.db.backends.sqlite3 import base
from django.db.utils import OperationalError

PRAGMAS = ("PRAGMA journal_mode=WAL", "PRAGMA synchronous=NORMAL")
SPIN_SECONDS = 0.002


class WriteLock:
    """An exclusive lock on a file, with a time limit."""

    def __init__(self, path: str) -> None:
        self.path = path
        self._file = -1

    @property
    def held(self) -> bool:
        """Whether this connection holds the lock."""
        return self._file >= 0

    def acquire(self, timeout: float) -> None:
        """Take the lock, waiting at most ``timeout`` seconds.

        Whoever waits holds a gate in front of the lock, so the process that just released it cannot take it again
        before the one that waits.

        Raises:
            OperationalError: another connection kept it for too long.
        """
        deadline = time.monotonic() + timeout
        gate = _locked(self.path + "-gate", deadline)
        try:
            self._file = _locked(self.path, deadline)
        finally:
            os.close(gate)

    def release(self) -> None:
        """Give the lock back; harmless when it is not held."""
        if self.held:
            descriptor, self._file = self._file, -1
            os.close(descriptor)


def _locked(path: str, deadline: float) -> int:
    """Open and lock ``path``; return the descriptor, whose closing releases the lock."""
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    if _try(descriptor):
        return descriptor
    waiter = _Waiter(descriptor)
    waiter.start()
    if not waiter.wait(deadline - time.monotonic()):
        raise OperationalError("database is locked: another transaction holds the write lock for too long")
    return descriptor


def _try(descriptor: int) -> bool:
    end = time.monotonic() + SPIN_SECONDS
    while True:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            if time.monotonic() > end:
                return False
            time.sleep(SPIN_SECONDS / 10)
        else:
            return True


class _Waiter(threading.Thread):
    """Blocks in flock, which has no time limit of its own, so that its caller can give up."""

    def __init__(self, descriptor: int) -> None:
        super().__init__(daemon=True)
        self._descriptor = descriptor
        self._guard = threading.Lock()
        self._locked = threading.Event()
        self._given_up = False

    def run(self) -> None:
        """Wait for the lock; if the caller has gone meanwhile, release it at once."""
        fcntl.flock(self._descriptor, fcntl.LOCK_EX)
        with self._guard:
            self._locked.set()
            if self._given_up:
                os.close(self._descriptor)

    def wait(self, timeout: float) -> bool:
        """Return whether the lock was taken in time."""
        if self._locked.wait(max(timeout, 0)):
            return True
        with self._guard:
            self._given_up = not self._locked.is_set()
            return not self._given_up


class DatabaseWrapper(base.DatabaseWrapper):
    """Django's SQLite wrapper with the pragmas and the write lock of this product."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._write_lock: WriteLock | None = None

    def get_connection_params(self) -> dict[str, Any]:
        """Make sure the pragmas run on every new connection and transactions begin IMMEDIATE."""
        params = super().get_connection_params()
        modes: str | None = self.transaction_mode  # type: ignore[has-type]
        commands: list[str] = self.init_commands  # type: ignore[has-type]
        self.transaction_mode = modes or "IMMEDIATE"
        if not self.is_in_memory_db():
            self.init_commands = [*PRAGMAS, *commands]
        return params

    def _start_transaction_under_autocommit(self) -> None:
        if self._write_lock is None and not self.is_in_memory_db():
            self._write_lock = WriteLock(f"{self.settings_dict['NAME']}-writer")
        if self._write_lock is not None and not self._write_lock.held:
            self._write_lock.acquire(float(self.settings_dict["OPTIONS"].get("timeout", 20)))
        try:
            super()._start_transaction_under_autocommit()  # type: ignore[misc]
        except BaseException:
            self._release()
            raise

    def _commit(self) -> None:
        super()._commit()  # type: ignore[misc]
        self._release()

    def _rollback(self) -> None:
        try:
            super()._rollback()  # type: ignore[misc]
        finally:
            self._release()

    def set_autocommit(self, autocommit: bool, *args: Any, **kwargs: Any) -> None:
        """Leave the transaction; whatever way it ended, the lock goes before on-commit hooks run."""
        if autocommit:
            self._release()
        super().set_autocommit(autocommit, *args, **kwargs)

    def _close(self) -> None:
        try:
            super()._close()  # type: ignore[misc]
        finally:
            self._release()

    def _release(self) -> None:
        if self._write_lock is not None:
            self._write_lock.release()
