"""The protocol's objects as JSON. What is absent and what is empty follows the protocol: empty lists are left out."""

from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any, NamedTuple

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
MILLISECOND = timedelta(milliseconds=1)
READY = "READY"


class ModelRow(NamedTuple):
    """The columns of a model that the protocol shows."""

    id: int
    name: str
    created_at: datetime
    updated_at: datetime
    description: str | None


class VersionRow(NamedTuple):
    """The columns of a version that the protocol shows."""

    name: str
    number: int
    created_at: datetime
    updated_at: datetime
    stage: str
    description: str | None
    source: str
    run_id: str | None
    run_link: str | None
    external_model_id: str | None
    status: str = READY
    status_message: str | None = None


def millis(at: datetime) -> int:
    """Write a time as the protocol does: milliseconds since the epoch, as a number."""
    return (at - EPOCH) // MILLISECOND


def to_millis(at: datetime) -> datetime:
    """Cut a time to what the protocol can show, so that rows sort as their shown times do."""
    return at.replace(microsecond=at.microsecond // 1000 * 1000)


def pairs(tags: Mapping[str, str]) -> list[dict[str, str]]:
    """Write tags as the protocol's list, by key."""
    return [{"key": key, "value": value} for key, value in sorted(tags.items())]


def model_version(row: VersionRow, *, tags: Mapping[str, str], aliases: Iterable[str] = ()) -> dict[str, Any]:
    """Write one version. The lists of both searches give no aliases."""
    body: dict[str, Any] = {
        "name": row.name,
        "version": str(row.number),
        "creation_timestamp": millis(row.created_at),
        "last_updated_timestamp": millis(row.updated_at),
        "current_stage": row.stage,
        "description": row.description,
        "source": row.source,
        "run_id": row.run_id,
        "run_link": row.run_link,
        "status": row.status,
        "status_message": row.status_message or None,
        "model_id": row.external_model_id or None,
    }
    return _with_lists(body, tags=pairs(tags), aliases=sorted(aliases))


def registered_model(
    row: ModelRow,
    *,
    tags: Mapping[str, str],
    aliases: Mapping[str, int],
    latest: Sequence[Mapping[str, Any]] = (),
) -> dict[str, Any]:
    """Write one model with the newest version of each stage."""
    body: dict[str, Any] = {
        "name": row.name,
        "creation_timestamp": millis(row.created_at),
        "last_updated_timestamp": millis(row.updated_at),
        "description": row.description,
    }
    named = [{"alias": alias, "version": str(number)} for alias, number in sorted(aliases.items())]
    return _with_lists(body, latest_versions=list(latest), tags=pairs(tags), aliases=named)


def _with_lists(body: dict[str, Any], **lists: list[Any]) -> dict[str, Any]:
    """Leave out what is null and what is an empty list; an empty string stays."""
    shown = {name: value for name, value in body.items() if value is not None}
    return shown | {name: items for name, items in lists.items() if items}
