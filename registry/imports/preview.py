"""What an import would do, told so that a person can judge it: equal problems once, with their rows."""

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date
from typing import Any

from mlops_portal.foundation.rules import Blocker
from mlops_portal.foundation.web.words import day_text, number, plural
from registry.imports.fields import FIELDS
from registry.imports.rows import Problem, ProblemGroup
from registry.imports.units import is_planned
from registry.imports.writing import Decision, Outcome
from registry.states import DEFAULTS_IF_UNSTATED

PROBLEMS_KEPT = 200
GROUPS_SHOWN = 30
ROWS_NAMED = 5
TEXTS_NAMED = 6
UNITS_NAMED = 8


class Grouped:
    """Collects problems as they come; equal ones once, with the texts that fail alike."""

    def __init__(self) -> None:
        self._rows: Counter[tuple[str, str]] = Counter()
        self._first: dict[tuple[str, str], list[int]] = {}
        self._texts: dict[tuple[str, str], Counter[str]] = {}

    def add(self, problems: Iterable[Problem]) -> None:
        """Count problems."""
        for problem in problems:
            key = (problem.column, problem.reason or problem.message)
            self._rows[key] += 1
            first = self._first.setdefault(key, [])
            if len(first) < ROWS_NAMED:
                first.append(problem.row)
            if problem.text:
                self._texts.setdefault(key, Counter())[problem.text] += 1

    def groups(self, limit: int = GROUPS_SHOWN) -> tuple[ProblemGroup, ...]:
        """Return the most frequent ones; of equal frequency, the first in the file."""
        ranked = sorted(self._rows.items(), key=lambda one: (-one[1], self._first[one[0]][0]))
        return tuple(
            ProblemGroup(key[0], self._sentence(key), rows, tuple(self._first[key]))
            for key, rows in ranked[:limit]
        )

    def _sentence(self, key: tuple[str, str]) -> str:
        texts = self._texts.get(key, Counter())
        if not texts:
            return key[1]
        if len(texts) == 1:
            return f"“{next(iter(texts))}” {key[1]}"
        named = ", ".join(f"“{text}” ({number(rows)})" for text, rows in texts.most_common(TEXTS_NAMED))
        left = len(texts) - TEXTS_NAMED
        return f"{key[1]}: {named}{f' and {number(left)} more' if left > 0 else ''}"

    def __len__(self) -> int:
        return len(self._rows)


@dataclass(frozen=True, slots=True)
class Fact:
    """One value of a row; ``default`` says why the portal fills it in, and is empty for what the row states."""

    label: str
    value: str
    default: str = ""


@dataclass(frozen=True, slots=True)
class Defaults:
    """A field that nobody states: how many models get its default, and for how many the file says something else."""

    field: str
    label: str
    value: str
    rows: int
    named: int = 0
    texts: tuple[tuple[str, int], ...] = ()
    kinds: int = 0

    @property
    def texts_left(self) -> int:
        """How many texts a page that names the first does not name."""
        return self.kinds - len(self.texts)

    @property
    def empty(self) -> int:
        """For how many models the file says nothing at all."""
        return self.rows - self.named


@dataclass(frozen=True, slots=True)
class Sample:
    """One row as it would be read, in the words of the page."""

    number: int
    name: str
    unit: str
    facts: tuple[Fact, ...]
    custom: int
    problems: tuple[str, ...] = ()


def sample_of(decision: Decision, unit: str) -> Sample:
    """Show a decided row; ``unit`` takes rows that name none."""
    row = decision.row
    stated = {name: value for name, value in row.values.items() if name not in row.unstated and value != ""}
    facts = [_fact(decision, name, stated) for name in DEFAULTS_IF_UNSTATED]
    facts += [
        Fact(FIELDS[name].label, _in_words(name, value))
        for name, value in stated.items()
        if name not in DEFAULTS_IF_UNSTATED
    ]
    return Sample(
        number=row.number,
        name=row.names[0] if row.names else "",
        unit=row.unit or unit,
        facts=tuple(facts),
        custom=len(row.custom),
        problems=tuple(problem.message for problem in decision.problems),
    )


def _fact(decision: Decision, name: str, stated: Mapping[str, Any]) -> Fact:
    """Say what a field becomes that no record leaves empty, and where that comes from."""
    label = FIELDS[name].label
    if name in stated:
        return Fact(label, _in_words(name, stated[name]))
    is_new = decision.outcome != Outcome.UPDATED and decision.outcome != Outcome.UNCHANGED
    known = None if is_new or decision.model is None else getattr(decision.model, name)
    value = _in_words(name, known or DEFAULTS_IF_UNSTATED[name])
    if known:
        return Fact(label, value, "stays as it is here")
    if name not in decision.row.unstated:
        return Fact(label, value, "the file has no column for it")
    text = decision.row.unstated[name]
    return Fact(
        label, value, f"default, the file says “{text}”" if text else "default, the file does not say"
    )


