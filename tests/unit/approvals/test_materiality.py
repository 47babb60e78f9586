"""Materiality: what is material at once, and how small changes add up (RULES 3.6)."""

from dataclasses import replace

import pytest

from approvals.materiality import Limits, VersionFacts, assess, limits_from

LIMITS = Limits(metric_change=0.05, feature_share=0.10, cumulative_count=3, cumulative_change=0.10)
FEATURES = frozenset(f"f{n}" for n in range(20))
ASSISTANT = {"kind": "generative", "base_model": "atlas", "prompt": "p1", "guardrails": "g1"}
BASE = VersionFacts(
    number=4,
    parameters={"depth": 6},
    features=FEATURES,
    data={"training": frozenset({"d1"})},
    primary_metric="auc",
    primary_value=0.90,
    components={"letters": ASSISTANT},
    method="gradient boosting",
    intended_use="Retail credit",
    artifact_digest="aa",
)
TUNED = replace(BASE, number=5, parameters={"depth": 7}, artifact_digest="bb")


@pytest.mark.parametrize(
    ("after", "material", "words"),
    [
        pytest.param(BASE, False, "", id="nothing changed"),
        pytest.param(TUNED, False, "", id="a parameter is a small change"),
        pytest.param(
            replace(TUNED, data={"training": frozenset({"d2"})}), False, "", id="new data of the same kind"
        ),
        pytest.param(replace(TUNED, primary_value=0.856), False, "", id="a metric within its limit"),
        pytest.param(
            replace(TUNED, primary_value=0.85), True, "moved by 5.6\u202f%", id="a metric beyond its limit"
        ),
        pytest.param(
            replace(TUNED, primary_value=0.95),
            True,
            "moved by 5.6\u202f%",
            id="a better metric is a change too",
        ),
        pytest.param(replace(TUNED, primary_value=None), True, "not known", id="a metric nobody measured"),
        pytest.param(
            replace(TUNED, primary_metric="ks"), True, "primary metric changed", id="another metric"
        ),
        pytest.param(replace(TUNED, features=FEATURES | {"g"}), False, "", id="one feature of twenty"),
        pytest.param(
            replace(TUNED, features=FEATURES | {"g", "h", "i"}),
            True,
            "15\u202f% of the features",
            id="three of them",
        ),
        pytest.param(replace(TUNED, method="network"), True, "method changed", id="another method"),
        pytest.param(replace(TUNED, intended_use="Leasing"), True, "intended use", id="another use"),
        pytest.param(replace(TUNED, components={}), True, "“letters” was removed", id="a component less"),
        pytest.param(
            replace(TUNED, components={"letters": {**ASSISTANT, "prompt": "p2"}}),
            True,
            "its prompt",
            id="a prompt",
        ),
        pytest.param(
            replace(TUNED, components={"letters": {**ASSISTANT, "tools": ["pay"]}}),
            True,
            "tool allow-list",
            id="a tool",
        ),
        pytest.param(
            replace(BASE, number=5, artifact_digest="bb"), True, "no recorded fact", id="unexplained artifact"
        ),
    ],
)
def test_one_change(after, material, words):
    found = assess(before=BASE, after=after, validated=BASE, small_changes=0, limits=LIMITS)
    assert found.is_material is material
    assert words in " ".join(found.reasons)


@pytest.mark.parametrize(
    ("after", "validated", "small_changes", "material", "words"),
    [
        pytest.param(TUNED, BASE, 1, False, "", id="the second small change is small"),
        pytest.param(TUNED, BASE, 2, True, "small change number 3", id="the third one is material"),
        pytest.param(BASE, BASE, 2, False, "", id="no change is not the third one"),
        pytest.param(TUNED, None, 0, True, "No version was fully validated", id="never validated"),
        pytest.param(
            replace(TUNED, primary_value=0.88),
            replace(BASE, primary_value=0.98),
            0,
            True,
            "moved by 10.2\u202f%",
            id="slowly",
        ),
        pytest.param(
            replace(TUNED, primary_value=0.90),
            replace(BASE, primary_value=1.0),
            0,
            True,
            "moved by 10.0\u202f%",
            id="10 %",
        ),
        pytest.param(
            replace(TUNED, features=FEATURES | {"g"}),
            replace(BASE, features=FEATURES - {"f0"}),
            0,
            True,
            "11\u202f% of the features",
            id="features one by one",
        ),
    ],
)
def test_small_changes_add_up(after, validated, small_changes, material, words):
    found = assess(before=BASE, after=after, validated=validated, small_changes=small_changes, limits=LIMITS)
    assert found.is_material is material
    assert words in " ".join(found.reasons)


def test_the_first_version_is_material():
    assert assess(before=None, after=BASE, validated=None, small_changes=0, limits=LIMITS).is_material


def test_differences_are_named():
    after = replace(TUNED, features=(FEATURES - {"f1"}) | {"g"}, primary_value=0.89)
    found = assess(before=BASE, after=after, validated=BASE, small_changes=0, limits=LIMITS)
    assert found.differences == (
        "Parameters changed: depth.",
        "Features added: g.",
        "Features removed: f1.",
        "“auc” went from 0.9 to 0.89.",
    )


def test_the_limits_come_from_the_policy(policy):
    assert limits_from(policy.materiality) == LIMITS
