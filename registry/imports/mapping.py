"""The mapping document: which column becomes which field, and how. YAML or JSON, checked before a row is read."""

import dataclasses
import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml

from mlops_portal.foundation.errors import FieldError, Invalid, invalid
from mlops_portal.foundation.web import words
from mlops_portal.foundation.yaml_documents import DocumentInvalid, check_events
from registry.imports.fields import CHOICE, COMPUTED_OR_RATED, FIELDS
from registry.imports.transforms import Transform, Unfit, compile_transform, fold
from registry.imports.values import choice_of

SHIPPED = Path(__file__).parent / "mappings"
MAX_DOCUMENT = 256 * 1024
FILE_KEYS = frozenset({"encoding", "delimiter", "sheet", "header_row", "member"})
DOCUMENT_KEYS = FILE_KEYS | {
    "name",
    "label",
    "source",
    "key",
    "repeated_keys",
    "unit",
    "blank",
    "fields",
    "alternatives",
    "unknown_columns",
    "leave_out",
}
FIELD_KEYS = frozenset(
    {"column", "columns", "with", "constant", "transforms", "values", "default", "otherwise"}
)
DEFAULT_BLANK = ("", "n/a", "na", "-", "null")
NUMBER, REFUSE = "number", "refuse"
KEEP, IGNORE = "keep", "ignore"
ERROR, NOTE = "error", "note"


@dataclass(frozen=True, slots=True)
class FieldRule:
    """How one field gets its value: from columns or a constant, through transforms, then ``values``.

    ``values`` says which value of a choice a folded text stands for; None keeps the text and states nothing.

    ``otherwise`` says what a value means that does not fit: an error of its row, or a note, in which case the field
    takes its default and the text stays a custom field.
    """

    field: str
    columns: tuple[str, ...] = ()
    joiner: str = " "
    constant: Any = None
    transforms: tuple[Transform, ...] = ()
    values: Mapping[str, str | None] = dataclasses.field(default_factory=dict)
    default: Any = None
    otherwise: str = ERROR


@dataclass(frozen=True, slots=True)
class ColumnMapping:
    """One checked mapping document."""

    name: str
    source: str
    fields: Mapping[str, FieldRule]
    label: str = ""
    key: tuple[str, ...] = ()
    repeated_keys: str = NUMBER
    unit_column: str = ""
    unit_values: Mapping[str, str] = field(default_factory=dict)
    unit_default: str = ""
    alternatives: tuple[tuple[str, ...], ...] = ()
    blank: frozenset[str] = frozenset(DEFAULT_BLANK)
    keeps_unknown: bool = True
    leave_out: frozenset[str] = frozenset()
    file: Mapping[str, Any] = field(default_factory=dict)
    document: Mapping[str, Any] = field(default_factory=dict)

    def is_blank(self, text: str) -> bool:
        """Whether a cell says nothing."""
        return " ".join(text.split()).casefold() in self.blank

    def columns(self) -> list[str]:
        """Return every column the mapping names, each once."""
        named = [*self.key, *([self.unit_column] if self.unit_column else [])]
        named += [column for rule in self.fields.values() for column in rule.columns]
        named += [column for columns in self.alternatives for column in columns]
        return list(dict.fromkeys(named))

    def left_out(self, headers: Sequence[str]) -> list[str]:
        """Return the columns of a file that are not taken: named ones, and unknown ones that are ignored."""
        held = set(self.columns())
        return [
            column
            for column in headers
            if column in self.leave_out or (column not in held and not self.keeps_unknown)
        ]

    def check_headers(self, headers: Sequence[str]) -> None:
        """Raise `Invalid` naming each column that the file does not have."""
        known = set(headers)
        if missing := [column for column in self.columns() if column not in known]:
            raise Invalid(
                [FieldError(f"column {column}", "the file has no such column") for column in missing]
            )


def load(name_or_path: str) -> ColumnMapping:
    """Return a shipped mapping by its name, or read one from a file."""
    if name_or_path in shipped():
        path = SHIPPED / f"{name_or_path}.yaml"
    else:
        path = Path(name_or_path)
        if not path.is_file():
            raise invalid(
                "mapping", f"there is no mapping or file “{name_or_path}”; shipped are {', '.join(shipped())}"
            )
    if path.stat().st_size > MAX_DOCUMENT:
        raise invalid("mapping", f"the document is larger than {words.number(MAX_DOCUMENT)} bytes")
    return parse(path.read_text(encoding="utf-8"))


def shipped() -> list[str]:
    """Return the names of the mappings that come with the portal."""
    return sorted(path.stem for path in SHIPPED.glob("*.yaml"))


