"""What goes into each part of a change's dossier, read from the records. Only content: nothing that ages."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from approvals.dossier_format import Dossier, build_dossier, gate_content
from approvals.facts import Subject, facts
from approvals.model_facts.evidence import documents_of, metric_digest
from approvals.model_facts.records import Records
from approvals.models import ChangeRequest, Waiver
from approvals.policy.gates import BLOCKING_GATES_FAILING, GateReading
from approvals.policy_in_force import PolicyInForce
from approvals.states import GateOutcome
from registry.models import Environment, ModelVersion, RegisteredModel


def subject_of(change: ChangeRequest, *, tier: int) -> Subject:
    """Return what facts are asked about."""
    return Subject(
        kind=change.kind,
        model_id=change.model_id,
        tier=tier,
        version_id=change.version_id,
        environment_id=change.environment_id,
        rollback_version_id=change.rollback_target_id,
        change_id=change.pk,
    )


def dossier_of(
    change: ChangeRequest,
    *,
    subject: Subject,
    records: Records,
    policy: PolicyInForce,
    readings: Sequence[GateReading],
    waivers: Iterable[Waiver],
) -> Dossier:
    """Build the present dossier of a change. ``change`` is the row as the caller holds it, locked or not yet saved."""
    model = records.models[change.model_id]
    version = records.versions.get(change.version_id or 0)
    return build_dossier(
        {
            "request": _request(change, model),
            "artifact": _artifact(version),
            "version": _version(version),
            "metrics": _metrics(version, records) | _champion(change, records),
            "documents": {"documents": _documents(records, subject)},
            "validation": _validation(version, records),
            "risk": _risk(model, records, subject),
            "plan": _plan(change, records.environments.get(change.environment_id or 0), model, records),
            "rollback": _rollback(change, records.versions.get(change.rollback_target_id or 0)),
            "policy": {"name": policy.name, "digest": policy.revision.digest},
            "waivers": {"waivers": [_waiver(waiver) for waiver in sorted(waivers, key=lambda row: row.pk)]},
            "gates": {"gates": [_gate(reading) for reading in sorted(readings, key=lambda row: row.gate.id)]},
        }
    )


def _request(change: ChangeRequest, model: RegisteredModel) -> dict[str, Any]:
    return {
        "kind": change.kind,
        "model": {"id": model.pk, "name": model.name},
        "title": change.title,
        "purpose": change.purpose,
        "scope": change.scope,
        "impact": change.impact,
        "risk": change.risk,
        "configuration": change.configuration,
        "materiality": change.materiality,
        "is_substantial_modification": change.is_substantial_modification,
        "alternatives": change.alternatives,
        "what_changed": change.what_changed,
        "incident": change.incident,
        "requester": str(change.requester_id),
        "filed_by_account": change.filed_by_account,
        "rolls_back": change.rolls_back_id,
        **({"answers": change.answers} if change.answers else {}),  # requests without keep their digest
    }


def _artifact(version: ModelVersion | None) -> dict[str, Any]:
    if version is None:
        return {}
    return {"sha256": version.artifact_sha256, "grade": version.artifact_grade, "source": version.source}


def _version(version: ModelVersion | None) -> dict[str, Any]:
    if version is None:
        return {}
    return {
        "id": version.pk,
        "number": version.number,
        "label": version.label,
        "commit": version.commit,
        "repository": version.repository,
        "run": version.run_id,
        "parameters": version.parameters,
        "features": version.features,
        "input_schema": version.input_schema,
        "base_model": version.base_model,
        "prompts": version.prompts,
        "guardrails": version.guardrails,
        "developers": sorted(map(str, version.developer_ids)),
        "is_deleted": version.deleted_at is not None,
    }


def _metrics(version: ModelVersion | None, records: Records) -> dict[str, Any]:
    if version is None:
        return {}
    return {
        "metrics": [
            {
                "id": f"{row.suite}/{row.name}/{row.segment}",
                "value": row.value,
                "n": row.n,
                "grade": row.grade,
                "digest": metric_digest(row),
            }
            for row in records.metrics.get(version.pk, [])
        ],
        "data": [
            {"id": f"{row.role}/{row.dataset_id}", "name": str(row.dataset), "digest": row.dataset.digest}
            for row in records.data.get(version.pk, [])
        ],
    }


def _champion(change: ChangeRequest, records: Records) -> dict[str, Any]:
    """Return what the change is compared with: the version that serves there, with its metrics.

    Where none was frozen the key is left out: nothing served, or the request was filed before champions were kept and
    its digest stays as it was signed.
    """
    live = records.live.get((change.model_id, change.environment_id or 0))
    champion = records.versions.get(live.version_id) if live and change.champion_id else None
    if champion is None or champion.pk == change.version_id:
        return {}
    measured = {name: rows for name, rows in _metrics(champion, records).items() if name == "metrics"}
    identity = {"id": champion.pk, "name": champion.name, "sha256": champion.artifact_sha256}
    return {"champion": identity | measured}


def _documents(records: Records, subject: Subject) -> list[dict[str, Any]]:
    return [
        {
            "id": row.pk,
            "kind": row.kind,
            "title": row.title,
            "edition": row.edition,
            "digest": row.digest,
            "status": row.status,
            "grade": row.grade,
        }
        for row in documents_of(records, subject)
    ]


def _validation(version: ModelVersion | None, records: Records) -> dict[str, Any]:
    validation = records.validations.get(version.pk) if version else None
    if validation is None:
        return {}
    # As they were set: that one is met meanwhile is no other content. A validation without any reads as it always did.
    conditions = [
        {
            "id": row.pk,
            "text": row.text,
            "evidence": row.evidence,
            "owner": row.owner_id,
            "verifier": row.verifier_id,
            "due_on": row.due_on,
        }
        for row in validation.conditions.all()
    ]
    return {
        **({"conditions": conditions} if conditions else {}),
        "id": validation.pk,
        "kind": validation.kind,
        "outcome": validation.outcome,
        "components": sorted(validation.components),
        "content": validation.content_digest,
        "valid_until": validation.valid_until,
    }


def _risk(model: RegisteredModel, records: Records, subject: Subject) -> dict[str, Any]:
    rating = records.ratings.get(model.pk)
    return {
        "tier": subject.tier,
        "ai_act_class": model.eu_ai_class,
        "governance": model.governance,
        "rating": {"id": rating.pk, "answers": rating.answers, "tier": rating.tier} if rating else None,
        "intended_use": model.intended_use,
        "prohibited_uses": model.prohibited_uses,
        "limitations": model.limitations,
    }


def _plan(
    change: ChangeRequest, environment: Environment | None, model: RegisteredModel, records: Records
) -> dict[str, Any]:
    plan = records.plans.get(model.pk)
    return {
        "environment": environment
        and {
            "id": environment.pk,
            "name": environment.name,
            "provider": environment.provider,
            "region": environment.region,
            "is_production": environment.is_production,
            "connector": environment.connector,
            "alias": environment.alias,
        },
        "traffic_plan": change.traffic_plan,
        "bake_hours": change.bake_hours,
        "window": [change.window_starts_at, change.window_ends_at],
        "monitoring_plan": plan and {"number": plan.number, "measures": plan.measures},
    }


def _rollback(change: ChangeRequest, target: ModelVersion | None) -> dict[str, Any]:
    return {
        "target": target and {"id": target.pk, "name": target.name, "sha256": target.artifact_sha256},
        "plan": change.rollback_plan,
        "triggers": change.rollback_triggers,
        "owner": str(change.rollback_owner_id or ""),
    }


def _waiver(waiver: Waiver) -> dict[str, Any]:
    return {
        "id": waiver.pk,
        "gate": waiver.gate,
        "authority": waiver.authority,
        "reason": waiver.reason,
        "compensating_control": waiver.compensating_control,
        "valid_until": waiver.valid_until,
    }


def _gate(reading: GateReading) -> dict[str, Any]:
    gate = reading.gate
    # Whether other gates fail moves with time: it neither stands in the dossier nor decides what of this gate does.
    asks_others = BLOCKING_GATES_FAILING in reading.facts
    is_silent = reading.outcome == GateOutcome.NOT_APPLICABLE and not asks_others
    applies: Mapping[str, Any] = {} if is_silent else reading.facts
    return gate_content(
        gate_id=gate.id,
        rule=gate.rule,
        applies_when=gate.applies_when,
        severity=gate.severity,
        facts=applies,
        live={name for name, declared in facts.declared().items() if declared.is_live}
        | {BLOCKING_GATES_FAILING},
        digests=reading.digests if applies and not asks_others else {},
    )
