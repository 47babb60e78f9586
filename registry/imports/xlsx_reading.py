"""XLSX: the archive is judged before anything is unpacked, then the sheet is read row by row."""

import io
import warnings
import zipfile
import zlib
from collections.abc import Iterator
from datetime import date, datetime, time
from itertools import islice
from typing import Any
from zipfile import BadZipFile, ZipFile

from defusedxml.common import DefusedXmlException
from openpyxl import load_workbook
from openpyxl.utils.exceptions import InvalidFileException

from mlops_portal.foundation.errors import Invalid, invalid
from mlops_portal.foundation.web import words
from registry.imports.rows import MAX_COLUMNS, MAX_ROWS, Problem, Row, Table, as_row, find_header, headers_of

MAX_ENTRIES = 2_000
MAX_UNPACKED = 300 * 1024 * 1024
MAX_RATIO = 200
RATIO_MATTERS_ABOVE = 1024 * 1024
SAMPLE_ROWS = 25
CHUNK = 500
NO_VALUE = "the formula has no stored value; open the file in a spreadsheet program and save it"
BROKEN = (
    BadZipFile,
    InvalidFileException,
    KeyError,
    ValueError,
    TypeError,
    IndexError,
    EOFError,
    OSError,
    zipfile.LargeZipFile,
)


def guard_archive(content: bytes) -> list[str]:
    """Refuse archives that are broken, encrypted or would unpack to far more than they weigh; return the names."""
    try:
        entries = ZipFile(io.BytesIO(content)).infolist()
    except (BadZipFile, ValueError, OSError) as error:
        raise invalid("file", "it is not a readable XLSX workbook") from error
    if len(entries) > MAX_ENTRIES:
        raise invalid(
            "file",
            f"the workbook has {words.number(len(entries))} parts, at most {words.number(MAX_ENTRIES)} are allowed",
        )
    total = sum(entry.file_size for entry in entries)
    if total > MAX_UNPACKED:
        raise invalid(
            "file",
            f"the workbook would unpack to {words.number(total)} bytes, at most {words.number(MAX_UNPACKED)} are allowed",
        )
    for entry in entries:
        if entry.flag_bits & 0x1:
            raise invalid("file", "the workbook is encrypted; save it without a password")
        if entry.file_size > RATIO_MATTERS_ABOVE and entry.file_size > MAX_RATIO * max(
            entry.compress_size, 1
        ):
            raise invalid(
                "file", f"the part {entry.filename} is packed more than {MAX_RATIO} times; it is refused"
            )
    return [entry.filename for entry in entries]


def open_xlsx(content: bytes, *, sheet: str = "", header_row: int = 0) -> Table:
    """Open a workbook; without ``sheet`` the first visible sheet that has rows is read and the others are named."""
    if "xl/workbook.xml" not in guard_archive(content):
        raise invalid("file", "it is a ZIP archive but not an XLSX workbook")
    with _reading() as book:
        book.open(content)
        name, notes = _choose(book, sheet)
        samples = [_texts(values) for values in islice(book.values(name), SAMPLE_ROWS)]
        has_formulas = book.has_formulas(name)
    place = header_row - 1 if header_row else find_header(samples)
    if place >= len(samples) or not any(cell.strip() for cell in samples[place]):
        raise invalid(f"sheet {name}", "it has no heading row")
    headers, more = headers_of(samples[place])
    if len(headers) > MAX_COLUMNS:
        raise invalid(
            f"sheet {name}", f"it has {words.number(len(headers))} columns, at most {MAX_COLUMNS} are allowed"
        )
    return Table(
        headers=headers,
        read=lambda table: _rows(table, content, has_formulas=has_formulas),
        format="xlsx",
        sheet=name,
        header_row=place + 1,
        notes=(*notes, *more),
    )


