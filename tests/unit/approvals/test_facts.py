"""The registry of facts: typed, without duplicates, and nothing left out."""

from datetime import UTC, datetime

import pytest

from approvals.facts import Declaration, FactRegistry, FactType, Observed, Subject

NOW = datetime(2026, 11, 1, tzinfo=UTC)
CHURN = Subject(kind="deploy", model_id=1, tier=1, version_id=7)
FRAUD = Subject(kind="deploy", model_id=2, tier=3, version_id=9)


def test_a_fact_is_registered_once():
    registry = FactRegistry()
    registry.register("tier", FactType.INT, "Tier", lambda subjects, now: {})
    with pytest.raises(ValueError, match="registered twice"):
        registry.register("tier", FactType.INT, "Tier", lambda subjects, now: {})


@pytest.mark.parametrize("name", ["Tier", "1st", "a-b", "a.b", "", "x" * 80])
def test_a_name_that_expressions_cannot_write_is_refused(name):
    with pytest.raises(ValueError, match="not a name for a fact"):
        FactRegistry().register(name, FactType.INT, "Tier", lambda subjects, now: {})


def test_what_nobody_answers_is_none_and_never_left_out():
    registry = FactRegistry()
    registry.register("score", FactType.DOUBLE, "Score", lambda subjects, now: {CHURN: 0.9})
    answers = registry.resolve(["score", "unheard_of"], [CHURN, FRAUD], now=NOW)
    assert answers[CHURN] == {"score": Observed(value=0.9), "unheard_of": None}
    assert answers[FRAUD] == {"score": None, "unheard_of": None}


def test_facts_of_one_group_cost_one_call_for_all_subjects():
    calls = []

    def ask(subjects, now):
        calls.append((tuple(subjects), now))
        return {subject: {"tier": subject.tier, "kind": subject.kind} for subject in subjects}

    registry = FactRegistry()
    declared = [
        Declaration(name=n, type=t, label=n) for n, t in (("tier", FactType.INT), ("kind", FactType.STRING))
    ]
    registry.register_group(declared, ask)
    answers = registry.resolve(["kind", "tier"], [CHURN, FRAUD], now=NOW)
    assert answers[FRAUD] == {"kind": Observed(value="deploy"), "tier": Observed(value=3)}
    assert calls == [((CHURN, FRAUD), NOW)]
