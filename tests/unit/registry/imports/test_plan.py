from datetime import UTC, date, datetime

import pytest

from registry.imports import mapping
from registry.imports.plan import Planner, count_problems, custom_keys, plan_table
from registry.imports.reading import open_table


def built(document):
    fields = {"name": "Model"} | document.pop("fields", {})
    return mapping.build({"name": "bank", "source": "bank", "key": ["Id"], "fields": fields} | document)


def planned(content, **document):
    return list(plan_table(open_table(content.encode(), "models.csv"), built(document)))


def planned_by(content, **document):
    """Return the planner, too, which counts what it leaves out."""
    table = open_table(content.encode(), "models.csv")
    planner = Planner(built(document), table.headers)
    return planner, [planner.plan(row) for row in table.rows()]


def one(text, rule):
    """Plan one row whose column Value holds ``text``."""
    (row,) = planned(f'Id,Model,Value\n1,churn,"{text}"\n', fields=rule)
    return row


@pytest.mark.parametrize(
    ("rule", "text", "field", "value"),
    [
        ({"column": "Value", "transforms": ["strip"]}, "  x ", "description", "x"),
        ({"column": "Value", "transforms": ["collapse", "upper"]}, " a  b ", "description", "A B"),
        ({"column": "Value", "transforms": [{"cut": 4}]}, "abcdefg", "description", "abc…"),
        ({"column": "Value", "transforms": [{"replace": {"-": " "}}]}, "a-b", "description", "a b"),
        ({"column": "Value", "transforms": [{"values": {"Live  Now": "in_production"}}]}, "live now", "lifecycle_state", "in_production"),
        ({"column": "Value"}, "In Production", "lifecycle_state", "in_production"),
        ({"column": "Value", "transforms": [{"dates": ["%d/%m/%Y"]}]}, "03/02/2024", "next_review_on", date(2024, 2, 3)),
        ({"column": "Value"}, "31/12/2026", "next_review_on", date(2026, 12, 31)),
        ({"column": "Value"}, "12/31/2026", "next_review_on", date(2026, 12, 31)),
        ({"column": "Value"}, "2024-02-03", "retired_at", datetime(2024, 2, 3, tzinfo=UTC)),
        ({"column": "Value", "transforms": [{"booleans": {"yes": ["si"], "no": ["no"]}}]}, "SI", "is_exploratory", True),
        ({"column": "Value"}, "nee", "is_exploratory", False),
        ({"column": "Value", "transforms": [{"split": ";"}]}, "GDPR; AI Act ;", "regimes", ["GDPR", "AI Act"]),
        ({"column": "Value", "transforms": [{"split": ";"}]}, '[""GDPR"", ""AI Act""]', "regimes", ["GDPR", "AI Act"]),
        ({"column": "Value"}, "1,200", "decisions_per_day", 1200),
        ({"constant": "third_party"}, "", "origin", "third_party"),
        ({"column": "Value", "default": "in_house"}, "n/a", "origin", "in_house"),
        ({"columns": ["Id", "Value"], "with": " / "}, "x", "description", "1 / x"),
    ],
)  # fmt: skip
def test_values(rule, text, field, value):
    row = one(text, {field: rule})
    assert row.problems == ()
    assert row.values[field] == value


@pytest.mark.parametrize(
    ("field", "text", "message"),
    [
        ("decisions_per_day", "many", "no whole number"),
        ("decisions_per_day", "-1", "outside 0"),
        ("next_review_on", "soon", "no date such as 2026-11-17 or 17.11.2026"),
        ("next_review_on", "05/06/2026", "can be two days, with slashes; write 2026-11-17 or 17.11.2026"),
        ("next_review_on", "31/02/2026", "no date such as 2026-11-17 or 17.11.2026"),
        ("next_review_on", "13/14/2026", "no date such as 2026-11-17 or 17.11.2026"),
        ("next_review_on", "31/12/1026", "lies before 1900"),
        ("next_review_on", "0001-01-01", "before 1900"),
        ("is_exploratory", "perhaps", "neither yes nor no"),
        ("kind", "quantum", "none of analytical"),
        ("lifecycle_state", "quantum", "none of draft, registered, in validation,"),
        ("use_case", "quantum", "none of fraud detection,"),
        ("vendor", "v" * 161, "161 characters, at most 160"),
    ],
)
def test_what_does_not_fit_is_named_with_row_and_column(field, text, message):
    (problem,) = one(text, {field: "Value"}).problems
    assert problem.where == "row 2, column Value"
    assert message in problem.message


def test_a_note_keeps_the_row_its_default_and_the_text():
    row = one("quantum", {"kind": {"column": "Value", "otherwise": "note", "default": "analytical"}})
    assert row.is_fit
    assert row.values["kind"] == "analytical"
    assert row.custom["value"] == "quantum"
    assert "none of analytical" in row.notes[0].message


