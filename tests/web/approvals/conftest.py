"""A policy in force, the people around one model, and requests at different places of their way."""

from collections.abc import Callable
from datetime import datetime, timedelta

import pytest
from django.utils import timezone

from approvals import services
from approvals.models import ChangeRequest, PolicyRevision
from mlops_portal.foundation.people.models import BusinessUnit, User
from registry.models import Environment, ModelVersion, RegisteredModel
from tests.factories import approvals as make
from tests.kept import kept


@pytest.fixture(scope="module")
def now() -> datetime:
    """Return the present, one for all tests that share a world: pages ask the clock themselves."""
    return timezone.now() - timedelta(hours=2)


@pytest.fixture
@kept
def in_force(make_person: Callable[..., User], group: BusinessUnit, now: datetime) -> PolicyRevision:
    """Put the shipped policy in force."""
    paula = make_person("Paula Publisher", "policy_publisher", unit=group, signs=True)
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
def version(model: RegisteredModel, release_cast: make.Cast, now: datetime) -> ModelVersion:
    """Return its first version, validated."""
    return make.complete_version(model, cast=release_cast, now=now)


@pytest.fixture
@kept
def prod(retail: BusinessUnit, now: datetime) -> Environment:
    """Return production."""
    return make.production(retail, now=now)


@pytest.fixture
@kept
def filed(version: ModelVersion, prod: Environment, ada: User, now: datetime) -> ChangeRequest:
    """Return the request to deploy the version; the owner decides first."""
    return make.submitted(version, prod, by=ada, now=now)


@pytest.fixture
@kept
def at_risk(filed: ChangeRequest, release_cast: make.Cast, now: datetime) -> ChangeRequest:
    """Return the request at the stage of the risk officers."""
    return make.approve_by(
        filed, [release_cast.owner, release_cast.validator], now=now + timedelta(minutes=10)
    )


@pytest.fixture
@kept
def blocked(
    model: RegisteredModel, prod: Environment, release_cast: make.Cast, now: datetime
) -> ChangeRequest:
    """Return a request at the risk stage whose version misses a limit."""
    weak = make.complete_version(model, cast=release_cast, now=now, young=0.6, artifact="b")
    alternatives = [{"title": "Stay", "metrics": "auc 0.8", "why_not": "Drift."}]
    change = make.submitted(weak, prod, by=release_cast.developer, now=now, alternatives=alternatives)
    return make.approve_by(
        change, [release_cast.owner, release_cast.validator], now=now + timedelta(minutes=5)
    )
