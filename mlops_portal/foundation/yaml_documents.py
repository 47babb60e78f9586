"""YAML that people write and the portal obeys: policies, questionnaires.

Read without surprises (size, depth, no duplicate key, no alias, no tag), and every problem with its line and column.
"""

import math
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import yaml
from jsonschema import Draft202012Validator
from jsonschema.exceptions import ValidationError

from mlops_portal.foundation.errors import FieldError, Invalid

MAX_BYTES = 256 * 1024
MAX_DEPTH = 16
MAX_PARTS = 20_000  # names, values, lists and mappings together
MAX_NUMBER = (
    200  # characters: YAML reads 1:1:1:… as one number, in time that grows with the square of its length
)
LIKE_A_NUMBER = re.compile(r"[-+.0-9][-+.:_0-9a-fA-FxXoO]*")
Path = tuple[str | int, ...]
# The same language in C, ten times as fast, where the library was built with it.
LOADER = getattr(yaml, "CSafeLoader", yaml.SafeLoader)


@dataclass(frozen=True, slots=True)
class Problem:
    """What is wrong in a document, where (line and column from 1) and at which path."""

    message: str
    line: int = 1
    column: int = 1
    path: str = ""

    def __str__(self) -> str:
        at = f"line {self.line}, column {self.column}" + (f" ({self.path})" if self.path else "")
        return f"{at}: {self.message}"


class DocumentInvalid(Invalid):
    """A document that cannot be used. ``problems`` are in the order of the text."""

    def __init__(self, problems: Sequence[Problem]) -> None:
        self.problems = tuple(sorted(problems, key=lambda problem: (problem.line, problem.column)))
        super().__init__(
            [
                FieldError(
                    f"line {p.line}, column {p.column}" + (f" ({p.path})" if p.path else ""), p.message
                )
                for p in self.problems
            ]
        )


@dataclass(frozen=True, slots=True)
class YamlDocument:
    """Plain data with string keys, and the place of each part in the text."""

    data: dict[str, Any]
    marks: Mapping[Path, tuple[int, int]] = field(repr=False)

    def problem(self, path: Path, message: str, *, line: int = 0, column: int = 0) -> Problem:
        """Build a problem at ``path``; ``line`` and ``column`` count inside a text found there."""
        known = path
        while known not in self.marks:
            known = known[:-1]
        at_line, at_column = self.marks[known]
        return Problem(message, at_line + max(line - 1, 0), at_column + max(column - 1, 0), path_text(path))

    def schema_problems(self, schema: Mapping[str, Any]) -> list[Problem]:
        """Return what the JSON Schema objects to."""
        validator = Draft202012Validator(schema)
        return [self.problem(path, message) for path, message in _readable(validator.iter_errors(self.data))]


def path_text(path: Path) -> str:
    """Write a path as people read it: ``gates[2].rule``."""
    text = ""
    for part in path:
        text += f"[{part}]" if isinstance(part, int) else f".{part}" if text else part
    return text


def _readable(errors: Iterator[ValidationError]) -> Iterator[tuple[Path, str]]:
    for error in errors:
        path = tuple(error.absolute_path)
        match error.validator:
            case "required":
                yield path, f"“{str(error.message).split(chr(39))[1]}” is missing"
            case "additionalProperties":
                yield from _unknown(path, error)
            case "enum":
                allowed = ", ".join(str(item) for item in error.validator_value)
                yield path, f"“{error.instance}” is not one of: {allowed}"
            case "type":
                yield path, f"should be {_type_words(error.validator_value)}, is {_short(error.instance)}"
            case "oneOf" | "anyOf":
                yield path, f"has a form that is not known here: {_short(error.instance)}"
            case "pattern":
                yield path, f"{_short(error.instance)} does not have the form {error.validator_value}"
            case _:
                yield path, error.message[:300]


def _unknown(path: Path, error: ValidationError) -> Iterator[tuple[Path, str]]:
    known = error.schema.get("properties", {})
    patterns = error.schema.get("patternProperties", {})
    for key in error.instance:
        if key not in known and not patterns:
            yield (*path, key), f"“{key}” is not known here; known are: {', '.join(sorted(known))}"
        elif key not in known and not Draft202012Validator(
            {"propertyNames": {"pattern": "|".join(patterns)}}
        ).is_valid({key: 0}):
            yield (*path, key), f"“{key}” is not known here"


def _type_words(wanted: str | list[str]) -> str:
    words = {"object": "a mapping", "array": "a list", "string": "a text", "integer": "a whole number"}
    words |= {"number": "a number", "boolean": "true or false"}
    return " or ".join(words.get(item, item) for item in ([wanted] if isinstance(wanted, str) else wanted))


def _short(value: Any) -> str:
    text = repr(value)
    return text if len(text) <= 60 else text[:57] + "…"


