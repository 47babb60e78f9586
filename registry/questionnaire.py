"""Scored risk questionnaires: versioned documents, answers checked question by question, a score and a tier.

A dimension scores the mean of its questions that were asked, 0 to 100 (follow-ups only raise it); the whole is the weighted mean of the
dimensions. Overrides raise the tier where one answer outweighs a mean, and never lower it. Pure.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

from mlops_portal.foundation.errors import FieldError, Invalid
from mlops_portal.foundation.web.words import figure
from mlops_portal.foundation.yaml_documents import DocumentInvalid, Problem, YamlDocument, read_yaml

FOLDER = Path(__file__).parent / "questionnaires"
# Every dimension that the control INV-TIERED asks a rating for.
DIMENSIONS = (
    "exposure",
    "purpose",
    "complexity",
    "data_quality",
    "autonomy",
    "customer_impact",
    "explainability",
)
HIGHEST_SCORE = 4
LOWEST_TIER = 4
Condition = Mapping[str, frozenset[str]]


@dataclass(frozen=True, slots=True)
class Choice:
    """One answer a question offers; a higher score is a higher risk."""

    value: str
    label: str
    score: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Question:
    """One question of one dimension, asked when the answers it depends on were given."""

    id: str
    dimension: str
    text: str
    help: str
    asked_when: Condition
    choices: tuple[Choice, ...]

    def choice(self, value: str) -> Choice | None:
        """Return the choice of that value."""
        return next((choice for choice in self.choices if choice.value == value), None)


@dataclass(frozen=True, slots=True, kw_only=True)
class Dimension:
    """One side of inherent risk and its weight in the whole."""

    id: str
    title: str
    weight: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Override:
    """Answers that raise the tier whatever the score."""

    when: Condition
    at_least: int
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Questionnaire:
    """One revision. Ratings keep name and revision, so an old one is read with the questions it answered."""

    name: str
    revision: int
    title: str
    dimensions: tuple[Dimension, ...]
    thresholds: Mapping[int, float]
    questions: tuple[Question, ...]
    overrides: tuple[Override, ...]

    @property
    def titles(self) -> dict[str, str]:
        """Name each dimension in words."""
        return {dimension.id: dimension.title for dimension in self.dimensions}

    def asked(self, answers: Mapping[str, str]) -> tuple[Question, ...]:
        """Return the questions that these answers lead to, in order."""
        asked: list[Question] = []
        seen: dict[str, str] = {}
        for question in self.questions:
            if _holds(question.asked_when, seen):
                asked.append(question)
                if question.id in answers:
                    seen[question.id] = answers[question.id]
        return tuple(asked)


@dataclass(frozen=True, slots=True, kw_only=True)
class Rating:
    """What the answers say: score 0 to 100, tier 1 highest to 4, and why."""

    questionnaire: str
    revision: int
    answers: Mapping[str, str]
    dimensions: Mapping[str, float]
    score: float
    tier: int
    reasons: tuple[str, ...]


def _holds(condition: Condition, answers: Mapping[str, str]) -> bool:
    return all(answers.get(question) in allowed for question, allowed in condition.items())


@cache
def _schema() -> dict[str, Any]:
    return json.loads((FOLDER / "questionnaire.schema.json").read_text(encoding="utf-8"))


@cache
def load_questionnaire(name: str = "inherent-risk", revision: int = 1) -> Questionnaire:
    """Return a shipped revision; one that does not exist is a `FileNotFoundError`."""
    if not name.replace("-", "").isalnum():
        raise FileNotFoundError(name)
    return parse_questionnaire((FOLDER / f"{name}-v{revision:d}.yaml").read_text(encoding="utf-8"))


def parse_questionnaire(text: str | bytes) -> Questionnaire:
    """Read a questionnaire, or raise `DocumentInvalid` with every place that is wrong."""
    source = read_yaml(text)
    if problems := source.schema_problems(_schema()):
        raise DocumentInvalid(problems)
    questionnaire = _questionnaire(source.data)
    if problems := [
        *_repeated(source, questionnaire),
        *_condition_problems(source, questionnaire),
        *_gaps(source, questionnaire),
    ]:
        raise DocumentInvalid(problems)
    return questionnaire


def _condition(data: Mapping[str, list[str]]) -> Condition:
    return {question: frozenset(values) for question, values in data.items()}


def _questionnaire(data: Mapping[str, Any]) -> Questionnaire:
    return Questionnaire(
        name=data["name"],
        revision=data["revision"],
        title=data["title"],
        dimensions=tuple(Dimension(**dimension) for dimension in data["dimensions"]),
        thresholds={int(tier): float(score) for tier, score in data["tiers"].items()},
        questions=tuple(
            Question(
                id=question["id"],
                dimension=question["dimension"],
                text=question["text"],
                help=question.get("help", ""),
                asked_when=_condition(question.get("asked_when", {})),
                choices=tuple(Choice(**choice) for choice in question["choices"]),
            )
            for question in data["questions"]
        ),
        overrides=tuple(
            Override(when=_condition(item["when"]), at_least=item["at_least"], reason=item["reason"])
            for item in data["overrides"]
        ),
    )


def _repeated(source: YamlDocument, questionnaire: Questionnaire) -> list[Problem]:
    ids = [question.id for question in questionnaire.questions]
    problems = [
        source.problem(("questions", index, "id"), f"“{name}” is used twice")
        for index, name in enumerate(ids)
        if name in ids[:index]
    ]
    for index, question in enumerate(questionnaire.questions):
        values = [choice.value for choice in question.choices]
        if len(set(values)) < len(values):
            problems += [source.problem(("questions", index, "choices"), "two choices have the same value")]
    return problems


def _condition_problems(source: YamlDocument, questionnaire: Questionnaire) -> list[Problem]:
    known: dict[str, Question] = {}
    problems: list[Problem] = []
    for index, question in enumerate(questionnaire.questions):
        problems += _unknown(source, ("questions", index, "asked_when"), question.asked_when, known)
        known[question.id] = question
    for index, override in enumerate(questionnaire.overrides):
        problems += _unknown(source, ("overrides", index, "when"), override.when, known)
    return problems


def _unknown(
    source: YamlDocument, path: tuple[str | int, ...], condition: Condition, known: Mapping[str, Question]
) -> list[Problem]:
    problems = []
    for name, values in condition.items():
        if name not in known:
            problems.append(source.problem((*path, name), f"no question before this one is called “{name}”"))
        else:
            wrong = sorted(value for value in values if known[name].choice(value) is None)
            problems += [
                source.problem((*path, name), f"“{name}” has no answer “{value}”") for value in wrong
            ]
    return problems


def _gaps(source: YamlDocument, questionnaire: Questionnaire) -> list[Problem]:
    problems = []
    named = [dimension.id for dimension in questionnaire.dimensions]
    if lacking := sorted(set(DIMENSIONS) - set(named)):
        problems.append(
            source.problem(("dimensions",), f"these dimensions are missing: {', '.join(lacking)}")
        )
    # A dimension is scored from questions that everybody answers, so none can come out empty.
    always = {question.dimension for question in questionnaire.questions if not question.asked_when}
    problems += [
        source.problem(("dimensions",), f"no question without a condition asks about “{name}”")
        for name in named
        if name not in always
    ]
    problems += [
        source.problem(("questions", index, "dimension"), f"no dimension is called “{question.dimension}”")
        for index, question in enumerate(questionnaire.questions)
        if question.dimension not in named
    ]
    thresholds = questionnaire.thresholds
    if not thresholds[1] > thresholds[2] > thresholds[3]:
        problems.append(source.problem(("tiers",), "the scores should fall from tier 1 to tier 3"))
    return problems


def check_answers(questionnaire: Questionnaire, answers: Mapping[str, Any]) -> dict[str, str]:
    """Return the answers that count, or raise `Invalid` that names each question that is wrong or open."""
    if not isinstance(answers, Mapping):
        raise Invalid([FieldError("answers", "should map each question to an answer")])
    errors: list[FieldError] = []
    counted: dict[str, str] = {}
    known = {question.id: question for question in questionnaire.questions}
    errors += [
        FieldError(str(name)[:60], "There is no such question.") for name in answers if name not in known
    ]
    for question in questionnaire.questions:
        given = answers.get(question.id)
        if not _holds(question.asked_when, counted):
            if given not in (None, ""):
                errors.append(
                    FieldError(question.id, "This question is not asked after the answers given before.")
                )
        elif given in (None, ""):
            errors.append(FieldError(question.id, f"Not answered: {question.text}"))
        elif not isinstance(given, str) or question.choice(given) is None:
            offered = ", ".join(choice.value for choice in question.choices)
            errors.append(
                FieldError(question.id, f"{str(given)[:60]!r} is not an answer; choose one of: {offered}.")
            )
        else:
            counted[question.id] = given
    if errors:
        raise Invalid(errors)
    return counted


def rate(questionnaire: Questionnaire, answers: Mapping[str, Any]) -> Rating:
    """Score ``answers`` and return the tier with its reasons, or raise `Invalid`."""
    counted = check_answers(questionnaire, answers)
    dimensions = {
        dimension.id: _dimension_score(questionnaire, dimension.id, counted)
        for dimension in questionnaire.dimensions
    }
    weights = {dimension.id: dimension.weight for dimension in questionnaire.dimensions}
    score = round(
        sum(dimensions[name] * weight for name, weight in weights.items()) / sum(weights.values()), 1
    )
    tier = next((tier for tier in (1, 2, 3) if score >= questionnaire.thresholds[tier]), LOWEST_TIER)
    applied = [override for override in questionnaire.overrides if _holds(override.when, counted)]
    reasons = [
        f"The score is {figure(score)} of 100, which is tier {tier}.",
        *(f"At least tier {item.at_least}: {item.reason}" for item in applied if item.at_least < tier),
    ]
    return Rating(
        questionnaire=questionnaire.name,
        revision=questionnaire.revision,
        answers=counted,
        dimensions=dimensions,
        score=score,
        tier=min([tier, *(item.at_least for item in applied)]),
        reasons=tuple(reasons),
    )


def _dimension_score(questionnaire: Questionnaire, dimension: str, answers: Mapping[str, str]) -> float:
    """Return 0 to 100. A follow-up question can raise a dimension and never lowers it below its main questions."""
    main: list[int] = []
    every: list[int] = []
    for question in questionnaire.questions:
        choice = question.choice(answers[question.id]) if question.id in answers else None
        if question.dimension == dimension and choice is not None:
            every.append(choice.score)
            main += [] if question.asked_when else [choice.score]
    return round(100 * max(sum(main) / len(main), sum(every) / len(every)) / HIGHEST_SCORE, 1)
