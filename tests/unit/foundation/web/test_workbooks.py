"""Workbooks: widths that fit, typed cells, a head that stays in view."""

import csv
import io
import tracemalloc
import uuid
from datetime import UTC, date, datetime, timedelta, timezone
from decimal import Decimal

import openpyxl
import pytest

from mlops_portal.foundation.errors import Invalid, invalid
from mlops_portal.foundation.web import workbooks
from mlops_portal.foundation.web.workbooks import CELL_LENGTH, safe_cell, workbook

TOO_MANY = invalid("export", "Too many rows.")


def sheet_of(*rows):
    with workbook(rows, sheet="Rows", too_many=TOO_MANY) as book:
        return openpyxl.load_workbook(book).active


def widths_of(sheet) -> list[float]:
    return [sheet.column_dimensions[letter].width for letter in "ABC"[: sheet.max_column]]


@pytest.mark.parametrize(
    ("head", "value", "width"),
    [
        pytest.param("Name", "x" * 30, 32, id="a value longer than its head decides"),
        pytest.param("A head that says a lot", 1, 24, id="a head longer than its values decides"),
        pytest.param("No", 1, 10, id="no column is too narrow to read its head"),
        pytest.param("Name", "x" * 900, 62, id="one long text does not push the rest off the screen"),
        pytest.param("Name", f"{'x' * 20}\n{'y' * 12}", 22, id="of several lines the longest decides"),
        pytest.param("At", datetime(2026, 3, 1, tzinfo=UTC), 25, id="a moment is shown whole"),
        pytest.param("On", date(2026, 3, 1), 12, id="a day is shown whole"),
    ],
)
def test_a_column_is_as_wide_as_what_it_holds(head, value, width):
    assert widths_of(sheet_of([head], [value])) == [pytest.approx(width, abs=1)]


def test_each_column_has_its_own_width_and_the_head_stays_in_view():
    sheet = sheet_of(["Name", "Digest", "N"], ["churn", "f" * 40, 3])
    assert widths_of(sheet) == [pytest.approx(width, abs=1) for width in (10, 42, 10)]
    assert sheet.freeze_panes == "A2"


def test_only_the_first_rows_are_measured(monkeypatch):
    monkeypatch.setattr(workbooks, "SAMPLED_ROWS", 2)
    rows = [["Name"], ["x" * 12], ["x" * 14], ["x" * 50]]
    assert widths_of(sheet_of(*rows)) == [pytest.approx(16, abs=1)]


def test_numbers_moments_and_days_are_what_a_spreadsheet_counts_with():
    berlin = timezone(timedelta(hours=2))
    moment = datetime(2026, 6, 1, 10, 30, 15, tzinfo=berlin)
    sheet = sheet_of(["a", "b", "c"], [moment, date(2026, 6, 1), Decimal("0.125")])
    at, on, number = sheet[2]
    assert (at.value, at.number_format) == (datetime(2026, 6, 1, 8, 30, 15), 'yyyy-mm-dd hh:mm:ss "UTC"')  # noqa: DTZ001
    assert (on.value.date(), on.number_format) == (date(2026, 6, 1), "yyyy-mm-dd")
    assert (number.value, number.data_type) == (0.125, "n")


def test_what_a_workbook_cannot_count_with_is_text():
    sheet = sheet_of(["a", "b"], [float("nan"), date(1850, 1, 1)])
    assert [cell.value for cell in sheet[2]] == ["nan", "1850-01-01"]


@pytest.mark.parametrize(
    "value",
    [
        pytest.param(["a", 1], id="a list"),
        pytest.param({"a": 1}, id="named values"),
        pytest.param(uuid.UUID(int=7), id="an identifier"),
        pytest.param(b"\x00=1", id="bytes"),
        pytest.param(("=1", None), id="a pair"),
    ],
)
def test_what_a_cell_cannot_hold_is_the_text_that_the_csv_has(value):
    line = io.StringIO(newline="")
    csv.writer(line).writerow([safe_cell(value)])
    (cell,) = sheet_of(["a"], [value])[2]
    assert [[cell.value]] == list(csv.reader([line.getvalue()]))


def test_a_text_longer_than_a_cell_says_that_it_is_cut():
    (cell,) = sheet_of(["a"], ["x" * (CELL_LENGTH + 1)])[2]
    assert len(cell.value) == CELL_LENGTH
    assert cell.value.endswith("the CSV has the whole text)")


def test_more_rows_than_a_workbook_holds_are_refused(monkeypatch):
    monkeypatch.setattr(workbooks, "MOST_ROWS", 2)
    with pytest.raises(Invalid, match="Too many rows"):
        sheet_of(["a"], [1], [2], [3])


def test_memory_stays_flat():
    def peak(count: int) -> int:
        tracemalloc.start()
        with workbook((["x" * 50, at] for at in range(count)), sheet="Rows", too_many=TOO_MANY):
            found = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        return found

    peak(100)
    assert peak(6000) < 2 * peak(1500)
