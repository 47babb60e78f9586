import json

import pytest

from mlops_portal.foundation.errors import Invalid
from registry.imports import mapping
from registry.imports.suggesting import normal, suggest

SMALL = {"name": "bank", "source": "bank", "fields": {"name": "Model"}}


def mistakes(document):
    with pytest.raises(Invalid) as refused:
        mapping.parse(document) if isinstance(document, str) else mapping.build(document)
    return {error.where: error.message for error in refused.value.errors}


@pytest.mark.parametrize("name", ["us-federal-2024", "nl-algorithm-register"])
def test_shipped_mappings_are_valid(name):
    assert name in mapping.shipped()
    assert mapping.load(name).name == name


def test_a_mapping_may_be_json_or_yaml_in_a_file(tmp_path):
    path = tmp_path / "bank.json"
    path.write_text(json.dumps(SMALL))
    assert mapping.load(str(path)).fields["name"].columns == ("Model",)
    assert mapping.parse("name: bank\nsource: bank\nfields: {name: Model}").source == "bank"


def test_an_unknown_name_says_which_exist():
    with pytest.raises(Invalid, match="shipped are nl-algorithm-register, us-federal-2024"):
        mapping.load("nowhere")


@pytest.mark.parametrize(
    ("change", "where", "message"),
    [
        ({"nmae": "x"}, "nmae", "unknown; allowed are"),
        ({"leave_out": "Colour"}, "leave_out", "a list of texts is needed"),
        ({"leave_out": ["Model"]}, "leave_out.Model", "the mapping uses this column"),
        ({"name": ""}, "name", "a text is needed"),
        ({"source": 7}, "source", "a text is needed"),
        ({"fields": []}, "fields", "an object of field: rule"),
        ({"fields": {"description": "D"}}, "fields.name", "a column for the model's name"),
        ({"fields": {"name": "M", "colour": "C"}}, "fields.colour", "unknown field"),
        ({"fields": {"name": "M", "tier": "T"}}, "fields.tier", "proposed by one person"),
        ({"fields": {"name": "M", "eu_ai_class": "T"}}, "fields.eu_ai_class", "approved by another"),
        ({"fields": {"name": 3}}, "fields.name", "a column name or an object"),
        ({"fields": {"name": {}}}, "fields.name", "exactly one of column, columns and constant"),
        ({"fields": {"name": {"column": "a", "constant": "b"}}}, "fields.name", "exactly one of"),
        ({"fields": {"name": {"column": "a", "tranforms": []}}}, "fields.name.tranforms", "unknown"),
        (
            {"fields": {"name": {"column": "a", "otherwise": "drop"}}},
            "fields.name.otherwise",
            "one of error, note",
        ),
        (
            {"fields": {"name": {"column": "a", "transforms": ["strip", "sing"]}}},
            "fields.name.transforms[1]",
            "one of strip",
        ),
        (
            {"fields": {"name": {"column": "a", "transforms": [{"cut": "long"}]}}},
            "fields.name.transforms[0]",
            "cut: a number",
        ),
        ({"key": "Model"}, "key", "a list of texts"),
        ({"unit": 4}, "unit", "a column name or an object"),
        ({"repeated_keys": "maybe"}, "repeated_keys", "one of number, refuse"),
        ({"header_row": 0}, "header_row", "a row number from 1"),
        ({"encoding": 8}, "encoding", "a text is needed"),
    ],
)
def test_every_mistake_is_named_with_its_place(change, where, message):
    assert message in mistakes(SMALL | change)[where]


def test_all_mistakes_are_reported_at_once():
    assert len(mistakes({"name": "", "fields": {"name": {}, "tier": "x"}, "extra": 1})) >= 4


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("name: [a", "line 2, column 1"),
        ("{broken", "line 1, column 2"),
        ("- a\n- b", "not an object"),
        ("name: a\nname: b", "given twice"),
        ("a: &x [1]\nb: *x", "line 1, column 4: anchors and aliases are not used"),
        ("a: !!python/object:os.system x", "line 1, column 4: tags are not used"),
        ("x" * 300_000, "larger than"),
        ("[" * 5_000, ""),
        ("? [a]\n: b", "line 1, column 3: a name should be a plain text"),
        ("name: 2001-99-99", "cannot be read"),
        ("name: 0x_", "cannot be read"),
        ('{"name": ' + "9" * 9_000 + "}", "cannot be read"),
    ],
)
def test_broken_and_hostile_documents_are_refused(text, message):
    assert message in mistakes(text)["mapping"]


def test_missing_columns_are_named():
    with pytest.raises(Invalid, match="column Model: the file has no such column"):
        mapping.build(SMALL).check_headers(["Name"])


# Suggestions


@pytest.mark.parametrize(
    ("header", "words"),
    [
        ("Use_Case_ID", "use case id"),
        ("ModelName", "model name"),
        ("  Stage of\nDevelopment ", "stage of development"),
    ],
)
def test_headings_are_compared_in_words(header, words):
    assert normal(header) == words


def test_a_suggestion_is_a_valid_mapping_that_fits_its_headings():
    headers = [
        "Use Case ID",
        "Use Case Name",
        "Agency",
        "Summary",
        "Stage of Development",
        "Vendor(s) Name",
        "Colour",
    ]
    document = suggest(headers)
    built = mapping.build(document)
    built.check_headers(headers)
    assert built.fields["name"].columns == ("Use Case Name",)
    assert built.fields["description"].columns == ("Summary",)
    assert built.fields["lifecycle_state"].columns == ("Stage of Development",)
    assert built.fields["vendor"].columns == ("Vendor(s) Name",)
    assert built.key == ("Use Case ID",)
    assert built.unit_column == "Agency"


@pytest.mark.parametrize(
    ("headers", "name", "others"),
    [
        pytest.param(
            ["doel", "id", "title"], "title", {"objective": "doel"}, id="a title names what has no name"
        ),
        pytest.param(
            ["doel", "short name", "title"],
            "short name",
            {"objective": "doel", "title": "title"},
            id="a name is a name",
        ),
        pytest.param(["purpose", "colour"], "colour", {"objective": "purpose"}, id="what holds nothing else"),
        pytest.param(["Model ID", "Model name"], "Model name", {}, id="a key is no kind of model"),
    ],
)
def test_a_guess_gives_each_column_one_use(headers, name, others):
    built = mapping.build(suggest(headers))
    found = {field: rule.columns[0] for field, rule in built.fields.items()}
    assert found == {"name": name, **others}


def test_a_guess_never_fails_a_row():
    document = suggest(["Model name", "Decisions per day", "Critical", "Status", "Review date"])
    built = mapping.build(document)
    assert set(built.fields) == {
        "name", "decisions_per_day", "is_production_critical", "lifecycle_state", "next_review_on",
    }  # fmt: skip
    assert {rule.otherwise for name, rule in built.fields.items() if name != "name"} == {"note"}


def test_a_file_that_nothing_fits_still_gets_a_name_and_a_key():
    built = mapping.build(suggest(["alpha", "beta"]))
    assert built.fields["name"].columns == ("alpha",)
    assert built.key == ("alpha",)
