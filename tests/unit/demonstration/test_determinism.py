"""The same seed and the same reference date tell the same story, whatever keys the database gives."""

from datetime import UTC, datetime

import pytest

from approvals.models import ChangeRequest, Decision, Validation
from mlops_portal.foundation.people.models import RoleGrant
from registry.models import Deployment, Document, MetricValue, ModelVersion, RegisteredModel
from tests.unit.demonstration.conftest import played

pytestmark = [pytest.mark.django_db, pytest.mark.slow]
REFERENCE = datetime(2026, 11, 20, 9, 0, tzinfo=UTC)
STORY = 2


def told() -> dict[str, list[tuple]]:
    """Return what a reader of the portfolio sees: names, values, times and people, no keys."""
    version = ("version__model__name", "version__number")
    asked = {
        RoleGrant: ("user__email", "role", "unit__code", "granted_at"),
        RegisteredModel: ("name", "tier", "governance", "adoption_stage", "owner__email", "next_review_on"),
        ModelVersion: ("model__name", "number", "artifact_sha256", "registered_at"),
        MetricValue: (*version, "name", "segment", "value", "n", "grade"),
        Document: (*version, "kind", "title", "digest", "status", "approved_at"),
        Validation: (*version, "outcome", "concluded_at", "validator__email"),
        ChangeRequest: ("model__name", "kind", "state", "title", "headline", "submitted_at", "closed_at"),
        Decision: ("change__title", "stage__key", "verdict", "rationale", "signer__email", "decided_at"),
        Deployment: ("model__name", "environment__name", "state", "started_at", "ended_at"),
    }
    return {
        model._meta.label: sorted(model.objects.order_by().values_list(*names), key=repr)
        for model, names in asked.items()
    }


def test_the_same_seed_and_date_tell_the_same_story(nothing_kept, django_db_blocker):
    (first,) = [told() for _world in played(django_db_blocker, STORY, REFERENCE)]
    (second,) = [told() for _world in played(django_db_blocker, STORY, REFERENCE)]
    assert all(first.values())
    assert first == second
