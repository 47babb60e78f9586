"""A person's own settings. Kept on the person, hence with history, although no rule depends on them."""

from datetime import datetime

from mlops_portal.foundation.history import save_as
from mlops_portal.foundation.operations import operation
from mlops_portal.foundation.people.models import User


@operation
def preferences_change(
    *, person: User, now: datetime, time_zone: str = "", density: str = "compact", shortcuts_off: bool = False
) -> User:
    """Change how the portal looks for one person, by that person."""
    person.time_zone, person.density, person.shortcuts_off = time_zone, density, shortcuts_off
    fields = ["time_zone", "density", "shortcuts_off"]
    return save_as(person, by=person, now=now, reason="own settings", fields=fields)