def read_yaml(text: str | bytes, *, max_bytes: int = MAX_BYTES) -> YamlDocument:
    """Read a YAML mapping, or raise `DocumentInvalid` with every place that is wrong."""
    raw = text.encode("utf-8", "surrogatepass") if isinstance(text, str) else text
    if len(raw) > max_bytes:
        raise DocumentInvalid([Problem(f"The document is larger than {max_bytes // 1024} KB.")])
    try:
        decoded = raw.decode("utf-8-sig")
        check_events(decoded)
        root = yaml.compose(decoded, Loader=LOADER)
    except UnicodeDecodeError as error:
        raise DocumentInvalid([Problem(f"The text is not UTF-8 (byte {error.start + 1}).")]) from error
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        line, column = (mark.line + 1, mark.column + 1) if mark else (1, 1)
        raise DocumentInvalid([Problem(error.problem or "is not YAML", line, column)]) from error
    except yaml.YAMLError as error:
        raise DocumentInvalid(
            [Problem(f"The text holds characters that YAML does not allow: {error}"[:300])]
        ) from error
    if not isinstance(root, yaml.MappingNode):
        raise DocumentInvalid([Problem("The document should be a mapping of names to values.")])
    marks: dict[Path, tuple[int, int]] = {}
    problems: list[Problem] = []
    data = _plain(root, (), marks, problems)
    if problems:
        raise DocumentInvalid(problems)
    return YamlDocument(data, marks)


def check_events(text: str) -> None:
    """Refuse what makes a short text a large, a slow or a strange document, before anything is built from it.

    Raises:
        DocumentInvalid: naming the first place.
        yaml.YAMLError: it is no YAML.
    """
    depth = 0
    for count, event in enumerate(yaml.parse(text, Loader=LOADER)):
        at = (event.start_mark.line + 1, event.start_mark.column + 1) if event.start_mark else (1, 1)
        if isinstance(event, yaml.CollectionStartEvent):
            depth += 1
        elif isinstance(event, yaml.CollectionEndEvent):
            depth -= 1
        if count > MAX_PARTS:
            raise DocumentInvalid([Problem(f"holds more than {MAX_PARTS} names and values", *at)])
        if isinstance(event, yaml.ScalarEvent) and _is_long_number(event):
            raise DocumentInvalid([Problem(f"a number has at most {MAX_NUMBER} characters", *at)])
        if depth > MAX_DEPTH:
            raise DocumentInvalid([Problem(f"is nested deeper than {MAX_DEPTH} levels", *at)])
        if isinstance(event, yaml.AliasEvent) or getattr(event, "anchor", None):
            raise DocumentInvalid(
                [Problem("anchors and aliases are not used here: write the value out", *at)]
            )
        if str(getattr(event, "tag", None) or "").startswith(("tag:", "!")):
            raise DocumentInvalid([Problem("tags are not used here", *at)])


def _is_long_number(event: yaml.ScalarEvent) -> bool:
    is_long = not event.style and len(event.value) > MAX_NUMBER
    return is_long and LIKE_A_NUMBER.fullmatch(event.value) is not None


def _plain(node: yaml.Node, path: Path, marks: dict[Path, tuple[int, int]], problems: list[Problem]) -> Any:
    marks[path] = _content_mark(node)
    if isinstance(node, yaml.MappingNode):
        found: dict[str, Any] = {}
        for key_node, value_node in node.value:
            key = str(key_node.value) if isinstance(key_node, yaml.ScalarNode) else ""
            at = (key_node.start_mark.line + 1, key_node.start_mark.column + 1)
            if not key or key == "<<":
                problems.append(Problem("a name should be a plain text", *at, path_text(path)))
            elif key in found:
                problems.append(Problem(f"“{key}” is written twice", *at, path_text(path)))
            else:
                found[key] = _plain(value_node, (*path, key), marks, problems)
        return found
    if isinstance(node, yaml.SequenceNode):
        return [_plain(item, (*path, index), marks, problems) for index, item in enumerate(node.value)]
    return _scalar(node, path, problems)


def _content_mark(node: yaml.Node) -> tuple[int, int]:
    """Return where the text of a value begins: a block text starts on the line after its sign."""
    if isinstance(node, yaml.ScalarNode) and node.style in ("|", ">"):
        return node.start_mark.line + 2, 1
    quoted = isinstance(node, yaml.ScalarNode) and node.style in ("'", '"')
    return node.start_mark.line + 1, node.start_mark.column + 1 + int(quoted)


def _scalar(node: yaml.Node, path: Path, problems: list[Problem]) -> Any:
    if node.tag == "tag:yaml.org,2002:timestamp":
        return str(node.value)
    try:
        value = yaml.SafeLoader("").construct_object(node)
        if isinstance(value, float) and not math.isfinite(value):
            raise ValueError("not a finite number")
        return value
    except (yaml.YAMLError, ValueError, OverflowError):
        problems.append(Problem("is not a value", *_content_mark(node), path_text(path)))
        return None
