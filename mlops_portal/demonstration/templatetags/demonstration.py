"""What the templates of the demonstration show."""

from itertools import groupby
from typing import Any

from django import template

from mlops_portal.demonstration.cast import BY_KEY, PASSWORD, PERSONAS, Person
from mlops_portal.foundation.people import credentials
from mlops_portal.foundation.people.models import User

register = template.Library()


@register.simple_tag
def personas() -> list[tuple[str, list[Person]]]:
    """Return the personas that exist in this database, by job."""
    known = set(
        User.objects.filter(email__in=[one.email for one in PERSONAS]).values_list("email", flat=True)
    )
    present = [one for one in PERSONAS if one.email in known]
    return [(job, list(rows)) for job, rows in groupby(present, key=lambda one: one.persona)]


@register.simple_tag
def own_authenticator(user: Any) -> dict[str, str] | None:
    """Return password and present code of a person of the demonstration; None for everybody else."""
    if not user.is_authenticated or user.email not in {one.email for one in BY_KEY.values()}:
        return None
    code = credentials.present_code(user)
    return {"password": PASSWORD, "code": code} if code else None
