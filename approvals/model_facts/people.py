"""Who made, owns, asked for and validated what: the people that separation of duties speaks of."""

from collections.abc import Mapping
from dataclasses import dataclass

from registry.models import ModelVersion, RegisteredModel
from registry.queries.offices import NOBODY, Offices


@dataclass(frozen=True, slots=True)
class People:
    """Ids of people by what they did. The person behind a service account stands beside it (RULES 1.7)."""

    requesters: frozenset[int]
    owners: frozenset[int]
    developers: frozenset[int]
    validators: frozenset[int]


def _set(*ids: int | None) -> frozenset[int]:
    return frozenset(found for found in ids if found)


def people_of(
    model: RegisteredModel,
    version: ModelVersion | None,
    *,
    requester_ids: frozenset[int],
    validator_ids: frozenset[int],
    behind: Mapping[int, int],
    offices: Offices = NOBODY,
) -> People:
    """Gather the people of a change. ``behind`` maps the user of a service account to the account's owner.

    ``offices`` are those of the time since the version was registered: they count beside those of today.
    """
    developers = _set(model.developer_id) | offices.developers
    if version is not None:
        made = {int(found) for found in version.developer_ids}
        developers |= frozenset(made) | _set(version.registered_by_id)
    developers |= frozenset(behind[found] for found in developers if found in behind)
    requesters = requester_ids | frozenset(behind[found] for found in requester_ids if found in behind)
    owners = _set(model.owner_id) | offices.owners
    return People(requesters, owners, developers, validator_ids | _set(model.validator_id))
