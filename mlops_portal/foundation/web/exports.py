"""CSV and XLSX from the table of the page: same columns, same rows, same permission; memory stays flat."""

import csv
import tempfile
from collections.abc import Iterable, Iterator
from datetime import UTC, datetime
from itertools import islice
from typing import Any

import xlsxwriter
from django.db.models import QuerySet
from django.http import FileResponse, HttpRequest, HttpResponseBase, StreamingHttpResponse
from django.utils.text import slugify

from mlops_portal.foundation.errors import invalid
from mlops_portal.foundation.web.access import record_access
from mlops_portal.foundation.web.tables import Table

CHUNK = 2000
FORMULA_STARTS = ("=", "+", "-", "@", "\t", "\r")
XLSX_ROWS = 1_048_575
FORMATS = {"csv": "CSV", "xlsx": "XLSX workbook"}


def safe_cell(value: Any) -> Any:
    """Keep spreadsheets from reading a text as a formula; numbers stay numbers."""
    if isinstance(value, str) and value.startswith(FORMULA_STARTS):
        return f"'{value}"
    return value


def rows_of(queryset: QuerySet, table: Table) -> Iterator[list[Any]]:
    """Yield head and rows, reading the database in chunks."""
    yield [safe_cell(label) for label in table.file_head()]
    found = queryset.iterator(chunk_size=CHUNK)
    while part := list(islice(found, CHUNK)):
        for row in table.noted(part):
            yield [safe_cell(value) for value in table.file_row(row)]


class _Echo:
    """Gives each written line back instead of keeping it."""

    def write(self, line: str) -> str:
        return line


def csv_response(queryset: QuerySet, table: Table, name: str) -> StreamingHttpResponse:
    """Stream a CSV file."""
    writer = csv.writer(_Echo())
    response = StreamingHttpResponse(
        (writer.writerow(row) for row in rows_of(queryset, table)), content_type="text/csv; charset=utf-8"
    )
    response["Content-Disposition"] = f'attachment; filename="{name}.csv"'
    return response


def xlsx_response(queryset: QuerySet, table: Table, name: str) -> FileResponse:
    """Write a workbook row by row into a temporary file and stream it."""
    target = tempfile.TemporaryFile()  # noqa: SIM115  (the response closes it)
    book = xlsxwriter.Workbook(
        target, {"constant_memory": True, "strings_to_formulas": False, "strings_to_urls": False}
    )
    sheet = book.add_worksheet(slugify(name)[:31] or "rows")
    bold = book.add_format({"bold": True})
    sheet.freeze_panes(1, 0)
    for at, row in enumerate(rows_of(queryset, table)):
        if at > XLSX_ROWS:
            book.close()
            target.close()
            raise invalid("export", "A workbook holds 1 048 575 rows. Narrow the list, or export CSV.")
        sheet.write_row(at, 0, row, bold if at == 0 else None)
    book.close()
    target.seek(0)
    return FileResponse(target, as_attachment=True, filename=f"{name}.xlsx")


def export_response(
    kind: str, queryset: QuerySet, table: Table, *, title: str, now: datetime
) -> HttpResponseBase:
    """Answer with the file; `kind` was checked against the page's `exports`."""
    name = f"{slugify(title)}-{now.astimezone(UTC):%Y-%m-%d-%H%MZ}"
    return csv_response(queryset, table, name) if kind == "csv" else xlsx_response(queryset, table, name)


class Rows:
    """Rows that were read already, for a file: they are written as a query set is."""

    def __init__(self, rows: Iterable[Any]) -> None:
        self.rows = rows

    def iterator(self, chunk_size: int) -> Iterator[Any]:
        """Yield each row."""
        return iter(self.rows)


def rows_response(
    request: HttpRequest,
    kind: str,
    rows: Iterable[Any],
    table: Table,
    *,
    title: str,
    about: str,
    now: datetime,
) -> HttpResponseBase:
    """Answer with a CSV of the rows of a page that is no list page, and record it; ``about`` names the kind of record.

    Raises:
        Invalid: the page does not offer this format.
    """
    if kind != "csv":
        raise invalid("export", f"This page exports {FORMATS['csv']}.")
    record_access(request, "web.list_exported", about, kind, now)
    return export_response(kind, Rows(rows), table, title=title, now=now)
