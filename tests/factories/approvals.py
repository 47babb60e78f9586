"""A model that may be released, and change requests on it. Requests, decisions and executions go through services."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any

from django.core.cache import cache

from approvals import services
from approvals.asked import open_items
from approvals.models import ChangeRequest, Decision, PolicyRevision, Validation
from approvals.policy.document import PolicyDocument
from approvals.policy_in_force import policy_in_force
from approvals.services.conclusions import conclusion_preview, validation_conclude
from approvals.services.publications import publication_preview, revision_publish
from approvals.services.validations import validation_open
from mlops_portal.foundation.history import bulk_save_as, save_as
from mlops_portal.foundation.people import credentials
from mlops_portal.foundation.people.models import BusinessUnit, User
from registry.models import (
    Consumer,
    Dataset,
    Deployment,
    Document,
    DocumentSection,
    Environment,
    MetricValue,
    ModelVersion,
    MonitoringPlan,
    RegisteredModel,
    RiskAssessment,
    ThresholdSet,
    VersionDataset,
)
from registry.services.models import model_register
from registry.services.operations import environment_create
from registry.services.versions import version_register

PUBLISHES = "The committee decided so at its last meeting."
PASSWORD = "correct horse battery staple"
RATIONALE = (
    "The locked limits are met on data the model has not seen, no group is worse off than before, and the way back "
    "was tried; the remaining drift of stated income is watched daily."
)


def fresh_code(person: User) -> str:
    """Return the person's present code, as if the next half minute had begun: a code is used once."""
    cache.clear()
    return credentials.present_code(person)


@dataclass(frozen=True, slots=True)
class Cast:
    """The people around a model."""

    developer: User
    owner: User
    validator: User
    risk_officer: User
    second_risk_officer: User
    change_manager: User
    operator: User


def policy_document(now: datetime) -> PolicyDocument:
    """Return the document in force."""
    found = policy_in_force(now)
    assert found is not None
    return found.document


def complete_model(
    *, unit: BusinessUnit, cast: Cast, tier: int, now: datetime, name: str = "Credit default", **fields: Any
) -> RegisteredModel:
    """Register a model whose record, rating, limits and monitoring plan are complete for ``tier``."""
    before = now - timedelta(days=40)
    model = model_register(
        name=name.lower().replace(" ", "-"),
        title=name,
        unit=unit,
        owner=cast.owner,
        by=cast.owner,
        now=before,
    )
    values: dict[str, Any] = {
        "developer": cast.developer,
        "validator": cast.validator,
        "accountable_executive": cast.owner,
        "description": "Estimates the probability of default.",
        "objective": "Fewer defaults at equal approval rate.",
        "intended_use": "Applications of private customers.",
        "approved_uses": "As intended.",
        "prohibited_uses": "Collections.",
        "no_regime_in_scope": True,
        "no_regime_stated_at": before,
        "no_regime_stated_by": cast.owner,
        "assumptions": "Income is declared truthfully.",
        "limitations": "Not for companies.",
        "is_model_decision": True,
        "is_model_rationale": "A quantitative method that informs decisions.",
        "last_attested_at": before,
        "eu_ai_class": "minimal",
        "eu_ai_class_rationale": "No decision on persons alone.",
        "tier": tier,
        "tier_since": before,
        "primary_metric": "auc",
        **fields,
    }
    for field, value in values.items():
        setattr(model, field, value)
    save_as(model, by=None, now=before, reason="test record")
    scope = {"model": model, "unit": unit}
    save_as(Consumer(**scope, name="Loan desk", purpose="Decides on applications."), by=None, now=before)
    dimensions = dict.fromkeys(policy_document(now).risk_dimensions, 2)
    save_as(
        RiskAssessment(
            **scope,
            questionnaire="inherent-risk",
            questionnaire_revision=1,
            answers=dimensions,
            dimensions=dimensions,
            score=2.0,
            tier=tier,
            state="approved",
            proposed_by=cast.owner,
            proposed_at=before,
            decided_by=cast.risk_officer,
            decided_at=before,
        ),
        by=None,
        now=before,
    )
    limits = [
        {"code": "AUC", "title": "AUC", "metric": "auc", "direction": "min", "release": 0.75},
        {
            "code": "AUC-Y",
            "title": "AUC young",
            "metric": "auc",
            "segment": "young",
            "direction": "min",
            "release": 0.7,
        },
    ]
    save_as(
        ThresholdSet(
            **scope,
            number=1,
            limits=limits,
            state="approved",
            proposed_by=cast.developer,
            proposed_at=before,
            locked_by=cast.risk_officer,
            locked_at=before,
        ),
        by=None,
        now=before,
    )
    measures = [
        {
            "measure": f"{dimension} index",
            "dimension": dimension,
            "watch": 0.1,
            "act": 0.2,
            "route": "on call",
        }
        for dimension in policy_document(now).monitoring_dimensions[1]
    ]
    save_as(
        MonitoringPlan(**scope, number=1, measures=measures, owner=cast.owner, created_at=before),
        by=None,
        now=before,
    )
    return model


