"""Which value of the portal a text of a file stands for: stated by the mapping, never guessed while rows are read.

`suggested` only fills in what a person sees and may change; a text without a value states nothing, and a field that
cannot be empty is then recorded with its default and named as not stated (`states.DEFAULTS_IF_UNSTATED`).
"""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from registry.imports.fields import FIELDS, ImportField
from registry.imports.rows import Row
from registry.imports.transforms import Unfit, fold
from registry.states import LifecycleState, ModelKind, Origin

EMPTY = ""  # the text of a cell that says nothing, and of a field that no column fills
SHOWN = 40  # texts of one column that are offered for mapping, the most frequent first

SYNONYMS: Mapping[str, Mapping[str, Sequence[str]]] = {
    "kind": {
        ModelKind.GENERATIVE: ("generative ai", "gen ai", "genai", "llm", "large language model", "foundation model"),
        ModelKind.ANALYTICAL: (
            "classical ml", "classical/predictive ml", "classical machine learning", "predictive ml", "predictive ai",
            "predictive", "statistical", "statistical model", "regression", "traditional ml",
        ),
        ModelKind.AGENT: ("agentic ai", "agentic", "ai agent", "ai agents", "agents", "autonomous agent"),
    },
    "origin": {
        Origin.IN_HOUSE: (
            "in-house development", "in-house", "developed in-house", "developed in-house.", "built in-house", "internal",
            "no contract/external resources used in development.",
        ),
        Origin.THIRD_PARTY: (
            "vendor purchased", "purchased from a vendor", "purchased", "vendor", "third-party", "bought", "external",
            "commercial", "off the shelf", "developed with contracting resources.", "contracting",
            # Partly bought is bought: the facts on the supplier are asked for.
            "contracting and in house", "developed with both contracting and in-house resources.",
        ),
    },
    "lifecycle_state": {
        LifecycleState.DRAFT: ("planned", "idea", "ideation", "initiated", "initiation", "proposed"),
        LifecycleState.REGISTERED: (
            "pre-deployment", "development", "in development", "under development", "acquisition and/or development",
            "ontwikkeling",
        ),
        LifecycleState.IN_VALIDATION: ("validation", "implementation and assessment"),
        LifecycleState.IN_PRODUCTION: (
            "deployed", "operational", "operation", "operation and maintenance", "production", "in operation", "in use",
            "live", "in gebruik", "in_gebruik",
        ),
        LifecycleState.RETIRED: ("decommissioned", "end of life", "sunset", "discontinued", "buiten gebruik", "buiten_gebruik"),
    },
}  # fmt: skip


class Kept(Unfit):
    """The mapping says that this text states no value: it is kept as text, whatever else does not fit."""


def choice_of(field: ImportField, text: Any) -> str:
    """Return the value that a text names by itself, as its word or its code; raises `Unfit`."""
    known = {_plain(word): choice for choice, label in field.choices for word in (label, choice)}
    try:
        return known[_plain(str(text))]
    except KeyError:
        labels = ", ".join(label.lower() for _, label in field.choices)
        raise Unfit(f"is none of {labels}", text=text) from None


def _plain(text: str) -> str:
    return fold(text).replace("_", " ")


def mapped(field: ImportField, text: Any, values: Mapping[str, str | None]) -> str:
    """Return the value of a text: the mapping's, else the one that it names; raises `Unfit`, or `Kept`."""
    key = fold(str(text))
    if key not in values:
        return choice_of(field, text)
    value = values[key]
    if value is None:
        raise Kept(f"states no {field.label.lower()} and is kept as text", text=text)
    return value


def suggested(field: ImportField, text: str) -> str | None:
    """Return the value that a text most likely stands for, for a person to confirm; None when that is open."""
    try:
        return choice_of(field, text)
    except Unfit:
        pass
    words = {_plain(word): value for value, known in SYNONYMS.get(field.name, {}).items() for word in known}
    found = words.get(_plain(text))
    return None if found is None else str(found)


def texts_of(rows: Iterable[Row], mapping: Any) -> dict[str, Counter[str]]:
    """Count the texts that each mapped choice has in a file, after the mapping's transforms; empty cells under ``""``."""
    rules = [rule for rule in mapping.fields.values() if rule.columns and FIELDS[rule.field].choices]
    found: dict[str, Counter[str]] = {rule.field: Counter() for rule in rules}
    folded: dict[str, dict[str, str]] = {rule.field: {} for rule in rules}
    for row in rows:
        for rule in rules:
            text = " ".join(_text(row, rule, mapping).split())
            first = folded[rule.field].setdefault(fold(text), text)
            found[rule.field][first] += 1
    return found


def _text(row: Row, rule: Any, mapping: Any) -> str:
    parts = [row.cells.get(column, "") for column in rule.columns]
    text: Any = rule.joiner.join(part.strip() for part in parts if not mapping.is_blank(part))
    if not text:
        return EMPTY
    try:
        for transform in rule.transforms:
            text = transform(text)
    except Unfit:
        return EMPTY
    return str(text)


def with_suggestions(document: dict[str, Any], texts: Mapping[str, Counter[str]]) -> dict[str, Any]:
    """Return a guessed mapping with a value for each text of its choices that has an obvious one."""
    fields = dict(document["fields"])
    for name, counted in texts.items():
        rule = fields[name] if isinstance(fields[name], dict) else {"column": fields[name]}
        known = {
            text: value
            for text, _ in counted.most_common()
            if text and (value := suggested(FIELDS[name], text)) is not None
        }
        if known and "values" not in rule and "transforms" not in rule:
            fields[name] = {**rule, "values": known}
    return {**document, "fields": fields}
