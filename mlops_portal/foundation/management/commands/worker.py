"""`manage.py worker`: runs background work until it is told to stop."""

import signal
import threading
from argparse import ArgumentParser
from types import FrameType
from typing import Any

from django.core.management.base import BaseCommand
from django.db import DatabaseError, close_old_connections
from django.utils import timezone

from mlops_portal.foundation.work.worker import Worker, holder_name, logger, reap

REAP_EVERY_SECONDS = 10


class Command(BaseCommand):
    """Runs jobs and tasks. Start as many as needed, on as many machines."""

    help = "Run background jobs and tasks. Start as many workers as needed, on any machines."

    def add_arguments(self, parser: ArgumentParser) -> None:
        """Declare the options."""
        parser.add_argument("--threads", type=int, default=2, help="tasks at the same time (default 2)")

    def handle(self, **options: Any) -> None:
        """Start the threads, recover lost work now and then, end in order on SIGTERM or SIGINT."""
        stop = threading.Event()

        def end(number: int, frame: FrameType | None) -> None:
            stop.set()

        signal.signal(signal.SIGTERM, end)
        signal.signal(signal.SIGINT, end)
        name = holder_name()
        workers = [Worker(holder=f"{name}:{number}") for number in range(max(1, options["threads"]))]
        threads = [threading.Thread(target=worker.run_for_ever, name=worker.holder) for worker in workers]
        for thread in threads:
            thread.start()
        while not stop.is_set():
            try:
                close_old_connections()
                reap(timezone.now())
            except DatabaseError:
                logger.exception("Lost work could not be recovered; trying again")
            stop.wait(REAP_EVERY_SECONDS)
        for worker in workers:
            worker.shut_down()
        for thread in threads:
            thread.join()