def complete_version(
    model: RegisteredModel,
    *,
    cast: Cast,
    now: datetime,
    auc: float = 0.82,
    young: float = 0.78,
    artifact: str = "a",
    validated: bool = True,
    **fields: Any,
) -> ModelVersion:
    """Register a version with evidence of grade attested; ``validated`` adds a signed validation by the validator."""
    registered = now - timedelta(days=20)
    fields = {"features": ["income", "age"], "parameters": {"algorithm": "gbm", "depth": 4}, **fields}
    version = version_register(
        model=model, by=cast.developer, now=registered, artifact_sha256=(artifact * 64)[:64], **fields
    )
    scope = {"model": model, "unit_id": model.unit_id}
    _data(version, scope, registered)
    for name, segment, value in (("auc", "", auc), ("auc", "young", young)):
        save_as(
            MetricValue(
                **scope, version=version, name=name, segment=segment, value=value, n=4000, suite="performance",
                grade="attested", evaluated_at=registered + timedelta(days=1),
            ),
            by=None,
            now=registered,
        )  # fmt: skip
    document = save_as(
        Document(
            **scope, version=version, kind="model_card", title="Model card", digest=artifact * 64, status="approved",
            grade="attested", updated_at=registered, uploaded_by=cast.developer,
        ),
        by=None,
        now=registered,
    )  # fmt: skip
    sections = [
        DocumentSection(
            **scope, document=document, key=section.id, title=section.title, status="approved",
            updated_at=registered, approved_by=cast.owner, approved_at=registered,
        )
        for section in policy_document(now).sections
    ]  # fmt: skip
    bulk_save_as(sections, by=None, now=registered)
    if validated:
        validate(version, cast=cast, now=now - timedelta(days=5))
    return version


def _data(version: ModelVersion, scope: dict[str, Any], at: datetime) -> None:
    for role, first, letter in (("training", 2024, "d"), ("test", 2025, "e")):
        found = Dataset.objects.filter(unit_id=scope["unit_id"], name=f"{role} {version.model.name}").first()
        dataset = found or save_as(
            Dataset(
                unit_id=scope["unit_id"],
                name=f"{role} {version.model.name}",
                digest=letter * 64,
                source="warehouse",
                from_on=date(first, 1, 1),
                to_on=date(first, 12, 31),
                created_at=at,
            ),
            by=None,
            now=at,
        )
        save_as(VersionDataset(**scope, version=version, dataset=dataset, role=role), by=None, now=at)


def validate(
    version: ModelVersion, *, cast: Cast, now: datetime, outcome: str = "approved", **fields: Any
) -> Validation:
    """Validate a version through the services."""
    opened = validation_open(version=version, kind="initial", scope="All of it.", by=cast.validator, now=now)
    return conclude(opened, by=cast.validator, now=now, outcome=outcome, **fields)


def conclude(validation: Validation, *, by: User, now: datetime, **fields: Any) -> Validation:
    """Conclude a validation as ``by``, who has read its record as it is."""
    values = {
        "components": list(Validation.Component.values),
        "outcome": "approved",
        "summary": "Concept, data, outcomes and implementation were examined and reproduced.",
        "has_no_conflict": True,
        "read_digest": conclusion_preview(validation=validation, by=by, now=now).digest,
        "password": PASSWORD,
        "code": fresh_code(by),
        **fields,
    }
    return validation_conclude(validation=validation, by=by, now=now, **values)


