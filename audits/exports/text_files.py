"""CSV as PostgreSQL's COPY writes it, and workbooks: both safe to open in a spreadsheet."""

import re
import tempfile
from collections.abc import Iterable, Sequence
from typing import IO, Any

import xlsxwriter

from mlops_portal.foundation.errors import Invalid, invalid
from mlops_portal.foundation.web.exports import FORMULA_STARTS, XLSX_ROWS, safe_cell

CELL_LENGTH = 32_767  # what a workbook's cell holds; the writer leaves a longer text out without a word
CUT = " … (cut here: a workbook's cell holds 32 767 characters; the CSV has the whole text)"

_needs_quotes = re.compile(r'[",\r\n]').search


def csv_cell(value: Any) -> str:
    """Write one cell the way `COPY … WITH (FORMAT csv)` does; nothing is written as nothing."""
    text = "" if value is None else str(value)
    return f'"{text.replace(chr(34), chr(34) * 2)}"' if _needs_quotes(text) else text


def csv_line(cells: Iterable[Any]) -> str:
    """Write one line."""
    return ",".join(map(csv_cell, cells)) + "\n"


def csv_bytes(rows: Iterable[Sequence[Any]]) -> bytes:
    """Write a small file of cells that may hold anything."""
    return "".join(csv_line(map(safe_cell, row)) for row in rows).encode()


def neutralised_sql(expression: str) -> str:
    """Wrap a text expression so that its value is no formula, and nothing when it is empty."""
    starts = "".join(f"\\x{ord(sign):02x}" for sign in FORMULA_STARTS)
    return f"NULLIF(regexp_replace({expression}, '^(?=[{starts}])', ''''), '')"


def workbook(rows: Iterable[Sequence[Any]], *, sheet: str) -> IO[bytes]:
    """Write rows (the first is the head) into a workbook, one at a time; memory stays flat.

    Raises:
        Invalid: a workbook cannot hold so many rows.
    """
    target: IO[bytes] = tempfile.TemporaryFile()  # noqa: SIM115  (the caller reads and closes it)
    options = {"constant_memory": True, "strings_to_formulas": False, "strings_to_urls": False}
    book = xlsxwriter.Workbook(target, options)
    page = book.add_worksheet(sheet[:31])
    bold = book.add_format({"bold": True})
    page.freeze_panes(1, 0)
    try:
        for at, row in enumerate(rows):
            if at > XLSX_ROWS:
                raise _too_many()
            for column, value in enumerate(row):
                if isinstance(value, str):
                    page.write_string(at, column, _fitting(safe_cell(value)), bold if at == 0 else None)
                elif value is not None:
                    page.write(at, column, value)
    except Invalid:
        target.close()
        raise
    book.close()
    target.seek(0)
    return target


def _fitting(text: str) -> str:
    return text if len(text) <= CELL_LENGTH else text[: CELL_LENGTH - len(CUT)] + CUT


def _too_many() -> Invalid:
    return invalid("format", "A workbook holds 1 048 575 rows. Narrow the period, or take CSV.")
