"""Guess a mapping from the headings of a file, for a person to correct before anything is imported."""

import re
from collections.abc import Sequence
from difflib import SequenceMatcher
from typing import Any

from registry.imports.fields import FIELDS, PERSON, TEXT, ImportField
from registry.imports.mapping import build
from registry.imports.rows import Table
from registry.imports.values import texts_of, with_suggestions

CLOSE_ENOUGH = 0.84
KEY_WORDS = frozenset(
    {"id", "use case id", "model id", "identifier", "external id", "key", "number", "nummer"}
)
UNIT_WORDS = frozenset(
    {"unit", "business unit", "department", "agency", "organisation", "organization", "bureau component", "organisatie", "publishing body"}
)  # fmt: skip


def suggest(headers: Sequence[str], *, name: str = "suggested", source: str = "") -> dict[str, Any]:
    """Return a mapping document for ``headers``: each field takes its best column, each column serves one field."""
    words = {header: normal(header) for header in headers}
    scored = sorted(
        (
            (-_likeness(field, text), place, field.name, header)
            for field in FIELDS.values()
            for place, (header, text) in enumerate(words.items())
            if text not in KEY_WORDS
        )
    )
    fields: dict[str, Any] = {}
    used: set[str] = set()
    for likeness, _, field, header in scored:
        if -likeness < CLOSE_ENOUGH:
            break
        if field not in fields and header not in used:
            fields[field] = rule_for(FIELDS[field], header)
            used.add(header)
    if "name" not in fields:
        fields["name"] = rule_for(FIELDS["name"], _name_among(headers, words, fields))
    unit = next((header for header, text in words.items() if text in UNIT_WORDS and header not in used), "")
    return with_unit(
        {"name": name, "source": source or name, "key": [], "fields": fields}, headers, unit=unit
    )


def guess(table: Table, *, name: str) -> dict[str, Any]:
    """Return a mapping document for a file: its columns by their headings, its choices by the texts they hold."""
    document = suggest(table.headers, name=name)
    return with_suggestions(document, texts_of(table.rows(), build(document)))


def _name_among(headers: Sequence[str], words: dict[str, str], fields: dict[str, Any]) -> str:
    """Choose a column for the name: one that says so, else the title's, else the first that holds nothing else."""
    used = {_column_of(rule) for rule in fields.values()}
    free = [header for header in headers if header not in used]
    if named := [header for header in free if "name" in words[header].split()]:
        return named[0]
    if (title := fields.pop("title", None)) is not None:
        return _column_of(title)
    return next(iter([*free, *headers]), "")


def _column_of(rule: Any) -> str:
    return rule if isinstance(rule, str) else rule["column"]


def with_unit(document: dict[str, Any], headers: Sequence[str], *, unit: str) -> dict[str, Any]:
    """Return the guess with its unit's column, and with the columns by which a second import finds records again."""
    key = [header for header in headers if normal(header) in KEY_WORDS][:1]
    rest = {part: value for part, value in document.items() if part != "unit"}
    found = key or [_column_of(document["fields"]["name"]), *([unit] if unit else [])]
    return {**rest, "key": found, **({"unit": unit} if unit else {})}


def normal(header: str) -> str:
    """Return a heading in words: case, punctuation, underscores and camel case aside."""
    spaced = re.sub(r"(?<=[a-z])(?=[A-Z])", " ", header)
    return " ".join(re.sub(r"[^\w]+|_", " ", spaced).casefold().split())


def _likeness(field: ImportField, text: str) -> float:
    return max(
        SequenceMatcher(None, normal(word), text).ratio() if abs(len(word) - len(text)) < 12 else 0.0
        for word in (field.name, field.label, *field.synonyms)
    )


def rule_for(field: ImportField, header: str) -> Any:
    """Let a guess never fail a row: what does not fit stays a custom field with a note."""
    if field.type not in {TEXT, PERSON}:
        return {"column": header, "otherwise": "note"}
    if field.max_length:
        return {"column": header, "transforms": ["collapse", {"cut": field.max_length}]}
    return header
