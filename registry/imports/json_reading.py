"""JSON: an array of objects, or an object in which one member is such an array."""

import json
from collections.abc import Iterator
from typing import Any

from mlops_portal.foundation.errors import Invalid, invalid
from mlops_portal.foundation.web import words
from registry.imports.decoding import decode
from registry.imports.rows import MAX_COLUMNS, MAX_ROWS, Problem, Row, Table, as_row


def open_json(content: bytes, *, encoding: str = "", member: str = "") -> Table:
    """Open a JSON document as rows; ``member`` names the array when there are several."""
    text, used = decode(content, encoding)
    try:
        document = json.loads(text, parse_constant=_refuse_constant, parse_int=_whole_number)
    except json.JSONDecodeError as error:
        raise invalid("file", f"line {error.lineno}, column {error.colno}: {error.msg}") from error
    except RecursionError as error:
        raise invalid("file", "it is nested too deeply") from error
    items = _items(document, member)
    if len(items) > MAX_ROWS:
        raise invalid(
            "file", f"it has {words.number(len(items))} rows, at most {words.number(MAX_ROWS)} are allowed"
        )
    headers = tuple(dict.fromkeys(str(key) for item in items if isinstance(item, dict) for key in item))
    if not headers:
        raise invalid("file", "its objects have no members")
    if len(headers) > MAX_COLUMNS:
        raise invalid(
            "file",
            f"it has {words.number(len(headers))} different members, at most {MAX_COLUMNS} are allowed",
        )
    return Table(
        headers=headers, read=lambda table: _rows(table, items), format="json", encoding=used, header_row=0
    )


def _whole_number(digits: str) -> int:
    try:
        return int(digits)
    except ValueError as error:  # Python reads so many digits and no more
        raise invalid(
            "file", f"a number of {words.number(len(digits.lstrip('-')))} digits is too long"
        ) from error


def _refuse_constant(name: str) -> Invalid:
    raise invalid("file", f"{name} is not JSON")


def _items(document: Any, member: str) -> list[Any]:
    if isinstance(document, list) and not member:
        return document
    if isinstance(document, dict):
        arrays = {name: value for name, value in document.items() if isinstance(value, list)}
        if member in arrays:
            return arrays[member]
        if not member and len(arrays) == 1:
            return next(iter(arrays.values()))
        raise invalid(
            "file", f"say which member holds the rows; it has {', '.join(map(str, document)) or 'none'}"
        )
    raise invalid("file", "it is not an array of objects")


def _rows(table: Table, items: list[Any]) -> Iterator[Row]:
    for number, item in enumerate(items, start=1):
        if not isinstance(item, dict):
            problem = Problem(number, "", f"is {type(item).__name__}, not an object")
            yield Row(number, {}, (problem,))
            continue
        values = [_text(item.get(name)) for name in table.headers]
        if any(value.strip() for value in values):
            yield as_row(number, table.headers, values, ragged=False)
        else:
            table.blank_rows += 1


def _text(value: Any) -> str:
    if value is None:
        return ""
    if isinstance(value, str):
        return value
    return json.dumps(value, ensure_ascii=False)
