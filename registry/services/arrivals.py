"""What machines bring: models and versions by name, under the same rules, history and ledger as everywhere.

A version costs five statements: the counter gives the number and tells whose model it is, then row, history,
ledger entry and payload. Tags add two, however many there are.
"""

from collections.abc import Mapping
from datetime import datetime
from typing import Unpack

from django.db import connection

from mlops_portal.foundation.errors import NotFound
from mlops_portal.foundation.operations import operation
from mlops_portal.foundation.people.models import BusinessUnit, User
from mlops_portal.foundation.people.rights import require, rights_of
from mlops_portal.foundation.rules import refuse_if
from registry import policies
from registry.models import ModelVersion, RegisteredModel
from registry.services.models import model_register
from registry.services.versions import NewVersion, VersionFields, build_version, version_enter
from registry.states import ModelKind

ARRIVED = "Registered by a pipeline"

# As `versions.NEXT_NUMBER`, but by name: finding the model and taking the number are one statement.
NEXT_NUMBER_BY_NAME = (
    "UPDATE registry_modelcounter SET last_number = last_number + 1, last_activity_at = %s WHERE model_id = "
    "(SELECT m.id FROM registry_registeredmodel m WHERE m.name = %s AND m.deleted_at IS NULL) "
    "RETURNING model_id, last_number, unit_id, "
    "(SELECT m.lifecycle_state FROM registry_registeredmodel m WHERE m.id = registry_modelcounter.model_id)"
)


def _take_number(name: str, by: User | None, now: datetime) -> tuple[RegisteredModel, int]:
    """Take the next number of a living model; concurrent callers queue on its counter row."""
    moment = connection.ops.adapt_datetimefield_value(now)
    with connection.cursor() as cursor:
        cursor.execute(NEXT_NUMBER_BY_NAME, [moment, name])
        row = cursor.fetchone()
    if row is not None:
        model_id, number, unit_id, state = row
        if by is None or rights_of(by).has("registry.view", unit_id=unit_id, model_id=model_id):
            return RegisteredModel(pk=model_id, name=name, unit_id=unit_id, lifecycle_state=state), number
    raise NotFound(f"There is no model named {name}.")


@operation
def version_arrived(
    *,
    model_name: str,
    tags: Mapping[str, str] | None = None,
    by: User | None,
    now: datetime,
    **fields: Unpack[VersionFields],
) -> ModelVersion:
    """Register the next version of the model of this name. Run and external model are kept as given.

    Raises:
        NotFound: there is no such model, or none that ``by`` may see.
        NotAllowed: it may be seen but not added to.
        RuleViolation: the model takes no versions.
    """
    model, number = _take_number(model_name, by, now)
    require(by, "registry.register", unit_id=model.unit_id, model_id=model.pk)
    refuse_if(policies.version_registration_blockers(model))
    new = NewVersion(fields=fields, tags=tags or {})
    version = build_version(new, model, by=by, now=now)
    version.number, version.unit_id = number, model.unit_id
    return version_enter(version, new, by=by, now=now, reason=ARRIVED)


@operation
def model_arrived(
    *,
    name: str,
    unit_id: int,
    description: str = "",
    kind: str = ModelKind.ANALYTICAL,
    tags: Mapping[str, str] | None = None,
    by: User | None,
    now: datetime,
) -> RegisteredModel:
    """Register a model of which hardly more than the name is known; registering opens the task to complete its record.

    Who answers for the pipeline counts as its developer until somebody says otherwise.

    Raises:
        NotAllowed: ``by`` may not register in this unit.
        ModelExists: the name is taken by a living model.
    """
    unit = BusinessUnit.objects.get(pk=unit_id)
    behind = by if by is None or by.is_person else by.service_account.owner
    return model_register(
        name=name,
        unit=unit,
        description=description,
        kind=kind,
        tags=tags,
        developer=behind,
        by=by,
        now=now,
        reason=ARRIVED,
    )
