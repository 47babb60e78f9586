"""Aliases: movable names of one version of a model."""

from datetime import datetime

from mlops_portal.foundation.errors import invalid
from mlops_portal.foundation.history import delete_as, save_as
from mlops_portal.foundation.locks import lock
from mlops_portal.foundation.operations import operation
from mlops_portal.foundation.people.models import User
from mlops_portal.foundation.people.rights import require
from mlops_portal.foundation.rules import refuse_if
from registry import policies
from registry.events import tell
from registry.gates import AliasMove, alias_gates, blockers_of
from registry.models import Alias, ModelVersion, RegisteredModel
from registry.services.living import lock_living, touch


@operation
def alias_set(
    *,
    model: RegisteredModel,
    name: str,
    version: ModelVersion,
    by: User | None,
    now: datetime,
    change_id: int | None = None,
    reason: str = "",
) -> Alias:
    """Point an alias to a version, wherever it pointed before. ``change_id`` names the approved change that moves it.

    Raises:
        RuleViolation: an app above protects the alias.
        NotFound: the version is gone or belongs to another model.
    """
    model = lock_living(model.pk)
    version = lock(ModelVersion.objects.alive().filter(model=model), version.pk)
    require(by, "registry.set_alias", unit_id=model.unit_id, model_id=model.pk)
    if problem := policies.alias_problem(name):
        raise invalid("alias", problem)
    move = AliasMove(model=model, name=name, version=version, by=by, now=now, change_id=change_id)
    refuse_if(blockers_of(alias_gates, move))
    alias = Alias.objects.filter(model=model, name=name).first()
    before = None
    if alias is None:
        alias = Alias(model=model, name=name, unit_id=model.unit_id)
    elif alias.version_id == version.pk:
        return alias
    else:
        before = alias.version.number
    alias.version, alias.moved_at = version, now
    save_as(alias, by=by, now=now, reason=reason or "Alias moved", fields=["version", "moved_at"])
    touch(model.pk, now)
    tell(
        "alias_set",
        alias,
        by=by,
        now=now,
        name=name,
        before=before,
        after=version.number,
        change_id=change_id,
    )
    return alias


@operation
def alias_delete(
    *,
    model: RegisteredModel,
    name: str,
    by: User | None,
    now: datetime,
    change_id: int | None = None,
    reason: str = "",
) -> bool:
    """Delete an alias; return whether there was one.

    Raises:
        RuleViolation: an app above protects the alias.
    """
    model = lock_living(model.pk)
    require(by, "registry.set_alias", unit_id=model.unit_id, model_id=model.pk)
    alias = Alias.objects.filter(model=model, name=name).select_related("version").first()
    if alias is None:
        return False
    move = AliasMove(model=model, name=name, version=None, by=by, now=now, change_id=change_id)
    refuse_if(blockers_of(alias_gates, move))
    tell("alias_deleted", alias, by=by, now=now, name=name, before=alias.version.number, change_id=change_id)
    delete_as(alias, by=by, now=now, reason=reason or "Alias deleted")
    touch(model.pk, now)
    return True
