"""The inherent-risk questionnaire: answers, score, tier, and documents that are wrong."""

import pytest

from mlops_portal.foundation.errors import Invalid
from mlops_portal.foundation.yaml_documents import DocumentInvalid
from registry.questionnaire import (
    DIMENSIONS,
    FOLDER,
    check_answers,
    load_questionnaire,
    parse_questionnaire,
    rate,
)

TEXT = (FOLDER / "inherent-risk-v1.yaml").read_text(encoding="utf-8")
QUESTIONS = load_questionnaire()
LOWEST = {
    question.id: question.choices[0].value for question in QUESTIONS.questions if not question.asked_when
}
HIGHEST = {question.id: question.choices[-1].value for question in QUESTIONS.questions}
ORDINARY = {
    "financial_exposure": "considerable",
    "reach": "many",
    "business_purpose": "operations",
    "regulated": "general",
    "method": "ensemble",
    "change_rate": "scheduled",
    "data_known": "documented",
    "personal_data": "pseudonymous",
    "human_in_loop": "samples",
    "acts": "answers_only",
    "affects_people": "indirectly",
    "explainable": "reasons",
}
AGENT = {"acts": "acts", "can_spend": "below_limit", "stop_switch": "exercised"}


@pytest.mark.parametrize(
    ("answers", "tier", "words"),
    [
        pytest.param(LOWEST, 4, "The score is 0 of 100", id="the lowest answers"),
        pytest.param(HIGHEST, 1, "The score is 100 of 100", id="the highest answers"),
        pytest.param(ORDINARY, 3, "tier 3", id="an ordinary operational model"),
        pytest.param(
            {**LOWEST, **AGENT, "human_in_loop": "nothing"},
            2,
            "acts and spends",
            id="an agent that spends by itself",
        ),
        pytest.param(
            {**LOWEST, **AGENT, "human_in_loop": "confirms"},
            4,
            "tier 4",
            id="an agent whose every step is confirmed",
        ),
        pytest.param(
            {**LOWEST, **AGENT, "can_spend": "unlimited"}, 1, "without a limit", id="an agent without a limit"
        ),
        pytest.param(
            {**LOWEST, **AGENT, "stop_switch": "absent"},
            2,
            "nobody can stop it",
            id="an agent nobody can stop",
        ),
        pytest.param(
            {**LOWEST, "regulated": "supervised"}, 2, "supervised by an authority", id="a supervised use"
        ),
        pytest.param(
            {**LOWEST, "affects_people": "access", "contestable": "by_a_person"},
            2,
            "access",
            id="access to credit",
        ),
        pytest.param(
            {**LOWEST, "affects_people": "access", "contestable": "by_a_person", "human_in_loop": "nothing"},
            1,
            "without a person",
            id="access to credit decided without a person",
        ),
    ],
)
def test_tier(answers, tier, words):
    rating = rate(QUESTIONS, answers)
    assert rating.tier == tier
    assert words in " ".join(rating.reasons)
    assert set(rating.dimensions) == set(DIMENSIONS)
    assert (rating.questionnaire, rating.revision) == ("inherent-risk", 1)


@pytest.mark.parametrize(("question", "risk"), [(q.id, c) for q in QUESTIONS.questions for c in q.choices])
def test_a_riskier_answer_never_lowers_the_score_nor_the_tier(question, risk):
    """Take each question from its lowest to this answer; follow-ups are answered with the lowest."""

    def rated(value):
        answers = {**ORDINARY, question: value}
        for asked in QUESTIONS.asked({**{q.id: q.choices[0].value for q in QUESTIONS.questions}, **answers}):
            answers.setdefault(asked.id, asked.choices[0].value)
        keep = {asked.id for asked in QUESTIONS.asked(answers)}
        return rate(QUESTIONS, {name: answer for name, answer in answers.items() if name in keep})

    lowest = rated(next(q for q in QUESTIONS.questions if q.id == question).choices[0].value)
    assert rated(risk.value).score >= lowest.score
    assert rated(risk.value).tier <= lowest.tier


