"""`manage.py demo`: the demonstration portfolio, built by driving the services through 18 months."""

import time
from argparse import ArgumentParser
from pathlib import Path
from typing import Any

from django.conf import settings
from django.core.management import call_command
from django.core.management.base import BaseCommand, CommandError
from django.utils import timezone

from mlops_portal.demonstration.build import PLAYED, build
from mlops_portal.foundation.people.models import User
from registry.models import Deployment, ModelVersion, RegisteredModel

LARGEST = 10_000


class Command(BaseCommand):
    """Builds the portfolio once; a database that holds people is left alone."""

    help = "Build the demonstration portfolio in an empty database."

    def add_arguments(self, parser: ArgumentParser) -> None:
        """Declare the options."""
        parser.add_argument(
            "--models", type=int, default=60, help=f"1 to {LARGEST:,}; above 200 for benchmarks"
        )
        parser.add_argument("--seed", type=int, default=7, help="the same seed tells the same story")

    def handle(self, **options: Any) -> None:
        """Build, or say why not."""
        if not 1 <= options["models"] <= LARGEST:
            raise CommandError(f"--models is 1 to {LARGEST:,}.")
        if User.objects.exists():
            self._say("There are people in this database already; nothing was built.")
            return
        if not Path(settings.PORTAL_LEDGER_KEY_FILE).exists():
            # Needed at the end, when the ledger is sealed: said now, not after the whole build.
            call_command("ledger_key", stdout=self.stdout, stderr=self.stderr)
        began = time.monotonic()
        build(models=options["models"], seed=options["seed"], now=timezone.now(), say=self._say)
        call_command("sequencer", "--once", stdout=self.stdout, stderr=self.stderr)
        self._say(
            f"{RegisteredModel.objects.count():,} models, {ModelVersion.objects.count():,} versions and "
            f"{Deployment.objects.count():,} deployments in {time.monotonic() - began:.0f} s."
        )
        if options["models"] > PLAYED:
            call_command("ledger", "verify", stdout=self.stdout, stderr=self.stderr)

    def _say(self, text: str) -> None:
        self.stdout.write(text)
        self.stdout.flush()