def condition(owner: User, verifier: User, due_on: date, text: str = "Watch the young.") -> dict[str, Any]:
    """Return what is written of a condition."""
    return {
        "text": text,
        "evidence": "A report.",
        "owner": owner.pk,
        "verifier": verifier.pk,
        "due_on": due_on,
    }


def production(
    unit: BusinessUnit, *, now: datetime, name: str = "prod-eu", connector: str = "registry_alias"
) -> Environment:
    """Return a production environment."""
    alias = "champion" if connector == "registry_alias" else ""
    return environment_create(
        unit=unit,
        name=name,
        provider="aws",
        is_production=True,
        connector=connector,
        alias=alias,
        by=None,
        now=now,
    )


def serve(change: ChangeRequest, *, now: datetime) -> Deployment:
    """Write that the version of a request serves where the request is about."""
    deployment = Deployment(
        model=change.model, version=change.version, environment=change.environment, unit=change.unit, state="live",
        started_at=now, finished_at=now, traffic_percent=100,
    )  # fmt: skip
    return save_as(deployment, by=None, now=now)


def draft(
    version: ModelVersion,
    environment: Environment | None,
    *,
    by: User,
    now: datetime,
    kind: str = "deploy",
    **fields: Any,
) -> ChangeRequest:
    """Draft a request with everything a requester writes."""
    fields = {
        "purpose": "Better ranking of thin files.",
        "rollback_plan": "Fall back to manual underwriting.",
        **fields,
    }
    return services.change_draft(
        model=version.model, kind=kind, version=version, environment=environment, by=by, now=now, **fields
    )


def submitted(
    version: ModelVersion, environment: Environment | None, *, by: User, now: datetime, **fields: Any
) -> ChangeRequest:
    """File a request."""
    return services.change_submit(
        change=draft(version, environment, by=by, now=now, **fields), by=by, now=now
    )


def decide(
    change: ChangeRequest, person: User, *, now: datetime, verdict: str = "approve", **fields: Any
) -> Decision:
    """Decide the current stage as ``person``, who has read the present dossier."""
    change.refresh_from_db()
    stage = change.stages.get(state="current")
    values = {
        "rationale": RATIONALE,
        "read_digest": change.dossier_digest,
        "password": PASSWORD,
        "code": fresh_code(person),
        **fields,
    }
    return services.decision_sign(stage=stage, verdict=verdict, by=person, now=now, **values)


def revoke(
    decision: Decision, *, by: User, now: datetime, reason: str = "The evidence turned out to be wrong."
) -> Decision:
    """Revoke an approval as ``by``, who has read what follows from it."""
    preview = services.revocation_preview(decision=decision, by=by, now=now)
    return services.signature_revoke(
        decision=decision,
        reason=reason,
        read_digest=preview.digest,
        password=PASSWORD,
        code=fresh_code(by),
        by=by,
        now=now,
    )


def answered(change: ChangeRequest, *, by: User, now: datetime, text: str = "It is done.") -> ChangeRequest:
    """Answer every item that an approver asked for."""
    change.refresh_from_db()
    rows = [
        {"decision": item.decision_id, "place": item.place, "answer": text} for item in open_items(change)
    ]
    return services.change_update(
        change=change, row_revision=change.row_revision, answers=rows, by=by, now=now
    )


def approve_by(change: ChangeRequest, people: Sequence[User], *, now: datetime) -> ChangeRequest:
    """Let ``people`` approve one stage after the other."""
    for place, person in enumerate(people):
        decide(change, person, now=now + timedelta(minutes=place))
    change.refresh_from_db()
    return change


def publish(revision: PolicyRevision, *, by: User, now: datetime, reason: str = PUBLISHES) -> PolicyRevision:
    """Publish a policy revision as somebody who read what it changes."""
    read = publication_preview(revision=revision, by=by).digest
    return revision_publish(
        revision=revision,
        reason=reason,
        read_digest=read,
        password=PASSWORD,
        code=fresh_code(by),
        by=by,
        now=now,
    )