def test_what_no_field_holds_word_for_word_is_kept():
    (row,) = planned(
        "Id,Model,Stage,Colour,Empty\n1,churn,Live,red, \n",
        fields={
            "lifecycle_state": {"column": "Stage", "transforms": [{"values": {"live": "in_production"}}]}
        },
    )
    assert row.custom == {"id": "1", "stage": "Live", "colour": "red"}
    (row,) = planned("Id,Model,Colour\n1,churn,red\n", unknown_columns="ignore")
    assert "colour" not in row.custom


def test_columns_that_are_left_out_are_counted_and_not_kept():
    text = "Id,Model,Colour,Notes\n1,churn,red,x\n2,fraud, ,y\n"
    planner, rows = planned_by(text, leave_out=["Colour", "Notes", "Elsewhere"])
    assert [row.custom for row in rows] == [{"id": "1"}, {"id": "2"}]
    assert planner.left_out == {"Colour": 1, "Notes": 2}
    planner, _ = planned_by(text, unknown_columns="ignore")
    assert planner.left_out == {"Colour": 1, "Notes": 2}


def test_leaving_a_column_out_finds_the_same_record_again():
    text = "Model,Colour\nchurn,red\n"
    (before,), (after,) = planned(text, key=[]), planned(text, key=[], leave_out=["Colour"])
    assert before.external_id == after.external_id


def test_a_name_is_needed():
    (row,) = planned("Id,Model\n1,n/a\n")
    assert [str(problem) for problem in row.problems] == ["row 2, column Model: a model needs a name"]


def test_names_avoid_what_the_machine_protocol_refuses_and_the_title_keeps_the_words():
    (row,) = planned("Id,Model\n1,Fraud: cards/loans\n")
    assert row.names[0] == "Fraud- cards-loans"
    assert row.values["title"] == "Fraud: cards/loans"


def test_other_names_are_ready_for_when_one_is_taken():
    (row,) = planned("Id,Model,Unit\nA-1,churn,Bank\n", alternatives=[["Unit"]])
    assert row.names == ("churn", "churn (Bank)", "churn [A-1]")


def test_long_names_are_cut_and_kept_whole_beside():
    name = "m" * 300
    (row,) = planned(f"Id,Model\n1,{name}\n")
    assert all(len(candidate) <= 256 for candidate in row.names)
    assert row.names[1].endswith("… [1]")
    assert row.custom["model"] == name


def test_repeated_keys_are_numbered_in_order_or_refused():
    content = "Id,Model\n1,a\n1,b\n2,c\n"
    assert [row.external_id for row in planned(content)] == ["1", "1#2", "2"]
    refused = planned(content, repeated_keys="refuse")[1]
    assert str(refused.problems[0]) == "row 3, column Id: the key repeats the one of row 2"


def test_a_composed_key_ignores_case_and_blanks_and_an_empty_one_is_refused():
    first, second, third = planned("Id,Model\nX, a b \nx,A  B\ny,c\n", key=["Id", "Model"])
    assert second.external_id == f"{first.external_id}#2"
    assert len(third.external_id) == 32
    (row,) = planned("Id,Model\n,churn\n")
    assert "the key is empty" in row.problems[0].message


def test_the_unit_comes_from_its_column_through_the_mappings_words():
    unit = {"column": "Unit", "values": {"retail  bank": "RB"}, "default": "HQ"}
    rows = planned("Id,Model,Unit\n1,a,Retail Bank\n2,b,\n3,c,Mars\n", unit=unit)
    assert [row.unit for row in rows] == ["RB", "HQ", "HQ"]
    (row,) = planned("Id,Model,Unit\n1,a,\n", unit="Unit")
    assert row.unit == ""
    assert str(row.notes[0]) == "row 2, column Unit: the unit is empty; the unit of the import is taken"


def test_the_digest_tells_whether_anything_changed():
    content = "Id,Model,Note\n1,churn,a\n"
    assert planned(content)[0].digest == planned(content)[0].digest
    assert planned(content)[0].digest != planned(content.replace(",a", ",b"))[0].digest


def test_custom_keys_are_short_and_unique():
    keys = custom_keys(
        ["If Other, please explain.", "If Other, please explain. (2)", "x" * 90, "x" * 91, "Ж"]
    )
    assert list(keys.values()) == [
        "if-other-please-explain",
        "if-other-please-explain-2",
        "x" * 80,
        f"{'x' * 78}-2",
        "column",
    ]


def test_a_broken_row_is_counted_and_its_reading_errors_are_kept():
    rows = planned("Id,Model\n1,a,b\n2,c\n")
    assert count_problems(rows) == {"fit": 1, "failed": 1, "noted": 0}
    assert [len(row.problems) for row in rows] == [1, 0]


def test_a_planner_refuses_a_file_without_its_columns():
    built = mapping.build({"name": "b", "source": "b", "fields": {"name": "Model"}})
    with pytest.raises(Exception, match="no such column"):
        Planner(built, ["Name"])