@pytest.mark.parametrize(
    ("answers", "where", "words"),
    [
        pytest.param({}, "reach", "Not answered", id="an open question"),
        pytest.param({**ORDINARY, "reach": ""}, "reach", "Not answered", id="an empty answer"),
        pytest.param(
            {**ORDINARY, "reach": "planet"}, "reach", "choose one of: few, hundreds", id="no such answer"
        ),
        pytest.param({**ORDINARY, "reach": ["few"]}, "reach", "is not an answer", id="a list"),
        pytest.param({**ORDINARY, "reach": 3}, "reach", "is not an answer", id="a number"),
        pytest.param({**ORDINARY, "colour": "red"}, "colour", "no such question", id="no such question"),
        pytest.param({**ORDINARY, "acts": "acts"}, "can_spend", "Not answered", id="a follow-up left open"),
        pytest.param(
            {**ORDINARY, "can_spend": "cannot"}, "can_spend", "is not asked", id="a follow-up nobody asked"
        ),
        pytest.param([], "answers", "should map", id="not a mapping"),
    ],
)
def test_wrong_answers_name_their_question(answers, where, words):
    with pytest.raises(Invalid) as refused:
        check_answers(QUESTIONS, answers)
    assert any(error.where == where and words in error.message for error in refused.value.errors)


def test_every_wrong_answer_is_reported():
    with pytest.raises(Invalid) as refused:
        check_answers(QUESTIONS, {})
    assert len(refused.value.errors) == len(LOWEST)


def test_the_questions_asked_follow_the_answers():
    assert "can_spend" not in {question.id for question in QUESTIONS.asked(LOWEST)}
    assert "can_spend" in {question.id for question in QUESTIONS.asked({**LOWEST, "acts": "acts"})}


@pytest.mark.parametrize(
    ("old", "new", "words"),
    [
        pytest.param("- id: reach", "- id: financial_exposure", "used twice", id="two questions of one name"),
        pytest.param(
            "asked_when: {acts: [acts]}",
            "asked_when: {action: [acts]}",
            "called “action”",
            id="unknown question",
        ),
        pytest.param(
            "asked_when: {acts: [acts]}",
            "asked_when: {acts: [flies]}",
            "no answer “flies”",
            id="unknown answer",
        ),
        pytest.param(
            "asked_when: {acts: [acts]}",
            "asked_when: {explainable: [fully]}",
            "before this one",
            id="asked later",
        ),
        pytest.param(
            "when: {can_spend: [unlimited]}", "when: {spends: [yes_it_does]}", "“spends”", id="override"
        ),
        pytest.param(
            "dimension: explainability", "dimension: purpose", "asks about “explainability”", id="nobody asks"
        ),
        pytest.param(
            "  - {id: autonomy, title: Autonomy, weight: 15}\n",
            "",
            "missing: autonomy",
            id="a dimension less",
        ),
        pytest.param("{1: 65, 2: 42, 3: 20}", "{1: 42, 2: 65, 3: 20}", "should fall", id="tiers that rise"),
        pytest.param(
            "value: limited, label", "value: negligible, label", "same value", id="two equal choices"
        ),
        pytest.param("score: 4}", "score: 5}", "5 is greater", id="a score beyond the scale"),
        pytest.param("at_least: 2", "at_least: 4", "is not one of: 1, 2, 3", id="an override that lowers"),
    ],
)
def test_a_wrong_questionnaire_is_refused(old, new, words):
    assert old in TEXT
    with pytest.raises(DocumentInvalid) as refused:
        parse_questionnaire(TEXT.replace(old, new, 1))
    assert any(words in problem.message for problem in refused.value.problems), [
        str(p) for p in refused.value.problems
    ]


@pytest.mark.parametrize(("name", "revision"), [("inherent-risk", 99), ("../secrets", 1), ("", 1)])
def test_a_revision_that_does_not_exist_is_not_found(name, revision):
    with pytest.raises(FileNotFoundError):
        load_questionnaire(name, revision)