def parse(text: str) -> ColumnMapping:
    """Read a document from YAML or JSON text."""
    if len(text) > MAX_DOCUMENT:
        raise invalid("mapping", f"the document is larger than {words.number(MAX_DOCUMENT)} characters")
    try:
        document = json.loads(text) if text.lstrip().startswith("{") else _yaml(text)
    except DocumentInvalid as error:
        raise invalid("mapping", str(error.problems[0])) from error
    except json.JSONDecodeError as error:
        raise invalid("mapping", f"line {error.lineno}, column {error.colno}: {error.msg}") from error
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        place = f"line {mark.line + 1}, column {mark.column + 1}: " if mark else ""
        raise invalid("mapping", f"{place}{getattr(error, 'problem', None) or 'not valid YAML'}") from error
    except RecursionError as error:
        raise invalid("mapping", "the document is nested too deeply") from error
    except (ValueError, OverflowError) as error:
        # A date or a number that fits its pattern and no calendar or type.
        raise invalid("mapping", "it holds a value that cannot be read") from error
    return build(document)


def _yaml(text: str) -> Any:
    check_events(text)
    return yaml.load(text, Loader=_Loader)  # noqa: S506  (a safe loader that refuses more)


class _Loader(yaml.SafeLoader):
    """Safe YAML without aliases, which a few lines can turn into gigabytes, and without repeated keys."""

    def compose_node(self, parent: Any, index: Any) -> Any:
        if self.check_event(yaml.AliasEvent):
            raise yaml.composer.ComposerError(
                None, None, "aliases are not allowed", self.peek_event().start_mark
            )
        return super().compose_node(parent, index)

    def construct_mapping(self, node: Any, deep: bool = False) -> dict[Any, Any]:
        seen = set()
        for key, _ in node.value:
            if not isinstance(key, yaml.ScalarNode):
                raise yaml.constructor.ConstructorError(
                    None, None, "a name should be a plain text", key.start_mark
                )
            if key.value in seen:
                raise yaml.constructor.ConstructorError(
                    None, None, f"“{key.value}” is given twice", key.start_mark
                )
            seen.add(key.value)
        return super().construct_mapping(node, deep)


def build(document: Any) -> ColumnMapping:
    """Check a document and return the mapping; raises `Invalid` with every mistake and its place."""
    if not isinstance(document, dict):
        raise invalid("mapping", "it is not an object with members")
    errors = _Errors()
    errors.unknown("", document, DOCUMENT_KEYS)
    rules = _rules(document.get("fields"), errors)
    key = _names(document.get("key", []), "key", errors)
    unit = _unit(document.get("unit"), errors)
    if "name" not in rules and not errors.found:
        errors.add("fields.name", "a column for the model's name is needed")
    mapping = ColumnMapping(
        name=_text(document, "name", errors, needed=True),
        label=_text(document, "label", errors),
        source=_text(document, "source", errors, needed=True),
        fields=rules,
        key=key,
        repeated_keys=_one_of(document, "repeated_keys", (NUMBER, REFUSE), errors),
        unit_column=unit[0],
        unit_values=unit[1],
        unit_default=unit[2],
        alternatives=_alternatives(document.get("alternatives", []), errors),
        blank=frozenset(
            {""}
            | {
                " ".join(word.split()).casefold()
                for word in _names(document.get("blank", list(DEFAULT_BLANK)), "blank", errors)
            }
        ),
        keeps_unknown=_one_of(document, "unknown_columns", (KEEP, IGNORE), errors) == KEEP,
        leave_out=frozenset(_names(document.get("leave_out", []), "leave_out", errors)),
        file=_file_options(document, errors),
        document=document,
    )
    for column in sorted(mapping.leave_out.intersection(mapping.columns())):
        errors.add(f"leave_out.{column}", "the mapping uses this column, so it cannot be left out")
    errors.raise_if_any()
    return mapping


class _Errors:
    """Collects mistakes, so that an author sees all of them at once."""

    def __init__(self) -> None:
        self.found: list[FieldError] = []

    def add(self, where: str, message: str) -> None:
        self.found.append(FieldError(where, message))

    def unknown(self, where: str, given: Mapping[Any, Any], allowed: Iterable[str]) -> None:
        for name in given:
            if name not in allowed:
                self.add(f"{where}{name}", f"unknown; allowed are {', '.join(sorted(allowed))}")

    def raise_if_any(self) -> None:
        if self.found:
            raise Invalid(self.found)


