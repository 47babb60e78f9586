"""Facts of operation: monitoring, the way back, dependents."""

from typing import Any

from approvals.facts import Answer, Observed, Reading, Subject
from approvals.model_facts.inventory import days_since
from approvals.model_facts.records import Records
from mlops_portal.foundation import canonical
from mlops_portal.foundation.web.words import plural, spaced
from registry.models import Deployment, ModelVersion, MonitoringPlan
from registry.states import DeploymentKind, DeploymentState


def operation_facts(subject: Subject, records: Records) -> dict[str, Answer]:
    """Facts of where the model runs and how it comes back."""
    serving = [
        row for row in records.deployments.get(subject.model_id, []) if row.state == DeploymentState.LIVE
    ]
    return {
        "environments_serving": tuple(sorted({row.environment.name for row in serving})),
        "documents_archived": subject.model_id not in records.unarchived,
        "monitoring_dimensions": _monitoring(records.plans.get(subject.model_id)),
        "dependents_incompatible": _incompatible(subject, records),
        **_way_back(subject, records),
    }


def _monitoring(plan: MonitoringPlan | None) -> Observed:
    """Dimensions that have a measure, a limit and an alert route, under a plan with an owner."""
    if plan is None or plan.owner_id is None:
        return Observed(value=())
    complete = [
        row
        for row in plan.measures
        if row.get("measure")
        and row.get("route")
        and (row.get("watch") is not None or row.get("act") is not None)
    ]
    return Observed(
        value=tuple(sorted({str(row["dimension"]) for row in complete if row.get("dimension")})),
        digests={f"monitoring_plan:{plan.number}": canonical.digest(plan.measures)},
        readings=tuple(
            Reading(
                label=str(row.get("measure")), observed=spaced(row.get("dimension", "")), ok=row in complete
            )
            for row in plan.measures
        ),
    )


def preapproved_target(subject: Subject, records: Records) -> bool:
    """Tell whether the version to return to was approved as the way back of the running release (RULES 5.3).

    An expired approval does not matter here: the way back stays open.
    """
    live = records.live.get((subject.model_id, subject.environment_id or 0))
    release = records.release_of.get(live.pk) if live else None
    return (
        release is not None
        and release.revoked_at is None
        and subject.version_id is not None
        and release.rollback_target_id == subject.version_id
    )


def _way_back(subject: Subject, records: Records) -> dict[str, Answer]:
    target = records.versions.get(subject.rollback_version_id or 0)
    rehearsals = [
        row.finished_at
        for row in records.deployments.get(subject.model_id, [])
        if row.is_test and row.kind == DeploymentKind.ROLLBACK and row.finished_at
    ]
    return {
        "rollback_target": Observed(
            value=target.name if target else "",
            digests={"rollback_target": target.artifact_sha256} if target and target.artifact_sha256 else {},
        ),
        "rollback_target_retrievable": bool(
            target and target.artifact_retrievable and target.artifact_sha256 and target.deleted_at is None
        ),
        "rollback_target_preapproved": preapproved_target(subject, records),
        "rehearsal_age_days": days_since(max(rehearsals, default=None), records.now),
    }


def schema_fields(version: ModelVersion) -> dict[str, Any]:
    """Return the input fields of a version by name, whatever of the usual forms they were recorded in."""
    schema = version.input_schema
    rows = schema.get("inputs", schema) if isinstance(schema, dict) else schema
    if isinstance(rows, list):
        return {
            str(row["name"]): row.get("type") for row in rows if isinstance(row, dict) and row.get("name")
        }
    if isinstance(rows, dict) and isinstance(rows.get("properties"), dict):
        return {
            name: spec.get("type") if isinstance(spec, dict) else spec
            for name, spec in rows["properties"].items()
        }
    return dict(rows) if isinstance(rows, dict) else {}


def serves_inputs_of(new: ModelVersion, old: ModelVersion) -> bool:
    """Tell whether callers of ``old`` can call ``new``: no further input is needed and no type changed.

    What has no recorded schema makes no promise that could be broken.
    """
    wanted, given = schema_fields(new), schema_fields(old)
    if not wanted or not given:
        return True
    return all(name in given and given[name] == kind for name, kind in wanted.items())


def _incompatible(subject: Subject, records: Records) -> tuple[str, ...]:
    version = records.versions.get(subject.version_id or 0)
    live: Deployment | None = records.live.get((subject.model_id, subject.environment_id or 0))
    before = records.versions.get(live.version_id) if live else None
    if version is None or before is None or serves_inputs_of(version, before):
        return ()
    links = records.readers.get(subject.model_id, [])
    # Everybody who sees the request reads the same dossier: it names only what lies in the unit of the model itself.
    home = [str(row.model) for row in links if row.model.unit_id == row.upstream.unit_id]
    away = len(links) - len(home)
    readers = [*home, *([f"{plural(away, 'model')} of other units"] if away else [])]
    consumers = [row.name for row in records.consumers.get(subject.model_id, []) if row.released_at is None]
    return (*readers, *consumers)
