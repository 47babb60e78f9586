"""`manage.py scheduler`: enqueues what is due."""

import logging
import signal
import threading
from argparse import ArgumentParser
from datetime import datetime
from types import FrameType
from typing import Any

from django.core.management.base import BaseCommand
from django.db import DatabaseError, close_old_connections
from django.utils import timezone

from mlops_portal.foundation.work import leases, schedules, worker

logger = logging.getLogger(__name__)
BEAT_EVERY_SECONDS = 10


class Command(BaseCommand):
    """Enqueues due schedules and takes back lost work. Several may run; each due time is enqueued once."""

    help = "Enqueue what is due. Several schedulers may run: each due time is enqueued exactly once."

    def add_arguments(self, parser: ArgumentParser) -> None:
        """Declare the options."""
        parser.add_argument(
            "--interval", type=float, default=2.0, help="seconds between two looks (default 2)"
        )
        parser.add_argument("--once", action="store_true", help="look once and end")

    def handle(self, **options: Any) -> None:
        """Tick until told to stop."""
        stop = threading.Event()

        def end(number: int, frame: FrameType | None) -> None:
            stop.set()

        signal.signal(signal.SIGTERM, end)
        signal.signal(signal.SIGINT, end)
        self._holder = worker.holder_name()
        self._beaten: datetime | None = None
        schedules.sync(timezone.now())
        while not stop.is_set():
            try:
                close_old_connections()
                self._look(timezone.now())
            except DatabaseError:
                logger.exception("The database did not answer; trying again")
            if options["once"]:
                break
            stop.wait(options["interval"])
        leases.sign_off(kind="scheduler", holder=self._holder)

    def _look(self, now: datetime) -> None:
        if self._beaten is None or (now - self._beaten).total_seconds() >= BEAT_EVERY_SECONDS:
            leases.beat(kind="scheduler", holder=self._holder, now=now)
            worker.reap(now)
            self._beaten = now
        schedules.tick(now)
