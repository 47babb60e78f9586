"""Free labels of models and versions."""

from datetime import datetime

from mlops_portal.foundation.errors import FieldError, Invalid
from mlops_portal.foundation.history import delete_as, save_as
from mlops_portal.foundation.operations import operation
from mlops_portal.foundation.people.models import User
from mlops_portal.foundation.people.rights import require
from mlops_portal.foundation.web.words import number
from registry import policies
from registry.events import tell
from registry.models import ModelTag, ModelVersion, RegisteredModel, VersionTag
from registry.services import fields as plain_fields
from registry.services.living import lock_living, touch
from registry.services.versions import lock_version


def _refuse_impossible(key: str, value: str) -> None:
    errors = []
    if problem := policies.tag_key_problem(key):
        errors.append(FieldError("key", problem))
    if problem := plain_fields.text_problem(value):
        errors.append(FieldError("value", problem))
    if len(value) > plain_fields.TEXT_MAX:
        errors.append(FieldError("value", f"At most {number(plain_fields.TEXT_MAX)} characters are kept."))
    if errors:
        raise Invalid(errors)


@operation
def model_tag_set(
    *, model: RegisteredModel, key: str, value: str, by: User | None, now: datetime
) -> ModelTag:
    """Set a label of a model, whether it has the key or not."""
    _refuse_impossible(key, value)
    model = lock_living(model.pk)
    require(by, "registry.edit", unit_id=model.unit_id, model_id=model.pk)
    tag = ModelTag.objects.filter(model=model, key=key).first() or ModelTag(
        model=model, key=key, unit_id=model.unit_id
    )
    if tag.pk and tag.value == value:
        return tag
    tag.value = value
    save_as(tag, by=by, now=now, reason="Tag set", fields=["value"])
    touch(model.pk, now)
    tell("tag_set", tag, by=by, now=now, key=key)
    return tag


@operation
def model_tag_delete(*, model: RegisteredModel, key: str, by: User | None, now: datetime) -> bool:
    """Delete a label of a model; return whether there was one."""
    model = lock_living(model.pk)
    require(by, "registry.edit", unit_id=model.unit_id, model_id=model.pk)
    tag = ModelTag.objects.filter(model=model, key=key).first()
    if tag is None:
        return False
    tell("tag_deleted", tag, by=by, now=now, key=key)
    delete_as(tag, by=by, now=now, reason="Tag deleted")
    touch(model.pk, now)
    return True


@operation
def version_tag_set(
    *, version: ModelVersion, key: str, value: str, by: User | None, now: datetime
) -> VersionTag:
    """Set a label of a version, whether it has the key or not."""
    _refuse_impossible(key, value)
    version = lock_version(version)
    require(by, "registry.edit", unit_id=version.unit_id, model_id=version.model_id)
    tag = VersionTag.objects.filter(version=version, key=key).first() or VersionTag(
        version=version, model_id=version.model_id, key=key, unit_id=version.unit_id
    )
    if tag.pk and tag.value == value:
        return tag
    tag.value = value
    save_as(tag, by=by, now=now, reason="Tag set", fields=["value"])
    tell("tag_set", tag, by=by, now=now, key=key, version=version.number)
    return tag


@operation
def version_tag_delete(*, version: ModelVersion, key: str, by: User | None, now: datetime) -> bool:
    """Delete a label of a version; return whether there was one."""
    version = lock_version(version)
    require(by, "registry.edit", unit_id=version.unit_id, model_id=version.model_id)
    tag = VersionTag.objects.filter(version=version, key=key).first()
    if tag is None:
        return False
    tell("tag_deleted", tag, by=by, now=now, key=key, version=version.number)
    delete_as(tag, by=by, now=now, reason="Tag deleted")
    return True
