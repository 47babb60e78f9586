"""A model and a version that the registry's tests speak of."""

from collections.abc import Callable, Iterator
from datetime import datetime

import pytest

from mlops_portal.foundation.events import DomainEvent, domain_event
from mlops_portal.foundation.people.models import BusinessUnit, User
from registry import gates
from registry.models import ModelVersion, RegisteredModel
from registry.services.models import model_register
from registry.services.versions import version_register


@pytest.fixture
def events() -> list[DomainEvent]:
    """Return the list into which every event of the test falls."""
    heard: list[DomainEvent] = []

    def hear(event: DomainEvent, **kwargs: object) -> None:
        heard.append(event)

    domain_event.connect(hear)
    yield heard
    domain_event.disconnect(hear)


@pytest.fixture
def churn(retail: BusinessUnit, olga: User, ada: User, now: datetime) -> RegisteredModel:
    """Return the churn model of Retail Lending: Olga owns it, Ada develops it."""
    return model_register(name="churn", unit=retail, owner=olga, developer=ada, by=olga, now=now)


@pytest.fixture
def churn_1(churn: RegisteredModel, ada: User, now: datetime) -> ModelVersion:
    """Return the first version of the churn model, registered by Ada."""
    return version_register(model=churn, by=ada, now=now, source="s3://models/churn/1", run_id="run-1")


@pytest.fixture
def verbs(events: list[DomainEvent]) -> Callable[[], list[str]]:
    """Return a function that lists the verbs heard so far."""
    return lambda: [event.verb for event in events]


@pytest.fixture
def no_gates() -> Iterator[None]:
    """Ask no app above: these tests speak of the registry's own rules."""
    lists = [gates.alias_gates, gates.deletion_gates, gates.retirement_gates, gates.deployment_gates]
    kept = [list(gate) for gate in lists]
    for gate in lists:
        gate.clear()
    yield
    for gate, answers in zip(lists, kept, strict=True):
        gate[:] = answers
