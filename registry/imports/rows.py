"""What every reader of a file produces: a header, rows with their numbers, and what is wrong with them."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from mlops_portal.foundation.web import words
from mlops_portal.foundation.web.words import plural

MAX_FILE_BYTES = 50 * 1024 * 1024
MAX_COLUMNS = 500
MAX_ROWS = 200_000
MAX_CELL = 1_000_000


@dataclass(frozen=True, slots=True)
class Problem:
    """One thing that is wrong, and the row and column where it is; row 0 is the file itself.

    ``reason`` and ``text`` part a message into what many cells share and what this one holds.
    """

    row: int
    column: str
    message: str
    reason: str = ""
    text: str = ""

    @property
    def where(self) -> str:
        """Say the place in words."""
        parts = [f"row {self.row}"] if self.row else ["file"]
        return ", ".join([*parts, f"column {self.column}"] if self.column else parts)

    def __str__(self) -> str:
        return f"{self.where}: {self.message}"


@dataclass(frozen=True, slots=True)
class ProblemGroup:
    """Equal problems of many rows: how many, and the first of them."""

    column: str
    message: str
    rows: int
    first: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Row:
    """One row: its number as the file counts it, its text by column, and what is wrong with it."""

    number: int
    cells: Mapping[str, str]
    problems: tuple[Problem, ...] = ()


@dataclass(slots=True)
class Table:
    """A file opened as rows. ``rows()`` reads from the start each time and leaves the counts behind."""

    headers: tuple[str, ...]
    read: Callable[["Table"], Iterator[Row]]
    format: str
    encoding: str = ""
    delimiter: str = ""
    sheet: str = ""
    header_row: int = 1
    notes: tuple[str, ...] = ()
    blank_rows: int = field(default=0)

    def rows(self) -> Iterator[Row]:
        """Return the rows in the order of the file; blank ones are counted, not returned."""
        self.blank_rows = 0
        return self.read(self)


def headers_of(cells: Sequence[str]) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Return unique column names and notes about those that were empty or repeated."""
    width = max((place for place, cell in enumerate(cells, start=1) if cell.strip()), default=0)
    names: list[str] = []
    notes = []
    taken: set[str] = set()
    for place, cell in enumerate(cells[:width], start=1):
        base = " ".join(cell.split()) or f"column {place}"
        if not cell.strip():
            notes.append(f"Column {place} has no heading; it is called “{base}”.")
        name, times = base, 1
        while name.casefold() in taken:
            times += 1
            name = f"{base} ({times})"
        if times > 1:
            notes.append(f"The heading “{base}” is repeated; column {place} is called “{name}”.")
        taken.add(name.casefold())
        names.append(name)
    return tuple(names), tuple(notes)


def find_header(samples: Sequence[Sequence[str]]) -> int:
    """Return the place of the heading row: the first one at least half as full as the fullest, titles above it aside."""
    filled = [sum(1 for cell in row if cell.strip()) for row in samples]
    widest = max(filled, default=0)
    return next((place for place, count in enumerate(filled) if count and count * 2 >= widest), 0)


def as_row(number: int, headers: Sequence[str], values: Sequence[str], *, ragged: bool) -> Row:
    """Pair values with headings; ``ragged`` formats must have as many cells as headings."""
    problems = []
    extra = [value for value in values[len(headers) :] if value.strip()]
    if extra or (ragged and len(values) < len(headers)):
        problems.append(
            Problem(number, "", f"has {plural(len(values), 'cell')}, the heading row has {len(headers)}")
        )
    cells = {}
    for name, value in zip(headers, values, strict=False):
        if len(value) > MAX_CELL:
            problems.append(
                Problem(
                    number,
                    name,
                    f"the cell has {words.number(len(value))} characters, at most {words.number(MAX_CELL)} are allowed",
                )
            )
        elif "\x00" in value:
            problems.append(Problem(number, name, "the cell contains a NUL character"))
        else:
            cells[name] = value
    return Row(number, cells, tuple(problems))
