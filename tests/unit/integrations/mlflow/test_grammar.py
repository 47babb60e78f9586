"""The search grammar as tables: what is understood, and the sentence for what is not."""

import pytest

from integrations.mlflow.errors import ProtocolError
from integrations.mlflow.grammar import MODELS, VERSIONS, Condition, Order, parse_filter, parse_order


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        pytest.param(None, (), id="no filter"),
        pytest.param("  ", (), id="blank filter"),
        pytest.param("name = 'churn'", (Condition("name", "=", "churn"),), id="equality"),
        pytest.param("name='churn'", (Condition("name", "=", "churn"),), id="no spaces"),
        pytest.param('name = "it\'s"', (Condition("name", "=", "it's"),), id="the other quotes"),
        pytest.param("name = 'it''s'", (Condition("name", "=", "it's"),), id="doubled quotes"),
        pytest.param("name = ''", (Condition("name", "=", ""),), id="the empty string"),
        pytest.param("name lIkE '%x%'", (Condition("name", "LIKE", "%x%"),), id="comparators ignore case"),
        pytest.param("attribute.name != 'a'", (Condition("name", "!=", "a"),), id="attribute prefix"),
        pytest.param("name IN ('a', 'b')", (Condition("name", "IN", ("a", "b")),), id="in"),
        pytest.param("name not in ('a')", (Condition("name", "NOT IN", ("a",)),), id="not in"),
        pytest.param("tags.team = 'x'", (Condition("team", "=", "x", is_tag=True),), id="tags"),
        pytest.param("tag.a.b = 'x'", (Condition("a.b", "=", "x", is_tag=True),), id="dots in a tag key"),
        pytest.param(
            "tags.`a key` ILIKE 'x%'", (Condition("a key", "ILIKE", "x%", is_tag=True),), id="ticks"
        ),
        pytest.param("tags.\"a-key\" = 'x'", (Condition("a-key", "=", "x", is_tag=True),), id="quoted key"),
        pytest.param(
            "name = 'AND' and tags.t = 'OR'",
            (Condition("name", "=", "AND"), Condition("t", "=", "OR", is_tag=True)),
            id="words inside quotes join nothing",
        ),
    ],
)
def test_filters_of_models(text, expected):
    assert parse_filter(text, MODELS) == expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        pytest.param("version_number<=3", (Condition("version_number", "<=", 3),), id="number"),
        pytest.param("version_number = '3'", (Condition("version_number", "=", 3),), id="quoted number"),
        pytest.param(
            "version_number > 99999999999", (Condition("version_number", ">", 2**31),), id="huge number"
        ),
        pytest.param("run_id IN ('a','B')", (Condition("run_id", "IN", ("a", "B")),), id="runs"),
        pytest.param("source_path = 's3://b/%'", (Condition("source_path", "=", "s3://b/%"),), id="source"),
    ],
)
def test_filters_of_versions(text, expected):
    assert parse_filter(text, VERSIONS) == expected


CLAUSE = "Invalid clause(s) in filter string"
NOT_QUOTED = (
    "Parameter value is either not quoted or unidentified quote types used for string value something"
)
LIST = "While parsing a list in the query, expected "


