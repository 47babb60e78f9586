"""What the shorter journeys start from: models and requests made by the services in the database of the running portal.

A program of its own, because the portal is one: `python -m tests.browser.scenes` makes every scene and prints the
addresses as JSON.
"""

import json
import os
import sys
import time
import uuid
from collections.abc import Callable, Mapping
from datetime import timedelta
from typing import Any

import django

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "mlops_portal.settings.dev")
django.setup()

from django.utils import timezone  # noqa: E402

from approvals import services  # noqa: E402
from approvals.models import ChangeRequest  # noqa: E402
from mlops_portal.demonstration.cast import BY_KEY, PASSWORD  # noqa: E402
from mlops_portal.foundation.people import credentials  # noqa: E402
from mlops_portal.foundation.people.models import BusinessUnit, User  # noqa: E402
from mlops_portal.foundation.work.worker import Worker  # noqa: E402
from registry.models import Deployment, Environment, ModelVersion  # noqa: E402
from tests.factories import approvals as make  # noqa: E402

NOW = timezone.now()
EARLIER = NOW - timedelta(hours=3)
PRODUCTION, STAGING = "bank-cloud-prod", "bank-cloud-staging"


def person(key: str) -> User:
    """Return somebody of the demonstration."""
    return User.objects.get(email=BY_KEY[key].email)


def place(name: str) -> Environment:
    """Return one of its environments."""
    return Environment.objects.get(name=name)


def people() -> make.Cast:
    """Return who stands around the models of the scenes."""
    keys = ("tomas", "hanne", "samuel", "ines", "mirela", "dana", "omar")
    return make.Cast(*(person(key) for key in keys))


def version_of(title: str, *, tier: int = 4, count: int = 1) -> list[ModelVersion]:
    """Return validated versions of a new model of Retail Lending whose record is complete."""
    unit = BusinessUnit.objects.get(code="retail-lending")
    name = f"{title} {uuid.uuid4().hex[:6]}"
    model = make.complete_model(unit=unit, cast=people(), tier=tier, now=NOW, name=name)
    return [
        make.complete_version(model, cast=people(), now=NOW, artifact=f"{number}{uuid.uuid4().hex}")
        for number in range(count)
    ]


def filed(version: ModelVersion, environment: str, **fields: Any) -> ChangeRequest:
    """File a request three hours ago."""
    return make.submitted(version, place(environment), by=people().developer, now=EARLIER, **fields)


def approved_by(change: ChangeRequest, *keys: str) -> ChangeRequest:
    """Let people approve one stage after the other, some minutes later."""
    for number, key in enumerate(keys, start=1):
        later = EARLIER + timedelta(minutes=10 * number)
        make.decide(change, person(key), now=later, password=PASSWORD)
    change.refresh_from_db()
    return change


def released(version: ModelVersion) -> Deployment:
    """Put a version into production: filed, approved, started by the operator, carried out."""
    change = approved_by(filed(version, PRODUCTION), "hanne", "mirela")
    services.change_execute_now(change=change, by=person("omar"), now=NOW - timedelta(hours=1))
    worker = Worker(holder=f"scenes-{os.getpid()}")
    live = Deployment.objects.filter(change_id=change.pk, state="live")
    while not live.exists():  # either this worker or the portal's own takes the task
        if not worker.run_one():
            time.sleep(0.2)
    return live.get()


def at(change: ChangeRequest) -> Mapping[str, str]:
    """Return where a request is."""
    return {"change": change.get_absolute_url(), "model": change.model.get_absolute_url()}


def blocked() -> Mapping[str, str]:
    """A request at the owner's stage: nobody wrote how one gets back, so OPS-01 blocks it."""
    stay = {
        "title": "Stay with the rules",
        "metrics": "AUC 0.71",
        "why_not": "Refuses one good customer in nine.",
    }
    version = version_of("Overdraft limit")[0]
    return at(filed(version, PRODUCTION, rollback_plan="", alternatives=[stay]))


def accepted() -> Mapping[str, str]:
    """A request that the owner accepted and an independent approver decides."""
    return at(approved_by(filed(version_of("Instalment plan")[0], PRODUCTION), "hanne"))


def light() -> Mapping[str, str]:
    """A request for staging, which one approver decides."""
    return at(filed(version_of("Income check")[0], STAGING))


def to_read() -> Mapping[str, str]:
    """Another one, for pages and keys."""
    return at(filed(version_of("Address match")[0], STAGING))


def by_keys() -> Mapping[str, str]:
    """One more, decided without a mouse."""
    return at(filed(version_of("Payment holiday")[0], STAGING))


def by_enter() -> Mapping[str, str]:
    """One more, signed with the Enter key and without scripts."""
    return at(filed(version_of("Rent guarantee")[0], STAGING))


def running() -> Mapping[str, str]:
    """The second version in production; the first one is its way back."""
    first, second = version_of("Dunning order", count=2)
    released(first)
    deployment = released(second)
    return {
        "deployment": deployment.get_absolute_url(),
        "change": f"/changes/{deployment.change_id}/",
        "back_to": first.name,
    }


SCENES: tuple[Callable[[], Mapping[str, str]], ...] = (
    blocked, accepted, light, to_read, by_keys, by_enter, running,
)  # fmt: skip


def everybody(_: User, __: str, ___: str) -> None:
    """Take every signature of a scene for proved: it lies in the past."""


if __name__ == "__main__":
    with credentials.checked_by(everybody):
        json.dump({scene.__name__: dict(scene()) for scene in SCENES}, sys.stdout)
