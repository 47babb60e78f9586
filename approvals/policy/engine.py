"""Expressions of a policy. The only module that knows the expression language (CEL) and its library.

An expression is compiled against typed facts: an unknown fact, a comparison of different types and a result that is
not yes or no are refused with line and column. Evaluation has a budget. What cannot be decided for want of a fact is
*no data*, which counts as failing; a missing fact that cannot change the answer does no harm
(``is_first or target_kept`` holds for a first deployment whatever the target is).
"""

import math
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from decimal import Decimal
from functools import lru_cache, partial
from typing import Any

from cel_expr_python import cel

from approvals.facts import FactType, FactValue

MAX_LENGTH = 2000
_TYPES: dict[FactType, cel.Type] = {
    FactType.BOOL: cel.Type.BOOL,
    FactType.INT: cel.Type.INT,
    FactType.DOUBLE: cel.Type.DOUBLE,
    FactType.STRING: cel.Type.STRING,
    FactType.STRINGS: cel.Type.List(cel.Type.STRING),
    FactType.INTS: cel.Type.List(cel.Type.INT),
}
_POSITION = re.compile(r"<input>:(\d+):(\d+): (.*)")
_WORDS = re.compile(
    r"""(?P<text>[rRbB]{0,2}(?:"(?:\\.|[^"\\])*"|'(?:\\.|[^'\\])*'))|(?P<name>(?<![\w.])[A-Za-z_]\w*)"""
)
_NO_TRIPLE_QUOTES = re.compile("\"\"\"|'''")


@dataclass(frozen=True, slots=True)
class ExpressionProblem:
    """Why an expression does not compile, at ``line`` and ``column`` of the expression, both from 1."""

    line: int
    column: int
    message: str


class ExpressionInvalid(Exception):
    """An expression that does not compile."""

    def __init__(self, problems: tuple[ExpressionProblem, ...]) -> None:
        self.problems = problems
        super().__init__("; ".join(f"line {p.line}, column {p.column}: {p.message}" for p in problems))


@dataclass(frozen=True, slots=True)
class Answer:
    """What an expression says. ``holds`` is ``None`` when it cannot be decided; ``reason`` says why."""

    holds: bool | None
    missing: tuple[str, ...] = ()
    reason: str = ""


@dataclass(frozen=True, slots=True)
class Expression:
    """A compiled expression and the facts it names."""

    source: str
    facts: frozenset[str]
    types: Mapping[str, FactType]
    program: Any

    def answer(self, values: Mapping[str, FactValue | Decimal | None]) -> Answer:
        """Evaluate over ``values``. Missing, mistyped and not finite values are no data; nothing is raised."""
        data: dict[str, Any] = {}
        missing, mistyped = [], []
        for name in sorted(self.facts):
            value = values.get(name)
            converted = None if value is None else _convert(value, self.types[name])
            if converted is not None:
                data[name] = converted
            elif value is None:
                missing.append(name)
            else:
                mistyped.append(f"“{name}” should be {self.types[name].value} and is {value!r:.60}")
        try:
            result = self.program.eval(data=data)
        except RuntimeError as error:
            return Answer(None, tuple(missing), _plain_message(str(error)))
        if result.type() == cel.Type.BOOL:
            return Answer(bool(result.value()), tuple(missing))
        return Answer(None, tuple(missing), "; ".join(mistyped) or _undecided(missing, str(result.value())))


def _undecided(missing: list[str], detail: str) -> str:
    if missing:
        return "no value for " + ", ".join(f"“{name}”" for name in missing)
    return _plain_message(detail)


def _convert(value: FactValue | Decimal, fact_type: FactType) -> Any:
    """Return ``value`` as the engine wants it, or ``None`` when it is not of this type."""
    match fact_type:
        case FactType.BOOL:
            return value if isinstance(value, bool) else None
        case FactType.INT:
            return value if _is_integer(value) else None
        case FactType.DOUBLE:
            number = (
                float(value)
                if isinstance(value, int | float | Decimal) and not isinstance(value, bool)
                else math.nan
            )
            return number if math.isfinite(number) else None
        case FactType.STRING:
            return value if isinstance(value, str) else None
        case FactType.STRINGS:
            return _items(value, lambda item: isinstance(item, str))
        case FactType.INTS:
            return _items(value, _is_integer)


