"""What the owner of a condition says of it: that it is met. Whether that is so its verifier says."""

from datetime import datetime

from approvals import policies
from approvals.events import tell
from approvals.models import Condition
from mlops_portal.foundation.errors import invalid
from mlops_portal.foundation.history import save_as
from mlops_portal.foundation.locks import lock
from mlops_portal.foundation.operations import operation
from mlops_portal.foundation.people.models import User
from mlops_portal.foundation.people.rights import require
from mlops_portal.foundation.rules import refuse_if


@operation
def condition_declare(*, condition: Condition, declaration: str, by: User, now: datetime) -> Condition:
    """Declare, as its owner, that a condition is met; it stays open until its verifier, who is told, confirms it."""
    condition = lock(Condition.objects.select_related("owner", "verifier"), condition.pk)
    require(by, "approvals.view", unit_id=condition.unit_id, model_id=condition.model_id)
    refuse_if(policies.declaration_blockers(condition, by=by))
    if len(declaration.strip()) < 10:
        raise invalid("declaration", "Say in at least 10 characters what was done.")
    condition.declaration, condition.declared_at = declaration.strip(), now
    save_as(condition, by=by, now=now, reason=condition.declaration, fields=["declaration", "declared_at"])
    tell("condition_declared", condition, by=by, now=now)
    return condition
