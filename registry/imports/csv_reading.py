"""CSV: delimiter found from the data, quoted line breaks, ragged rows and quotes that never close named by row."""

import csv
import io
from collections import Counter
from collections.abc import Iterator
from itertools import islice

from mlops_portal.foundation.errors import invalid
from mlops_portal.foundation.web import words
from registry.imports.decoding import decode
from registry.imports.rows import (
    MAX_COLUMNS,
    MAX_FILE_BYTES,
    MAX_ROWS,
    Problem,
    Row,
    Table,
    as_row,
    find_header,
    headers_of,
)

DELIMITERS = (",", ";", "\t", "|")
SAMPLE_ROWS = 25
UNCLOSED = "a quote opened in this row is never closed; the rest of the file was read as one cell"

LOOKED_AT = 1024 * 1024  # characters in which delimiter and heading are looked for, however long a cell is
csv.field_size_limit(
    MAX_FILE_BYTES
)  # a long cell is refused by name in rows.as_row, not in the middle of reading


class _Lines:
    """Hands lines to the reader and remembers those of the record it is reading."""

    def __init__(self, text: str) -> None:
        self._lines = io.StringIO(text, newline="")
        self.record: list[str] = []

    def __iter__(self) -> "_Lines":
        return self

    def __next__(self) -> str:
        line = next(self._lines)
        self.record.append(line)
        return line


def open_csv(content: bytes, *, encoding: str = "", delimiter: str = "", header_row: int = 0) -> Table:
    """Open CSV bytes; raises `Invalid` when there is no heading."""
    text, used = decode(content, encoding)
    head = text[:LOOKED_AT]
    chosen = delimiter or sniff_delimiter(head)
    samples = list(islice(csv.reader(io.StringIO(head, newline=""), delimiter=chosen), SAMPLE_ROWS))
    place = header_row - 1 if header_row else find_header(samples)
    if place >= len(samples) or not any(cell.strip() for cell in samples[place]):
        raise invalid("file", "it has no heading row")
    headers, notes = headers_of(samples[place])
    if len(headers) > MAX_COLUMNS:
        raise invalid(
            "file", f"it has {words.number(len(headers))} columns, at most {MAX_COLUMNS} are allowed"
        )
    return Table(
        headers=headers,
        read=lambda table: _rows(table, text),
        format="csv",
        encoding=used,
        delimiter=chosen,
        header_row=place + 1,
        notes=notes,
    )


def sniff_delimiter(text: str) -> str:
    """Return the delimiter that splits the first rows into most columns, equally many in most rows."""

    def score(delimiter: str) -> float:
        rows = islice(csv.reader(io.StringIO(text, newline=""), delimiter=delimiter), SAMPLE_ROWS)
        widths = Counter(len(row) for row in rows if row)
        width, times = max(
            widths.items(), key=lambda item: (item[1] if item[0] > 1 else 0, item[0]), default=(1, 0)
        )
        return times / max(widths.total(), 1) * (width > 1) + min(width, MAX_COLUMNS) / 1000

    return max(DELIMITERS, key=score)


def _rows(table: Table, text: str) -> Iterator[Row]:
    lines = _Lines(text)
    number = 0
    for number, values in enumerate(csv.reader(lines, delimiter=table.delimiter), start=1):
        record, lines.record = lines.record, []
        if number <= table.header_row:
            continue
        if number - table.header_row > MAX_ROWS:
            raise invalid("file", f"it has more than {words.number(MAX_ROWS)} rows")
        if not any(value.strip() for value in values):
            table.blank_rows += 1
            continue
        row = as_row(number, table.headers, values, ragged=True)
        if '"' in record[0] and _ends_inside_quotes(record, table.delimiter):
            row = Row(number, row.cells, (Problem(number, "", UNCLOSED), *row.problems))
        yield row


def _ends_inside_quotes(record: list[str], delimiter: str) -> bool:
    """Ask a strict reader whether the record is complete; only the last record of a file can be otherwise."""
    try:
        for _ in csv.reader(record, delimiter=delimiter, strict=True):
            pass
    except csv.Error as error:
        return "unexpected end of data" in str(error)
    return False
