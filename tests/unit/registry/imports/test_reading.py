"""Files that people and spreadsheets really write, and files written to hurt."""

import io
import zipfile
from datetime import date, datetime

import pytest
from openpyxl import Workbook

from mlops_portal.foundation.errors import Invalid, TooLarge
from registry.imports import rows as limits
from registry.imports.decoding import decode
from registry.imports.reading import open_table

NAMES = "Name;Größe\nKündigung;12\nŠkoda;3\n"


def rows(content, name="models.csv", **options):
    table = open_table(content if isinstance(content, bytes) else content.encode(), name, **options)
    return table, list(table.rows())


def workbook(*lines, **sheets):
    book = Workbook()
    for line in lines:
        book.active.append(line)
    for title, extra in sheets.items():
        sheet = book.create_sheet(title)
        for line in extra:
            sheet.append(line)
    return book


def saved(book):
    buffer = io.BytesIO()
    book.save(buffer)
    return buffer.getvalue()


def problems(found):
    return [str(problem) for row in found for problem in row.problems]


# Encodings


@pytest.mark.parametrize(
    ("encoding", "detected"),
    [
        ("utf-8", "utf-8"),
        ("utf-8-sig", "utf-8-sig"),
        ("utf-16", "utf-16"),
        ("utf-16-le", "utf-16-le"),
        ("utf-16-be", "utf-16-be"),
        ("utf-32", "utf-32"),
        ("cp1252", "cp1252"),
    ],
)
def test_encodings_are_recognised(encoding, detected):
    table, found = rows(NAMES.encode(encoding))
    assert table.encoding == detected
    assert table.headers == ("Name", "Größe")
    assert [row.cells["Name"] for row in found] == ["Kündigung", "Škoda"]


def test_a_cyrillic_code_page_is_not_taken_for_a_western_one():
    text = "Название;Описание\n" + "Модель оттока клиентов;Предсказывает уход клиентов банка\n" * 20
    assert decode(text.encode("cp1251")) == (text, "cp1251")


def test_a_named_encoding_is_obeyed_and_a_wrong_one_refused_with_its_place():
    assert rows("Name\nKöln\n".encode("mac_roman"), encoding="mac_roman")[1][0].cells == {"Name": "Köln"}
    with pytest.raises(Invalid, match="byte 6 is not utf-8 text"):
        rows("Name\nKöln\n".encode("cp1252"), encoding="utf-8")
    with pytest.raises(Invalid, match="no known encoding"):
        rows("Name\nx\n", encoding="klingon")


# CSV


@pytest.mark.parametrize("delimiter", [",", ";", "\t", "|"])
def test_delimiters_are_found_from_the_data(delimiter):
    line = delimiter.join(["Name", "Owner", "Notes"])
    table, found = rows(f"{line}\n" + delimiter.join(["churn", "ada", "one, two; three"]).join(["", "\n"]))
    assert table.delimiter == delimiter or delimiter in ",;"
    assert table.headers[0] == "Name"
    assert found[0].cells["Name"] == "churn"


def test_commas_in_quoted_text_do_not_hide_a_semicolon_file():
    table, found = rows('Name;Note\na;"x, y, z"\nb;"p, q, r"\n')
    assert table.delimiter == ";"
    assert found[1].cells == {"Name": "b", "Note": "p, q, r"}


def test_a_single_column_needs_no_delimiter():
    assert rows("Name\nchurn\nfraud\n")[1][1].cells == {"Name": "fraud"}


@pytest.mark.parametrize("newline", ["\n", "\r\n", "\r"])
def test_quoted_line_breaks_stay_in_their_cell(newline):
    _, found = rows(f'Name,Note{newline}churn,"first{newline}second\u2028third"{newline}fraud,x{newline}')
    assert found[0].cells["Note"] == f"first{newline}second\u2028third"
    assert [row.number for row in found] == [2, 3]


def test_formula_cells_stay_text():
    _, found = rows('Name,Note\n=1+1,"=HYPERLINK(""http://x"",""y"")"\n+cmd,@SUM(A1)\n')
    assert found[0].cells == {"Name": "=1+1", "Note": '=HYPERLINK("http://x","y")'}
    assert found[1].cells == {"Name": "+cmd", "Note": "@SUM(A1)"}


def test_ragged_rows_are_named_and_the_others_are_read():
    _, found = rows("Name,Owner\nchurn,ada,extra\nfraud\nrisk,ben\nok,cleo,,\n")
    assert problems(found) == [
        "row 2: has 3 cells, the heading row has 2",
        "row 3: has 1 cell, the heading row has 2",
    ]
    assert found[2].cells == {"Name": "risk", "Owner": "ben"}
    assert found[3].problems == ()


def test_blank_rows_are_counted():
    table, found = rows("Name,Owner\nchurn,ada\n,\n\n ,\t\n")
    assert len(found) == 1
    assert table.blank_rows == 3


