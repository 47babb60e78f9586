"""Policy documents: what is refused, and where the error points."""

import pytest

from approvals.policy.document import default_policy_text, parse_policy
from approvals.policy.vocabulary import VOCABULARY_TYPES
from mlops_portal.foundation.yaml_documents import DocumentInvalid

TEXT = default_policy_text()


def line_of(text, part):
    return text[: text.index(part)].count("\n") + 1


def refused(text):
    with pytest.raises(DocumentInvalid) as error:
        parse_policy(text, facts=VOCABULARY_TYPES)
    return error.value.problems


@pytest.mark.parametrize(
    ("old", "new", "path", "words"),
    [
        pytest.param(
            "severity: block",
            "severity: maybe",
            "gates[0].severity",
            "is not one of: block, warn",
            id="severity",
        ),
        pytest.param(
            "id: SOD-01", "id: ART-01", "gates[1].id", "“ART-01” is used twice", id="two gates of one name"
        ),
        pytest.param(
            "tiers: [4]\n    kinds",
            "tiers: [5]\n    kinds",
            "lanes.fast.tiers[0]",
            "1, 2, 3, 4",
            id="no tier 5",
        ),
        pytest.param(
            "waiver: never", "waiver: anybody", "gates[0].waiver", "form that is not known", id="waiver"
        ),
        pytest.param(
            "title: Release of models",
            "titel: Release",
            "titel",
            "“titel” is not known here",
            id="a typing error",
        ),
        pytest.param(
            "rule: size(inventory_missing) == 0",
            "rule: size(inventory_mising) == 0",
            "gates[4].rule",
            "no fact or function is called “inventory_mising”",
            id="a fact that nobody registered",
        ),
        pytest.param(
            "rule: document_score >= limit_document_score",
            "rule: document_score >= 1",
            "gates[8].rule",
            "write whole numbers",
            id="a comparison of different types",
        ),
        pytest.param(
            "rule: licence_cleared",
            'rule: "true"',
            "gates[25].rule",
            "asks for no fact",
            id="a rule that asks nothing",
        ),
        pytest.param(
            "{separation_conflicts}",
            "{conflicts}",
            "gates[1].message",
            "“conflicts”",
            id="a fact in a message",
        ),
        pytest.param(
            "observed: owners_problems", "observed: owner", "gates[5].observed", "“owner”", id="observed"
        ),
        pytest.param(
            "max_days: {1: 30, 2: 60}",
            "max_days: {1: 30}",
            "gates[20].waiver.max_days",
            "tier 2",
            id="no days",
        ),
        pytest.param(
            "{percent: 100, hold_minutes: 0}]\n  2",
            "{percent: 90, hold_minutes: 0}]\n  2",
            "traffic_plan.1",
            "100",
            id="never all",
        ),
        pytest.param(
            "sla_hours: {4: 12}", "sla_hours: {3: 12}", "stages[4].sla_hours", "tier 4", id="no hours"
        ),
        pytest.param(
            "quorum: 1", "quorum: 0", "lanes.light.stage.quorum", "0 is less than", id="a quorum of nobody"
        ),
        pytest.param(
            "tiers: [4]\n    meaning",
            "tiers: [3]\n    meaning",
            "stages",
            "nobody decides",
            id="nobody decides",
        ),
        pytest.param("format: 1\n", "", "", "“format” is missing", id="no format"),
    ],
)
def test_a_wrong_document_is_refused_where_it_is_wrong(old, new, path, words):
    assert old in TEXT
    problems = refused(TEXT.replace(old, new, 1))
    assert any(problem.path == path and words in problem.message for problem in problems), [
        str(p) for p in problems
    ]


def test_an_error_in_an_expression_points_to_line_and_column():
    text = TEXT.replace("rule: size(inventory_missing) == 0", "rule: size(inventory_mising) == 0")
    (problem,) = refused(text)
    line = text.splitlines()[problem.line - 1]
    assert line[problem.column - 1 :].startswith("inventory_mising")


def test_every_error_is_reported_in_the_order_of_the_text():
    text = TEXT.replace("rule: licence_cleared", "rule: licence").replace(
        "observed: artifact_digest", "observed: digest"
    )
    problems = refused(text)
    assert [problem.path for problem in problems] == ["gates[0].observed", "gates[25].rule"]
    assert problems[0].line == line_of(text, "observed: digest")


@pytest.mark.parametrize(
    ("text", "words"),
    [
        pytest.param("id: MRM-07\nid: MRM-08\n", "“id” is written twice", id="a name twice"),
        pytest.param("a: 1\n'a': 2\n", "“a” is written twice", id="a name twice in another spelling"),
        pytest.param("a: &x [1]\nb: *x\n", "anchors and aliases", id="aliases that grow"),
        pytest.param(
            "a: !!python/object/apply:os.system [ls]\n", "tags are not used", id="a tag that would run code"
        ),
        pytest.param("a: !secret x\n", "tags are not used", id="any tag"),
        pytest.param("- a\n", "should be a mapping", id="a list"),
        pytest.param("", "should be a mapping", id="nothing"),
        pytest.param("a: [1,\n", "expected", id="half a list"),
        pytest.param("a: " + "[" * 40 + "]" * 40, "nested deeper", id="too deep"),
        pytest.param("a: " + "x" * 300_000, "larger than 256 KB", id="too large"),
        pytest.param("a: \x07\n", "does not allow", id="control characters"),
        pytest.param(b"\xff\xfea", "not UTF-8", id="another encoding"),
        pytest.param("a: .nan\n", "is not a value", id="not a number"),
        pytest.param("? [a]\n: 1\n", "plain text", id="a list as a name"),
        pytest.param("a: 1\n---\nb: 2\n", "another document", id="two documents"),
    ],
)
def test_text_that_is_not_a_plain_document_is_refused(text, words):
    assert words in refused(text)[0].message


def test_the_shipped_policy_is_read_as_written(policy):
    assert (policy.id, policy.bake_hours[1], policy.protected_aliases) == (
        "MRM-07",
        72,
        ("champion", "production"),
    )
    assert policy.gate("ART-01").never_waived
    assert policy.gate("SOD-01").never_waived
    assert policy.gate("VAL-01").waiver.authority == "head_of_model_risk"
    assert [step.percent for step in policy.traffic_plan[1]] == [5, 25, 100]


@pytest.mark.parametrize(
    ("section", "tier", "traits", "weight"),
    [
        pytest.param("general_description", 4, set(), 2, id="asked for by the tier"),
        pytest.param("general_description", 4, {"high_risk"}, 3, id="asked for by law"),
        pytest.param("compute_resources", 1, set(), 1, id="recommended"),
        pytest.param("declaration_of_conformity", 1, set(), 0, id="does not concern"),
        pytest.param(
            "group_performance", 1, {"affects_persons"}, 2, id="asked for where persons are affected"
        ),
    ],
)
def test_weight_of_a_section(policy, section, tier, traits, weight):
    found = next(item for item in policy.sections if item.id == section)
    assert found.weight(tier=tier, traits=frozenset(traits)) == weight
