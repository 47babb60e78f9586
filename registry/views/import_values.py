"""What each text of a choice means: the questions that the preview of an import asks, and the mapping with the answers."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from hashlib import sha256
from typing import Any

from django import forms

from mlops_portal.foundation.web.forms import Section
from mlops_portal.foundation.web.words import number, plural
from registry.imports.fields import FIELDS, ImportField
from registry.imports.mapping import ColumnMapping, FieldRule
from registry.imports.plan import ALWAYS_STATED
from registry.imports.preview import default_in_words
from registry.imports.transforms import fold, short
from registry.imports.values import EMPTY, SHOWN, suggested
from registry.states import DEFAULTS_IF_UNSTATED


@dataclass(frozen=True, slots=True)
class Question:
    """One text of a choice, in how many rows it stands and the value that it is read as so far."""

    field: str
    text: str
    rows: int = 0
    value: str = ""

    @property
    def is_for_all(self) -> bool:
        """Whether no column fills the field, so that one answer holds for every row."""
        return not self.rows

    @property
    def name(self) -> str:
        """Name it in the form; texts are of any length and script."""
        return f"v-{self.field}-{sha256(fold(self.text).encode()).hexdigest()[:12]}"

    @property
    def label(self) -> str:
        """Show the text as the file has it."""
        if self.is_for_all:
            return "Every row"
        return short(self.text) or "Empty cell"


def questions_of(mapping: ColumnMapping, texts: Mapping[str, Counter[str]]) -> list[Question]:
    """Return what is to be asked of a file under a mapping, the most frequent texts of each field first."""
    asked = []
    for name, counted in texts.items():
        rule = mapping.fields[name]
        asked += [
            Question(name, text, rows, _value(FIELDS[name], rule, text))
            for text, rows in counted.most_common(SHOWN)
        ]
    for name in ALWAYS_STATED:
        if name not in texts:
            constant = mapping.fields[name].constant if name in mapping.fields else None
            asked.append(Question(name, EMPTY, value=str(constant or "")))
    return asked


def _value(field: ImportField, rule: FieldRule, text: str) -> str:
    key = fold(text)
    if key in rule.values:
        return rule.values[key] or ""
    return (str(rule.default or "") if not text else suggested(field, text)) or ""


def answered(
    document: Mapping[str, Any], questions: Sequence[Question], answers: Mapping[str, Any]
) -> dict[str, Any]:
    """Return the mapping document with the answers; a text without a value is named as stating nothing."""
    fields = dict(document["fields"])
    for one in questions:
        value = answers.get(one.name) or None
        if one.is_for_all:
            fields.pop(one.field, None)
            if value:
                fields[one.field] = {"constant": value}
            continue
        rule = fields[one.field]
        rule = dict(rule) if isinstance(rule, dict) else {"column": rule}
        values = {
            text: old for text, old in rule.get("values", {}).items() if fold(str(text)) != fold(one.text)
        }
        if value or one.text:
            values[one.text] = value
        if not one.text:
            rule.pop("default", None)
        fields[one.field] = {**rule, "values": values}
    return {**document, "fields": fields}


def _place(name: str) -> int:
    first = list(DEFAULTS_IF_UNSTATED)
    return first.index(name) if name in first else len(first) + list(FIELDS).index(name)


def form_field(one: Question) -> forms.ChoiceField:
    """Offer the values of the portal for one text."""
    field = FIELDS[one.field]
    nothing = "Keep as text"
    if one.field in DEFAULTS_IF_UNSTATED:
        nothing = f"Not stated: {default_in_words(one.field).lower()} by default, with a task"
    return forms.ChoiceField(
        label=one.label,
        choices=[("", nothing), *field.choices],
        required=False,
        initial=one.value,
        help_text=plural(one.rows, "row") if one.rows else "no column holds it",
    )


def sections(
    questions: Sequence[Question], columns: Mapping[str, str], texts: Mapping[str, Counter[str]]
) -> list[Section]:
    """Part the questions by field, first those where a default would fill in what nobody states."""
    found = []
    for name in sorted({one.field for one in questions}, key=_place):
        own = [one for one in questions if one.field == name]
        left = len(texts.get(name, ())) - len(own)
        note = f"What the texts of “{columns[name]}” mean" if name in columns else "No column holds it"
        if left > 0:
            note += f"; {number(left)} rarer ones are kept as text unless they name a value themselves"
        found.append(
            Section(
                f"Values of {FIELDS[name].label.lower()}",
                [one.name for one in own],
                note,
                is_open=name in DEFAULTS_IF_UNSTATED,
            )
        )
    return found
