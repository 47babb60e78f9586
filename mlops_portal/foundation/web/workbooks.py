"""XLSX workbooks: typed cells, a head that stays in view, columns as wide as what they hold; memory stays flat."""

import math
import tempfile
from collections.abc import Iterable, Sequence
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from typing import IO, Any

import xlsxwriter

from mlops_portal.foundation.errors import Invalid

MOST_ROWS = 1_048_575
CELL_LENGTH = 32_767  # what a cell holds; the writer leaves a longer text out without a word
CUT = " … (cut here: a workbook's cell holds 32 767 characters; the CSV has the whole text)"
FORMULA_STARTS = ("=", "+", "-", "@", "\t", "\r")
SAMPLED_ROWS = 1000  # rows that decide on the widths
NARROWEST, WIDEST, ROOM = 8, 60, 2
MOMENT, DAY = 'yyyy-mm-dd hh:mm:ss "UTC"', "yyyy-mm-dd"  # a cell knows no zone, so its format names it
MOMENT_WIDTH, DAY_WIDTH = 23, 10
KEPT = (str, bool, int, float, Decimal, datetime, date, time, timedelta)  # what the writer knows a cell for
FIRST_YEAR = 1900  # a workbook counts days from there


def safe_cell(value: Any) -> Any:
    """Keep spreadsheets from reading a text as a formula; numbers stay numbers."""
    if isinstance(value, str) and value.startswith(FORMULA_STARTS):
        return f"'{value}"
    return value


def workbook(rows: Iterable[Sequence[Any]], *, sheet: str, too_many: Invalid) -> IO[bytes]:
    """Write rows (the first is the head) into a workbook, one at a time.

    Raises:
        Invalid: `too_many`, because a workbook cannot hold so many rows.
    """
    target: IO[bytes] = tempfile.TemporaryFile()  # noqa: SIM115  (the caller reads and closes it)
    book = xlsxwriter.Workbook(
        target, {"constant_memory": True, "strings_to_formulas": False, "strings_to_urls": False}
    )
    page = book.add_worksheet(sheet[:31])
    bold = book.add_format({"bold": True})
    formats = {datetime: book.add_format({"num_format": MOMENT}), date: book.add_format({"num_format": DAY})}
    page.freeze_panes(1, 0)
    widths: dict[int, int] = {}
    try:
        for at, row in enumerate(rows):
            if at > MOST_ROWS:
                raise too_many
            for column, value in enumerate(map(_cell_value, row)):
                if at <= SAMPLED_ROWS:
                    widths[column] = max(widths.get(column, NARROWEST), _width(value))
                if value in (None, ""):
                    continue
                if isinstance(value, str):
                    page.write_string(at, column, value, bold if at == 0 else None)
                else:
                    page.write(at, column, value, formats.get(type(value)))
    except BaseException:
        target.close()
        raise
    for column, width in widths.items():
        page.set_column(column, column, min(width, WIDEST) + ROOM)
    book.close()
    target.seek(0)
    return target


def _cell_value(value: Any) -> Any:
    """Return a number, a moment in UTC without zone, a day, a text that is no formula, or nothing.

    What a cell cannot hold (a list, an identifier, bytes) becomes the text that the CSV has in its place.
    """
    if value is not None and not isinstance(value, KEPT):
        value = str(value)
    if isinstance(value, float | Decimal):
        return value if math.isfinite(value) else str(value)
    if isinstance(value, datetime) and value.tzinfo is not None:
        value = value.astimezone(UTC).replace(tzinfo=None)
    if isinstance(value, date) and value.year < FIRST_YEAR:
        return value.isoformat()
    if isinstance(value, str):
        text = safe_cell(value)
        return text if len(text) <= CELL_LENGTH else text[: CELL_LENGTH - len(CUT)] + CUT
    return value


def _width(value: Any) -> int:
    if isinstance(value, datetime):
        return MOMENT_WIDTH
    if isinstance(value, date):
        return DAY_WIDTH
    return 0 if value is None else max(map(len, str(value).splitlines()), default=0)
