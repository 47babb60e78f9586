"""Deployments and requests of the past, as the portal itself records them."""

from datetime import datetime, timedelta

from approvals.models import ChangeRequest, Stage, Validation
from mlops_portal.foundation.history import save_as
from registry.models import Deployment, Environment, RegisteredModel
from registry.services.bulk import PastDeployment, deployments_record_many
from registry.services.models import model_register
from registry.services.operations import environment_create
from registry.services.versions import version_register

HOUR = timedelta(hours=1)


def model_of(unit, name, *, now, tier=2, **fields) -> RegisteredModel:
    """Register a model and give it a tier."""
    model = model_register(name=name, unit=unit, by=None, now=now, **fields)
    model.tier = tier
    return save_as(model, by=None, now=now, reason="rated")


def place_of(unit, name="prod-eu", *, now, is_production=True) -> Environment:
    """Create an environment."""
    return environment_create(
        unit=unit, name=name, provider="aws", is_production=is_production, by=None, now=now
    )


def version_of(model, *, started_at, now=None, **fields):
    """Register a version whose first commit was at an instant."""
    return version_register(model=model, by=None, now=now or started_at, first_commit_at=started_at, **fields)


def ran(
    version,
    place,
    finished_at: datetime,
    *,
    state="superseded",
    kind="normal",
    started_at=None,
    change=None,
    **more,
) -> Deployment:
    """Record a deployment that took ten minutes and, unless it is live, ended a year later."""
    past = PastDeployment(
        version=version,
        environment=place,
        state=state,
        kind=kind,
        started_at=started_at or finished_at - timedelta(minutes=10),
        finished_at=finished_at,
        change_id=change.pk if change else None,
        ended_at=None if state == "live" else finished_at + timedelta(days=365),
        more={"tier": version.model.tier, **more},
    )
    return deployments_record_many(deployments=[past], by=None, now=finished_at)[0]


def validated(version, person, *, opened_at: datetime) -> Validation:
    """Save a validation that was opened and not concluded."""
    validation = Validation(
        model=version.model, version=version, unit_id=version.unit_id, kind="initial", validator=person,
        opened_at=opened_at,
    )  # fmt: skip
    return save_as(validation, by=None, now=opened_at, reason="test")


def decided(
    model, place, person, *, submitted_at, hours, state="completed", owed_hours=None, **fields
) -> ChangeRequest:
    """Save a request that passed one stage after ``hours``, as the services leave it behind.

    The stage's clock ran all the time, or ``owed_hours`` of it.
    """
    used = (hours or 0) if owed_hours is None else owed_hours
    decided_at = submitted_at + hours * HOUR if hours is not None else None
    change = ChangeRequest(
        **{
            "model": model,
            "unit_id": model.unit_id,
            "environment": place,
            "kind": "deploy",
            "title": "A better version",
            "state": state,
            "requester": person,
            "created_at": submitted_at,
            "submitted_at": submitted_at,
            "decided_at": decided_at,
            "closed_at": decided_at,
            "decided_tier": model.tier,
            "updated_at": submitted_at,
        }
        | fields
    )
    save_as(change, by=None, now=submitted_at, reason="test")
    stage = Stage(
        change=change, model=model, unit_id=model.unit_id, key="risk", position=1, title="Risk", role="risk_officer",
        right="approvals.approve_risk", meaning="approve", is_independent=True, is_deciding=True, sla_hours=72,
        state="done" if decided_at else "current", opened_at=submitted_at, decided_at=decided_at,
        used_seconds=used * HOUR.total_seconds(),
    )  # fmt: skip
    save_as(stage, by=None, now=submitted_at, reason="test")
    return change
