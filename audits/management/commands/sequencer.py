"""`manage.py sequencer`: the process that numbers entries and signs the tree. Nobody else reads the key."""

import os
import signal
import socket
import threading
from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand, CommandError
from django.db import connection
from django.db.utils import DatabaseError
from django.utils import timezone

from audits import keys
from audits.checkpoints import Signer
from audits.models import SigningKey
from audits.services import sequencing
from mlops_portal.foundation.db import database_now
from mlops_portal.foundation.errors import DomainError
from mlops_portal.foundation.work import leases

KIND = "sequencer"
BEAT_SECONDS = 10.0


class Command(BaseCommand):
    """Polls twice a second; ends on SIGTERM after the batch under way."""

    help = "Number ledger entries and sign checkpoints."

    def add_arguments(self, parser: ArgumentParser) -> None:
        """Declare options."""
        parser.add_argument("--once", action="store_true", help="number what is pending now, then end")
        parser.add_argument("--interval", type=float, default=0.5, help="seconds between looks (0.5)")

    def handle(self, *args: Any, **options: Any) -> None:
        """Run."""
        try:
            signer, key = self._key()
            if options["once"]:
                self.stdout.write(f"numbered {sequencing.sequence_all(signer=signer, key=key)} entries")
                return
            self._loop(signer, key, options["interval"])
        except (keys.KeyFileError, DomainError) as error:
            raise CommandError(str(error)) from error

    def _key(self) -> tuple[Signer, SigningKey]:
        if sequencing.rotation_finish():
            self.stdout.write("a rotation that was interrupted is finished")
        signer = sequencing.signer_from_settings()
        return signer, sequencing.key_admit(signer=signer, now=database_now())

    def _loop(self, signer: Signer, key: SigningKey, interval: float) -> None:
        stop, holder = threading.Event(), f"{socket.gethostname()}:{os.getpid()}"
        for name in (signal.SIGTERM, signal.SIGINT):
            signal.signal(name, lambda *_: stop.set())
        self.stdout.write(f"signing with {key.fingerprint}")
        beaten = 0.0
        while not stop.is_set():
            beaten = self._beat(holder, beaten)
            try:
                sequencing.sequence_all(signer=signer, key=key)
            except (
                DatabaseError
            ) as error:  # the server restarts, or a lock took too long: the next look decides
                self.stderr.write(f"not numbered: {error}")
                connection.close()
            except sequencing.KeyNotValid:
                signer, key = self._next_key(signer, key)
            stop.wait(interval)
        leases.sign_off(kind=KIND, holder=holder)

    def _next_key(self, signer: Signer, key: SigningKey) -> tuple[Signer, SigningKey]:
        """Return the key that replaced an ended one; the ended one until its file is there, which takes a moment."""
        try:
            signer, key = self._key()
        except (keys.KeyFileError, DomainError, DatabaseError) as error:
            self.stderr.write(f"not numbered: {error}")
            connection.close()
        else:
            self.stdout.write(f"signing with {key.fingerprint}")
        return signer, key

    def _beat(self, holder: str, beaten: float) -> float:
        now = timezone.now()
        if now.timestamp() - beaten < BEAT_SECONDS:
            return beaten
        try:
            leases.beat(kind=KIND, holder=holder, now=now)
        except DatabaseError as error:
            self.stderr.write(f"no heartbeat: {error}")
            connection.close()
        return now.timestamp()
