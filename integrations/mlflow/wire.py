"""The protocol's objects as JSON, as the protocol wants it: null and empty lists are left out, empty texts stay."""

from collections.abc import Collection, Mapping, Sequence
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


def model_version(
    row: VersionRow, *, tags: Mapping[str, str], aliases: Collection[str] = ()
) -> dict[str, Any]:
    """Write one version. The lists of both searches give no aliases."""
    body: dict[str, Any] = {
        "name": row.name,
        "version": str(row.number),
        "creation_timestamp": millis(row.created_at),
        "last_updated_timestamp": millis(row.updated_at),
        "current_stage": row.stage,
        "source": row.source,
        "status": row.status,
    }
    if row.description is not None:
        body["description"] = row.description
    if row.run_id is not None:
        body["run_id"] = row.run_id
    if row.run_link is not None:
        body["run_link"] = row.run_link
    if row.status_message:
        body["status_message"] = row.status_message
    if row.external_model_id:
        body["model_id"] = row.external_model_id
    if tags:
        body["tags"] = pairs(tags)
    if aliases:
        body["aliases"] = sorted(aliases)
    return body


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
    }
    if row.description is not None:
        body["description"] = row.description
    if latest:
        body["latest_versions"] = list(latest)
    if tags:
        body["tags"] = pairs(tags)
    if aliases:
        body["aliases"] = [
            {"alias": alias, "version": str(number)} for alias, number in sorted(aliases.items())
        ]
    return body
