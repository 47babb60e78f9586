"""What a gate says in words: the fact beside its limit, and why it fails, each sentence only where it is true.

A policy gives clauses, each with the condition under which it holds. A clause that cannot be decided for want of a fact
is left out; what is missing has a sentence of its own. No name of a fact is shown to a reader.
"""

from collections.abc import Iterable, Mapping, Sequence

from approvals.facts import FactValue
from approvals.policy.document import Clause, Gate
from approvals.policy.engine import Compile
from approvals.policy.messages import fact_text, placeholders, render
from approvals.policy.vocabulary import LABELS

Values = Mapping[str, FactValue | None]


def clause_facts(gate: Gate, compiled: Compile) -> set[str]:
    """Return the facts that the words of a gate rest on, beside those of its rule."""
    named: set[str] = set()
    for clause in (*gate.says, *gate.because):
        named |= set(placeholders(clause.say))
        if clause.when:
            named |= compiled(clause.when).facts
    return named


def _holds(clause: Clause, values: Values, compiled: Compile) -> bool:
    if clause.when and not compiled(clause.when).answer(values).holds:
        return False
    return all(values.get(name) is not None for name in placeholders(clause.say))


def observed_words(gate: Gate, values: Values, compiled: Compile, *, decided: bool) -> str:
    """Return the fact as a reader wants it: the first clause that holds, else the value itself.

    Where the gate could not be decided only a clause with a condition of its own says more than "no data".
    """
    for clause in gate.says:
        if (decided or clause.when) and _holds(clause, values, compiled):
            return render(clause.say, values)
    if not gate.observed or (gate.says and not decided):
        return "no data" if gate.says else ""
    return fact_text(values.get(gate.observed), gate.unit)


def reasons(gate: Gate, values: Values, compiled: Compile) -> list[str]:
    """Return every sentence that is true of why the gate fails."""
    return [render(clause.say, values) for clause in gate.because if _holds(clause, values, compiled)]


def missing_sentences(gate: Gate, names: Iterable[str]) -> list[str]:
    """Return a sentence for each missing fact, in the words of the policy where it has some."""
    found = [gate.missing.get(name) or _not_on_record(name) for name in names]
    return list(dict.fromkeys(found))


def _not_on_record(name: str) -> str:
    label = LABELS.get(name, name.replace("_", " "))
    return f"Not on record: {label[:1].lower()}{label[1:]}."


def joined(sentences: Sequence[str], otherwise: str) -> str:
    """Return the sentences as one text."""
    return " ".join(sentences) or otherwise
