"""Expressions: what compiles, what is refused and where, and what they say."""

from decimal import Decimal

import pytest

from approvals.facts import FactType
from approvals.policy.engine import ExpressionInvalid, compiler

TYPES = {
    "tier": FactType.INT,
    "first": FactType.BOOL,
    "kept": FactType.BOOL,
    "score": FactType.DOUBLE,
    "kind": FactType.STRING,
    "missing": FactType.STRINGS,
}
TEN = "[1,2,3,4,5,6,7,8,9,10]"
ENDLESS = "".join(f"{TEN}.all(x{n}, " for n in range(7)) + "true" + ")" * 7


@pytest.mark.parametrize(
    ("source", "line", "column", "words"),
    [
        pytest.param("teir == 1", 1, 1, "no fact or function is called “teir”", id="an unknown fact"),
        pytest.param("first &&\n  kepd", 2, 3, "“kepd”", id="an unknown fact on the second line"),
        pytest.param(
            "score > 1",
            1,
            7,
            "write whole numbers that meet a decimal one as 1.0",
            id="decimal against whole",
        ),
        pytest.param("kind == tier", 1, 6, "does not work between string and int", id="text against number"),
        pytest.param("tier", 1, 1, "must answer yes or no, but its result is int", id="not a yes or no"),
        pytest.param("tier <=", 1, 8, "Syntax error", id="half an expression"),
        pytest.param("  ", 1, 1, "is empty", id="nothing"),
        pytest.param("first || " * 300 + "first", 1, 1, "longer than 2000 characters", id="too long"),
        pytest.param("(" * 200 + "first" + ")" * 200, 1, 1, "limit", id="too deep"),
        pytest.param('kind == """x"""', 1, 1, "do not use", id="quotes that hide names"),
    ],
)
def test_what_does_not_compile_says_where(source, line, column, words):
    with pytest.raises(ExpressionInvalid) as refused:
        compiler(TYPES)(source)
    problem = refused.value.problems[0]
    assert (problem.line, problem.column) == (line, column)
    assert words in problem.message


def test_every_unknown_fact_is_reported_not_only_the_first():
    with pytest.raises(ExpressionInvalid) as refused:
        compiler(TYPES)("one && two")
    assert [problem.column for problem in refused.value.problems] == [1, 8]


@pytest.mark.parametrize(
    ("source", "values", "holds"),
    [
        pytest.param("score >= 0.9", {"score": 0.9}, True, id="a decimal at its limit"),
        pytest.param("score >= 0.9", {"score": Decimal("0.95")}, True, id="a decimal from the database"),
        pytest.param("score >= 0.0", {"score": 1}, True, id="a whole number where a decimal is wanted"),
        pytest.param("size(missing) == 0", {"missing": ()}, True, id="an empty list is a value"),
        pytest.param("size(missing) == 0", {"missing": ("card",)}, False, id="a list with one item"),
        pytest.param(
            "first || kept", {"first": True}, True, id="a missing fact that cannot change the answer"
        ),
        pytest.param("first || kept", {"first": False}, None, id="a missing fact that decides"),
        pytest.param("first && kept", {"first": False}, False, id="no is no whatever is missing"),
        pytest.param("score > 0.5", {"score": None}, None, id="none is no data"),
        pytest.param("score > 0.5", {}, None, id="absent is no data"),
        pytest.param(
            "!(score > 0.5)", {"score": float("nan")}, None, id="not a number is no data, not a pass"
        ),
        pytest.param("!(score > 0.5)", {"score": float("inf")}, None, id="infinity is no data"),
        pytest.param("tier == 1", {"tier": True}, None, id="yes is not the number one"),
        pytest.param("tier == 1", {"tier": "1"}, None, id="a text is not a number"),
        pytest.param("first", {"first": 1}, None, id="the number one is not yes"),
        pytest.param("size(missing) == 0", {"missing": "card"}, None, id="a text is not a list"),
        pytest.param("tier > 0", {"tier": 2**70}, None, id="a number beyond the engine"),
        pytest.param("tier / 0 == 1", {"tier": 1}, None, id="a division by zero decides nothing"),
        pytest.param(ENDLESS, {}, None, id="an expression beyond the budget decides nothing"),
        pytest.param('kind.matches("^de")', {"kind": "deploy"}, True, id="a pattern"),
    ],
)
def test_answers(source, values, holds):
    assert compiler(TYPES)(source).answer(values).holds is holds


def test_an_undecided_answer_names_the_missing_fact():
    answer = compiler(TYPES)("first || kept").answer({"first": False})
    assert answer.missing == ("kept",)
    assert answer.reason == "no value for “kept”"


def test_facts_are_found_in_code_and_not_in_quoted_text():
    expression = compiler(TYPES)("missing.exists(m, m == \"tier\") || kind == 'score'")
    assert expression.facts == {"missing", "kind"}


def test_the_same_expression_is_compiled_once():
    assert compiler(TYPES)("tier == 2") is compiler(dict(reversed(TYPES.items())))("tier == 2")
