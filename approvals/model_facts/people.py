"""Who made, owns, asked for and validated what: the people that separation of duties speaks of."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime

from mlops_portal.foundation.people.behind import Behind
from registry.models import ModelVersion, RegisteredModel
from registry.queries.offices import NOBODY, Offices

# What somebody reads whom only a token ties to what an account did, by what it did.
BY_TOKEN: Mapping[str, str] = {
    "requester": "You made a token of the service account that filed this request.",
    "developer": "You made a token of the pipeline that registered this version.",
    "implementer": "You made a token of the service account that carried out this change.",
}


@dataclass(frozen=True, slots=True)
class Circle:
    """Who did something: whoever acted, and everybody behind the account that did (RULES 1.7)."""

    people: frozenset[int] = frozenset()
    by_token: frozenset[int] = frozenset()  # those of them who did no more than make a token of it


def circle_of(acts: Iterable[tuple[int | None, datetime]], behind: Behind) -> Circle:
    """Return who did something, from who acted when."""
    direct: set[int] = set()
    makers: set[int] = set()
    for pk, at in acts:
        if pk is not None:
            direct |= {pk, *behind.owners([pk], since=at)}
            makers |= behind.makers([pk], since=at)
    return Circle(frozenset(direct | makers), frozenset(makers - direct))


@dataclass(frozen=True, slots=True)
class People:
    """Ids of people by what they did. The people behind a service account stand beside it (RULES 1.7)."""

    requesters: frozenset[int]
    owners: frozenset[int]
    developers: frozenset[int]
    validators: frozenset[int]
    by_token: Mapping[str, frozenset[int]]  # whom only a token ties to it: requesters, developers


def _set(*ids: int | None) -> frozenset[int]:
    return frozenset(found for found in ids if found)


def people_of(
    model: RegisteredModel,
    version: ModelVersion | None,
    *,
    requester_id: int | None,
    asked_at: datetime,
    validator_ids: frozenset[int],
    behind: Behind,
    offices: Offices = NOBODY,
) -> People:
    """Gather the people of a change that was drafted at ``asked_at``; ``behind`` knows who acted for it.

    ``offices`` are those of the time since the version was registered: they count beside those of today.
    """
    made_at = version.registered_at if version is not None else asked_at
    developers = circle_of(((pk, made_at) for pk in makers_of(model, version, offices)), behind)
    requesters = circle_of([(requester_id, asked_at)], behind)
    return People(
        requesters.people,
        _set(model.owner_id) | offices.owners,
        developers.people,
        validator_ids | _set(model.validator_id),
        {"requester": requesters.by_token, "developer": developers.by_token},
    )


def makers_of(
    model: RegisteredModel, version: ModelVersion | None, offices: Offices = NOBODY
) -> frozenset[int]:
    """Return who developed or registered what is to be decided, as the records name them: people and accounts."""
    made = _set(model.developer_id) | offices.developers
    if version is None:
        return made
    return made | frozenset(map(int, version.developer_ids)) | _set(version.registered_by_id)
