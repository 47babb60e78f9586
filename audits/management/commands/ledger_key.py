"""`manage.py ledger_key`: make the ledger's signing key, show it, or replace it."""

from argparse import ArgumentParser
from pathlib import Path
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError

from audits import keys
from audits.services import sequencing
from mlops_portal.foundation.db import database_now
from mlops_portal.foundation.errors import DomainError


class Command(BaseCommand):
    """Makes the key file that PORTAL_LEDGER_KEY_FILE names (mode 0600) and prints its public half."""

    help = "Create the ledger's signing key, or replace it with --rotate."

    def add_arguments(self, parser: ArgumentParser) -> None:
        """Declare options."""
        parser.add_argument("--show", action="store_true", help="only print the public key")
        parser.add_argument(
            "--rotate", action="store_true", help="replace the key; the old one signs the new one"
        )

    def handle(self, *args: Any, **options: Any) -> None:
        """Run."""
        path, name = Path(settings.PORTAL_LEDGER_KEY_FILE), settings.PORTAL_LEDGER_ORIGIN
        try:
            if sequencing.rotation_finish():
                self.stdout.write("A rotation that was interrupted is finished.")
            if options["rotate"]:
                self._rotate(path, name)
            elif not options["show"]:
                keys.create_key_file(path)
            key = keys.load_signer(path, name=name).key
        except (keys.KeyFileError, DomainError) as error:
            raise CommandError(str(error)) from error
        self.stdout.write(f"key file     {path}\nfingerprint  {key.fingerprint}\nkey          {key}")

    def _rotate(self, path: Path, name: str) -> None:
        old = keys.load_signer(path, name=name)
        fresh = keys.replacement_of(path)
        if not fresh.exists():  # else one whose rotation was never committed: it signed nothing yet
            keys.create_key_file(fresh)
        sequencing.key_rotate(old=old, new=keys.load_signer(fresh, name=name), now=database_now())
        sequencing.rotation_finish()
