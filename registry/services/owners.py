"""One person takes over several models at once: each record is changed, or refused with its own reason."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from django.urls import reverse

from mlops_portal.foundation.errors import DomainError, invalid
from mlops_portal.foundation.operations import operation
from mlops_portal.foundation.people.models import User
from mlops_portal.foundation.rules import RuleViolation
from mlops_portal.foundation.web.notifications import notify
from registry.models import RegisteredModel
from registry.notices import ATTEST
from registry.services.models import model_update


@dataclass(frozen=True, slots=True)
class Assigned:
    """What became of one model: without ``refused`` it has the new owner."""

    model: RegisteredModel
    refused: str = ""


@operation
def models_assign_owner(
    *, models: Sequence[RegisteredModel], owner: User, reason: str, by: User | None, now: datetime
) -> list[Assigned]:
    """Make ``owner`` answer for each model; the new owner is told. What is refused keeps its owner and says why.

    Raises:
        Invalid: no model, no reason, or an owner who is not an active person.
    """
    if not models:
        raise invalid("models", "Select at least one model.")
    if not reason.strip():
        raise invalid("reason", "A reason is required.")
    if not owner.is_active or not owner.is_person:
        raise invalid("owner", f"{owner} is not an active person.")
    # Each model is locked: in one order, so that two people never wait for each other.
    in_order = sorted(models, key=lambda model: model.pk)
    told = {model.pk: _assigned(model, owner, reason, by, now) for model in in_order}
    outcomes = [told[model.pk] for model in models]
    taken = [str(one.model) for one in outcomes if not one.refused]
    if taken and (by is None or by.pk != owner.pk):
        names = ", ".join(taken[:3]) + (f" and {len(taken) - 3} more" if len(taken) > 3 else "")
        text = f"You own {names} now. Attest the records and see what is open. Reason: {reason}"
        link = f"{reverse('registry:model-list')}?owner={owner.pk}"
        asks = [ATTEST.of(one.model.pk) for one in outcomes if not one.refused]
        notify(people=[owner], subject="Models you own", text=text, now=now, link=link, asks=asks)
    return outcomes


def _assigned(model: RegisteredModel, owner: User, reason: str, by: User | None, now: datetime) -> Assigned:
    """Change one record; the service it calls has a savepoint, so that a refused one takes nothing with it."""
    if model.owner_id == owner.pk:
        return Assigned(model, f"{owner} owns it already.")
    try:
        return Assigned(model_update(model=model, owner=owner, reason=reason, by=by, now=now))
    except RuleViolation as refusal:
        return Assigned(model, " ".join(blocker.message for blocker in refusal.blockers))
    except DomainError as refusal:
        return Assigned(model, refusal.message)
