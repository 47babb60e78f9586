"""From a row to what shall stand in the registry: values, custom fields, candidate names, problems, digest.

Nothing of a row is dropped in silence: whatever its fields do not hold word for word is kept as a custom field, and
what the mapping leaves out is counted by column.
"""

import re
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time
from typing import Any

from mlops_portal.foundation.canonical import digest
from mlops_portal.foundation.web import words
from registry.imports import fields as kinds
from registry.imports.fields import FIELDS, ImportField
from registry.imports.mapping import NOTE, NUMBER, ColumnMapping, FieldRule
from registry.imports.rows import Problem, Row, Table
from registry.imports.transforms import Unfit, fold, short, to_boolean, to_date
from registry.imports.values import EMPTY, Kept, choice_of, mapped
from registry.states import DEFAULTS_IF_UNSTATED

MAX_SLUG = 80
MAX_NAME = 256
MAX_TEXT = 100_000
MAX_KEY = 200
ALWAYS_STATED = (
    "kind",
    "origin",
)  # a file without a column for them leaves them open; one without a state does not
FORBIDDEN_IN_NAMES = str.maketrans("/:", "--")  # the machine protocol refuses them; the title keeps the words


@dataclass(frozen=True, slots=True, kw_only=True)
class PlannedRow:
    """One row ready to be written, or its problems. ``names`` are tried in order until one is free.

    ``unstated`` are fields that the record cannot leave empty and the row does not state, with what it says instead.
    """

    number: int
    external_id: str = ""
    unit: str = ""
    names: tuple[str, ...] = ()
    values: Mapping[str, Any]
    custom: Mapping[str, str]
    unstated: Mapping[str, str] = field(default_factory=dict)
    problems: tuple[Problem, ...] = ()
    notes: tuple[Problem, ...] = ()
    digest: str = ""

    @property
    def is_fit(self) -> bool:
        """Whether the row can be written."""
        return not self.problems


def custom_keys(headers: Sequence[str]) -> dict[str, str]:
    """Return a short unique key for each heading, the same for the same headings."""
    keys: dict[str, str] = {}
    taken: set[str] = set()
    for header in headers:
        base = re.sub(r"[^a-z0-9]+", "-", header.casefold()).strip("-")[:MAX_SLUG].rstrip("-") or "column"
        key, times = base, 1
        while key in taken:
            times += 1
            key = f"{base[: MAX_SLUG - len(str(times)) - 1]}-{times}"
        taken.add(key)
        keys[header] = key
    return keys


class Planner:
    """Plans the rows of one file under one mapping; rows must come in the order of the file, from its start."""

    def __init__(self, mapping: ColumnMapping, headers: Sequence[str]) -> None:
        mapping.check_headers(headers)
        self.mapping = mapping
        self._columns = tuple(headers)
        self.left_out = Counter(dict.fromkeys(mapping.left_out(headers), 0))
        # Left-out columns have no key: what an earlier import took from them stays.
        self.keys = {
            column: key for column, key in custom_keys(headers).items() if column not in self.left_out
        }
        self._seen: Counter[str] = Counter()
        self._first: dict[str, int] = {}

    def plan(self, row: Row) -> PlannedRow:
        """Plan one row."""
        problems = list(row.problems)
        notes: list[Problem] = []
        values: dict[str, Any] = {}
        unstated: dict[str, str] = {}
        for rule in self.mapping.fields.values():
            try:
                value = self._value(rule, row)
            except Unfit as unfit:
                is_noted = rule.otherwise == NOTE or isinstance(unfit, Kept)
                place = Problem(
                    row.number, " + ".join(rule.columns), str(unfit), reason=unfit.reason, text=unfit.text
                )
                (notes if is_noted else problems).append(place)
                value = None
            if value is not None:
                values[rule.field] = value
                continue
            if rule.field in DEFAULTS_IF_UNSTATED:
                unstated[rule.field] = short(" ".join(self._texts(rule, row)))
            if rule.default is not None:
                values[rule.field] = _typed(FIELDS[rule.field], rule.default)
        unstated |= {name: EMPTY for name in ALWAYS_STATED if name not in self.mapping.fields}
        if not row.problems and not values.get("name"):
            column = " + ".join(self.mapping.fields["name"].columns)
            problems.append(Problem(row.number, column, "a model needs a name"))
        external_id = self._external_id(row, problems)
        unit = self._unit(row, notes)
        name = " ".join(str(values.pop("name", "")).split())
        names = self._names(row, name, external_id)
        if names and names[0] != name:
            values.setdefault("title", _fitting(name, ""))
        custom = self._custom(row, values, names)
        return PlannedRow(
            number=row.number,
            external_id=external_id,
            unit=unit,
            names=names,
            values=values,
            custom=custom,
            unstated=unstated,
            problems=tuple(problems),
            notes=tuple(notes),
            digest=digest([names, unit, values, custom]).removeprefix("sha256 "),
        )

    def _texts(self, rule: FieldRule, row: Row) -> list[str]:
        texts = [row.cells.get(column, "") for column in rule.columns]
        return [text.strip() for text in texts if not self.mapping.is_blank(text)]

    def _value(self, rule: FieldRule, row: Row) -> Any:
        """Return what the row states for a field; None when it states nothing. Raises `Unfit`."""
        field = FIELDS[rule.field]
        value: Any = rule.constant
        if rule.columns:
            filled = self._texts(rule, row)
            if not filled:
                return rule.values.get(EMPTY)
            value = rule.joiner.join(filled)
        for transform in rule.transforms:
            value = transform(value)
        if value is None:
            return None
        return _typed(field, mapped(field, value, rule.values) if field.type == kinds.CHOICE else value)

    def _external_id(self, row: Row, problems: list[Problem]) -> str:
        """Build the key by which a second import finds the record again.

        A short key of one column stays readable; a composed or long one is a digest. A key that repeats in the file
        gets a number in the order of the file, or is refused where the mapping says so.
        """
        parts = [fold(row.cells.get(column, "")) for column in self.mapping.key or self._columns]
        if row.problems:
            return ""
        if self.mapping.key and not any(parts):
            problems.append(Problem(row.number, " + ".join(self.mapping.key), "the key is empty"))
            return ""
        plain = row.cells[self.mapping.key[0]].strip() if len(self.mapping.key) == 1 else ""
        key = plain if plain and len(plain) <= MAX_KEY - 8 else digest(parts).removeprefix("sha256 ")[:32]
        self._seen[key] += 1
        first = self._first.setdefault(key, row.number)
        if self._seen[key] == 1:
            return key
        if self.mapping.repeated_keys == NUMBER:
            return f"{key}#{self._seen[key]}"
        problems.append(
            Problem(row.number, " + ".join(self.mapping.key), f"the key repeats the one of row {first}")
        )
        return ""

    def _unit(self, row: Row, notes: list[Problem]) -> str:
        mapping = self.mapping
        text = row.cells.get(mapping.unit_column, "").strip() if mapping.unit_column else ""
        if not mapping.is_blank(text):
            return mapping.unit_values.get(
                fold(text), text if not mapping.unit_values else mapping.unit_default or text
            )
        if mapping.unit_column and not mapping.unit_default and not row.problems:
            notes.append(
                Problem(row.number, mapping.unit_column, "the unit is empty; the unit of the import is taken")
            )
        return mapping.unit_default

    def _names(self, row: Row, name: str, external_id: str) -> tuple[str, ...]:
        """Return the name and longer ones for when it is taken; the last one carries the key and is always free."""
        if not name:
            return ()
        base = name.translate(FORBIDDEN_IN_NAMES)
        endings = [""]
        for columns in self.mapping.alternatives:
            filled = [
                text
                for column in columns
                if not self.mapping.is_blank(text := row.cells.get(column, "").strip())
            ]
            if filled:
                endings.append(f" ({', '.join(filled).translate(FORBIDDEN_IN_NAMES)})")
        short = external_id.partition("#")
        endings.append(f" [{short[0][:12]}{short[1]}{short[2]}]".translate(FORBIDDEN_IN_NAMES))
        return tuple(dict.fromkeys(_fitting(base, " ".join(ending.split())) for ending in endings))

    def _custom(self, row: Row, values: Mapping[str, Any], names: Sequence[str]) -> dict[str, str]:
        held = {value for value in (*values.values(), *names[:1]) if isinstance(value, str)}
        mapped = set(self.mapping.columns())
        filled = {column: text for column, text in row.cells.items() if text.strip()}
        self.left_out.update(column for column in filled if column in self.left_out)
        return {
            self.keys[column]: text
            for column, text in filled.items()
            if column in self.keys
            and (column not in mapped or (text not in held and text.strip() not in held))
        }


