"""`manage.py emergency_administrator`: when the second administrator cannot be reached, or is not to be trusted."""

from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand, CommandError
from django.utils import timezone

from mlops_portal.foundation.errors import DomainError
from mlops_portal.foundation.operations import act
from mlops_portal.foundation.people.models import BusinessUnit, User
from mlops_portal.foundation.people.services.grants import ADMINISTRATOR, role_grant
from mlops_portal.foundation.people.services.persons import person_deactivate


def _person(email: str) -> User:
    person = User.objects.filter(email__iexact=email, kind=User.Kind.PERSON, is_active=True).first()
    if person is None:
        raise CommandError(f"There is no active person {email}.")
    return person


def _unit(code: str | None) -> BusinessUnit:
    unit = BusinessUnit.objects.filter(code=code or "").first()
    if unit is None:
        raise CommandError(f"There is no unit {code}.")
    return unit


class Command(BaseCommand):
    """Stands beside the rule of two people; the ledger names the operator's act and the reason."""

    help = (
        "End an administrator's access, or appoint one, without a second person; each act is in the ledger."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        """Declare the options."""
        parser.add_argument("--deactivate", help="e-mail address of the administrator whose access ends")
        parser.add_argument("--appoint", help="e-mail address of the person who becomes administrator")
        parser.add_argument("--unit", help="code of the unit, with --appoint")
        parser.add_argument("--reason", required=True, help="why; it stands in the ledger")

    def handle(self, **options: Any) -> None:
        """Do what is asked for in one act."""
        now = timezone.now()
        reason = f"Emergency, by whoever runs the portal: {options['reason']}"
        if not options["deactivate"] and not options["appoint"]:
            raise CommandError("Say whom to --deactivate or whom to --appoint.")
        done = []
        try:
            with act():
                if options["deactivate"]:
                    gone = _person(options["deactivate"])
                    person_deactivate(person=gone, reason=reason, by=None, now=now)
                    done.append(f"{gone.name} is deactivated.")
                if options["appoint"]:
                    new, unit = _person(options["appoint"]), _unit(options["unit"])
                    role_grant(user=new, role=ADMINISTRATOR, unit=unit, reason=reason, by=None, now=now)
                    done.append(f"{new.name} administers {unit.name}.")
        except (CommandError, DomainError) as error:
            raise CommandError(f"{error} Nothing was done.") from error
        for line in done:  # once it is written: somebody relies on it
            self.stdout.write(line)
