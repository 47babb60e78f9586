"""The registry of facts that gates may ask for. Upper apps fill it in ``ready()``; a policy that names another fact
does not compile, and a fact without a value fails the gate.

A resolver answers for many subjects in a flat number of queries, so that an inbox or a backtest costs what one
change costs.
"""

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum

FACT_NAME = re.compile(r"[a-z][a-z0-9_]{1,62}")
FactValue = bool | int | float | str | tuple[str, ...] | tuple[int, ...]


class FactType(StrEnum):
    """The types an expression can compare."""

    BOOL = "bool"
    INT = "int"
    DOUBLE = "double"
    STRING = "string"
    STRINGS = "list(string)"
    INTS = "list(int)"


@dataclass(frozen=True, slots=True, kw_only=True)
class Subject:
    """What a fact is asked about: a filed change, or one that somebody might file."""

    kind: str
    model_id: int
    tier: int
    version_id: int | None = None
    environment_id: int | None = None
    rollback_version_id: int | None = None
    change_id: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Reading:
    """One line under a gate: a metric with its limit, a document, a consumer."""

    label: str
    observed: str
    limit: str = ""
    ok: bool
    observed_number: float | None = None
    limit_number: float | None = None
    direction: str = ""
    segment: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Observed:
    """A fact's value with what it rests on. ``digests`` name the evidence whose content the gate used."""

    value: FactValue
    grade: str = ""
    digests: Mapping[str, str] = field(default_factory=dict)
    readings: tuple[Reading, ...] = ()


Answer = Observed | FactValue | None
Resolver = Callable[[Sequence[Subject], datetime], Mapping[Subject, Answer]]
GroupResolver = Callable[[Sequence[Subject], datetime], Mapping[Subject, Mapping[str, Answer]]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Declaration:
    """A fact that policies may name. A live one moves by itself with time, so it stays out of the dossier."""

    name: str
    type: FactType
    label: str
    is_live: bool = False


class FactRegistry:
    """Declared facts and who answers them."""

    def __init__(self) -> None:
        self._declared: dict[str, Declaration] = {}
        self._groups: dict[str, GroupResolver] = {}

    def register(
        self, name: str, fact_type: FactType, label: str, resolve_many: Resolver, *, is_live: bool = False
    ) -> Declaration:
        """Declare one fact and who answers it. A second registration of a name is refused."""

        def group(subjects: Sequence[Subject], now: datetime) -> Mapping[Subject, Mapping[str, Answer]]:
            return {subject: {name: answer} for subject, answer in resolve_many(subjects, now).items()}

        declaration = Declaration(name=name, type=FactType(fact_type), label=label, is_live=is_live)
        self.register_group([declaration], group)
        return declaration

    def register_group(self, declarations: Iterable[Declaration], resolve_all: GroupResolver) -> None:
        """Declare facts that come from the same query: ``resolve_all`` is asked once for all of them."""
        for declaration in declarations:
            if not FACT_NAME.fullmatch(declaration.name):
                raise ValueError(
                    f"“{declaration.name}” is not a name for a fact: use lower case, digits, underscores."
                )
            if declaration.name in self._declared:
                raise ValueError(f"The fact “{declaration.name}” is registered twice.")
            self._declared[declaration.name] = declaration
            self._groups[declaration.name] = resolve_all

    def declared(self) -> Mapping[str, Declaration]:
        """Return every fact by name."""
        return dict(self._declared)

    def types(self) -> dict[str, FactType]:
        """Return the type of every fact, as the policy engine wants it."""
        return {name: declaration.type for name, declaration in self._declared.items()}

    def resolve(
        self, names: Iterable[str], subjects: Sequence[Subject], *, now: datetime
    ) -> dict[Subject, dict[str, Observed | None]]:
        """Ask each resolver once for all ``subjects``. What nobody answers is ``None``, never left out."""
        wanted = sorted(set(names))
        found: dict[GroupResolver, Mapping[Subject, Mapping[str, Answer]]] = {}
        for name in wanted:
            if name in self._groups and self._groups[name] not in found:
                found[self._groups[name]] = self._groups[name](subjects, now)
        return {
            subject: {name: self._answer(name, subject, found) for name in wanted} for subject in subjects
        }

    def _answer(
        self,
        name: str,
        subject: Subject,
        found: Mapping[GroupResolver, Mapping[Subject, Mapping[str, Answer]]],
    ) -> Observed | None:
        if name not in self._groups:
            return None
        answer = found[self._groups[name]].get(subject, {}).get(name)
        return answer if answer is None or isinstance(answer, Observed) else Observed(value=answer)


facts = FactRegistry()
register = facts.register
register_group = facts.register_group