def plan_table(table: Table, mapping: ColumnMapping) -> Iterator[PlannedRow]:
    """Plan every row of an opened file."""
    planner = Planner(mapping, table.headers)
    return (planner.plan(row) for row in table.rows())


def count_problems(planned: Iterable[PlannedRow]) -> dict[str, int]:
    """Count rows that fit, rows that do not and rows with notes, for a preview."""
    counts = Counter({"fit": 0, "failed": 0, "noted": 0})
    for row in planned:
        counts["fit" if row.is_fit else "failed"] += 1
        counts["noted"] += bool(row.notes)
    return dict(counts)


def _fitting(base: str, ending: str) -> str:
    room = MAX_NAME - len(ending) - bool(ending)
    kept = base if len(base) <= room else f"{base[: room - 1].rstrip()}…"
    return f"{kept} {ending}" if ending else kept


def _typed(field: ImportField, value: Any) -> Any:
    """Return the value in the field's type; raises `Unfit`."""
    made = _CONVERT[field.type](value)
    if field.type == kinds.CHOICE:
        made = choice_of(field, value)
    room = field.max_length or MAX_TEXT
    if field.name != "name" and isinstance(made, str) and len(made) > room:
        raise Unfit(
            f"the text has {words.number(len(made))} characters, at most {words.number(room)} are allowed"
        )
    return made


def _integer(value: Any) -> int:
    try:
        made = int(str(value).strip().replace("\u00a0", "").replace(",", ""))
    except ValueError:
        raise Unfit("is no whole number", text=value) from None
    if not 0 <= made <= 2_147_483_647:
        raise Unfit(f"lies outside 0 … {words.number(2_147_483_647)}", text=made)
    return made


def _number(value: Any) -> float:
    try:
        made = float(str(value).strip())
    except ValueError:
        raise Unfit("is no number", text=value) from None
    if made != made or made in (float("inf"), float("-inf")):
        raise Unfit("is no finite number", text=value)
    return made


def _date(value: Any) -> date:
    return value if isinstance(value, date) else to_date(str(value))


def _words(value: Any) -> list[str]:
    return [str(word) for word in value] if isinstance(value, (list, tuple)) else [str(value)]


_CONVERT: Mapping[str, Callable[[Any], Any]] = {
    kinds.TEXT: str,
    kinds.CHOICE: str,
    kinds.PERSON: lambda value: str(value).strip(),
    kinds.BOOLEAN: lambda value: value if isinstance(value, bool) else to_boolean(str(value)),
    kinds.INTEGER: _integer,
    kinds.NUMBER: _number,
    kinds.DATE: _date,
    kinds.INSTANT: lambda value: datetime.combine(_date(value), time(), tzinfo=UTC),
    kinds.WORDS: _words,
}
