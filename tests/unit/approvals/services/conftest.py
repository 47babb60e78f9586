"""A policy in force, the people around one model, and a request that may be approved."""

from collections.abc import Callable
from datetime import datetime, timedelta

import pytest

from approvals import services
from approvals.models import ChangeRequest, PolicyRevision
from mlops_portal.foundation.history import save_as
from mlops_portal.foundation.people.models import BusinessUnit, User
from mlops_portal.foundation.work.worker import run_pending
from registry.models import Environment, MetricValue, ModelVersion, RegisteredModel
from tests.factories import approvals as make
from tests.kept import kept


@pytest.fixture
@kept
def run_jobs() -> Callable[[datetime], None]:
    """Return a function that runs every queued job at a given time."""

    def run(at: datetime) -> None:
        run_pending(clock=lambda: at)

    return run


@pytest.fixture
@kept
def in_force(make_person: Callable[..., User], group: BusinessUnit, now: datetime) -> PolicyRevision:
    """Put the shipped policy in force, a year ago."""
    paula = make_person("Paula Publisher", "policy_publisher", unit=group)
    return services.install_default_policy(by=None, second=paula, now=now - timedelta(days=365))


@pytest.fixture
@kept
def release_cast(
    ada: User, olga: User, vera: User, ines: User, rolf: User, carl: User, omar: User
) -> make.Cast:
    """Return the people around the model."""
    return make.Cast(ada, olga, vera, ines, rolf, carl, omar)


@pytest.fixture
@kept
def model(
    in_force: PolicyRevision, retail: BusinessUnit, release_cast: make.Cast, now: datetime
) -> RegisteredModel:
    """Return a tier 1 model with a complete record."""
    return make.complete_model(unit=retail, cast=release_cast, tier=1, now=now)


@pytest.fixture
@kept
def light_model(
    in_force: PolicyRevision, retail: BusinessUnit, release_cast: make.Cast, now: datetime
) -> RegisteredModel:
    """Return a tier 4 model with a complete record."""
    return make.complete_model(unit=retail, cast=release_cast, tier=4, now=now, name="Next best offer")


@pytest.fixture
@kept
def version(model: RegisteredModel, release_cast: make.Cast, now: datetime) -> ModelVersion:
    """Return its first version, with all evidence, validated."""
    return make.complete_version(model, cast=release_cast, now=now)


@pytest.fixture
@kept
def prod(retail: BusinessUnit, now: datetime) -> Environment:
    """Return production, reached by moving an alias."""
    return make.production(retail, now=now)


@pytest.fixture
@kept
def filed(version: ModelVersion, prod: Environment, ada: User, now: datetime) -> ChangeRequest:
    """Return the request to deploy the version, filed by Ada."""
    return make.submitted(version, prod, by=ada, now=now)


@pytest.fixture
@kept
def weak(filed: ChangeRequest, now: datetime) -> ChangeRequest:
    """Return the filed request after its AUC fell under the release limit."""
    metric = MetricValue.objects.get(version=filed.version, segment="", name="auc")
    metric.value = 0.70
    save_as(metric, by=None, now=now)
    filed.alternatives = [
        {"title": "Logistic", "metrics": {"auc": 0.6}, "gates": "fails", "why_not": "Weaker."}
    ]
    save_as(filed, by=None, now=now)
    services.change_refresh(change=filed, now=now)
    filed.refresh_from_db()
    return filed
