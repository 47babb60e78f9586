"""`manage.py first_administrator`: the first unit and the first administrator of a new installation."""

from argparse import ArgumentParser
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError
from django.utils import timezone

from mlops_portal.foundation.operations import act
from mlops_portal.foundation.people.models import BusinessUnit
from mlops_portal.foundation.people.services.grants import role_grant
from mlops_portal.foundation.people.services.persons import person_create, person_invite
from mlops_portal.foundation.people.services.units import unit_create


class Command(BaseCommand):
    """Works once, on an empty installation; every later person is invited in the browser."""

    help = "Create the top unit and its first administrator, and print the link that sets the password."

    def add_arguments(self, parser: ArgumentParser) -> None:
        """Declare the options."""
        parser.add_argument("--unit", required=True, help="name of the top unit, e.g. the enterprise")
        parser.add_argument("--code", required=True, help="its short code, e.g. group")
        parser.add_argument("--name", required=True, help="the administrator's name")
        parser.add_argument("--email", required=True, help="the administrator's e-mail address")

    def handle(self, **options: Any) -> None:
        """Create both and print the invitation."""
        if BusinessUnit.objects.exists():
            raise CommandError(
                "There are business units already; administrators invite people in the browser."
            )
        now = timezone.now()
        with act():
            unit = unit_create(code=options["code"], name=options["unit"], by=None, now=now)
            person = person_create(email=options["email"], name=options["name"], by=None, now=now)
            role_grant(
                user=person, role="administrator", unit=unit, reason="First administrator", by=None, now=now
            )
            path = person_invite(person=person, by=None, now=now)
        self.stdout.write(f"{person.name} administers {unit.name}. Set the password within three days:")
        self.stdout.write(f"{settings.PORTAL_BASE_URL}{path}")
