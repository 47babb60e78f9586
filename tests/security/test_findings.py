"""A validator who built a model closes no finding about it, although validators close findings."""

import pytest

from approvals import services
from approvals.models import Validation, ValidationFinding
from mlops_portal.foundation.history import save_as
from mlops_portal.foundation.rules import RuleViolation
from tests.factories.registry import ModelFactory, VersionFactory

pytestmark = pytest.mark.django_db


@pytest.mark.parametrize("part", ["owner", "developer"])
def test_owner_and_developer_close_no_finding_of_their_model(part, retail, make_person, vera, olga, now):
    both = make_person("Bo Both", "validator", unit=retail)
    version = VersionFactory(model=ModelFactory(unit=retail, **{part: both}))
    scope = {"model": version.model, "unit": retail}
    validation = save_as(
        Validation(**scope, version=version, validator=vera, opened_at=now), by=None, now=now, reason="test"
    )
    finding = save_as(
        ValidationFinding(
            **scope, validation=validation, title="Leak", severity="critical", owner=olga,
            due_on=now.date(), raised_at=now,
        ),
        by=None, now=now, reason="test",
    )  # fmt: skip
    with pytest.raises(RuleViolation) as refusal:
        services.finding_close(finding=finding, evidence="It is repaired, believe me.", by=both, now=now)
    assert [blocker.code for blocker in refusal.value.blockers] == ["own_model"]
    assert services.finding_close(
        finding=finding, evidence="Retrained without it.", by=vera, now=now
    ).closed_at
