"""Turns an HTTP request into the parameters an endpoint declares, or refuses it by name of the parameter."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from django.core.exceptions import RequestDataTooBig
from django.http import HttpRequest, QueryDict
from django.http.request import RawPostDataException

from integrations.mlflow.errors import ProtocolError, invalid, missing
from integrations.mlflow.validation import bad_value, text

MAX_BODY_BYTES = 8 * 1024 * 1024
MAX_ITEMS = 1_000  # tags of one call, stages, order_by items
SEE_DOCS = " See the API docs for more information about request parameters."

STRING, INTEGER, BOOLEAN, STRINGS, TAGS = "string", "integer", "boolean", "strings", "tags"


@dataclass(frozen=True, slots=True)
class Param:
    """One declared parameter. Absent ones read as None, [] for repeated ones."""

    name: str
    kind: str = STRING
    required: bool = False
    limit: int | None = None

    @property
    def camel(self) -> str:
        """The other spelling protocol buffers accept."""
        head, *rest = self.name.split("_")
        return head + "".join(part.capitalize() for part in rest)


def read(request: HttpRequest, params: Sequence[Param]) -> dict[str, Any]:
    """Read the declared parameters; unknown ones are ignored, as the protocol says."""
    given = _query(request.GET, params) if request.method == "GET" else _body(request)
    return {param.name: _value(param, _pick(param, given)) for param in params}


def _query(query: QueryDict, params: Sequence[Param]) -> dict[str, Any]:
    given: dict[str, Any] = {}
    for param in params:
        for spelling in (param.name, param.camel):
            if spelling in query:
                value = query.getlist(spelling) if param.kind == STRINGS else query[spelling]
                given[spelling] = _typed(param, value)
    return given


def _typed(param: Param, value: Any) -> Any:
    """A query string knows only text; give numbers and truth values their type."""
    if param.kind == BOOLEAN:
        if value.lower() not in ("true", "false"):
            raise invalid(f"Invalid boolean value: {value}, must be 'true' or 'false'.")
        return value.lower() == "true"
    return value


def _body(request: HttpRequest) -> dict[str, Any]:
    if request.content_type != "application/json":
        raise invalid(
            f"Bad Request. Content-Type must be one of ['application/json'], got '{request.content_type}'."
        )
    try:
        raw = request.body if _announced(request) <= MAX_BODY_BYTES else None
    except (RequestDataTooBig, RawPostDataException):
        raw = None
    if raw is None or len(raw) > MAX_BODY_BYTES:
        raise invalid(f"The request body is larger than {MAX_BODY_BYTES} bytes.")
    if not raw.strip():
        return {}
    try:
        given = json.loads(raw)
        if isinstance(given, str):  # some old clients encode twice
            given = json.loads(given)
    except (ValueError, RecursionError) as error:
        raise ProtocolError("BAD_REQUEST", "The request body is not valid JSON.") from error
    if given is None:
        return {}
    if not isinstance(given, dict):
        raise ProtocolError("BAD_REQUEST", "The request body has to be a JSON object.")
    return given


def _announced(request: HttpRequest) -> int:
    length = request.META.get("CONTENT_LENGTH") or "0"
    return int(length) if length.isdecimal() and len(length) < 18 else MAX_BODY_BYTES + 1


def _pick(param: Param, given: dict[str, Any]) -> Any:
    if param.camel != param.name and param.camel in given:
        if param.name in given:
            raise invalid(f"Parameter '{param.name}' is given twice, also as '{param.camel}'.")
        return given[param.camel]
    return given.get(param.name)


def _value(param: Param, value: Any) -> Any:
    if param.required and (value is None or value == ""):
        raise invalid(missing(param.name).message + SEE_DOCS)
    if value is None:
        return [] if param.kind in (STRINGS, TAGS) else None
    return _READERS[param.kind](param, value)


def _string(param: Param, value: Any) -> str:
    return text(param.name, value, limit=param.limit)


def _integer(param: Param, value: Any) -> int:
    if isinstance(value, str) and len(value) <= 20:
        try:
            return int(value)
        except ValueError:
            raise _mistyped(param, value) from None
    if isinstance(value, bool) or not isinstance(value, int) or abs(value) >= 2**63:
        raise _mistyped(param, value)
    return value


def _boolean(param: Param, value: Any) -> bool:
    if not isinstance(value, bool):
        raise _mistyped(param, value)
    return value


def _list(param: Param, value: Any) -> list[Any]:
    if not isinstance(value, list):
        raise _mistyped(param, value)
    if len(value) > MAX_ITEMS:
        raise invalid(f"Parameter '{param.name}' has more than {MAX_ITEMS} items.")
    return value


def _strings(param: Param, value: Any) -> list[str]:
    return [text(param.name, item) for item in _list(param, value)]


def _tags(param: Param, value: Any) -> list[dict[str, str]]:
    items = []
    for item in _list(param, value):
        if not isinstance(item, dict):
            raise _mistyped(param, item)
        key, content = item.get("key"), item.get("value")
        if key is None:
            raise missing("key")
        items.append({"key": text("key", key), "value": "" if content is None else text("value", content)})
    return items


def _mistyped(param: Param, value: Any) -> ProtocolError:
    return bad_value(param.name, value, f"Hint: Value was of type '{type(value).__name__}'.{SEE_DOCS}")


_READERS = {STRING: _string, INTEGER: _integer, BOOLEAN: _boolean, STRINGS: _strings, TAGS: _tags}
