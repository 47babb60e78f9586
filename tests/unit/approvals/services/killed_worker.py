"""What the processes of test_killed_worker do: build a case, execute it and die on the way, go on, report."""

import os
import signal
import sys
from datetime import UTC, datetime, timedelta
from functools import partial
from types import SimpleNamespace

from tests.forked import serve

NOW = datetime(2026, 11, 17, 9, 40, tzinfo=UTC)
LATER = NOW + timedelta(hours=1)
ROLES = {
    "developer": "developer",
    "owner": "model_owner",
    "validator": "validator",
    "risk_officer": "risk_officer",
    "second_risk_officer": "risk_officer",
    "change_manager": "change_manager",
    "operator": "operator",
}


def set_up() -> None:
    os.environ["DJANGO_SETTINGS_MODULE"] = "mlops_portal.settings.test"
    from django.conf import settings

    class Without:
        """Tables are made from the models, as the test runner does."""

        def __contains__(self, app: str) -> bool:
            return True

        def __getitem__(self, app: str) -> None:
            return None

    settings.MIGRATION_MODULES = Without()
    import django

    django.setup()


def build() -> None:
    from django.core.management import call_command
    from django.db import connection

    call_command("migrate", run_syncdb=True, verbosity=0)
    from approvals import services
    from mlops_portal.foundation.people import credentials
    from mlops_portal.foundation.people.models import User
    from mlops_portal.foundation.people.services.grants import grant_confirm, role_grant
    from mlops_portal.foundation.people.services.persons import person_create
    from mlops_portal.foundation.people.services.units import unit_create
    from tests.factories import approvals as make

    group = unit_create(code="group", name="Group", by=None, now=NOW)
    people = {}
    administrator = person_create(email="admin@x.example", name="Adam Admin", by=None, now=NOW)
    role_grant(user=administrator, role="administrator", unit=group, reason="test", by=None, now=NOW)
    administrator = User.objects.get(pk=administrator.pk)
    for name, role in {**ROLES, "publisher": "policy_publisher"}.items():
        person = person_create(email=f"{name}@x.example", name=name, password=make.PASSWORD, by=None, now=NOW)
        credentials.enrol(person)
        grant = role_grant(user=person, role=role, unit=group, reason="test", by=None, now=NOW)
        if not grant.is_effective:
            grant_confirm(grant=grant, by=administrator, now=NOW)
        people[name] = User.objects.get(pk=person.pk)
    services.install_default_policy(by=None, second=people.pop("publisher"), now=NOW - timedelta(days=365))
    cast = make.Cast(**people)
    model = make.complete_model(unit=group, cast=cast, tier=4, now=NOW)
    version = make.complete_version(model, cast=cast, now=NOW)
    change = make.submitted(version, make.production(group, now=NOW), by=cast.developer, now=NOW)
    change = make.approve_by(change, [cast.owner, cast.risk_officer], now=NOW)
    services.change_execute_now(change=change, by=cast.operator, now=LATER)
    connection.close()  # so that all of it is in the one file that is copied


def execute(*, die: str) -> None:
    from approvals import connectors, services
    from approvals.connectors.registry_alias import RegistryAlias
    from approvals.models import ChangeRequest

    class Deadly(RegistryAlias):
        """Takes its process with it, before or after the alias moved."""

        def call(self, step: object, *, now: datetime) -> object:
            if die == "after":
                super().call(step, now=now)
            if die:
                os.kill(os.getpid(), signal.SIGKILL)
            return super().call(step, now=now)

    connectors.register(Deadly())
    change = ChangeRequest.objects.get()
    sys.stdout.write(services.execution_run(change_id=change.pk, clock=lambda: LATER))


def report() -> None:
    from approvals.models import ChangeRequest, ExecutionStep
    from registry.models import Alias, Deployment

    seen = SimpleNamespace(
        state=ChangeRequest.objects.get().state,
        alias_moves=Alias.history.model.objects.count(),
        live=Deployment.objects.filter(state="live").count(),
        deployments=Deployment.objects.count(),
        steps=list(ExecutionStep.objects.order_by("attempt").values_list("state", flat=True)),
    )
    sys.stdout.write(str(vars(seen)))


if __name__ == "__main__":
    set_up()
    serve(
        {
            "build": build,
            "die-before": partial(execute, die="before"),
            "die-after": partial(execute, die="after"),
            "go-on": partial(execute, die=""),
            "report": report,
        }
    )
