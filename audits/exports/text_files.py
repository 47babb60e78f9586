"""CSV as PostgreSQL's COPY writes it, safe to open in a spreadsheet."""

import re
from collections.abc import Iterable, Sequence
from typing import Any

from mlops_portal.foundation.web.workbooks import FORMULA_STARTS, safe_cell

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
