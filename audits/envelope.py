"""The bytes a leaf covers. Settled for good: a change of form is a new format version."""

import hashlib
import json
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

from audits.models import FORMAT_VERSION

FLAG_SECONDS = 60
SALT_SIZE = 16

# For these keys and types (strings, integers below 2^53, null) Python's encoder gives RFC 8785 form, byte for byte,
# at a fiftieth of the time; a property test compares it with `foundation.canonical`.
_encode = json.JSONEncoder(ensure_ascii=False, sort_keys=True, separators=(",", ":")).encode


def instant(value: datetime) -> str:
    """Write a time as the envelope does."""
    return value.astimezone(UTC).isoformat(timespec="microseconds")[:-6] + "Z"


def envelope_text(
    *,
    entry_id: UUID,
    occurred_at: datetime,
    recorded_at: datetime,
    verb: str,
    subject_label: str,
    subject_id: str,
    unit_id: int | None,
    model_id: int | None,
    actor_id: str,
    act_id: UUID,
    payload_commitment: bytes,
    format_version: int = FORMAT_VERSION,
) -> str:
    """Return the canonical envelope."""
    return _encode(
        {
            "act_id": str(act_id),
            "actor_id": actor_id,
            "entry_id": str(entry_id),
            "format_version": format_version,
            "model_id": model_id,
            "occurred_at": instant(occurred_at),
            "payload_commitment": payload_commitment.hex(),
            "recorded_at": instant(recorded_at),
            "subject_id": subject_id,
            "subject_label": subject_label,
            "unit_id": unit_id,
            "verb": verb,
        }
    )


def commitment(salt: bytes, payload: bytes) -> bytes:
    """Bind to a payload without saying anything about it once the salt is gone."""
    return hashlib.sha256(salt + payload).digest()


def is_late(occurred_at: datetime, recorded_at: datetime) -> bool:
    """Tell whether the two clocks are so far apart that a reader must be told."""
    return abs((recorded_at - occurred_at).total_seconds()) > FLAG_SECONDS


def columns_of(envelope: str) -> dict[str, Any]:
    """Read an envelope back.

    Raises:
        ValueError: it is not JSON.
    """
    return json.loads(envelope)