class _Book:
    """A workbook being read. openpyxl fails in many ways on broken files: all of them mean "not readable"."""

    def __init__(self) -> None:
        self._books: list[Any] = []

    def open(self, content: bytes, *, formulas: bool = False) -> None:
        """Open the bytes for values, or for the text of formulas."""
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            self._books.append(
                load_workbook(
                    io.BytesIO(content),
                    read_only=True,
                    data_only=not formulas,
                    keep_links=False,
                    rich_text=False,
                )
            )
        self._content = content

    def close(self) -> None:
        """Let go of the files."""
        for book in self._books:
            book.close()

    def sheets(self) -> list[tuple[str, bool]]:
        """Return names of work sheets and whether they are visible."""
        return [(sheet.title, sheet.sheet_state == "visible") for sheet in self._books[0].worksheets]

    def values(self, name: str, *, formulas: bool = False) -> Iterator[tuple[Any, ...]]:
        """Return the rows of a sheet, ignoring the size it claims to have."""
        sheet = self._books[1 if formulas else 0][name]
        sheet.reset_dimensions()
        rows = iter(sheet.iter_rows(values_only=True))
        while True:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                chunk = list(islice(rows, CHUNK))
            if not chunk:
                return
            yield from chunk

    def has_formulas(self, name: str) -> bool:
        """Look for a formula in the sheet's XML without parsing it."""
        path = self._books[0][name]._worksheet_path
        rest = b""
        with ZipFile(io.BytesIO(self._content)) as archive, archive.open(path) as part:
            while block := part.read(1 << 16):
                if b"<f>" in (found := rest + block) or b"<f " in found:
                    return True
                rest = block[-2:]
        return False


class _reading:  # noqa: N801 - used as a context manager
    """Turn every failure of the XLSX library into one refusal with a reason."""

    def __init__(self) -> None:
        self.book = _Book()

    def __enter__(self) -> _Book:
        return self.book

    def __exit__(self, kind: Any, error: BaseException | None, trace: Any) -> None:
        self.book.close()
        if isinstance(error, Invalid):
            return
        if any(isinstance(cause, DefusedXmlException) for cause in _chain(error)):
            raise invalid("file", "the workbook contains XML entities, which are refused") from error
        if isinstance(error, (SyntaxError, zlib.error, *BROKEN)):
            raise invalid("file", f"the workbook is damaged: {error}") from error


def _chain(error: BaseException | None) -> Iterator[BaseException]:
    """Return an error and what it came from: the library wraps the refusal of an entity in errors of its own."""
    while error is not None:
        yield error
        error = error.__cause__ or error.__context__


def _choose(book: _Book, wanted: str) -> tuple[str, list[str]]:
    sheets = book.sheets()
    if wanted:
        if wanted not in {name for name, _ in sheets}:
            names = ", ".join(name for name, _ in sheets)
            raise invalid("sheet", f"there is no sheet “{wanted}”; the workbook has {names}")
        return wanted, []
    visible = [name for name, is_visible in sheets if is_visible]
    for name in visible:
        if any(
            any(value is not None for value in values) for values in islice(book.values(name), SAMPLE_ROWS)
        ):
            others = [other for other, _ in sheets if other != name]
            return name, [f"Sheet “{name}” is read; not read: {', '.join(others)}."] if others else []
    raise invalid("file", "no visible sheet has any row")


def _rows(table: Table, content: bytes, *, has_formulas: bool) -> Iterator[Row]:
    with _reading() as book:
        book.open(content)
        formulas: Iterator[tuple[Any, ...]] = iter(())
        if has_formulas:
            book.open(content, formulas=True)
            formulas = book.values(table.sheet, formulas=True)
        for number, values in enumerate(book.values(table.sheet), start=1):
            written = next(formulas, ())
            if number <= table.header_row:
                continue
            if number - table.header_row > MAX_ROWS:
                raise invalid(f"sheet {table.sheet}", f"it has more than {words.number(MAX_ROWS)} rows")
            if not any(value is not None and str(value).strip() for value in (*values, *written)):
                table.blank_rows += 1
                continue
            row = as_row(number, table.headers, _texts(values), ragged=False)
            if missing := _unstored(number, table.headers, values, written):
                row = Row(number, row.cells, (*row.problems, *missing))
            yield row


def _unstored(
    number: int, headers: tuple[str, ...], values: tuple[Any, ...], written: tuple[Any, ...]
) -> list[Problem]:
    return [
        Problem(number, name, NO_VALUE)
        for name, value, text in zip(headers, values, written, strict=False)
        if value is None and text is not None
    ]


def _texts(values: tuple[Any, ...]) -> list[str]:
    return [_text(value) for value in values]


def _text(value: Any) -> str:
    """Write a cell as a person would read it; dates in ISO form, whole numbers without a decimal point."""
    if value is None:
        return ""
    if isinstance(value, datetime):
        return value.date().isoformat() if value.time() == time() else value.isoformat(sep=" ")
    if isinstance(value, (date, time)):
        return value.isoformat()
    if isinstance(value, float) and value.is_integer() and abs(value) < 1e15:
        return str(int(value))
    return str(value)
