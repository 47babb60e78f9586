"""Tables declare their columns once; the page, the column picker, CSV and XLSX all read that declaration.

    class ModelTable(Table):
        name = Column("Model", header=True, link=True, sort="name", note="slug")
        tier = Column("Tier", sort="tier", cell=cells.tier)
        unit = Column("Unit", accessor="unit.name", sort="unit__name")
        open_count = Column("Open changes", numeric=True, sort="open_count")
        digest = Column("Digest", cell=cells.digest, shown=False)

Cells are functions `(value, row) -> html`, see `cells`. `sort` names a database field or annotation.
"""

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from typing import Any

from django.utils import timezone
from django.utils.html import format_html
from django.utils.safestring import SafeString

from mlops_portal.foundation.web import cells
from mlops_portal.foundation.web.words import name_of

Cell = Callable[[Any, Any], Any]


def dig(row: Any, path: str) -> Any:
    """Follow a dotted path over attributes, methods without arguments and mapping keys; None ends it."""
    value = row
    for part in path.split("."):
        if value is None:
            return None
        value = value[part] if isinstance(value, dict) else getattr(value, part)
        if callable(value) and not isinstance(value, type):
            value = value()
    return value


class Column:
    """One column: where its value comes from, how a page shows it, how a file writes it."""

    def __init__(
        self,
        label: str,
        *,
        accessor: str = "",
        cell: Cell | None = None,
        sort: str = "",
        export: Callable[[Any], Any] | str | None = None,
        note: str | Callable[[Any], Any] = "",
        beside: Sequence[tuple[str, str]] = (),
        link: bool | Callable[[Any], str | None] = False,
        header: bool = False,
        numeric: bool = False,
        narrow: bool = False,
        shown: bool = True,
        hidden_label: bool = False,
    ) -> None:
        self.name = ""
        self.label = label
        self.accessor = accessor
        self.cell = cell
        self.sort = sort
        self.export = export
        self.note = note
        self.beside = tuple(beside)  # further columns of a file: label and accessor
        self.link = link
        self.header = header
        self.numeric = numeric
        self.narrow = narrow  # a row header that is a short code
        self.shown = shown
        self.hidden_label = hidden_label

    def __set_name__(self, owner: type, name: str) -> None:
        self.name = name
        self.accessor = self.accessor or name

    def value(self, row: Any) -> Any:
        """Return the raw value."""
        return dig(row, self.accessor)

    def html(self, row: Any) -> SafeString | str:
        """Return what stands in the cell on a page."""
        value = self.value(row)
        shown = (self.cell or cells.plain)(value, row)
        if self.link:
            url = self.link(row) if callable(self.link) else row.get_absolute_url()
            if url:
                shown = format_html('<a href="{}">{}</a>', url, shown)
        note = self.note(row) if callable(self.note) else dig(row, self.note) if self.note else ""
        return format_html("{}<small>{}</small>", shown, note) if note else shown

    def exported(self, row: Any, *, typed: bool = False) -> Any:
        """Return what stands in a file: plain values, nothing for nothing; times in ISO 8601 unless `typed`."""
        if callable(self.export):
            value = self.export(row)
        else:
            value = dig(row, self.export) if self.export else self.value(row)
        return file_value(value, typed=typed)


def file_value(value: Any, *, typed: bool = False) -> Any:
    """Turn a value into a number or text for a file; times are UTC in ISO 8601, or stay times for a workbook."""
    if value is None:
        return ""
    if typed and isinstance(value, date):
        return value
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, int | float | Decimal):
        return value
    if isinstance(value, datetime):
        return (
            value.astimezone(timezone.get_fixed_timezone(0)).isoformat()
            if timezone.is_aware(value)
            else value.isoformat()
        )
    if hasattr(value, "isoformat"):
        return value.isoformat()
    if isinstance(value, list | tuple | set | frozenset):
        return "; ".join(str(file_value(one)) for one in value)
    return str(value) if isinstance(value, str) else name_of(value)


@dataclass(frozen=True, slots=True)
class Head:
    """A column head as the page shows it."""

    name: str
    label: str
    numeric: bool
    hidden_label: bool
    direction: str
    sort_value: str


class Table:
    """A declared table bound to the rows of one page."""

    declared: tuple[Column, ...] = ()
    default_sort = ""
    caption = ""
    row_id: Callable[[Any], str] | None = None

    def __init_subclass__(cls, **kwargs: Any) -> None:
        super().__init_subclass__(**kwargs)
        inherited = {column.name: column for column in cls.declared}
        own = {name: value for name, value in vars(cls).items() if isinstance(value, Column)}
        cls.declared = tuple((inherited | own).values())

    def __init__(self, rows: Iterable[Any] = (), *, shown: Sequence[str] = (), sort: str = "") -> None:
        self.rows = self.noted(rows) if isinstance(rows, Sequence) else rows
        chosen = set(shown) & {column.name for column in self.declared}
        self.columns = [
            column
            for column in self.declared
            if (column.name in chosen if chosen else column.shown) or column.header
        ]
        self.sort = sort

    @classmethod
    def sortable(cls) -> dict[str, str]:
        """Column names that sort, with their database field."""
        return {column.name: column.sort for column in cls.declared if column.sort}

    @classmethod
    def usual_columns(cls) -> list[str]:
        """Names of the switchable columns that are on when nobody chose."""
        return [column.name for column in cls.declared if column.shown and not column.header]

    def heads(self) -> list[Head]:
        """Heads in order; pressing one sorts by it, pressing again turns the order."""
        current, down = self.sort.lstrip("-"), self.sort.startswith("-")
        heads = []
        for column in self.columns:
            is_current = column.name == current and bool(column.sort)
            direction = ("descending" if down else "ascending") if is_current else ""
            following = f"-{column.name}" if is_current and not down else column.name
            heads.append(
                Head(
                    column.name,
                    column.label,
                    column.numeric,
                    column.hidden_label,
                    direction,
                    following if column.sort else "",
                )
            )
        return heads

    def body(self) -> Iterator[tuple[Any, list[tuple[Column, SafeString | str]]]]:
        """Yield each row with its cells."""
        for row in self.rows:
            yield row, [(column, column.html(row)) for column in self.columns]

    def noted(self, rows: Sequence[Any]) -> Sequence[Any]:
        """Return the rows with what takes statements of its own; asked for a page, and for each part of a file."""
        return rows

    def picker(self) -> list[tuple[Column, bool]]:
        """Every column that can be switched, and whether it is on."""
        on = {column.name for column in self.columns}
        return [(column, column.name in on) for column in self.declared if not column.header]

    def file_head(self) -> list[str]:
        """First line of a file."""
        return [
            label
            for column in self.columns
            for label in (column.label, *(beside for beside, _accessor in column.beside))
        ]

    def file_row(self, row: Any, *, typed: bool = False) -> list[Any]:
        """One line of a file; typed, its times stay times."""
        return [
            value
            for column in self.columns
            for value in (
                column.exported(row, typed=typed),
                *(file_value(dig(row, accessor), typed=typed) for _label, accessor in column.beside),
            )
        ]
