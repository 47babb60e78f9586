"""What may be written in a name, an alias, a tag. Limits and sentences are the protocol's own."""

import json
import posixpath
import re
from collections.abc import Iterable, Mapping
from typing import Any

from integrations.mlflow.errors import ProtocolError, invalid, missing
from integrations.mlflow.stages import STAGES

NAME_MAX = 256
ALIAS_MAX = 255
TAG_KEY_MAX = 250
TAG_VALUE_MAX = 100_000
DESCRIPTION_MAX = 5_000
SOURCE_MAX = 500
TEXT_MAX = 250  # run_id, model_id
LINK_MAX = 500
VERSION_MAX = 2**31 - 1

_ALIAS = re.compile(r"[\w\-]*")
_TAG_KEY = re.compile(r"[/\w.\- :]*")
_VERSION_ALIAS = re.compile(r"[vV]\d+")
_INTEGER = re.compile(r"[+-]?[0-9]+")


def bad_value(parameter: str, value: Any, hint: str = "") -> ProtocolError:
    """A parameter's value is not possible; the sentence shows it as JSON."""
    shown = json.dumps(value, sort_keys=True, separators=(",", ":"), default=str)
    if len(shown) > 200:
        shown = shown[:200] + "…"
    return invalid(
        f"Invalid value {shown} for parameter '{parameter}' supplied: {hint}".rstrip(": ")
        + ("" if hint else ".")
    )


def text(parameter: str, value: Any, *, limit: int | None = None) -> str:
    """Check that a value is text a database can hold: no NUL, no half of a surrogate pair, not too long."""
    if not isinstance(value, str):
        raise bad_value(parameter, value, f"Hint: Value was of type '{type(value).__name__}'.")
    if "\x00" in value or (not value.isprintable() and any("\ud800" <= char <= "\udfff" for char in value)):
        raise bad_value(parameter, value, "It contains a character that is not text.")
    if limit is not None and len(value) > limit:
        raise invalid(f"'{parameter}' exceeds the maximum length of {limit} characters")
    return value


def _resolves_elsewhere(name: str) -> bool:
    normal = posixpath.normpath(name)
    return normal != name or normal == "." or normal.startswith(("..", "/"))


def _path_hint(name: str) -> str:
    return (
        "Names may be treated as files in certain cases, and must not resolve to other names when treated as such. "
        f"This name would resolve to {posixpath.normpath(name)!r}"
    )


def model_name(value: str, parameter: str = "name") -> str:
    """Check the name of a model."""
    if not value.strip():
        raise missing(parameter)
    if "/" in value or ":" in value:
        raise invalid(f"Invalid model name '{value}'. Names cannot contain '/' or ':'.")
    if _resolves_elsewhere(value):
        raise bad_value(parameter, value, _path_hint(value))
    return text(parameter, value, limit=NAME_MAX)


def version_number(value: str) -> int:
    """Read the number of a version; a number no version can have is still a number."""
    if not _INTEGER.fullmatch(value) or len(value) > 20:
        raise invalid(f"Parameter 'version' must be an integer, got '{value}'.")
    return max(-1, min(int(value), VERSION_MAX))


def alias_name(value: str) -> str:
    """Check the form of an alias that is read or removed."""
    if not value:
        raise invalid("Registered model alias name cannot be empty.")
    if not _ALIAS.fullmatch(value):
        raise invalid(
            f"Invalid alias name: '{value}'. Names may only contain alphanumerics, underscores (_), and dashes (-)."
        )
    if len(value) > ALIAS_MAX:
        raise invalid(f"'Registered model alias name' exceeds the maximum length of {ALIAS_MAX} characters")
    return value


def new_alias_name(value: str) -> str:
    """Check an alias that is set: some words are reserved."""
    alias_name(value)
    if value.lower() == "latest":
        raise invalid("'latest' alias name (case insensitive) is reserved.")
    if _VERSION_ALIAS.fullmatch(value):
        raise invalid(f"Version alias name '{value}' is reserved.")
    return value


def tag_key(value: str) -> str:
    """Check the key of a tag."""
    if not _TAG_KEY.fullmatch(value):
        raise bad_value(
            "key",
            value,
            "Names may only contain alphanumerics, underscores (_), dashes (-), periods (.), spaces ( ), "
            "colon(:) and slashes (/).",
        )
    if _resolves_elsewhere(value):
        raise bad_value("key", value, _path_hint(value))
    return text("key", value, limit=TAG_KEY_MAX)


def tag_value(value: str) -> str:
    """Check the value of a tag."""
    return text("value", value, limit=TAG_VALUE_MAX)


def tags(items: Iterable[Mapping[str, str]]) -> dict[str, str]:
    """Check a list of tags and make it a dict; a later tag of one key wins."""
    return {tag_key(item["key"]): tag_value(item["value"]) for item in items}


def stage(value: str) -> str:
    """Return the canonical name of a stage, whatever its case."""
    for known in STAGES:
        if value.lower() == known.lower():
            return known
    raise invalid(f"Invalid Model Version stage: {value}. Value must be one of {', '.join(STAGES)}.")