def test_repeated_and_missing_headings_get_names():
    table, found = rows("Name,Other,other,,\nchurn,a,b,c,\n")
    assert table.headers == ("Name", "Other", "other (2)")
    assert problems(found) == ["row 2: has 5 cells, the heading row has 3"]
    table, found = rows("Name,,Other\nchurn,b,c\n")
    assert table.headers == ("Name", "column 2", "Other")
    assert "Column 2 has no heading" in table.notes[0]


def test_titles_above_the_heading_are_skipped_unless_told_otherwise():
    content = "Inventory of models,,\nName,Owner,Unit\nchurn,ada,bank\n"
    assert rows(content)[0].header_row == 2
    assert rows(content)[1][0].number == 3
    assert rows(content, header_row=1)[0].headers == ("Inventory of models",)


def test_a_quote_that_never_closes_is_named_and_nothing_before_it_is_lost():
    _, found = rows('Name,Note\nchurn,fine\nfraud,"never closed\nrisk,ok\nprice,ok\n')
    assert found[0].cells == {"Name": "churn", "Note": "fine"}
    assert problems(found) == [
        "row 3: a quote opened in this row is never closed; the rest of the file was read as one cell"
    ]


def test_a_quote_inside_a_cell_is_just_a_quote():
    _, found = rows('Name,Note\nchurn,5" disk\n"fraud",say "hi"\n')
    assert [row.cells["Note"] for row in found] == ['5" disk', 'say "hi"']
    assert problems(found) == []


def test_a_cell_of_ten_megabytes_is_refused_by_name_and_the_next_row_is_read():
    _, found = rows(b"Name,Note\nchurn," + b"x" * (10 * 1024 * 1024) + b"\nfraud,ok\n")
    assert problems(found) == [
        "row 2, column Note: the cell has 10\u202f485\u202f760 characters, at most 1\u202f000\u202f000 are allowed"
    ]
    assert found[1].cells["Name"] == "fraud"


def test_nul_characters_are_named():
    _, found = rows(b"Name,Note\nchurn,a\x00b\nfraud,ok\n")
    assert problems(found) == ["row 2, column Note: the cell contains a NUL character"]
    assert found[1].problems == ()