def _is_integer(value: Any) -> bool:
    """Tell whether ``value`` is a whole number that the engine can hold."""
    return isinstance(value, int) and not isinstance(value, bool) and abs(value) < 2**63


def _items(value: Any, allowed: Any) -> list[Any] | None:
    return list(value) if isinstance(value, list | tuple) and all(allowed(item) for item in value) else None


def _plain_message(text: str) -> str:
    """Strip the library's status words: people read this."""
    message = text.splitlines()[0] if text else "could not be evaluated"
    return re.sub(r"^[A-Z_]+: |\s*\[[A-Z_]+\]$", "", message)


def named_facts(source: str, types: Mapping[str, FactType]) -> frozenset[str]:
    """Return the declared facts that ``source`` names outside of quoted text."""
    names = {match["name"] for match in _WORDS.finditer(source) if match["name"]}
    return frozenset(names & types.keys())


Compile = Callable[[str], Expression]


def compiler(types: Mapping[str, FactType]) -> Compile:
    """Return what compiles expressions against typed facts, or raises `ExpressionInvalid`. Compiled forms are kept."""
    return _compiler(tuple(sorted(types.items())))


@lru_cache(maxsize=16)
def _compiler(types: tuple[tuple[str, FactType], ...]) -> Compile:
    environment = cel.NewEnv(variables={name: _TYPES[fact_type] for name, fact_type in types})
    return lru_cache(maxsize=4096)(partial(_compiled, environment, dict(types)))


def _compiled(environment: Any, declared: Mapping[str, FactType], source: str) -> Expression:
    _refuse_text(source)
    try:
        program = environment.compile(source)
    except RuntimeError as error:
        raise ExpressionInvalid(_problems(str(error))) from error
    if program.return_type() != cel.Type.BOOL:
        found = program.return_type().name().lower()
        raise ExpressionInvalid(
            (ExpressionProblem(1, 1, f"must answer yes or no, but its result is {found}"),)
        )
    return Expression(source, named_facts(source, declared), declared, program)


def _refuse_text(source: str) -> None:
    if len(source) > MAX_LENGTH:
        raise ExpressionInvalid((ExpressionProblem(1, 1, f"is longer than {MAX_LENGTH} characters"),))
    if not source.strip():
        raise ExpressionInvalid((ExpressionProblem(1, 1, "is empty"),))
    if "\x00" in source or _NO_TRIPLE_QUOTES.search(source):
        raise ExpressionInvalid(
            (ExpressionProblem(1, 1, "holds characters that expressions here do not use"),)
        )


def _problems(text: str) -> tuple[ExpressionProblem, ...]:
    found = tuple(
        ExpressionProblem(int(line), int(column), _human(message))
        for line, column, message in _POSITION.findall(text)
    )
    return found or (ExpressionProblem(1, 1, _plain_message(text)),)


def _human(message: str) -> str:
    """Say it in the reader's words; what is not recognised stays as the engine said it."""
    message = re.sub(r"\s*\[[A-Z_]+\]$", "", message)
    if unknown := re.match(r"undeclared reference to '(\w+)'", message):
        return f"no fact or function is called “{unknown[1]}”"
    if mismatch := re.match(r"found no matching overload for '_?(.+?)_?' applied to '\((.*)\)'", message):
        operator, operands = mismatch[1].strip("_"), mismatch[2]
        hint = (
            "; write whole numbers that meet a decimal one as 1.0"
            if {"double", "int"} <= set(operands.split(", "))
            else ""
        )
        return f"“{operator}” does not work between {operands.replace(', ', ' and ')}{hint}"
    return message
