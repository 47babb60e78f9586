"""Open a file as rows, whatever its format. The content decides, not the name."""

from mlops_portal.foundation.errors import TooLarge, invalid
from mlops_portal.foundation.web import words
from registry.imports.csv_reading import open_csv
from registry.imports.json_reading import open_json
from registry.imports.rows import MAX_FILE_BYTES, Problem, Row, Table
from registry.imports.xlsx_reading import open_xlsx

__all__ = ["Problem", "Row", "Table", "open_table"]

ZIP = b"PK\x03\x04"
OLD_EXCEL = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1"
GZIP = b"\x1f\x8b"
PDF = b"%PDF"


def open_table(
    content: bytes,
    name: str,
    *,
    encoding: str = "",
    delimiter: str = "",
    sheet: str = "",
    header_row: int = 0,
    member: str = "",
) -> Table:
    """Open CSV, XLSX or JSON bytes; raises `Invalid` or `TooLarge`, naming what is wrong with the file."""
    if len(content) > MAX_FILE_BYTES:
        raise TooLarge(
            f"{name} has {words.number(len(content))} bytes, at most {words.number(MAX_FILE_BYTES)} are allowed."
        )
    if not content.strip():
        raise invalid("file", "it is empty")
    if content.startswith(ZIP):
        return open_xlsx(content, sheet=sheet, header_row=header_row)
    if content.startswith(OLD_EXCEL):
        raise invalid(
            "file", "it is an old .xls or an encrypted workbook; save it as .xlsx without a password"
        )
    if content.startswith((GZIP, PDF)):
        raise invalid("file", "it is neither CSV, XLSX nor JSON")
    if name.lower().endswith(".json") or content.lstrip()[:1] in (b"[", b"{"):
        return open_json(content, encoding=encoding, member=member)
    return open_csv(content, encoding=encoding, delimiter=delimiter, header_row=header_row)
