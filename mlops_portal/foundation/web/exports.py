"""CSV and XLSX from the table of the page: same columns, same rows, same permission; memory stays flat."""

import csv
from collections.abc import Iterable, Iterator
from datetime import UTC, datetime
from itertools import islice
from typing import Any

from django.db.models import QuerySet
from django.http import FileResponse, HttpRequest, HttpResponseBase, StreamingHttpResponse
from django.utils.text import slugify

from mlops_portal.foundation.errors import invalid
from mlops_portal.foundation.web.access import record_access
from mlops_portal.foundation.web.tables import Table
from mlops_portal.foundation.web.workbooks import safe_cell, workbook

CHUNK = 2000
FORMATS = {"csv": "CSV", "xlsx": "XLSX workbook"}


def rows_of(queryset: QuerySet, table: Table, *, typed: bool = False) -> Iterator[list[Any]]:
    """Yield head and rows, reading the database in chunks; typed, moments and days stay what they are."""
    yield table.file_head()
    found = queryset.iterator(chunk_size=CHUNK)
    while part := list(islice(found, CHUNK)):
        for row in table.noted(part):
            yield table.file_row(row, typed=typed)


class _Echo:
    """Gives each written line back instead of keeping it."""

    def write(self, line: str) -> str:
        return line


def csv_response(queryset: QuerySet, table: Table, name: str) -> StreamingHttpResponse:
    """Stream a CSV file."""
    writer = csv.writer(_Echo())
    response = StreamingHttpResponse(
        (writer.writerow(map(safe_cell, row)) for row in rows_of(queryset, table)),
        content_type="text/csv; charset=utf-8",
    )
    response["Content-Disposition"] = f'attachment; filename="{name}.csv"'
    return response


def xlsx_response(queryset: QuerySet, table: Table, name: str) -> FileResponse:
    """Write a workbook row by row into a temporary file and stream it."""
    book = workbook(
        rows_of(queryset, table, typed=True),
        sheet=slugify(name) or "rows",
        too_many=invalid("export", "A workbook holds 1 048 575 rows. Narrow the list, or export CSV."),
    )
    return FileResponse(book, as_attachment=True, filename=f"{name}.xlsx")


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
