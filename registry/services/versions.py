"""Versions: what was registered is immutable, numbers are never given twice."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, TypedDict, Unpack

from django.db import connection

from mlops_portal.foundation.errors import FieldError, Invalid, NotFound, invalid
from mlops_portal.foundation.history import bulk_save_as, delete_as, save_as
from mlops_portal.foundation.locks import lock
from mlops_portal.foundation.operations import operation
from mlops_portal.foundation.people.models import User
from mlops_portal.foundation.people.rights import require
from mlops_portal.foundation.rules import Blocker, refuse_if
from registry import policies
from registry.events import tell
from registry.gates import AliasMove, alias_gates, blockers_of
from registry.models import Alias, ModelVersion, RegisteredModel, VersionTag
from registry.services import fields as plain_fields
from registry.services.living import touch
from registry.states import Grade, RegistryStage


class VersionFields(TypedDict, total=False):
    """What a version is registered with. All but label, description and status is immutable afterwards."""

    label: str
    description: str | None
    source: str
    run_id: str | None
    run_link: str | None
    external_model_id: str | None
    status: str
    status_message: str | None
    commit: str
    repository: str
    parameters: dict[str, Any]
    features: list[Any]
    input_schema: dict[str, Any]
    base_model: str
    prompts: list[dict[str, str]]
    guardrails: list[dict[str, Any]]
    developer_ids: list[int]
    first_commit_at: datetime | None
    training_started_at: datetime | None


REGISTERED = frozenset(VersionFields.__annotations__)
CHANGEABLE = frozenset({"label", "description", "status", "status_message"})

# One statement locks the counter, takes the next number and reads the unit the version belongs to. No row: the model
# is gone. The ORM has no UPDATE … RETURNING.
NEXT_NUMBER = (
    "UPDATE registry_modelcounter SET last_number = last_number + %s, last_activity_at = %s "
    "WHERE model_id = %s RETURNING last_number, unit_id"
)


@dataclass(frozen=True, slots=True, kw_only=True)
class NewVersion:
    """A version to register."""

    fields: VersionFields = field(default_factory=VersionFields)
    artifact_sha256: str = ""
    tags: Mapping[str, str] = field(default_factory=dict)


def take_numbers(model: RegisteredModel, count: int, *, now: datetime) -> tuple[int, int]:
    """Take ``count`` version numbers; return the last one and the unit's id.

    Raises:
        NotFound: the model was deleted.
    """
    moment = connection.ops.adapt_datetimefield_value(now)
    with connection.cursor() as cursor:
        cursor.execute(NEXT_NUMBER, [count, moment, model.pk])
        row = cursor.fetchone()
    if row is None:
        raise NotFound(f"The model “{model.name}” does not exist.")
    return row


def build_version(new: NewVersion, model: RegisteredModel, *, by: User | None, now: datetime) -> ModelVersion:
    """Return the unsaved version, without number and unit, after checking every field.

    Raises:
        Invalid: all errors at once.
    """
    version = ModelVersion(model=model, registered_at=now, registered_by=by, updated_at=now)
    errors = []
    for key, value in new.tags.items():
        problem = policies.tag_key_problem(key) or plain_fields.text_problem(value)
        if problem:
            errors.append(FieldError(f"tags.{key}"[:80], problem))
    if new.artifact_sha256 and (problem := policies.digest_problem(new.artifact_sha256)):
        errors.append(FieldError("artifact_sha256", problem))
    try:
        plain_fields.assign(version, new.fields, allowed=REGISTERED)
    except Invalid as refusal:
        errors += refusal.errors
    errors += _shape_errors(version)
    if errors:
        raise Invalid(errors)
    if "developer_ids" not in new.fields and by is not None:
        version.developer_ids = [policies.person_behind(by)]
    if new.artifact_sha256:
        version.artifact_sha256 = new.artifact_sha256
        version.artifact_grade = policies.usual_grade(by, version=version)
    return version


def _shape_errors(version: ModelVersion) -> list[FieldError]:
    errors = []
    if not all(isinstance(person, int) and not isinstance(person, bool) for person in version.developer_ids):
        errors.append(FieldError("developer_ids", "Ids of people are expected."))
    if isinstance(version.prompts, list):
        for place, prompt in enumerate(version.prompts, start=1):
            if not isinstance(prompt, dict) or not {"name", "text"} <= prompt.keys():
                errors.append(FieldError(f"prompts, row {place}", "A prompt has a name and a text."))
    return errors


@operation
def version_register(
    *,
    model: RegisteredModel,
    by: User | None,
    now: datetime,
    artifact_sha256: str = "",
    tags: Mapping[str, str] | None = None,
    reason: str = "",
    **fields: Unpack[VersionFields],
) -> ModelVersion:
    """Register the next version of ``model``, which may come from an earlier read: three statements without tags.

    Raises:
        NotFound: the model was deleted meanwhile.
        Invalid: all errors at once.
        RuleViolation: the model takes no versions.
    """
    require(by, "registry.register", unit_id=model.unit_id, model_id=model.pk)
    refuse_if(policies.version_registration_blockers(model))
    new = NewVersion(fields=fields, artifact_sha256=artifact_sha256, tags=tags or {})
    version = build_version(new, model, by=by, now=now)
    version.number, unit_id = take_numbers(model, 1, now=now)
    if unit_id != model.unit_id:
        require(by, "registry.register", unit_id=unit_id, model_id=model.pk)
    version.unit_id = unit_id
    return version_enter(version, new, by=by, now=now, reason=reason or "Registered")


def version_enter(
    version: ModelVersion, new: NewVersion, *, by: User | None, now: datetime, reason: str
) -> ModelVersion:
    """Write a version that was checked and numbered, with its tags; called inside a service."""
    save_as(version, by=by, now=now, reason=reason)
    if new.tags:
        rows = [
            VersionTag(
                version=version, model_id=version.model_id, unit_id=version.unit_id, key=key, value=value
            )
            for key, value in new.tags.items()
        ]
        bulk_save_as(rows, by=by, now=now, reason="Registered with the version")
    tell("version_registered", version, by=by, now=now, model=version.model.name, number=version.number)
    return version


def lock_version(version: ModelVersion) -> ModelVersion:
    """Lock a version that was not deleted, with its model at hand.

    Raises:
        NotFound: there is none.
    """
    rows = ModelVersion.objects.alive().filter(model__deleted_at__isnull=True).select_related("model")
    return lock(rows, version.pk)


@operation
def version_update(
    *, version: ModelVersion, by: User | None, now: datetime, reason: str = "", **fields: Any
) -> ModelVersion:
    """Change description, label or status.

    Raises:
        RuleViolation: naming each field that was registered and is immutable.
        Invalid: unknown fields.
    """
    version = lock_version(version)
    require(by, "registry.edit", unit_id=version.unit_id, model_id=version.model_id)
    refuse_if(policies.version_change_blockers(version, fields))
    changed = plain_fields.assign(version, fields, allowed=CHANGEABLE)
    if not changed:
        return version
    version.updated_at = now
    save_as(version, by=by, now=now, reason=reason or "Changed", fields=[*changed, "updated_at"])
    tell("version_updated", version, by=by, now=now, fields=sorted(changed))
    return version


@operation
def version_set_artifact_digest(
    *, version: ModelVersion, sha256: str, by: User | None, now: datetime, grade: str | None = None
) -> ModelVersion:
    """Record the SHA-256 of the artifact, once. Without ``grade`` a pipeline's own statement counts as such.

    Raises:
        RuleViolation: another digest is recorded, or the grade cannot be claimed.
    """
    sha256 = sha256.strip().lower().removeprefix("sha256:")
    version = lock_version(version)
    require(by, "registry.edit", unit_id=version.unit_id, model_id=version.model_id)
    if problem := policies.digest_problem(sha256):
        raise invalid("artifact_sha256", problem)
    grade = grade or policies.usual_grade(by, version=version)
    if grade not in Grade.values:
        raise invalid("grade", f"There is no grade {grade}.")
    refuse_if(
        policies.artifact_blockers(version, sha256) + policies.grade_blockers(grade, by=by, version=version)
    )
    if (version.artifact_sha256, version.artifact_grade) == (sha256, grade):
        return version
    version.artifact_sha256, version.artifact_grade, version.updated_at = sha256, grade, now
    changed = ["artifact_sha256", "artifact_grade", "updated_at"]
    save_as(version, by=by, now=now, reason="Artifact identified", fields=changed)
    tell("artifact_identified", version, by=by, now=now, sha256=sha256, grade=grade)
    return version


@operation
def version_note_artifact(
    *, version: ModelVersion, is_retrievable: bool, by: User | None, now: datetime, detail: str = ""
) -> ModelVersion:
    """Keep whether the artifact could be fetched; the way back needs it (RULES 5.2)."""
    version = lock_version(version)
    require(by, "registry.edit", unit_id=version.unit_id, model_id=version.model_id)
    if version.artifact_retrievable == is_retrievable:
        return version
    version.artifact_retrievable = is_retrievable
    save_as(version, by=by, now=now, reason=detail or "Artifact checked", fields=["artifact_retrievable"])
    tell("artifact_checked", version, by=by, now=now, is_retrievable=is_retrievable, detail=detail)
    return version


@operation
def version_delete(*, version: ModelVersion, reason: str, by: User | None, now: datetime) -> ModelVersion:
    """Make a version a tombstone; its aliases vanish, its number is never given again.

    Raises:
        RuleViolation: it is deployed, ran in production, or an app above objects.
    """
    version = lock_version(version)
    require(by, "registry.delete", unit_id=version.unit_id, model_id=version.model_id)
    refuse_if(policies.version_deletion_blockers(version, by=by, now=now))
    aliases = list(Alias.objects.filter(version=version).order_by("pk"))
    for alias in aliases:
        delete_as(alias, by=by, now=now, reason=reason)
    version.deleted_at = version.updated_at = now
    save_as(version, by=by, now=now, reason=reason, fields=["deleted_at", "updated_at"])
    touch(version.model_id, now)
    names = [alias.name for alias in aliases]
    tell("version_deleted", version, by=by, now=now, number=version.number, aliases=names, reason=reason)
    return version


@operation
def version_set_stage(
    *,
    version: ModelVersion,
    stage: str,
    archive_existing: bool = False,
    by: User | None,
    now: datetime,
    reason: str = "",
) -> ModelVersion:
    """Move a version to a stage; with ``archive_existing`` the others of that stage are archived.

    Raises:
        RuleViolation: others are archived for Staging and Production only; an app above protects the alias that
            clients of the stage Production would use.
    """
    model = lock(RegisteredModel.objects.alive(), version.model_id)
    version = lock_version(version)
    require(by, "registry.set_alias", unit_id=version.unit_id, model_id=model.pk)
    if stage not in RegistryStage.values:
        raise invalid("stage", f"There is no stage {stage}; use one of {', '.join(RegistryStage.values)}.")
    refuse_if(policies.stage_blockers(version, to=stage, archive_existing=archive_existing))
    if RegistryStage.PRODUCTION in (stage, version.stage):
        refuse_if(
            _production_blockers(model, version if stage == RegistryStage.PRODUCTION else None, by, now)
        )
    archived: Sequence[ModelVersion] = ()
    if archive_existing:
        others = ModelVersion.objects.alive().filter(model=model, stage=stage).exclude(pk=version.pk)
        archived = list(others.order_by("pk"))
        for other in archived:
            other.stage, other.updated_at = RegistryStage.ARCHIVED, now
        if archived:
            bulk_save_as(archived, by=by, now=now, reason=reason, fields=["stage", "updated_at"])
    before, version.stage, version.updated_at = version.stage, stage, now
    save_as(version, by=by, now=now, reason=reason or "Stage changed", fields=["stage", "updated_at"])
    touch(model.pk, now)
    numbers = [other.number for other in archived]
    tell("version_staged", version, by=by, now=now, before=before, after=stage, archived=numbers)
    return version


def _production_blockers(
    model: RegisteredModel, version: ModelVersion | None, by: User | None, now: datetime
) -> list[Blocker]:
    """Why the stage Production does not move: `models:/NAME/Production` loads a version as an alias of that name does."""
    name = RegistryStage.PRODUCTION.lower()
    said = "The stage Production"
    return blockers_of(
        alias_gates, AliasMove(model=model, name=name, version=version, by=by, now=now, said=said)
    )