def default_in_words(name: str) -> str:
    """Name the value that a field of a record has when nobody states it."""
    return _in_words(name, DEFAULTS_IF_UNSTATED[name])


def _in_words(name: str, value: Any) -> str:
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, date):
        return day_text(value)
    if isinstance(value, list):
        return ", ".join(str(one) for one in value)
    return dict(FIELDS[name].choices).get(str(value), str(value))


@dataclass(frozen=True, slots=True)
class Preview:
    """What an import would do. ``problems`` and ``notes`` are the first ones, the groups count them all.

    ``unknown_units`` are units that rows name and the portal lacks, and how many rows fail for each;
    ``new_units`` those that would be added, and how many models go there.
    """

    headers: tuple[str, ...]
    file_notes: tuple[str, ...]
    rows: int
    blank_rows: int
    counts: Mapping[str, int]
    problems: tuple[Problem, ...]
    notes: tuple[Problem, ...]
    problem_groups: tuple[ProblemGroup, ...] = ()
    problem_kinds: int = 0
    note_groups: tuple[ProblemGroup, ...] = ()
    note_kinds: int = 0
    unknown_units: tuple[tuple[str, int], ...] = ()
    new_units: tuple[tuple[str, int], ...] = ()
    unit_column: str = ""
    key: tuple[str, ...] = ()
    samples: tuple[Sample, ...] = ()
    defaults: tuple[Defaults, ...] = ()
    new_fields: tuple[str, ...] = ()  # headings that become custom fields of the unit
    left_out: tuple[tuple[str, int], ...] = ()  # columns that are not taken, with how many values they hold

    @property
    def named_units(self) -> tuple[tuple[str, int], ...]:
        """The units that the portal lacks and most rows name."""
        return self.unknown_units[:UNITS_NAMED]

    @property
    def unknown_rows(self) -> int:
        """How many rows fail for a unit that the portal lacks."""
        return sum(rows for _, rows in self.unknown_units)

    @property
    def unknown_units_left(self) -> int:
        """How many of them a page that names the first does not name."""
        return max(len(self.unknown_units) - UNITS_NAMED, 0)

    def blockers(self) -> list[Blocker]:
        """Why starting this import is pointless."""
        if self.counts[Outcome.CREATED] or self.counts[Outcome.UPDATED]:
            return []
        failed, unchanged = self.counts[Outcome.FAILED], self.counts[Outcome.UNCHANGED]
        if not self.rows:
            return [Blocker("no_rows", "The file has no rows below its headings.")]
        if not failed:
            return [
                Blocker(
                    "nothing_new",
                    f"Nothing would change: {plural(unchanged, 'row')} stand here as in the file.",
                )
            ]
        if unchanged:
            text = f"Nothing would be written: {plural(failed, 'row')} would fail, the others are unchanged."
        else:
            text = f"Nothing would be written: {_all_of(failed)} would fail."
        return [Blocker("nothing_fits", text)]


def _all_of(rows: int) -> str:
    return "the only row" if rows == 1 else f"all {plural(rows, 'row')}"


class Tally:
    """Adds up what a preview tells, decision by decision."""

    def __init__(self) -> None:
        self.counts: Counter[str] = Counter({outcome.value: 0 for outcome in Outcome})
        self.problems: list[Problem] = []
        self.notes: list[Problem] = []
        self.grouped_problems, self.grouped_notes = Grouped(), Grouped()
        self.unstated: dict[str, Counter[str]] = {}
        self.unknown_units: Counter[str] = Counter()
        self.new_units: Counter[str] = Counter()

    def add(self, decision: Decision) -> None:
        """Count one row."""
        self.counts[decision.outcome.value] += 1
        self.problems += decision.problems[: max(PROBLEMS_KEPT - len(self.problems), 0)]
        self.notes += decision.notes[: max(PROBLEMS_KEPT - len(self.notes), 0)]
        self.grouped_notes.add(decision.notes)
        if decision.unknown_unit:
            self.unknown_units[decision.unknown_unit] += 1
        else:
            self.grouped_problems.add(decision.problems)
        if decision.outcome == Outcome.CREATED:
            for name, text in decision.row.unstated.items():
                self.unstated.setdefault(name, Counter())[text] += 1
        if decision.outcome == Outcome.CREATED and decision.unit is not None and is_planned(decision.unit):
            self.new_units[decision.unit.name] += 1

    def defaults(self) -> tuple[Defaults, ...]:
        """Return the fields that models to create get by default, in the order of the record."""
        return tuple(
            _defaults(name, self.unstated[name]) for name in DEFAULTS_IF_UNSTATED if name in self.unstated
        )


def _defaults(name: str, counted: Counter[str]) -> Defaults:
    texts = Counter({text: rows for text, rows in counted.items() if text})
    return Defaults(
        field=name,
        label=FIELDS[name].label,
        value=default_in_words(name),
        rows=counted.total(),
        named=texts.total(),
        texts=tuple(texts.most_common(TEXTS_NAMED)),
        kinds=len(texts),
    )