@pytest.mark.parametrize(
    ("content", "name", "message"),
    [
        (b"", "a.csv", "it is empty"),
        (b" \n\t\n", "a.csv", "it is empty"),
        (b",,\n,,\n", "a.csv", "no heading row"),
        (b"%PDF-1.7", "a.csv", "neither CSV, XLSX nor JSON"),
        (b"\x1f\x8b\x08", "a.csv.gz", "neither CSV, XLSX nor JSON"),
        (b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1", "a.xls", "save it as .xlsx"),
        (b"PK\x03\x04garbage", "a.xlsx", "not a readable XLSX workbook"),
        (b"{not json", "a.json", "line 1, column 2"),
        (b'{"a": [], "b": []}', "a.json", "say which member holds the rows; it has a, b"),
        (b'"text"', "a.json", "not an array of objects"),
        (b"[1e9999, NaN]", "a.json", "NaN is not JSON"),
        (b"[" * 200_000, "a.json", "nested too deeply"),
        (b'[{"Id": ' + b"9" * 5_000 + b"}]", "a.json", "file: a number of 5.000 digits is too long"),
        (b'[{"Id": -' + b"9" * 5_000 + b"}]", "a.json", "file: a number of 5.000 digits is too long"),
        (b"[]", "a.json", "its objects have no members"),
        (",".join(f"c{n}" for n in range(501)).encode(), "a.csv", "501 columns"),
    ],
)
def test_unreadable_files_are_refused_with_the_reason(content, name, message):
    with pytest.raises(Invalid, match=message):
        rows(content, name)


def test_a_file_above_the_limit_is_refused(monkeypatch):
    monkeypatch.setattr("registry.imports.reading.MAX_FILE_BYTES", 10)
    with pytest.raises(TooLarge, match=r"models\.csv has 11 bytes, at most 10"):
        rows(b"Name\nchurn\n")


def test_more_rows_than_allowed_are_refused(monkeypatch):
    monkeypatch.setattr("registry.imports.csv_reading.MAX_ROWS", 2)
    with pytest.raises(Invalid, match="more than 2 rows"):
        rows("Name\na\nb\nc\n")


# JSON


def test_json_rows_are_objects_and_other_items_are_named():
    content = (
        b'{"meta": {"n": 2}, "records": [{"name": "churn", "tags": ["a", "b"], "n": 3}, 7, {"name": null}]}'
    )
    table, found = rows(content, "a.json")
    assert table.headers == ("name", "tags", "n")
    assert found[0].cells == {"name": "churn", "tags": '["a", "b"]', "n": "3"}
    assert problems(found) == ["row 2: is int, not an object"]
    assert table.blank_rows == 1


# XLSX


def test_a_workbook_is_read_as_a_person_sees_it():
    book = workbook(
        ["Name", "Since", "At", "Count", "Share", "Live"],
        ["churn", date(2024, 5, 1), datetime(2024, 5, 1, 8, 30), 12.0, 0.25, True],  # noqa: DTZ001
        [None, None, None],
        ["fraud", None, None, None, None, None],
    )
    table, found = rows(saved(book), "a.xlsx")
    assert found[0].cells == {
        "Name": "churn",
        "Since": "2024-05-01",
        "At": "2024-05-01 08:30:00",
        "Count": "12",
        "Share": "0.25",
        "Live": "True",
    }
    assert [row.number for row in found] == [2, 4]
    assert table.blank_rows == 1


def test_the_first_visible_sheet_with_rows_is_read_and_the_others_are_named():
    book = workbook(Models=[["Name"], ["churn"]], Lists=[["x"]])
    book["Lists"].sheet_state = "hidden"
    table, _ = rows(saved(book), "a.xlsx")
    assert table.sheet == "Models"
    assert table.notes[0] == "Sheet “Models” is read; not read: Sheet, Lists."
    assert rows(saved(book), "a.xlsx", sheet="Lists")[0].headers == ("x",)
    with pytest.raises(Invalid, match="there is no sheet “Nope”; the workbook has Sheet, Models, Lists"):
        rows(saved(book), "a.xlsx", sheet="Nope")


def test_a_formula_without_a_stored_value_is_an_error_and_not_an_empty_cell():
    _, found = rows(saved(workbook(["Name", "Total"], ["churn", "=1+1"])), "a.xlsx")
    assert problems(found) == [
        "row 2, column Total: the formula has no stored value; open the file in a spreadsheet program and save it"
    ]


def repacked(book, change):
    """Return the workbook with its first sheet's XML changed."""
    source, target = zipfile.ZipFile(io.BytesIO(saved(book))), io.BytesIO()
    with zipfile.ZipFile(target, "w", zipfile.ZIP_DEFLATED) as archive:
        for name in source.namelist():
            content = source.read(name)
            archive.writestr(name, change(content) if name == "xl/worksheets/sheet1.xml" else content)
    return target.getvalue()


def test_a_formula_is_read_as_its_stored_value():
    book = workbook(["Name", "Total"], ["churn", "=1+1"])
    content = repacked(book, lambda xml: xml.replace(b"<v />", b"<v>2</v>").replace(b"<v></v>", b"<v>2</v>"))
    _, found = rows(content, "a.xlsx")
    assert (found[0].cells["Total"], problems(found)) == ("2", [])


def test_a_sheet_that_claims_to_be_huge_is_read_by_what_it_holds():
    book = workbook(["Name"], ["churn"])
    content = repacked(book, lambda xml: xml.replace(b'ref="A1:A2"', b'ref="A1:XFD1048576"'))
    table, found = rows(content, "a.xlsx")
    assert (table.headers, len(found)) == (("Name",), 1)


def test_xml_entities_are_refused():
    bomb = b'<?xml version="1.0"?><!DOCTYPE x [<!ENTITY a "aaaa"><!ENTITY b "&a;&a;&a;">]>'
    content = repacked(
        workbook(["Name"], ["churn"]), lambda xml: bomb + xml.partition(b"?>")[2] or bomb + xml
    )
    with pytest.raises(Invalid, match="XML entities"):
        rows(content, "a.xlsx")


def test_a_damaged_sheet_is_refused():
    with pytest.raises(Invalid, match="damaged"):
        rows(repacked(workbook(["Name"], ["churn"]), lambda xml: xml[: len(xml) // 2]), "a.xlsx")


def archive(entries):
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as target:
        for name, content in entries:
            target.writestr(name, content)
    return buffer.getvalue()


@pytest.mark.parametrize(
    ("entries", "message"),
    [
        pytest.param([("xl/workbook.xml", b"\0" * 5_000_000)], "packed more than 200 times", id="a ZIP bomb"),
        pytest.param([(f"part{n}", b"") for n in range(2_001)], "2.001 parts", id="too many parts"),
        pytest.param([("readme.txt", b"hello")], "not an XLSX workbook", id="another archive"),
        pytest.param([("xl/workbook.xml", b"<not-xml")], "damaged", id="a broken workbook"),
    ],
)
def test_hostile_archives_are_refused_before_they_are_unpacked(entries, message):
    with pytest.raises(Invalid, match=message):
        rows(archive(entries), "a.xlsx")


def test_an_archive_that_would_unpack_to_too_much_is_refused(monkeypatch):
    monkeypatch.setattr("registry.imports.xlsx_reading.MAX_UNPACKED", 100)
    with pytest.raises(Invalid, match="would unpack to"):
        rows(saved(workbook(["Name"])), "a.xlsx")


def test_the_limits_are_what_the_messages_say():
    assert limits.MAX_CELL == 1_000_000
    assert limits.MAX_COLUMNS == 500