def _rules(given: Any, errors: _Errors) -> dict[str, FieldRule]:
    if not isinstance(given, dict) or not given:
        errors.add("fields", "an object of field: rule is needed")
        return {}
    rules = {}
    for name, rule in given.items():
        where = f"fields.{name}"
        if name in COMPUTED_OR_RATED:
            errors.add(where, f"cannot be imported: {COMPUTED_OR_RATED[name]}")
        elif name not in FIELDS:
            errors.add(where, f"unknown field; allowed are {', '.join(sorted(FIELDS))}")
        elif made := _rule(str(name), {"column": rule} if isinstance(rule, str) else rule, where, errors):
            rules[str(name)] = made
    return rules


def _rule(name: str, given: Any, where: str, errors: _Errors) -> FieldRule | None:
    if not isinstance(given, dict):
        errors.add(where, "a column name or an object is needed")
        return None
    errors.unknown(f"{where}.", given, FIELD_KEYS)
    sources = [source for source in ("column", "columns", "constant") if source in given]
    if len(sources) != 1:
        errors.add(where, "exactly one of column, columns and constant is needed")
        return None
    columns = [given["column"]] if "column" in given else given.get("columns", [])
    return FieldRule(
        field=name,
        columns=_names(columns, f"{where}.{sources[0]}", errors),
        joiner=str(given.get("with", " ")),
        constant=given.get("constant"),
        transforms=_transforms(given.get("transforms", []), where, errors),
        values=_values(name, given.get("values", {}), f"{where}.values", errors),
        default=given.get("default"),
        otherwise=_one_of(given, "otherwise", (ERROR, NOTE), errors, where=f"{where}."),
    )


def _transforms(given: Any, where: str, errors: _Errors) -> tuple[Transform, ...]:
    if not isinstance(given, list):
        errors.add(f"{where}.transforms", "a list is needed")
        return ()
    made = []
    for place, one in enumerate(given):
        try:
            made.append(compile_transform(one))
        except ValueError as error:
            errors.add(f"{where}.transforms[{place}]", str(error))
    return tuple(made)


def _values(name: str, given: Any, where: str, errors: _Errors) -> dict[str, str | None]:
    if not given:
        return {}
    if FIELDS[name].type != CHOICE:
        errors.add(where, "only a field with a choice of values takes them; use a transform")
        return {}
    if not isinstance(given, dict):
        errors.add(where, "an object of text: value is needed; no value keeps the text")
        return {}
    made: dict[str, str | None] = {}
    for text, value in given.items():
        try:
            made[fold(str(text))] = None if value is None else choice_of(FIELDS[name], value)
        except Unfit as unfit:
            errors.add(f"{where}.{text}", str(unfit))
    return made


def _names(given: Any, where: str, errors: _Errors) -> tuple[str, ...]:
    if isinstance(given, list) and all(isinstance(name, str) for name in given):
        return tuple(given)
    errors.add(where, "a list of texts is needed")
    return ()


def _alternatives(given: Any, errors: _Errors) -> tuple[tuple[str, ...], ...]:
    if not isinstance(given, list):
        errors.add("alternatives", "a list of lists of columns is needed")
        return ()
    return tuple(_names(columns, f"alternatives[{place}]", errors) for place, columns in enumerate(given))


def _unit(given: Any, errors: _Errors) -> tuple[str, dict[str, str], str]:
    if given is None:
        return "", {}, ""
    if isinstance(given, str):
        return given, {}, ""
    if not isinstance(given, dict):
        errors.add("unit", "a column name or an object is needed")
        return "", {}, ""
    errors.unknown("unit.", given, {"column", "values", "default"})
    values = given.get("values", {})
    if not isinstance(values, dict):
        errors.add("unit.values", "an object of text: unit is needed")
        values = {}
    known = {" ".join(str(text).split()).casefold(): str(unit) for text, unit in values.items()}
    return str(given.get("column", "")), known, str(given.get("default", ""))


def _text(given: Mapping[str, Any], name: str, errors: _Errors, *, needed: bool = False) -> str:
    value = given.get(name, "")
    if not isinstance(value, str) or (needed and not value.strip()):
        errors.add(name, "a text is needed")
        return ""
    if len(value) > 80:
        errors.add(name, "at most 80 characters are allowed")
    return value.strip()


def _one_of(
    given: Mapping[str, Any], name: str, allowed: tuple[str, ...], errors: _Errors, where: str = ""
) -> str:
    value = given.get(name, allowed[0])
    if value not in allowed:
        errors.add(f"{where}{name}", f"one of {', '.join(allowed)} is needed")
        return allowed[0]
    return value


def _file_options(document: Mapping[str, Any], errors: _Errors) -> dict[str, Any]:
    options = {name: document[name] for name in FILE_KEYS if name in document}
    for name, value in options.items():
        if name != "header_row":
            if not isinstance(value, str):
                errors.add(name, "a text is needed")
        elif not isinstance(value, int) or isinstance(value, bool) or value < 1:
            errors.add(name, "a row number from 1 is needed")
    return options