@pytest.mark.parametrize(
    ("grammar", "text", "message"),
    [
        (MODELS, "name = 'a' OR name = 'b'", CLAUSE),
        (MODELS, "(name = 'a')", CLAUSE),
        (MODELS, "name = 'a' AND", CLAUSE),
        (MODELS, "name = 'a' name = 'b'", CLAUSE),
        (MODELS, "evilhax = true", CLAUSE),
        (MODELS, "name LIKE", CLAUSE),
        (MODELS, "name", CLAUSE),
        (MODELS, "= 'a'", CLAUSE),
        (MODELS, "name = 'open", CLAUSE),
        (MODELS, "tags.my-key = 'x'", CLAUSE),
        (MODELS, "name = 'a'; DROP TABLE x", "Search filter contained multiple expression"),
        (MODELS, "name!=something", NOT_QUOTED),
        (MODELS, "run_id='x'", "Invalid attribute key 'run_id' specified. Valid keys are '{'name'}'"),
        (MODELS, "source_path = 'A'", "Invalid attribute key 'source_path' specified."),
        (MODELS, "metrics.x = 'y'", "Invalid entity type 'metrics'."),
        (MODELS, "name = 1", "Expected a quoted string value"),
        (MODELS, "tags.x = 1", "Expected a quoted string value for tag"),
        (MODELS, "name > 'a'", "Invalid comparator for attribute: >"),
        (MODELS, "name == 'a'", "Invalid comparator for attribute: =="),
        (MODELS, "tags.x < 'a'", "Invalid comparator for tag: <"),
        (MODELS, "tags.x IN ('a')", "Only ['name'] attributes support comparison with a list"),
        (VERSIONS, "run_id IN", CLAUSE),
        (VERSIONS, "run_id IN (", CLAUSE),
        (VERSIONS, "run_id IN ()", LIST + "a non-empty list of string values, but got empty list"),
        (VERSIONS, "run_id IN (,)", LIST + "a non-empty list of string values, but got ill-formed list"),
        (
            VERSIONS,
            "run_id IN ('a',,'b')",
            LIST + "a non-empty list of string values, but got ill-formed list",
        ),
        (
            VERSIONS,
            "run_id IN (1,2)",
            LIST + "string value, punctuation, or whitespace, but got different type",
        ),
        (
            VERSIONS,
            "source_path IN ('a')",
            "Only ['name', 'run_id'] attributes support comparison with a list",
        ),
        (VERSIONS, "version_number LIKE '1'", "Invalid comparator for attribute version_number: LIKE"),
        (VERSIONS, "version_number = 'x'", "Expected an integer value for attribute version_number"),
        (VERSIONS, "version_number = 1.5", "Expected an integer value for attribute version_number"),
        (VERSIONS, "run_id = 1", "Only the '{'version_number'}' attributes support comparison with numeric"),
        (VERSIONS, "name = '" + "x" * 20_000 + "'", "'filter' exceeds the maximum length"),
        (VERSIONS, " AND ".join(["name = 'x'"] * 51), "more than 50 comparisons"),
    ],
)
def test_refused_filters_say_what_is_wrong(grammar, text, message):
    with pytest.raises(ProtocolError) as refusal:
        parse_filter(text, grammar)
    assert refusal.value.code == "INVALID_PARAMETER_VALUE"
    assert message in refusal.value.message


@pytest.mark.parametrize(
    ("grammar", "items", "expected"),
    [
        (MODELS, [], (Order("name"),)),
        (MODELS, ["name DESC"], (Order("name", ascending=False),)),
        (MODELS, ["timestamp desc"], (Order("last_updated_timestamp", ascending=False), Order("name"))),
        (MODELS, ["`name` ASC"], (Order("name"),)),
        (
            VERSIONS,
            [],
            (
                Order("last_updated_timestamp", ascending=False),
                Order("name"),
                Order("version_number", ascending=False),
            ),
        ),
        (VERSIONS, ["name"], (Order("name"), Order("version_number", ascending=False))),
        (VERSIONS, ["version_number ASC"], (Order("version_number"), Order("name"))),
    ],
)
def test_orderings_are_total(grammar, items, expected):
    assert parse_order(items, grammar) == expected


@pytest.mark.parametrize(
    ("grammar", "items", "message"),
    [
        (
            MODELS,
            ["name ASC", "creation_timestamp DESC"],
            "Invalid order by key 'creation_timestamp' specified",
        ),
        (
            MODELS,
            ["last_updated_timestamp DESC blah"],
            "Invalid order_by clause 'last_updated_timestamp DESC blah'",
        ),
        (MODELS, ["name up"], "Invalid ordering key in order_by clause 'name up'"),
        (MODELS, [""], "Invalid order_by clause ''"),
        (MODELS, ["timestamp", "last_updated_timestamp"], "`order_by` contains duplicate fields"),
        (VERSIONS, ["name ASC", "run_id DESC"], "Invalid attribute key 'run_id' specified"),
    ],
)
def test_refused_orderings_say_what_is_wrong(grammar, items, message):
    with pytest.raises(ProtocolError) as refusal:
        parse_order(items, grammar)
    assert refusal.value.code == "INVALID_PARAMETER_VALUE"
    assert message in refusal.value.message
