"""Who comes to answer for models: nobody who decides on their risk (RULES 1.3)."""

from collections.abc import Collection, Iterable
from datetime import datetime
from typing import Any

from mlops_portal.foundation.errors import FieldError, Invalid
from mlops_portal.foundation.locks import lock_all
from mlops_portal.foundation.people.models import User
from registry import policies
from registry.models import RegisteredModel
from registry.queries.deciders import OFFICES, Deciders, deciders_among


def hold_offices(people: Iterable[Any], *, now: datetime) -> Deciders:
    """Lock those who are about to answer for models, and return who of them decides where.

    No role is given to them until the transaction ends. Called before models are locked: people come first.
    """
    asked = {person.pk for person in people if isinstance(person, User)}
    lock_all(User.objects.order_by(), asked, keeps_key=True)
    return deciders_among(asked, now=now)


def named_in(values: Any) -> list[Any]:
    """Return whom the fields of a record name for an office."""
    return [values.get(office) for office in OFFICES]


def refuse_deciders(model: RegisteredModel, changed: Collection[str], deciders: Deciders) -> None:
    """Refuse a new owner or accountable executive who decides on the model.

    Raises:
        Invalid: naming each.
    """
    errors = [
        FieldError(office, problem)
        for office in OFFICES
        if office in changed and (problem := policies.office_problem(model, office, deciders))
    ]
    if errors:
        raise Invalid(errors)
