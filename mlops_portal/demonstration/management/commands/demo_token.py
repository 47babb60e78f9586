"""`manage.py demo_token`: a token for a pipeline of the demonstration, printed once and kept nowhere."""

from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand, CommandError
from django.utils import timezone

from mlops_portal.foundation.people.models import ServiceAccount
from mlops_portal.foundation.people.roles import ROLES
from mlops_portal.foundation.people.services.tokens import token_create

DAYS = 30


class Command(BaseCommand):
    """Makes a token that may do what a developer may."""

    help = "Make a token of a service account and print it once."

    def add_arguments(self, parser: ArgumentParser) -> None:
        """Declare the options."""
        parser.add_argument(
            "--account", required=True, help="name of the service account, such as ci-retail-lending"
        )
        parser.add_argument("--days", type=int, default=DAYS)

    def handle(self, **options: Any) -> None:
        """Make it and print it."""
        account = ServiceAccount.objects.filter(name=options["account"]).first()
        if account is None:
            known = (
                ", ".join(ServiceAccount.objects.order_by("name").values_list("name", flat=True)) or "none"
            )
            raise CommandError(f"There is no service account {options['account']}. There are: {known}.")
        made = token_create(
            account=account,
            label="Made on the command line",
            scopes=sorted(ROLES["developer"].rights),
            days=options["days"],
            by=None,
            now=timezone.now(),
        )
        self.stdout.write(made.secret)
